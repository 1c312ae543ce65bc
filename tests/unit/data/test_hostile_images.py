"""Whatever image folders, npz and HDF5 files hold: they are read, or refused in a sentence that names them."""

import contextlib
import io
import logging
import os
import resource
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from feature_sensitivity.data.class_folders import class_folders
from feature_sensitivity.data.dataset_file import read_classes, require_outputs, write_dataset
from feature_sensitivity.data.fitting import UNCHANGED, Size
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.data.image_collections import load_hugging_face, load_image_folder
from feature_sensitivity.data.npz import load_npz
from feature_sensitivity.data.split import Source
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.errors import UserError

RGB = Standardization((0.5,) * 3, (0.2,) * 3)
MOST_MEMORY = 1_000_000_000


@contextlib.contextmanager
def within_limits(most: int = MOST_MEMORY) -> Iterator[None]:
    """Fail where the memory of this process grows beyond what is allowed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < most


def picture(path: Path, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 77).save(path)


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        picture(root / name / "0.png")
    return root


def read_folder(path: Path, **options: Any) -> Source:
    return load_image_folder({"test": path}, **{"size": UNCHANGED, "n_channels": 3, **options})


def written(source: Source, path: Path) -> Path:
    write_dataset(path, source, RGB)
    return path


# Folders


def test_numbers_are_sorted_as_numbers_and_kept_as_names(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    source = read_folder(folder_of(tmp_path / "images", "10", "2", "0", "1"))
    assert list(source.classes) == ["0", "1", "2", "10"]
    assert "the labels are 0 0, 1 1, 2 2, 3 10" in caplog.text
    path = written(source, tmp_path / "data.h5")
    assert read_classes(path) == ["0", "1", "2", "10"]
    assert list(load_hdf5(path).classes) == ["0", "1", "2", "10"]


def test_classes_of_the_config_are_the_labels(tmp_path: Path):
    folder = folder_of(tmp_path, "cat", "dog", "kitten")
    source = read_folder(folder, outputs={"cat": 2, "kitten": 2, "dog": 0, "elsewhere": 7})
    assert source.splits["test"].labels.tolist() == [2, 0, 2]
    assert list(source.classes) == ["dog", "", "cat, kitten"]
    with pytest.raises(UserError, match="has the folders kitten, to which classes"):
        read_folder(folder, outputs={"cat": 2, "dog": 0})


def test_fewer_folders_than_outputs_need_their_numbers(tmp_path: Path):
    folder = folder_of(tmp_path / "images", "cat", "dog")
    mapped: dict[str, Any] = {"source": "image_folder", "classes": {"cat": 281, "dog": 207}}
    for entry, n_outputs, is_refused in (
        ({"source": "image_folder"}, 1000, True),
        ({"source": "image_folder"}, 2, False),
        (mapped, 1000, False),
        ({"source": "npz"}, 1000, False),
        (None, 1000, False),
    ):
        path = tmp_path / "data.h5"
        outputs = mapped["classes"] if entry is mapped else None
        write_dataset(path, read_folder(folder, outputs=outputs), RGB, settings=entry)
        expected = pytest.raises(UserError, match=r"2 folders.* 1000 outputs; write")
        with expected if is_refused else contextlib.nullcontext():
            require_outputs(path, n_outputs)


@pytest.mark.parametrize(
    "hidden",
    [
        ".ipynb_checkpoints/0.png",
        ".git/x.png",
        "__MACOSX/cat/._0.png",
        "cat/._0.png",
        "cat/.hidden/0.png",
        "cat/Thumbs.db",
        "README.txt",
        "loose.png",
    ],
)
def test_hidden_files_and_folders_are_skipped_with_a_word(
    tmp_path: Path, hidden: str, caplog: pytest.LogCaptureFixture
):
    folder = folder_of(tmp_path, "cat", "dog")
    (folder / hidden).parent.mkdir(parents=True, exist_ok=True)
    (folder / hidden).write_bytes(b"no image")
    assert read_folder(folder).splits["test"].labels.tolist() == [0, 1]
    assert "are skipped, such as" in caplog.text


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "has no folders"),
        (("cat",), r"has a single folder, cat, .*write classes: \{cat: number"),
        (("train", "test"), "has the folders test, train, which are splits"),
        (("Train", "val", "annotations"), "which are splits"),
        (("training",), "which are splits"),
    ],
)
def test_folders_that_are_no_classes_are_refused(tmp_path: Path, names: tuple[str, ...], message: str):
    with pytest.raises(UserError, match=message):
        read_folder(folder_of(tmp_path, *names))


def test_a_train_among_vehicles_is_a_class(tmp_path: Path):
    assert list(read_folder(folder_of(tmp_path, "car", "train")).classes) == ["car", "train"]


def test_validation_images_of_tiny_imagenet_are_told(tmp_path: Path):
    folder_of(tmp_path, "images")
    (tmp_path / "val_annotations.txt").write_text("0.png\tn01443537\n")
    with pytest.raises(UserError, match=r"labels in val_annotations\.txt; move each image"):
        read_folder(tmp_path)


def test_a_class_without_images_is_named(tmp_path: Path):
    (folder_of(tmp_path, "cat", "dog") / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty has no image files \(\.jpg"):
        read_folder(tmp_path)


@pytest.mark.parametrize("target", [".", "..", "../..", "../dog", "../../.."])
def test_a_link_counts_no_image_twice(tmp_path: Path, target: str, caplog: pytest.LogCaptureFixture):
    folder = folder_of(tmp_path / "above/images", "cat", "dog")
    folder_of(tmp_path / "above/others", "bird")
    (folder / "cat/link").symlink_to(target)
    assert read_folder(folder).splits["test"].labels.tolist() == [0, 1]
    assert "cat/link" in caplog.text


def test_folders_that_are_links_are_followed(tmp_path: Path):
    folder_of(tmp_path / "store", "a", "b")
    (tmp_path / "images").mkdir()
    for name, target in (("cat", "a"), ("dog", "b")):
        (tmp_path / "images" / name).symlink_to(tmp_path / "store" / target)
    assert read_folder(tmp_path / "images").splits["test"].labels.tolist() == [0, 1]


def socket_at(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:  # the path of a socket must be short
        made.bind(path.name)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, socket_at, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("nowhere"),
     lambda path: path.symlink_to(path.name), lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 10**12)],
    ids=["pipe", "socket", "device", "broken", "itself", "huge"],
)  # fmt: skip
def test_what_is_no_image_file_is_named(tmp_path: Path, make: Callable[[Path], Any]):
    make(folder_of(tmp_path, "cat", "dog") / "cat/1.png")
    with pytest.raises(UserError, match=r"1\.png"):
        read_folder(tmp_path)


@pytest.mark.parametrize("path", ["/proc", "/proc/self", "/sys", "/dev", "/", "/nowhere", "/etc/passwd"])
def test_folders_of_the_system_are_refused(path: str):
    with within_limits(), pytest.raises(UserError, match=path):
        class_folders(Path(path), None)


def test_names_that_are_no_utf8_are_read(tmp_path: Path):
    picture(tmp_path / "made.png")
    for name in (b"caf\xe9", b"th\xe9"):
        image = tmp_path / "images" / os.fsdecode(name) / os.fsdecode(b"\xff.png")
        image.parent.mkdir(parents=True)
        image.hardlink_to(tmp_path / "made.png")
    source = read_folder(tmp_path / "images")
    assert source.classes[0] == "caf\\udce9"
    assert read_classes(written(source, tmp_path / "data.h5"))[1] == "th\\udce9"
    image.unlink()
    with pytest.raises(UserError, match=r"udce9 has no image files"):
        read_folder(tmp_path / "images")


# Image files


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) print\n%%EOF\n"


def png(width: int, height: int, *, depth: int = 8, kind: int = 2, data: bytes = b"") -> bytes:
    """A PNG file that declares these pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def deep_tiff() -> bytes:
    """A TIFF file of 2 x 2 pixels with three channels of 16 bits."""
    pixels = bytes(24)
    tags = [(256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 3, 8 + len(pixels)), (259, 3, 1, 1), (262, 3, 1, 2),
            (273, 4, 1, 8), (277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 1, len(pixels))]  # fmt: skip
    start = 8 + len(pixels) + 6
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return (
        struct.pack("<2sHI", b"II", 42, start)
        + pixels
        + struct.pack("<3H", 16, 16, 16)
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (EPS, "cannot be read"),
        (b"", "cannot be read"),
        (b"\x89PNG", "cannot be read"),
        (png(4, 4, data=b""), "cannot be read"),
        (png(60_000, 60_000, data=bytes(1000)), "cannot be read|more than 50,000,000, which is not read"),
        (png(8_000, 8_000), "8000 x 8000 pixels, more than 50,000,000"),
        (png(4, 4, depth=16, data=bytes(4 * 25)), "more than 8 bits per channel"),
        (png(4, 4, depth=16, kind=6, data=bytes(4 * 33)), "more than 8 bits per channel"),
        (png(4, 4, depth=16, kind=0, data=bytes(4 * 9)), "more than 8 bits per channel"),
        (b"P6 2 2 65535\n" + bytes(24), "more than 8 bits per channel"),
        (deep_tiff(), "more than 8 bits per channel"),
        (png(0, 4), "cannot be read"),
    ],
)
def test_image_files_that_are_refused_by_name(
    tmp_path: Path, content: bytes, message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("subprocess.check_call", lambda *arguments, **options: pytest.fail("a program was started"))
    folder = folder_of(tmp_path, "cat", "dog")
    (folder / "dog/1.png").write_bytes(content)
    with within_limits(), pytest.raises(UserError, match=rf"dog/1\.png .*({message})"):
        read_folder(folder).splits["test"].images[:]


@pytest.mark.parametrize("shape", [(65_000, 1), (1, 65_000)])
def test_an_image_that_would_grow_beyond_memory_is_refused(tmp_path: Path, shape: tuple[int, int]):
    picture(folder_of(tmp_path, "cat", "dog") / "cat/0.png", shape)
    with within_limits(), pytest.raises(UserError, match=r"cat/0\.png has .* resized .*more than 50,000,000"):
        read_folder(tmp_path, size=Size(256, 224))


def test_a_crop_beyond_the_image_is_refused_for_files_and_arrays(tmp_path: Path):
    with pytest.raises(UserError, match=r"cat/0\.png has 8 x 8 pixels, from which center_crop: 9 cannot be cut out"):
        read_folder(folder_of(tmp_path, "cat", "dog"), size=Size(None, 9))
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 3, 8, 8), np.uint8), labels=np.zeros(2, np.int64))
    with pytest.raises(UserError, match=r"x\.npz: each image has 4 x 4 pixels, from which center_crop: 9"):
        load_npz({"test": tmp_path / "x.npz"}, Size(4, 9))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest", "lanczos", "box", "hamming"])
