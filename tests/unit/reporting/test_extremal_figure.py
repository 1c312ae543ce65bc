"""What can be checked of pictures and of the contact sheet of extremal images without looking at them."""

from dataclasses import replace

import numpy as np
import pytest

from extremal_cases import extremal_images
from feature_sensitivity.reporting.figures.extremal import extremal_figure
from feature_sensitivity.reporting.pictures import LARGEST_SIDE, amplification, amplified_picture, picture_of


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_images_of_any_number_of_channels(channels: int):
    pixels = np.linspace(0, 1, channels * 6, dtype=np.float32).reshape(channels, 2, 3)
    picture = picture_of(pixels)
    assert picture.shape == (2, 3, 3)
    grey = np.round(255 * pixels.mean(axis=0))
    expected = np.round(255 * pixels).transpose(1, 2, 0) if channels == 3 else grey[:, :, None].repeat(3, axis=2)
    assert np.abs(picture.astype(float) - expected).max() <= 1


def test_pixels_beyond_the_range_are_black_or_white():
    picture = picture_of(np.array([-0.2, 1.2], np.float32).reshape(1, 1, 2))
    assert picture[0, :, 0].tolist() == [0, 255]


def test_large_images_are_shrunk():
    assert picture_of(np.zeros((3, 200, 400), np.float32)).shape == (LARGEST_SIDE // 2, LARGEST_SIDE, 3)


def test_a_perturbation_is_amplified_around_grey():
    perturbation = np.array([0.1, -0.1, 0, 0.05], np.float32).reshape(1, 1, 4)
    assert amplification(perturbation) == pytest.approx(5)
    assert amplified_picture(perturbation)[0, :, 0].tolist() == pytest.approx([255, 0, 128, 191], abs=1)
    assert amplification(0 * perturbation) == 1
    assert np.ptp(amplified_picture(0 * perturbation)) == 0


@pytest.mark.parametrize("shape", [(1, 6, 4), (3, 4, 4), (4, 3, 5)])
@pytest.mark.parametrize(("features", "n_most", "headings"), [((4, 1, 3), 2, ["most", "least"]), ((2,), 1, ["most"])])
def test_each_picture_stands_over_its_number(shape: tuple, features: tuple, n_most: int, headings: list):
    images = extremal_images(shape=shape, features=features, n_most=n_most)
    figure = extremal_figure(
        images, place=1, sensitivity=[0.5] * len(features), title="normal, epsilon 0.2", caption="settings"
    )
    (axes,) = figure.axes
    assert len(axes.images) == len(features) * 2 * 5
    texts = [text.get_text() for text in axes.texts]
    assert [text.split()[0] for text in texts if text.endswith(" sensitive")] == headings
    assert sum(text.startswith("feature ") for text in texts) == len(features)
    for value in (images.clean[1, 0], images.maximum[1, 1, 0], images.minimum[1, 1, 0]):
        assert f"{value:.3g}" in texts
    assert texts.count("\N{MULTIPLICATION SIGN} 2.5") == len(features) * 2 * 2, "0.2 of the range fills half of it"


def test_images_stand_under_the_names_of_their_classes():
    images = replace(extremal_images(), classes=["$x", "golden_retriever_puppy"])
    figure = extremal_figure(images, place=1, sensitivity=[0.5] * 3, title="normal", caption="settings")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"$x", "golden_retr…"} <= set(texts)
    assert not any(text.startswith("class ") for text in texts)
    figure.draw_without_rendering()
