"""The released robust dataset through Snakemake itself, from a server on 127.0.0.1."""

import functools
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import h5py
import numpy as np
import pytest
import torch

from feature_sensitivity.runtime.files import sha256_of_file
from snakemake_runs import run_snakemake

pytestmark = pytest.mark.workflow

TARGET = "results/data/robust_release.h5"
DOWNLOADED = "results/downloads/datasets.tar"


def make_archive(path: Path, seed: int) -> torch.Tensor:
    """A small release in the old form, legacy pickles of lists of batches; returns its images [20, 3, 32, 32]."""
    images = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    with tarfile.open(path, "w") as tar:
        for name, tensor in (("CIFAR_ims", images), ("CIFAR_lab", torch.arange(20) % 10)):
            buffer = io.BytesIO()
            torch.save(list(tensor.split(8)), buffer, _use_new_zipfile_serialization=False)
            member = tarfile.TarInfo(f"release_datasets/d_robust_CIFAR/{name}")
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)
    return images


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files the server shows at ``(served / "address").read_text()``."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (folder / "address").write_text(f"http://127.0.0.1:{server.server_port}")
        yield folder
        server.shutdown()


@pytest.fixture(autouse=True)
def small_release(workflow: Path) -> None:
    """Let the copy of the workflow take releases of 20 images."""
    file = workflow / "workflow_scripts/feature_sensitivity/data/robust_archive.py"
    text = file.read_text()
    assert "FEWEST_IMAGES, MOST_IMAGES = 49_000," in text
    file.write_text(text.replace("49_000,", "20,"))


def fetch(workflow: Path, entry: str, *options: str) -> CompletedProcess[str]:
    config = f"datasets={{robust_release: {{{entry}}}}}"
    return run_snakemake(workflow, "--cores", "1", "--config", config, *options, "--", TARGET, check=False)


def urls(served: Path, name: str) -> str:
    return f"urls: ['{(served / 'address').read_text()}/{name}']"


def assert_refused(done: CompletedProcess[str], workflow: Path, *parts: str) -> None:
    assert done.returncode != 0
    for part in (*parts, "source: construction"):
        assert part in done.stdout
    assert "Traceback" not in done.stdout
    assert not (workflow / TARGET).exists()


def test_from_the_address_to_the_common_form_and_its_checksum_enforced(workflow: Path, served: Path):
    images = make_archive(served / "datasets.tar", seed=0)
    sha256 = sha256_of_file(served / "datasets.tar")
    done = fetch(workflow, urls(served, "datasets.tar"))
    assert done.returncode == 0, done.stdout
    assert f"has the SHA-256 {sha256}; it is recorded in {DOWNLOADED}.sha256" in done.stdout
    with h5py.File(workflow / TARGET) as file:
        assert list(file) == ["train"]
        np.testing.assert_array_equal(file["train/images"], images.numpy())
        np.testing.assert_array_equal(file["train/labels"], np.arange(20) % 10)
        assert file.attrs["sha256"] == sha256

    # Another archive at the same address is not taken for the first one.
    make_archive(served / "datasets.tar", seed=1)
    (workflow / DOWNLOADED).unlink()
    done = fetch(workflow, urls(served, "datasets.tar"), "--forcerun", "fetch_dataset")
    assert_refused(done, workflow, f"{DOWNLOADED}.sha256 says {sha256}")


def test_a_truncated_archive_leaves_nothing_but_a_sentence(workflow: Path, served: Path):
    make_archive(served / "whole.tar", seed=0)
    (served / "cut.tar").write_bytes((served / "whole.tar").read_bytes()[:-100_000])
    done = fetch(workflow, urls(served, "cut.tar"))
    assert_refused(done, workflow, "cut.tar: the file is not a whole tar archive", "config key path")
    assert not list((workflow / "results/downloads").iterdir())


def test_a_local_archive_needs_no_address(workflow: Path, tmp_path: Path):
    images = make_archive(tmp_path / "copy.tar", seed=0)
    done = fetch(workflow, f"path: '{tmp_path / 'copy.tar'}', urls: []")
    assert done.returncode == 0, done.stdout
    with h5py.File(workflow / TARGET) as file:
        np.testing.assert_array_equal(file["train/images"], images.numpy())