def test_arrays_and_files_are_resized_alike(tmp_path: Path, interpolation: str):
    pixels = np.random.default_rng(0).integers(64, 192, (2, 30, 22, 3), dtype=np.uint8)
    for name, image in zip(("cat", "dog"), pixels, strict=True):
        picture(tmp_path / f"images/{name}/0.png")
        Image.fromarray(image).save(tmp_path / f"images/{name}/0.png")
    images = np.moveaxis(pixels, 3, 1)
    size = Size(12, 10, interpolation)
    files = read_folder(tmp_path / "images", size=size).splits["test"].images[:]
    for kind, factor in ((np.uint8, 1), (np.float32, 255)):
        np.savez(tmp_path / "x.npz", images=(images / factor).astype(kind), labels=np.arange(2))
        arrays = load_npz({"test": tmp_path / "x.npz"}, size).splits["test"].images[:]
        assert arrays.dtype == kind
        assert np.abs(arrays * float(factor) - files).max() <= (
            0 if factor == 1 else 1.5
        )  # 8-bit images are rounded twice


@pytest.mark.parametrize("value", [-0.1, 1.5, 255, np.nan, np.inf])
def test_float_images_are_checked_before_they_are_resized(tmp_path: Path, value: float):
    images = np.zeros((2, 3, 8, 8), np.float32)
    images[1, 0, 7, 7] = value
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(2))
    with pytest.raises(UserError, match=r"x\.npz: float images range over"):
        load_npz({"test": tmp_path / "x.npz"}, Size(4, 2)).splits["test"].images[:]


