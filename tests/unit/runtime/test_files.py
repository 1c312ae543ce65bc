import subprocess
import sys
from pathlib import Path

import pytest

from feature_sensitivity.runtime.files import sha256_of_file, sha256_of_settings, whole_file
from snakemake_runs import ROOT


def test_a_file_appears_whole(tmp_path: Path):
    path = tmp_path / "new/folder/result.txt"
    with whole_file(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


SMALL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
import torch
from feature_sensitivity.data.split import Source
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.dataset_file import write_dataset
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.evaluation.sensitivity_file import write_sensitivity
from feature_sensitivity.runtime.partial_results import save_partial_result

path, noise = Path(sys.argv[1]), np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
images = np.random.default_rng(0).integers(0, 256, (64, 3, 8, 8), np.uint8)
whole = np.arange(64)
arrays = dict(image_index=whole, label=whole, feature_index=whole, zero_gradient=noise[0])
network = build({"name": "resnet18", "in_channels": 3, "n_classes": 5, "width": 4})
split, standardization = Split(images, whole), Standardization((0,) * 3, (1,) * 3)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    %s
except OSError as error:
    print("OSError", list(path.parent.iterdir()))
"""


@pytest.mark.parametrize(
    "writer",
    [
        "save_partial_result(path, 'key', {'values': torch.from_numpy(noise)})",
        "save_checkpoint(path, network, standardization, {})",
        "write_sensitivity(path, clean=noise, maximum=noise, minimum=noise, weight=noise, **arrays, attributes={})",
        "write_dataset(path, Source({'train': split}, 'noise', ''), standardization)",
    ],
    ids=["partial result", "checkpoint", "sensitivity", "dataset"],
)
def test_a_full_disk_is_an_oserror_and_leaves_nothing(tmp_path: Path, writer: str):
    """A limit on the size of files stands for the full disk; torch and HDF5 themselves fail otherwise on both."""
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK % writer, str(tmp_path / "file")],
        cwd=ROOT / "workflow_scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("OSError []\n", 0), done.stderr


def test_sha256_of_a_file_is_the_published_one(tmp_path: Path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_equal_settings_have_equal_keys_in_any_order():
    assert sha256_of_settings({"a": 1, "b": [2, None]}) == sha256_of_settings({"b": [2, None], "a": 1})
    assert sha256_of_settings({"a": 1}) != sha256_of_settings({"a": 2})
