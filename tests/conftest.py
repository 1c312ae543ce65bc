"""What several test files share."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

# On few cores one thread for each small computation is fastest; torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from feature_sensitivity.networks.architectures import build
from feature_sensitivity.networks.classifier import Classifier

ROOT = Path(__file__).parent.parent
PARTS = ("Snakefile", "config.yaml", "rules", "workflow_scripts", "envs", "profiles", "tests/config_tiny.yaml")

Snakemake = Callable[..., subprocess.CompletedProcess[str]]


def copy_workflow(folder: Path) -> Path:
    """A copy of the workflow without results, to run and to edit."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder


def run_snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Snakemake with these arguments in ``folder``; ``stdout`` holds both streams."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / ".cache")}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout
    return done


TINY = ("--profile", "profiles/demo", "--configfile", "profiles/demo/config.yaml", "tests/config_tiny.yaml", "--")
"""Arguments of the tiny run; its targets follow."""


def planned(folder: Path, *arguments: str) -> Counter[str]:
    """Job counts by rule in a dry run."""
    output = run_snakemake(folder, "-n", "--cores", "2", *arguments).stdout
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    return Counter(
        {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)} if table else {}
    )


SLOW_FILES = ("test_slurm.py", "test_finished_run.py", "test_conda.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each file runs in one process, so the slow ones begin first, the slowest at the head."""
    order = {name: place for place, name in enumerate(SLOW_FILES)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A fresh copy of the workflow."""
    return copy_workflow(tmp_path / "workflow")


@pytest.fixture(scope="session")
def finished_workflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which the tiny configuration has run to the end; tests that change it copy it first."""
    folder = copy_workflow(tmp_path_factory.mktemp("finished") / "workflow")
    run_snakemake(folder, *TINY, "all")
    return folder


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