# Hugging Face: the library stands in by what is used of it.


class Part:
    """One split of a dataset, as ``load_from_disk`` gives it."""

    def __init__(self, split: str | None, n_images: int) -> None:
        content = io.BytesIO()
        Image.new("RGB", (4, 4)).save(content, "PNG")
        self.split, self._fingerprint = split, f"{n_images}"
        self.rows = [{"image": {"bytes": content.getvalue(), "path": None}, "label": i} for i in range(n_images)]
        self.features = {"label": type("ClassLabel", (), {"names": ["cat", "dog", "owl"]})}

    def __getitem__(self, key: Any) -> Any:
        return [row[key] for row in self.rows] if isinstance(key, str) else self.rows[key]

    def cast_column(self, name: str, feature: Any) -> "Part":
        assert feature == "undecoded"
        return self


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"train": Part("train", 3), "validation": Part("validation", 2)}, {"train": 3, "test": 2}),
        ({"test": Part("test", 1), "validation": Part("validation", 2)}, {"test": 1}),
        (Part("validation", 2), {"test": 2}),
        (Part("train", 2), {"train": 2}),
        (Part(None, 2), {"test": 2}),
        ({"unsupervised": Part("unsupervised", 2)}, "has the splits unsupervised, expected"),
    ],
)
def test_splits_of_hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Any, expected: Any):
    library = type("datasets", (), {"load_from_disk": lambda path: found, "Image": lambda decode: "undecoded"})
    monkeypatch.setitem(__import__("sys").modules, "datasets", library)
    options: dict[str, Any] = {"image": "image", "label": "label", "size": UNCHANGED, "n_channels": 3}
    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            load_hugging_face(tmp_path, **options)
        return
    source = load_hugging_face(tmp_path, **options)
    assert {name: len(split.labels) for name, split in source.splits.items()} == expected
    assert source.classes == ("cat", "dog", "owl")


