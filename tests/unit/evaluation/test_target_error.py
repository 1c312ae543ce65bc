import numpy as np
import pytest

from feature_sensitivity.evaluation.default_definition import relative_standard_error, standard_error_over_images
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema
from feature_sensitivity.evaluation.target_error import IMAGES_PER_BLOCK, measure_to_target

FEATURES = np.array([4, 9])


def made_up(images: slice, spread: float) -> FeatureExtrema:
    """Extrema of two features whose distances from the clean value are normal around 1."""
    n = images.stop - images.start
    moved = np.random.default_rng(images.start).normal(1, spread, (n, 2)).astype(np.float32)
    zero = np.zeros((n, 2), np.float32)
    return FeatureExtrema(clean=zero, maximum=moved, minimum=zero, zero_gradient=zero.astype(bool), batch_size=64)


def test_standard_error_by_hand():
    maximum = np.array([[1.0], [2.0], [3.0], [6.0]], np.float32)
    zero = np.zeros_like(maximum)
    deviation = np.sqrt((4 + 1 + 0 + 9) / 3)
    assert standard_error_over_images(maximum)[0] == pytest.approx(deviation / 2)
    assert relative_standard_error(zero, maximum, zero) == pytest.approx(deviation / 2 / 3)


def test_one_image_has_no_standard_error():
    one = np.ones((1, 1), np.float32)
    assert standard_error_over_images(one)[0] == np.inf


@pytest.mark.parametrize(("spread", "target"), [(0.1, 0.01), (0.2, 0.02)])
def test_it_stops_when_the_target_is_reached(spread: float, target: float):
    got = measure_to_target(
        lambda images: made_up(images, spread), 4000, features=FEATURES, target_relative_error=target
    )
    needed = (spread / target) ** 2
    assert 0.6 * needed < len(got.clean) < 1.7 * needed
    assert relative_standard_error(got.clean, got.maximum, got.minimum) <= target


@pytest.mark.parametrize("first_move", [None, 200, 350])
def test_a_feature_that_has_not_moved_is_waited_for(first_move: int | None):
    """At a target of 1 %, until it is known at 95 % to move on 1 % of the images at most: 300 images."""

    def measure(images: slice) -> FeatureExtrema:
        made = made_up(images, 0.01)
        made.maximum[:, 1] = np.arange(images.start, images.stop) == first_move
        return made

    n_images = len(measure_to_target(measure, 400, features=FEATURES, target_relative_error=0.01).clean)
    assert n_images == (304 if first_move != 200 else 400)


def test_it_takes_all_images_and_says_so_when_they_do_not_suffice(caplog: pytest.LogCaptureFixture):
    got = measure_to_target(lambda images: made_up(images, 0.5), 40, features=FEATURES, target_relative_error=0.001)
    assert len(got.clean) == 40
    assert "was not reached with all 40 images" in caplog.text


def test_a_feature_that_seldom_moves_is_no_reason_to_stop(caplog: pytest.LogCaptureFixture):
    """On 5 % of the images by the same amount: of 64 images its standard error may be small by chance."""

    def measure(images: slice) -> FeatureExtrema:
        made = made_up(images, 0.01)
        made.maximum[:, 1] = np.arange(images.start, images.stop) % 20 == 7
        return made

    got = measure_to_target(measure, 400, features=FEATURES, target_relative_error=0.5)
    assert (got.maximum[:, 1] > 0).sum() >= 10
    measure_to_target(measure, 96, features=FEATURES, target_relative_error=0.5)
    assert "features 9 have moved on fewer than 10 of them" in caplog.text


def test_blocks_come_in_order_and_cover_all():
    seen = []

    def measure(images: slice) -> FeatureExtrema:
        seen.extend(range(images.start, images.stop))
        return made_up(images, 0.5)

    measure_to_target(measure, 2 * IMAGES_PER_BLOCK + 5, features=FEATURES, target_relative_error=1e-6)
    assert seen == list(range(2 * IMAGES_PER_BLOCK + 5))
