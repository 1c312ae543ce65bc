"""What can be checked of the contact sheet without looking at it."""

import h5py
import numpy as np
import pytest

from feature_sensitivity.reporting.figures.construction import (
    MOST_CLASSES,
    Example,
    construction_figure,
    read_examples,
)


@pytest.mark.parametrize("n", [1, 5, 10])
def test_three_images_for_each_example_with_classes_and_distance(n: int):
    picture = np.full((4, 4, 3), 128, np.uint8)
    examples = [
        Example(original=picture, start=picture, result=picture, label=k, start_label=k + 1, relative_distance=k / 20)
        for k in range(n)
    ]
    figure = construction_figure(examples, teacher="normal", caption="settings")
    assert len(figure.axes) == 3 * n
    texts = [axes.get_xlabel() for axes in figure.axes[-3:]]
    assert texts == [f"class {n - 1}", f"class {n}", f"distance {(n - 1) / 20:.2f}"]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["original", "start", "result"] * min(n, 2)


def test_the_first_image_of_each_class_is_shown_beside_its_own_start(tmp_path):
    """Also when fewer images were constructed than there are originals."""
    labels = np.array([3, 3, 1, 12, *range(12)])
    images = (np.arange(16)[:, None, None, None] * np.ones((16, 3, 2, 2))).astype(np.uint8)
    with h5py.File(tmp_path / "original.h5", "w") as original, h5py.File(tmp_path / "made.h5", "w") as made:
        original["train/images"], original["train/labels"] = images, labels
        made["train/images"], made["train/labels"] = (images[:3] / 255).astype(np.float32), labels[:3]
        made["train/start_index"], made["train/relative_distance"] = np.array([15, 2, 3]), np.array([0.1, 0.2, 0.3])
        examples = read_examples(made, original)
        assert [(e.label, e.start_label, e.relative_distance) for e in examples] == [(1, 12, 0.3), (3, 11, 0.1)]
        assert examples[0].start.shape == (2, 2, 3)
        assert examples[0].start[0, 0, 0] == 3
        assert examples[0].result[0, 0, 0] == 2
        for n_channels in (1, 2, 5):
            del original["train/images"]
            original["train/images"] = images[:, :1].repeat(n_channels, axis=1)
            assert read_examples(made, original)[0].start.shape == (2, 2, 3)
        assert len(read_examples_of_all(made, original)) == MOST_CLASSES


def read_examples_of_all(made: h5py.File, original: h5py.File) -> list[Example]:
    for name, values in {
        "images": original["train/images"][:],
        "labels": original["train/labels"][:],
        "start_index": np.zeros(16, np.int64),
        "relative_distance": np.zeros(16),
    }.items():
        del made[f"train/{name}"]
        made[f"train/{name}"] = values
    return read_examples(made, original)
