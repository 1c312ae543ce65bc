"""Reading the released robust dataset: every usual form is taken, and every bad one is named."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_sensitivity.data import robust_archive
from feature_sensitivity.data.dataset_file import write_dataset
from feature_sensitivity.data.robust_archive import read_release
from feature_sensitivity.data.split import Source
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

N = 12
IMAGES = (torch.randint(0, 256, (N, 3, 32, 32), generator=torch.Generator().manual_seed(0)) / 255).float()
LABELS = torch.arange(N) % 10
OTHER = (1 - IMAGES, LABELS)  # what a folder that must not be read holds


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.setattr(robust_archive, "FEWEST_IMAGES", N)


def pickled(content, *, legacy=True):
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def batches(tensor, kind):
    return {"list": list, "tuple": tuple}[kind](tensor.split(5)) if kind != "tensor" else tensor


def as_files(images, labels, folder, **kwargs):
    return {f"{folder}CIFAR_ims": pickled(images, **kwargs), f"{folder}CIFAR_lab": pickled(labels, **kwargs)}


def make_archive(path, files, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def make_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def good_files(folder="release_datasets/d_robust_CIFAR/"):
    return as_files(batches(IMAGES, "list"), batches(LABELS, "list"), folder)


def assert_is_the_dataset(source: Source, images=IMAGES):
    assert list(source.splits) == ["train"]
    split = source.splits["train"]
    assert split.images[:].flags.c_contiguous
    np.testing.assert_array_equal(split.images[:], images.numpy())
    np.testing.assert_array_equal(split.labels, LABELS.numpy())
    assert split.images.dtype == images.numpy().dtype
    assert split.labels.dtype == np.int64


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_release(path)
    message = str(caught.value)
    assert all(way in message for way in ("path", "download", "source: construction"))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("kind", ["list", "tuple", "tensor"])
def test_batches_come_as_list_tuple_or_one_tensor(tmp_path, kind, legacy):
    files = as_files(batches(IMAGES, kind), batches(LABELS, kind), "d_robust_CIFAR/", legacy=legacy)
    assert_is_the_dataset(read_release(make_archive(tmp_path / "datasets.tar", files)))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_value_ranges_and_layouts(tmp_path, dtype, layout):
    images = (IMAGES * 255).round().to(dtype) if dtype == torch.uint8 else IMAGES.to(dtype)
    stored = images.permute(0, 2, 3, 1).contiguous() if layout == "NHWC" else images
    files = as_files([stored], [LABELS.int()], "d_robust_CIFAR/")
    expected = images if dtype == torch.uint8 else images.float()
    assert_is_the_dataset(read_release(make_archive(tmp_path / "datasets.tar", files)), expected)


@pytest.mark.parametrize("labels", [LABELS.tolist(), tuple(LABELS), LABELS.to(torch.uint8)])
def test_labels_may_be_plain_numbers_scalars_or_bytes(tmp_path, labels):
    assert_is_the_dataset(read_release(make_folder(tmp_path, as_files(IMAGES, labels, ""))))


def test_tensors_saved_on_a_gpu_load_without_one(tmp_path):
    files = good_files()
    on_gpu = {
        name: content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0") for name, content in files.items()
    }
    assert on_gpu != files
    assert_is_the_dataset(read_release(make_archive(tmp_path / "datasets.tar", on_gpu)))


@pytest.mark.parametrize(
    "folder", ["", "./", "d_robust_CIFAR/", "robust_CIFAR/", "a/b/robust_CIFAR/", "/d_robust_CIFAR/"]
)
def test_accepted_folders_of_an_archive(tmp_path, folder):
    files = {**as_files(*OTHER, "release_datasets/d_non_robust_CIFAR/"), **good_files(folder)}
    archive = make_archive(tmp_path / "datasets.tar", files)
    source = read_release(archive)
    assert_is_the_dataset(source)
    assert source.sha256 == sha256_of_file(archive)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("folder", ["", "d_robust_CIFAR/", "robust_CIFAR/", "release_datasets/d_robust_CIFAR/"])
def test_accepted_folders_on_disk(tmp_path, folder):
    files = {**as_files(*OTHER, "release_datasets/d_non_robust_CIFAR/"), **good_files(folder)}
    source = read_release(make_folder(tmp_path, files))
    assert_is_the_dataset(source)
    both = files[f"{folder}CIFAR_ims"] + files[f"{folder}CIFAR_lab"]
    assert source.sha256 == hashlib.sha256(both).hexdigest()


def test_the_archives_own_name_goes_first(tmp_path):
    files = {**as_files(*OTHER, "robust_CIFAR/"), **good_files("deep/down/d_robust_CIFAR/")}
    source = read_release(make_archive(tmp_path / "datasets.tar", files))
    assert_is_the_dataset(source)
    assert source.description == "robust dataset of Ilyas et al. 2019 (datasets.tar, deep/down/d_robust_CIFAR)"


def test_a_compressed_archive(tmp_path):
    assert_is_the_dataset(read_release(make_archive(tmp_path / "datasets.tar.gz", good_files(), "w:gz")))


def test_an_hdf5_file_in_the_common_form(tmp_path):
    released = read_release(make_archive(tmp_path / "datasets.tar", good_files()))
    standardization = Standardization(mean=(0.5,) * 3, std=(0.2,) * 3)
    write_dataset(tmp_path / "robust.h5", released, standardization)
    source = read_release(tmp_path / "robust.h5")
    assert_is_the_dataset(source)
    assert source.sha256 == sha256_of_file(tmp_path / "robust.h5")


def test_a_member_outside_the_archives_folder_writes_nothing(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    files = {"../CIFAR_ims": b"x", "../../evil": b"x", **good_files("../../d_robust_CIFAR/")}
    assert_is_the_dataset(read_release(make_archive(folder / "datasets.tar", files)))
    assert [str(file.relative_to(tmp_path)) for file in sorted(tmp_path.rglob("*"))] == ["data", "data/datasets.tar"]


class RunsCode:
    def __init__(self, witness: Path):
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_pickle_that_would_execute_code_executes_nothing(tmp_path, legacy):
    witness = tmp_path / "executed"
    files = as_files([RunsCode(witness)], LABELS, "d_robust_CIFAR/", legacy=legacy)
    message = refusal(make_archive(tmp_path / "datasets.tar", files))
    assert "posix.system" in message
    assert "from a source that you trust" in message
    assert not witness.exists()


@pytest.mark.parametrize(
    ("images", "labels", "fault"),
    [
        (IMAGES * 255, LABELS, "expected [0, 1]"),
        (IMAGES - 0.5, LABELS, "expected [0, 1]"),
        (torch.where(IMAGES > 0.99, torch.nan, IMAGES), LABELS, "[nan, nan], expected [0, 1]"),
        (torch.where(IMAGES > 0.99, torch.inf, IMAGES), LABELS, "inf], expected [0, 1]"),
        ((IMAGES * 255).long(), LABELS, "images are int64"),
        (IMAGES[:, :1], LABELS, "shape [12, 1, 32, 32]"),
        (IMAGES[0], LABELS, "shape [3, 32, 32]"),
        ([IMAGES, IMAGES[:, :, :16]], LABELS, "unlike shapes"),
        ([], LABELS, "CIFAR_ims holds nothing"),
        (["a"], LABELS, "CIFAR_ims holds str"),
        (IMAGES[:0], LABELS[:0], "0 images"),
        (IMAGES, LABELS[:-1], "12 images but 11 labels"),
        (IMAGES, LABELS - 1, "smallest label is -1"),
        (IMAGES, LABELS + 1, "largest label is 10"),
        (IMAGES, LABELS.float(), "labels are torch.float32"),
        (IMAGES, LABELS[:, None], "labels are int64 [12, 1]"),
        (IMAGES, {"labels": LABELS}, "CIFAR_lab holds dict"),
    ],
)
def test_bad_content_is_named(tmp_path, images, labels, fault):
    message = refusal(make_archive(tmp_path / "datasets.tar", as_files(images, labels, "robust_CIFAR/")))
    assert fault in message
    assert str(tmp_path / "datasets.tar") in message


@pytest.mark.parametrize("cut", [0, 100, 3000, 20_000, -100])
def test_a_damaged_file_of_tensors(tmp_path, cut):
    files = good_files("")
    files["CIFAR_ims"] = files["CIFAR_ims"][:cut]
    message = refusal(make_folder(tmp_path, files))
    assert "CIFAR_ims is not a whole file of tensors" in message
    assert "fetch it again" in message


def test_an_archive_cut_short(tmp_path):
    archive = make_archive(tmp_path / "datasets.tar", good_files())
    archive.write_bytes(archive.read_bytes()[:50_000])
    assert "not a whole tar archive; delete it and fetch it again" in refusal(archive)


def test_something_that_is_no_archive(tmp_path):
    (tmp_path / "datasets.tar").write_text("<html>")
    assert "not a whole tar archive" in refusal(tmp_path / "datasets.tar")


@pytest.mark.parametrize("folder", ["d_non_robust_CIFAR/", "d_det_CIFAR/", "not_robust_CIFAR/"])
def test_other_datasets_of_the_release_are_not_taken_for_it(tmp_path, folder):
    message = refusal(make_archive(tmp_path / "datasets.tar", good_files(folder)))
    assert "no folder d_robust_CIFAR or robust_CIFAR" in message
    assert f"{folder}CIFAR_ims" in message


def test_a_folder_with_one_of_the_files(tmp_path):
    files = good_files("robust_CIFAR/")
    del files["robust_CIFAR/CIFAR_lab"]
    message = refusal(make_folder(tmp_path, files))
    assert "with both CIFAR_ims and CIFAR_lab" in message
    assert "it has robust_CIFAR/CIFAR_ims" in message


@pytest.mark.parametrize("name", ["datasets.tar", "robust.h5", "folder"])
def test_a_path_to_nothing(tmp_path, name):
    assert "does not exist" in refusal(tmp_path / name)


def test_other_counts_than_the_released_ones_are_refused(tmp_path, monkeypatch):
    archive = make_archive(tmp_path / "datasets.tar", good_files())
    monkeypatch.setattr(robust_archive, "FEWEST_IMAGES", N + 1)
    assert "has 12 images, but the released dataset has 50000" in refusal(archive)
    monkeypatch.undo()
    monkeypatch.setattr(robust_archive, "FEWEST_IMAGES", 1)
    monkeypatch.setattr(robust_archive, "MOST_IMAGES", N - 1)
    assert "has 12 images" in refusal(archive)


def test_an_archive_that_unpacks_to_far_more_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(robust_archive, "MOST_BYTES", 1_000_000)
    archive = make_archive(tmp_path / "datasets.tar.gz", {"other": bytes(900_000), **good_files()}, "w:gz")
    assert "unpacks to more than 0.001 GB, far more than the dataset holds" in refusal(archive)


def test_a_compressed_file_of_tensors_is_refused(tmp_path):
    """13 MB could hold gigabytes."""
    files = as_files(IMAGES, LABELS, "", legacy=False)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files["CIFAR_ims"])) as plain, zipfile.ZipFile(packed, "w") as archive:
        for part in plain.infolist():
            archive.writestr(part.filename, plain.read(part), zipfile.ZIP_DEFLATED)
    files["CIFAR_ims"] = packed.getvalue()
    assert "CIFAR_ims is compressed, as no file from torch.save is" in refusal(make_folder(tmp_path, files))


def test_a_flipped_bit_in_a_file_of_tensors_is_noticed(tmp_path):
    files = as_files(IMAGES, LABELS, "", legacy=False)
    content = bytearray(files["CIFAR_ims"])
    content[len(content) // 2] ^= 1
    files["CIFAR_ims"] = bytes(content)
    assert "has another checksum" in refusal(make_folder(tmp_path, files))