# Arrays


ARRAYS: dict[str, dict[str, Any]] = {
    "scalars": {"images": np.uint8(1), "labels": np.int64(1)},
    "structured": {"images": np.zeros((2, 3, 4, 4), [("r", "u1"), ("g", "f4")]), "labels": np.arange(2)},
    "structured labels": {"images": np.zeros((2, 3, 4, 4), np.uint8), "labels": np.zeros(2, [("a", "i8")])},
    "big-endian": {"images": np.zeros((2, 3, 4, 4), ">f4"), "labels": np.arange(2)},
    "complex": {"images": np.zeros((2, 3, 4, 4), complex), "labels": np.arange(2)},
    "uint16": {"images": np.zeros((2, 3, 4, 4), np.uint16), "labels": np.arange(2)},
    "text labels": {"images": np.zeros((2, 3, 4, 4), np.uint8), "labels": np.array([b"cat", b"dog"])},
    "no pixels": {"images": np.zeros((2, 3, 0, 4), np.uint8), "labels": np.arange(2)},
    "no images": {"images": np.zeros((0, 3, 4, 4), np.uint8), "labels": np.zeros(0, np.int64)},
    "too few labels": {"images": np.zeros((2, 3, 4, 4), np.uint8), "labels": np.zeros(1, np.int64)},
    "large labels": {"images": np.zeros((2, 3, 4, 4), np.uint8), "labels": np.full(2, 2**63, np.uint64)},
    "negative labels": {"images": np.zeros((2, 3, 4, 4), np.uint8), "labels": np.full(2, -1)},
    "wide images": {"images": np.zeros((1, 3, 1, 70_000_000), np.uint8), "labels": np.zeros(1, np.int64)},
}


@pytest.mark.parametrize("size", [UNCHANGED, Size(4, 2)], ids=["as it is", "resized"])
@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_of_other_kinds_are_refused_by_name(tmp_path: Path, kind: str, size: Size):
    arrays = ARRAYS[kind]
    np.savez(tmp_path / "x.npz", **arrays)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, values in arrays.items():
            file[f"test/{name}"] = values
    for load in (lambda: load_npz({"test": tmp_path / "x.npz"}, size), lambda: load_hdf5(tmp_path / "x.h5", size)):
        with pytest.raises(UserError, match=r"x\.(npz|h5)"):
            written(load(), tmp_path / "data.h5")
    assert not (tmp_path / "data.h5").exists()


def test_times_in_npz_are_refused(tmp_path: Path):
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 3, 4, 4), "M8[s]"), labels=np.zeros(2, "m8[s]"))
    with pytest.raises(UserError, match=r"x\.npz"):
        written(load_npz({"test": tmp_path / "x.npz"}, UNCHANGED), tmp_path / "data.h5")


