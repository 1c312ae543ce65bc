"""Fixtures that several test files share, and the order of the files."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

# On few cores one thread for each small computation is fastest; torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.classifier import Classifier
from snakemake_runs import TINY, copy_of, copy_workflow, run_snakemake

SLOW_FILES = (
    "test_studies_run.py",
    "test_conda.py",
    "test_finished_run.py",
    "test_slurm.py",
    "test_module.py",
    "test_faults.py",
    "test_tampering.py",
    "test_reruns.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each file runs in one process, so the slow ones begin first, the slowest at the head."""
    order = {name: place for place, name in enumerate(SLOW_FILES)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A fresh copy of the workflow."""
    return copy_workflow(tmp_path / "workflow")


@pytest.fixture(scope="session")
def finished_workflow(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A copy in which the tiny configuration has run to the end; tests that change it copy it first.

    It runs once for all processes of the tests, each of which has a copy.
    """
    own = tmp_path_factory.mktemp("finished")
    shared = own if worker_id == "master" else own.parent.parent / "finished"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            shutil.rmtree(shared / "workflow", ignore_errors=True)
            run_snakemake(copy_workflow(shared / "workflow"), *TINY, "all")
            (shared / "done").touch()
    return copy_of(shared / "workflow", own / "copy")


@pytest.fixture
def edited(finished_workflow: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, free to be edited."""
    return copy_of(finished_workflow, tmp_path / "edited")


@pytest.fixture
def network() -> Classifier:
    """A small network with BatchNorm statistics as after training, on 3 x 8 x 8 images."""
    import torch

    torch.manual_seed(0)
    network = build({"name": "resnet18", "in_channels": 3, "n_classes": 5, "width": 4})
    network.train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(32, 3, 8, 8))
    return network.eval()
