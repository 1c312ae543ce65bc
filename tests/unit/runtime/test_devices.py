import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from feature_sensitivity.runtime import devices
from feature_sensitivity.runtime.batch_size import BatchSize, fitting_rows
from feature_sensitivity.runtime.devices import (
    best_device,
    default_rows,
    device_identity,
    device_named,
    make_exact,
    take_free_device,
)
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.out_of_memory import is_out_of_memory
from snakemake_runs import ROOT

TAKE = """
import sys
from pathlib import Path
from feature_sensitivity.runtime.devices import take_free_device
print(take_free_device(sys.argv[2:], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


class Job:
    """A process that takes a device and keeps it until it is ended."""

    def __init__(self, folder: Path, *names: str):
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(folder), *names],
            cwd=ROOT / "workflow_scripts",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def device(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path):
    jobs = []

    def start(*names: str) -> Job:
        jobs.append(Job(tmp_path / "locks", *names))
        return jobs[-1]

    yield start
    for job in jobs:
        job.process.kill()
        job.process.communicate()


def test_jobs_spread_over_the_devices(start):
    """Five at once on four: each device has one, and one has two."""
    jobs = [start("a", "b", "c", "d") for _ in range(5)]
    taken = sorted(job.device() for job in jobs)
    assert sorted(set(taken)) == ["0", "1", "2", "3"]


def test_a_device_is_free_again_when_its_job_ends_or_is_killed(start):
    ended, killed = start("a"), start("b")
    assert (ended.device(), killed.device()) == ("0", "0")
    ended.end()
    killed.process.kill()
    killed.process.wait()
    assert {start("a", "b").device(), start("a", "b").device()} == {"0", "1"}


def test_what_is_visible_to_one_job_only_has_the_same_name_for_all(start):
    """As with CUDA_VISIBLE_DEVICES=1, whose only device is everybody else's second."""
    assert start("b").device() == "0"
    assert start("a", "b").device() == "0"
    assert start("a", "b", "c").device() == "2"


@pytest.fixture
def precision() -> Iterator[None]:
    yield
    torch.backends.fp32_precision = torch.backends.cudnn.fp32_precision = "none"
    make_exact()


@pytest.mark.parametrize("way", ["older switches", "for all of PyTorch", "for all matrix products"])
def test_float32_is_float32_whatever_was_set_before(way: str, precision: None):
    torch.backends.cudnn.benchmark = True
    if way == "older switches":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    elif way == "for all of PyTorch":
        torch.backends.fp32_precision = torch.backends.cudnn.fp32_precision = "tf32"
    else:
        torch.set_float32_matmul_precision("medium")
    make_exact()
    for operations in (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn):
        assert operations.fp32_precision == "ieee"
    assert not torch.backends.cuda.matmul.allow_tf32, "libraries still ask so"
    assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark


def test_the_cpu_where_there_is_no_device(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == torch.device("cpu")


def test_two_jobs_in_a_process_take_two_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    class Properties:
        def __init__(self, index: int):
            self.uuid = f"GPU-{index}"

    chosen = []
    monkeypatch.setattr(devices, "device_name", str)
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", Properties)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert [best_device() for _ in range(2)] == [torch.device("cuda", 0), torch.device("cuda", 1)]
    assert chosen == [0, 1]
    assert take_free_device(["GPU-2", "GPU-0"], next(tmp_path.iterdir())) == 0


def test_a_build_without_cuda_beside_a_gpu_is_shown(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices.shutil, "which", lambda name: f"/usr/bin/{name}")
    best_device()
    assert "update its driver" in caplog.text


CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """Pretend that there is a GPU; the test changes what it reports."""
    facts: dict[str, object] = {"name": "NVIDIA H200", "free": 90, "reserved": 5, "allocated": 5, "devices": 1}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: facts["devices"])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: facts["name"])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (facts["free"], 100))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: facts["reserved"])
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: facts["allocated"])
    return facts


def test_unfinished_work_is_continued_on_the_same_model_of_a_card(card: dict):
    first = device_identity(GPU)
    card["name"] = "NVIDIA A100"
    assert device_identity(GPU) != first
    assert device_identity(CPU) == device_identity(torch.device("cpu"))


ENGINE = RuntimeError("GET was unable to find an engine to execute this computation")
UNSURE = [
    ENGINE,
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED"),
]


@pytest.mark.parametrize("error", UNSURE, ids=str)
def test_an_error_with_several_causes_is_lack_of_memory_on_a_full_card_alone(card: dict, error: RuntimeError):
    assert not is_out_of_memory(error)
    card.update(free=1)
    assert is_out_of_memory(error)
    card.update(reserved=50)  # memory that PyTorch has, but no tensor
    assert not is_out_of_memory(error)


def test_an_error_with_several_causes_is_no_lack_of_memory_without_a_card(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not any(map(is_out_of_memory, UNSURE))


def test_an_operation_that_no_engine_computes_is_tried_once(card: dict):
    tried = []

    def attempt(n_rows: int) -> None:
        tried.append(n_rows)
        raise ENGINE

    with pytest.raises(RuntimeError, match="unable to find an engine"):
        BatchSize(1024).fit(attempt)
    assert tried == [1024]


def test_large_images_come_in_smaller_batches_on_every_device():
    assert fitting_rows(default_rows(GPU), (32, 32)) == 1024
    assert fitting_rows(default_rows(GPU), (224, 224)) == 20
    assert fitting_rows(default_rows(CPU), (32, 32)) == 64
    assert fitting_rows(default_rows(CPU), (224, 224)) == 8
    assert fitting_rows(4, (224, 224)) == 4


@pytest.mark.parametrize(
    ("name", "message"), [("tpu9", "write one such as cpu"), ("meta", "write cpu, or a CUDA device")]
)
def test_a_device_of_another_kind_is_refused(name: str, message: str):
    with pytest.raises(UserError, match=message):
        device_named(name)


def test_a_card_that_is_not_there_is_refused(card: dict):
    assert device_named("cuda:0") == GPU
    with pytest.raises(UserError, match="PyTorch sees 1 CUDA devices here"):
        device_named("cuda:1")


def test_kinds_of_devices_are_told_apart_in_one_module():
    package = Path(devices.__file__).parents[1]
    asked = re.compile(r"""torch\.cuda|\.is_cuda|\.type (?:[=!]=|(?:not )?in) |[=!]= ?["'](?:cpu|cuda)["']""")
    files = [file for file in package.parent.rglob("*.py") if file != Path(devices.__file__)]
    assert len(files) > 150
    assert [str(file) for file in files if asked.search(file.read_text())] == []