def npz_with(path: Path, header: bytes, data: bytes, *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """A file whose images have any header."""
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    labels = io.BytesIO()
    np.save(labels, np.zeros(2, np.int64))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("images.npy", magic + data)
        archive.writestr("labels.npy", labels.getvalue())
    return path


@pytest.mark.parametrize(
    "shape", ["(-2, 3, 4, 4)", "(2, 3, -4, -4)", "(2, 3, 10000000000, 10000000000)", "(2,)", "2", "(2, 3, 4.0, 4)"]
)
def test_declared_shapes_that_are_not_those_of_the_data_are_refused(tmp_path: Path, shape: str):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path = npz_with(tmp_path / "x.npz", header, bytes(96))
    with within_limits(), pytest.raises(UserError, match=r"x\.npz"):
        written(load_npz({"test": path}, UNCHANGED), tmp_path / "data.h5")


def test_a_small_npz_that_unpacks_to_much_is_refused_unread(tmp_path: Path):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 10000, 10000), }\n"
    path = npz_with(tmp_path / "x.npz", header, bytes(600_000_000))
    with within_limits(300_000_000), pytest.raises(UserError, match=r"x\.npz .*would unpack to 0\.6 GB"):
        load_npz({"test": path}, UNCHANGED)
    path = npz_with(tmp_path / "y.npz", header, bytes(1000), compression=zipfile.ZIP_LZMA)
    with pytest.raises(UserError, match=r"y\.npz .*compressed in a way that NumPy does not write"):
        load_npz({"test": path}, UNCHANGED)


def lattice(file: h5py.File) -> None:
    above = [file.create_group("a0"), file.create_group("b0")]
    for level in range(1, 40):
        below = [file.create_group(f"a{level}"), file.create_group(f"b{level}")]
        for group in above:
            group["left"], group["right"] = below
        above = below


def circle(file: h5py.File) -> None:
    file["test/again"] = file["/"]


def soft(file: h5py.File) -> None:
    file["test/images"] = h5py.SoftLink("/elsewhere")


def external(file: h5py.File) -> None:
    file["test/images"] = h5py.ExternalLink("/etc/passwd", "/")


def twice(file: h5py.File) -> None:
    file["test/images"] = np.zeros((2, 3, 4, 4), np.uint8)
    file["test/labels"] = file["test/images"]


def crowd(file: h5py.File) -> None:
    for number in range(10_100):
        file.create_group(f"{number}")


def huge(file: h5py.File) -> None:
    file.create_dataset("test/images", (10**9, 3, 10**4, 10**4), np.uint8, chunks=(1, 3, 100, 100))


def large_labels(file: h5py.File) -> None:
    file["test/images"] = np.zeros((200_000, 1, 1, 1), np.uint8)
    file.create_dataset("test/labels", (10**8,), np.int64, chunks=(10**6,))


def large_chunks(file: h5py.File) -> None:
    file.create_dataset("test/images", (1, 3, 20_000, 20_000), np.uint8, chunks=(1, 3, 20_000, 20_000))


def groups(file: h5py.File) -> None:
    file.create_group("test/images")
    file.create_group("test/labels")


def split_is_array(file: h5py.File) -> None:
    file["test"] = np.zeros(3)


def classes_of_numbers(file: h5py.File) -> None:
    file["classes"] = np.zeros(3)


def nothing(file: h5py.File) -> None:
    file["test/images"], file["test/labels"] = h5py.Empty("u1"), h5py.Empty("i8")


@pytest.mark.parametrize(
    "make",
    [lattice, circle, soft, external, twice, crowd, huge, large_labels, large_chunks, groups, split_is_array,
     classes_of_numbers,
     nothing],
)  # fmt: skip
def test_hdf5_of_other_structure_is_refused_by_name(tmp_path: Path, make: Callable[[h5py.File], None]):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        make(file)
    # A lattice of 40 levels, were it walked, would take years.
    with within_limits(), pytest.raises(UserError, match=r"x\.h5"):
        written(load_hdf5(tmp_path / "x.h5"), tmp_path / "data.h5")


@pytest.mark.parametrize("load", [lambda path: load_hdf5(path), lambda path: load_npz({"test": path}, UNCHANGED)])
def test_pipes_are_not_waited_for(tmp_path: Path, load: Callable[[Path], Source]):
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(UserError, match=r"pipe\.h5.* is not a file"):
        load(tmp_path / "pipe.h5")
    with pytest.raises(UserError, match=r"pipe\.h5"):
        read_classes(tmp_path / "pipe.h5")


