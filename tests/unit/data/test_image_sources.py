"""Images of any size, channels and number of classes, from every kind of source, with as little memory as one part."""

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from feature_sensitivity.data.batches import batches
from feature_sensitivity.data.dataset_file import read_split, write_dataset
from feature_sensitivity.data.fitting import UNCHANGED, Size
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.data.image_collections import load_hugging_face, load_image_folder, load_torchvision
from feature_sensitivity.data.lazy_images import LazyImages
from feature_sensitivity.data.npz import load_npz
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.errors import UserError


def rgb(**changes: Any) -> dict[str, Any]:
    return {"n_channels": 3, "size": Size(**changes)}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, images of two sizes and modes."""
    for number, (name, size) in enumerate((("cat", (12, 8)), ("dog", (8, 16)))):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(3):
            image = Image.fromarray(np.moveaxis(noise(3, *size), 0, 2) // (number + i + 1))
            image.convert("L" if i == 2 else "RGB").save(tmp_path / f"train/{name}/{i}.png")
    return tmp_path / "train"


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_npz_with_any_number_of_channels_and_classes(tmp_path: Path, channels: int):
    images, labels = noise(200, channels, 6, 7), np.arange(200) % 37
    np.savez_compressed(tmp_path / "test.npz", images=images, labels=labels.astype(np.int32))
    source = load_npz({"test": tmp_path / "test.npz"}, UNCHANGED)
    write_dataset(tmp_path / "data.h5", source, Standardization((0.5,) * channels, (0.2,) * channels))
    split = read_split(tmp_path / "data.h5", "test")
    np.testing.assert_array_equal(split.images, images)
    np.testing.assert_array_equal(split.labels, labels)


def test_an_npz_that_holds_objects_is_refused(tmp_path: Path):
    np.savez(tmp_path / "test.npz", images=np.array([{}], dtype=object), labels=np.zeros(1, np.int64))
    with pytest.raises(UserError, match=r"does not hold images and labels as .npz .*objects"):
        load_npz({"test": tmp_path / "test.npz"}, UNCHANGED)


def test_an_npz_without_labels_is_refused(tmp_path: Path):
    np.savez(tmp_path / "test.npz", images=noise(2, 3, 4, 4))
    with pytest.raises(UserError, match="does not hold images and labels"):
        load_npz({"test": tmp_path / "test.npz"}, UNCHANGED)


def test_resize_and_center_crop_of_arrays(tmp_path: Path):
    images = np.zeros((2, 3, 8, 16), np.float32)
    images[:, :, :, 4:12] = 1
    np.savez(tmp_path / "test.npz", images=images, labels=np.zeros(2, np.int64))
    split = load_npz({"test": tmp_path / "test.npz"}, Size(4, 2)).splits["test"]
    assert split.images.shape == (2, 3, 2, 2)
    assert split.images[:].min() > 0.99


def test_an_image_folder_with_images_of_different_sizes(folder: Path, tmp_path: Path):
    source = load_image_folder({"train": folder}, **rgb(resize=8, center_crop=6))
    write_dataset(tmp_path / "data.h5", source, Standardization((0.5,) * 3, (0.2,) * 3))
    split = read_split(tmp_path / "data.h5", "train")
    assert split.images.shape == (6, 3, 6, 6)
    assert split.labels.tolist() == [0, 0, 0, 1, 1, 1]
    gray = split.images[2]
    assert (gray[0] == gray[1]).all()


def test_images_of_different_sizes_need_a_size(folder: Path, tmp_path: Path):
    source = load_image_folder({"train": folder}, **rgb())
    with pytest.raises(UserError, match=r"dog/0\.png has 8 x 16 pixels, the first one 12 x 8; write resize and"):
        write_dataset(tmp_path / "data.h5", source, Standardization((0.5,) * 3, (0.2,) * 3))
    assert not (tmp_path / "data.h5").exists()


def test_train_and_test_folders_have_the_same_classes(folder: Path, tmp_path: Path):
    for name in ("cat", "horse"):
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / f"test/{name}/0.png")
    with pytest.raises(UserError, match="has other classes"):
        load_image_folder({"train": folder, "test": tmp_path / "test"}, **rgb(resize=8, center_crop=8))


def test_a_damaged_image_is_named(folder: Path):
    (folder / "dog/1.png").write_bytes(b"\x89PNG")
    split = load_image_folder({"train": folder}, **rgb(resize=8, center_crop=8)).splits["train"]
    with pytest.raises(UserError, match=r"dog/1\.png cannot be read"):
        split.images[:]


def test_image_files_keep_their_channels_and_are_of_8_bits(tmp_path: Path):
    for name in ("train", "deep"):
        (tmp_path / name / "cat").mkdir(parents=True)
    pixels = noise(6, 5, 4)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "train/cat/0.png")
    options = {"size": UNCHANGED, "outputs": {"cat": 0}}
    split = load_image_folder({"train": tmp_path / "train"}, n_channels=4, **options).splits["train"]
    np.testing.assert_array_equal(split.images[:][0], np.moveaxis(pixels, 2, 0))
    Image.fromarray(noise(6, 5).astype(np.uint16) * 250).save(tmp_path / "deep/cat/0.png")
    with pytest.raises(UserError, match=r"cat/0\.png has more than 8 bits per channel"):
        load_image_folder({"train": tmp_path / "deep"}, n_channels=1, **options)


def test_an_npz_that_is_damaged_among_its_images_is_reported(tmp_path: Path):
    path = tmp_path / "train.npz"
    np.savez_compressed(path, images=noise(50, 3, 16, 16), labels=np.zeros(50, np.int64))
    content = bytearray(path.read_bytes())
    content[20_000:20_300] = bytes(300)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.npz is damaged among its images"):
        load_npz({"train": path}, UNCHANGED).splits["train"].images[:]


def test_image_files_have_1_3_or_4_channels(folder: Path):
    with pytest.raises(UserError, match=r"standardization\.mean has 5 numbers"):
        load_image_folder({"train": folder}, n_channels=5, size=UNCHANGED)


def test_a_dataset_of_torchvision_by_name(tmp_path: Path):
    import pickle

    base = tmp_path / "cifar-100-python"
    base.mkdir()
    images = noise(4, 3, 32, 32)
    for name in ("train", "test", "meta"):
        content = {"data": images.reshape(4, -1), "fine_labels": [0, 99, 2, 3], "fine_label_names": ["x"] * 100}
        (base / name).write_bytes(pickle.dumps(content))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("torchvision.datasets.CIFAR100._check_integrity", lambda self: True)
        patched.setattr("torchvision.datasets.cifar.check_integrity", lambda *arguments: True)
        source = load_torchvision("CIFAR100", tmp_path, download=False, **rgb())
    assert source.splits.keys() == {"train", "test"}
    np.testing.assert_array_equal(source.splits["test"].images[:], images)
    assert source.splits["test"].labels.tolist() == [0, 99, 2, 3]


def test_a_dataset_of_torchvision_whose_labels_are_a_tensor(tmp_path: Path):
    raw = tmp_path / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    images = noise(4, 28, 28)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, 4, 28, 28) + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 4) + bytes([9, 0, 2, 3]))
    source = load_torchvision("FashionMNIST", tmp_path, download=False, n_channels=1, size=UNCHANGED)
    np.testing.assert_array_equal(source.splits["test"].images[:][:, 0], images)
    assert source.splits["train"].labels.tolist() == [9, 0, 2, 3]


def test_a_name_that_torchvision_does_not_know(tmp_path: Path):
    with pytest.raises(UserError, match="no dataset 'CIFAR101'; write one such as CIFAR10"):
        load_torchvision("CIFAR101", tmp_path, download=False, **rgb())
    with pytest.raises(UserError, match=r"CIFAR100 is not in .*write download: true"):
        load_torchvision("CIFAR100", tmp_path, download=False, **rgb())


class Pets:
    """A dataset of torchvision with other splits and, if asked for, other labels than most."""

    label: Any = 1

    def __init__(self, root: str, split: str = "train") -> None:
        if split not in ("trainval", "val"):
            raise ValueError(f"Unknown value '{split}' for argument split.")
        self.split = split

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> tuple[Any, Any]:
        return Image.fromarray(noise(8, 8, 3)), self.label


class Attributes(Pets):
    label = torch.zeros(40)


class Videos(Pets):
    def __init__(self, root: str, frame_length: int, split: str = "train") -> None:
        pass


def test_a_dataset_of_torchvision_with_splits_of_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for kind in (Pets, Attributes, Videos):
        monkeypatch.setattr(f"torchvision.datasets.{kind.__name__}", kind, raising=False)
    splits = load_torchvision("Pets", tmp_path, download=False, **rgb()).splits
    assert {name: split.labels.tolist() for name, split in splits.items()} == {"train": [1, 1], "test": [1, 1]}
    with pytest.raises(UserError, match="Attributes has no whole number as each image's label; use source: image_"):
        load_torchvision("Attributes", tmp_path, download=False, **rgb())
    with pytest.raises(UserError, match=r"Videos cannot be read as training and test images .*frame_length"):
        load_torchvision("Videos", tmp_path, download=False, **rgb())


def test_a_dataset_of_hugging_face(tmp_path: Path):
    datasets = pytest.importorskip("datasets", reason="the library datasets is not installed here")
    rows = {"picture": [Image.fromarray(image) for image in noise(3, 8, 8, 3)], "kind": [0, 1, 2]}
    datasets.DatasetDict({"test": datasets.Dataset.from_dict(rows)}).save_to_disk(tmp_path / "saved")
    source = load_hugging_face(tmp_path / "saved", image="picture", label="kind", **rgb())
    np.testing.assert_array_equal(source.splits["test"].images[:], np.moveaxis(noise(3, 8, 8, 3), 3, 1))
    with pytest.raises(UserError, match="columns image and label"):
        load_hugging_face(tmp_path / "saved", image="image", label="label", **rgb())


def test_lazy_images_come_in_any_order_and_by_mask(tmp_path: Path):
    images = noise(9, 1, 2, 2)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["train/images"], file["train/labels"] = images, np.arange(9)
    split = load_hdf5(tmp_path / "data.h5").splits["train"]
    assert isinstance(split.images, LazyImages)
    for places in (np.array([7, 2, 2, 5]), slice(3, 6), slice(None), np.array([], np.int64)):
        np.testing.assert_array_equal(split.images[places], images[places])
    subset = split.subset(np.array([7, 2, 5]))
    np.testing.assert_array_equal(subset.images[np.array([2, 0])], images[[5, 7]])
    standardization = Standardization((0.5,), (0.25,))
    whole = [
        torch.cat([batch.x for batch in batches(either, standardization, device=torch.device("cpu"), batch_size=4)])
        for either in (split, Split(images, np.arange(9)))
    ]
    assert torch.equal(*whole)


def test_memory_does_not_grow_with_the_dataset(tmp_path: Path):
    def peak(n: int) -> int:
        images = np.zeros((1, 3, 64, 64), np.uint8)
        lazy = LazyImages(lambda places: images.repeat(len(places), axis=0), (n, 3, 64, 64), np.uint8)
        split = Split(lazy, np.zeros(n, np.int64))  # type: ignore[arg-type]
        source = Source({"test": split}, "zeros", "")
        tracemalloc.start()
        write_dataset(tmp_path / "data.h5", source, Standardization((0.5,) * 3, (0.2,) * 3))
        chosen = read_split(tmp_path / "data.h5", "test", lazy=True).images[np.arange(0, n, n // 4)]
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert chosen.shape[1:] == (3, 64, 64)
        return highest

    # 40 times the images, 49 MB of them; a part that is written at once has 0.8 MB.
    assert peak(4000) < peak(100) + 3_000_000