# Any input: it is read, or refused by name.


ANY_INPUT = settings(
    deadline=None,
    derandomize=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def read_or_refused(load: Callable[[], Source], folder: Path, name: str) -> None:
    before, refusal = sorted(folder.rglob("*")), None
    with within_limits():
        try:
            written(load(), folder / "data.h5").unlink()
        except UserError as error:
            refusal = str(error)
    assert refusal is None or (name in refusal and "\n" not in refusal)
    assert sorted(folder.rglob("*")) == before


@st.composite
def damaged(draw: st.DrawFn, contents: tuple[bytes, ...]) -> bytes:
    """A file that is cut, and has other bytes in some places."""
    content = bytearray(draw(st.sampled_from(contents)))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[place] = byte
    return bytes(content[: draw(st.integers(0, len(content)) | st.just(len(content)))])


def encoded(kind: str, mode: str) -> bytes:
    content = io.BytesIO()
    Image.effect_noise((9, 7), 50).convert(mode).save(content, kind)
    return content.getvalue()


IMAGES = tuple(
    encoded(kind, mode)
    for kind, mode in (("PNG", "RGB"), ("PNG", "P"), ("PNG", "RGBA"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("BMP", "RGB"),
                       ("TIFF", "RGB"), ("TIFF", "LAB"), ("WEBP", "RGB"), ("PPM", "L"), ("GIF", "L"), ("EPS", "RGB"))
)  # fmt: skip


@ANY_INPUT
@given(content=damaged(IMAGES) | st.binary(max_size=100), size=st.sampled_from([UNCHANGED, Size(6, 5), Size(None, 2)]))
def test_any_image_file(tmp_path: Path, content: bytes, size: Size):
    folder = folder_of(tmp_path / "images", "cat")
    (folder / "dog").mkdir(exist_ok=True)
    (folder / "dog/any.png").write_bytes(content)
    read_or_refused(lambda: read_folder(folder, size=size), tmp_path, "any.png")


ANY_ARRAY = hnp.arrays(
    hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4), fill=st.nothing()
) | hnp.arrays(st.sampled_from([np.uint8, np.float32]), (2, 3, 4, 4), elements={"min_value": 0, "max_value": 1})
ANY_LABELS = hnp.arrays(hnp.integer_dtypes() | hnp.scalar_dtypes(), 2) | ANY_ARRAY


def as_npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def as_hdf5(images: Any, labels: Any) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["test/images"], file["test/labels"] = images, labels
    return content.getvalue()


GOOD: dict[str, Any] = {"images": np.zeros((2, 3, 4, 4), np.uint8), "labels": np.arange(2)}


@ANY_INPUT
@example(images=np.uint8(0), labels=np.arange(2), size=UNCHANGED)
@given(images=ANY_ARRAY, labels=ANY_LABELS, size=st.sampled_from([UNCHANGED, Size(6, 5)]))
def test_any_arrays(tmp_path: Path, images: Any, labels: Any, size: Size):
    (tmp_path / "any.npz").write_bytes(as_npz(images=images, labels=labels))
    read_or_refused(lambda: load_npz({"test": tmp_path / "any.npz"}, size), tmp_path, "any.npz")
    try:
        content = as_hdf5(images, labels)
    except TypeError:  # HDF5 has no such type
        return
    (tmp_path / "any.h5").write_bytes(content)
    read_or_refused(lambda: load_hdf5(tmp_path / "any.h5", size), tmp_path, "any.h5")


@ANY_INPUT
@given(content=damaged((as_npz(**GOOD),)) | st.binary(max_size=100))
def test_any_npz_file(tmp_path: Path, content: bytes):
    (tmp_path / "any.npz").write_bytes(content)
    read_or_refused(lambda: load_npz({"test": tmp_path / "any.npz"}, UNCHANGED), tmp_path, "any.npz")


@ANY_INPUT
@given(content=damaged((as_hdf5(**GOOD),)) | st.binary(max_size=100))
def test_any_hdf5_file(tmp_path: Path, content: bytes):
    (tmp_path / "any.h5").write_bytes(content)
    read_or_refused(lambda: load_hdf5(tmp_path / "any.h5"), tmp_path, "any.h5")
