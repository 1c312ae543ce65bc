"""The engine against exact suprema, against a slow reference, and against itself."""

import math
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from exact import exact_maximum
from extrema_cases import measure, same, settings
from feature_sensitivity.attacks import slots
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.evaluation.feature_rows import FeatureTask
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.runtime import partial_results
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.devices import make_exact
from feature_sensitivity.runtime.errors import UserError
from interruptions import interrupted_until_done


class Dense(Classifier):
    """A linear map, or a small ReLU network, whose exact extremes are known."""

    def __init__(self, *layers: nn.Module, feature_minimum: float = -math.inf) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), *layers)
        self.feature_minimum = feature_minimum

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        return self.layers(x)


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(2)
    return torch.randn(7, 3, 8, 8)


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
@pytest.mark.parametrize("iterate", ["best", "last"])
def test_linear_features_move_by_epsilon_times_the_dual_norm(norm: str, dual: int, iterate: str):
    torch.manual_seed(0)
    network, x = Dense(nn.Linear(3 * 4 * 4, 6)), torch.randn(5, 3, 4, 4)
    got = measure(network, x, settings(norm, steps=120, iterate=iterate))
    reach = 0.3 * network.layers[1].weight.detach().norm(dual, dim=1).numpy()
    np.testing.assert_allclose(got.maximum - got.clean, np.tile(reach, (5, 1)), rtol=2e-5, atol=1e-5)
    np.testing.assert_allclose(got.clean - got.minimum, np.tile(reach, (5, 1)), rtol=2e-5, atol=1e-5)


def test_engine_stays_below_the_exact_supremum_and_comes_close():
    reached, possible = [], []
    for seed in range(6):
        torch.manual_seed(seed)
        first, second = nn.Linear(3 * 2 * 2, 10), nn.Linear(10, 1)
        x = torch.randn(3, 3, 2, 2)
        got = measure(Dense(first, nn.ReLU(), second), x, settings(epsilon=0.5, restarts=8))
        for row, image in enumerate(x.flatten(1).double().numpy()):
            for sign, value in ((1.0, got.maximum[row, 0]), (-1.0, -got.minimum[row, 0])):
                exact = exact_maximum(first, second, image, 0.5, sign)
                assert value <= exact + 1e-4
                reached.append(value - sign * got.clean[row, 0])
                possible.append(exact - sign * got.clean[row, 0])
    assert np.sum(reached) >= 0.95 * np.sum(possible)


def reference(network: Classifier, x: Tensor, chosen: SensitivitySettings) -> tuple[np.ndarray, np.ndarray]:
    """What the engine computes, the slow and obvious way: one row at a time, nothing folded, nothing dropped."""
    attack = chosen.attack
    n_features = network.features(x[:1]).shape[1]
    result = {}
    for direction, sign in ((0, 1.0), (1, -1.0)):
        best = np.empty((len(x), n_features), np.float32)
        for image in range(len(x)):
            for feature in range(n_features):
                values = [sign * network.features(x[image : image + 1])[0, feature].item()]
                for restart in range(chosen.restarts):
                    names = {"image": image, "feature": feature, "direction": direction, "restart": restart}
                    d = random_start(
                        seed=chosen.seed,
                        **{name: torch.tensor([value]) for name, value in names.items()},
                        shape=x.shape[1:],
                        epsilon=attack.epsilon,
                        norm=attack.norm,
                    )
                    for step in range(attack.steps + 1):
                        point = (x[image : image + 1] + d).requires_grad_()
                        value = sign * network.features(point)[0, feature]
                        values.append(value.item())
                        if step == attack.steps:
                            break
                        (gradient,) = torch.autograd.grad(value, point)
                        if attack.norm == "linf":
                            d = (d + attack.step_size * gradient.sign()).clamp(-attack.epsilon, attack.epsilon)
                        else:
                            length = gradient.norm()
                            d = d + attack.step_size * gradient / length if length > 0 else d
                            d = d * min(1.0, attack.epsilon / max(d.norm().item(), 1e-12))
                best[image, feature] = max(values)
        result[direction] = sign * best
    return result[0], result[1]


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.1), ("l2", 1.0)])
def test_engine_agrees_with_a_slow_reference_row_by_row(network: Classifier, images: Tensor, norm: str, epsilon: float):
    chosen = settings(norm, epsilon=epsilon, steps=8, restarts=2)
    got = measure(network, images[:3], chosen)
    maximum, minimum = reference(network, images[:3], chosen)
    scale = np.maximum(maximum - got.clean, 0.05)
    # Rounding differs between the folded network and the plain one, and the sign of a gradient amplifies it.
    close = np.abs(got.maximum - maximum) < 0.02 * scale, np.abs(got.minimum - minimum) < 0.02 * scale
    assert np.mean(close) > 0.95
    assert (got.maximum - got.clean).mean() >= 0.995 * (maximum - got.clean).mean()
    assert (got.clean - got.minimum).mean() >= 0.995 * (got.clean - minimum).mean()


def test_minimum_clean_and_maximum_are_in_order(network: Classifier, images: Tensor):
    got = measure(network, images, settings(epsilon=0.05))
    assert (got.minimum <= got.clean).all()
    assert (got.clean <= got.maximum).all()
    assert (got.maximum > got.clean).any()
    assert (got.minimum >= 0).all()


def test_every_recorded_point_lies_in_the_ball(network: Classifier, images: Tensor, monkeypatch: pytest.MonkeyPatch):
    seen = []
    original = FeatureTask.advance

    def spy(task, states):
        original(task, states)
        seen.append(states.perturbation.abs().amax().item())

    monkeypatch.setattr(FeatureTask, "advance", spy)
    measure(network, images, settings(epsilon=0.1))
    assert max(seen) <= 0.1 * (1 + 1e-6)
    assert max(seen) == pytest.approx(0.1)


def annealed(**changes) -> SensitivitySettings:
    numbers = {"steps": 9, "relative_step_size": "3/2", "schedule": "cosine", "momentum": 0.5, "surrogate_steps": 2}
    return settings(**numbers, **changes)


def test_annealed_steps_with_momentum_find_more_in_fewer_steps(network: Classifier, images: Tensor):
    constant, found = measure(network, images, settings()), measure(network, images, annealed())
    assert (found.maximum - found.clean).mean() > (constant.maximum - constant.clean).mean()
    assert (found.minimum <= found.clean).all()


def test_annealed_shards_gather_to_the_same_bits(network: Classifier, images: Tensor):
    whole = measure(network, images, annealed())
    for shard in range(3):
        rows = np.arange(len(images))[shard::3]
        part = measure(network, images[rows], annealed(), image_index=rows)
        assert np.array_equal(part.maximum, whole.maximum[rows])
        assert np.array_equal(part.minimum, whole.minimum[rows])


def test_an_interruption_keeps_the_momentum_of_each_row(
    network: Classifier, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = measure(network, images[:3], annealed())
    resumed, interruptions = interrupted_until_done(
        lambda: measure(network, images[:3], annealed(), unfinished_folder=tmp_path), monkeypatch, every=5
    )
    assert interruptions > 2
    assert same(resumed, whole)


def test_a_row_with_momentum_moves_on_where_its_gradient_vanishes():
    """A slope that ends in a plain: plain PGD stays at its edge, a row with momentum goes on."""

    class Slope(Classifier):
        def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
            return x.mean(dim=(1, 2, 3), keepdim=False)[:, None].clamp(max=0.05)

    x = torch.zeros(1, 3, 4, 4)
    steps = []
    for momentum in (0.0, 0.9):
        taken = []
        original = FeatureTask.advance

        def counted(task, states, taken=taken, original=original):
            original(task, states)
            taken.append(states.step.max().item())

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(FeatureTask, "advance", counted)
            got = measure(Slope(), x, settings(steps=6, relative_step_size="1/6", momentum=momentum))
        assert got.maximum[0, 0] == pytest.approx(0.05)
        steps.append(max(taken))
    assert steps[1] == 6, "with momentum a zero gradient is no fixed point"


@pytest.mark.parametrize("n_shards", [2, 3, 7])
def test_shards_gather_to_the_same_bits(network: Classifier, images: Tensor, n_shards: int):
    whole = measure(network, images, settings())
    for shard in range(n_shards):
        rows = np.arange(len(images))[shard::n_shards]
        part = measure(network, images[rows], settings(), image_index=rows)
        assert np.array_equal(part.maximum, whole.maximum[rows])
        assert np.array_equal(part.minimum, whole.minimum[rows])
        assert np.array_equal(part.clean, whole.clean[rows])


def test_a_subset_of_features_has_the_same_bits(network: Classifier, images: Tensor):
    whole, chosen = measure(network, images, settings()), np.array([3, 17, 4])
    part = measure(network, images, settings(), features=chosen)
    assert np.array_equal(part.maximum, whole.maximum[:, chosen])
    assert np.array_equal(part.minimum, whole.minimum[:, chosen])


def test_values_do_not_depend_on_how_often_rows_are_replaced(
    network: Classifier, images: Tensor, monkeypatch: pytest.MonkeyPatch
):
    plain = measure(network, images, settings())
    monkeypatch.setattr(slots, "steps_between_refills", lambda steps, device: 4)
    assert same(measure(network, images, settings()), plain)


def test_values_do_not_depend_on_the_number_of_cores(network: Classifier, images: Tensor):
    n_threads, results = torch.get_num_threads(), []
    for n in (1, 3):
        torch.set_num_threads(n)
        results.append(measure(network, images, settings()))
        assert torch.get_num_threads() == n
    torch.set_num_threads(n_threads)
    assert same(*results)


def test_other_batch_sizes_agree_on_average(network: Classifier, images: Tensor):
    one, other = measure(network, images, settings(batch_size=16)), measure(network, images, settings(batch_size=24))
    np.testing.assert_allclose(
        (one.maximum - one.clean).mean(axis=0), (other.maximum - other.clean).mean(axis=0), rtol=0.02, atol=1e-4
    )


def test_an_interrupted_run_goes_on_to_the_same_bits(
    network: Classifier, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain, path = measure(network, images, settings()), tmp_path / "partial"
    monkeypatch.setattr(partial_results, "SECONDS_BETWEEN_SAVES", 0.0)
    saves = 0
    original = partial_results.save_partial_result

    def save_then_die(*arguments):
        nonlocal saves
        original(*arguments)
        saves += 1
        if saves % 3 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(partial_results, "save_partial_result", save_then_die)
    interruptions = 0
    while True:
        try:
            resumed = measure(network, images, settings(), unfinished_folder=path)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions >= 3
    assert same(resumed, plain)


def test_a_run_that_goes_on_where_rounding_differs_stays_in_order(
    network: Classifier, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, features = tmp_path / "partial", type(network).features
    expected = measure(network, images, settings()).clean
    monkeypatch.setattr(Progress, "advance", Mock(side_effect=[None, None, None, KeyboardInterrupt]))
    with pytest.raises(KeyboardInterrupt):
        measure(network, images, settings(), unfinished_folder=path)
    monkeypatch.undo()
    monkeypatch.setattr(type(network), "features", lambda self, x: features(self, x) * (1 + 1e-5))
    resumed = measure(network, images, settings(), unfinished_folder=path)
    assert np.array_equal(resumed.clean, expected)
    assert (resumed.minimum <= resumed.clean).all()
    assert (resumed.clean <= resumed.maximum).all()


def test_a_partial_result_of_other_settings_is_set_aside(network: Classifier, images: Tensor, tmp_path: Path):
    path = tmp_path / "partial"
    partial_results.save_partial_result(path / "kept.pt", "another", {"kept": {}})
    partial_results.save_partial_result(path / "finished_00000.pt", "another", {"rows": {"row": torch.arange(3)}})
    got = measure(network, images, settings(), unfinished_folder=path)
    assert same(got, measure(network, images, settings()))
    assert (path / "kept.pt.other").exists()


def test_features_without_gradient_are_counted_and_the_surrogate_moves_them(network: Classifier, images: Tensor):
    with torch.no_grad():
        network.layer4[1].bn2.bias[5] = -3.0  # feature 5 is closed everywhere
        network.layer4[1].bn2.weight[5] = 0.5
        network.layer4[0].bn2.bias[5] = network.layer4[0].downsample[1].bias[5] = -2.0
    got = measure(network, images, settings(epsilon=0.05))
    closed = got.clean[:, 5] == 0
    assert closed.all()
    assert got.zero_gradient[:, 5].all()
    assert (got.maximum[:, 5] == 0).all()
    assert not got.zero_gradient.all()
    moved = measure(network, images, settings(epsilon=3.0, surrogate_steps=20))
    assert (moved.maximum[:, 5] > 0).any()
    assert not moved.zero_gradient[:, 5].any()


def test_a_few_surrogate_steps_open_a_closed_feature_and_its_own_gradient_goes_on():
    class Closed(Classifier):
        def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
            z = x.mean(dim=(1, 2, 3)) - 0.04
            own = z.clamp(min=0)
            return torch.where(torch.as_tensor(surrogate_relu), z + (own - z).detach(), own)[:, None]

    x = torch.zeros(1, 3, 4, 4)
    assert measure(Closed(), x, settings(epsilon=0.1)).maximum[0, 0] == 0
    assert measure(Closed(), x, settings(epsilon=0.1, surrogate_steps=8)).maximum[0, 0] == pytest.approx(0.06)


def test_a_row_without_a_surrogate_gradient_is_not_finished_before_its_own_gradient_is_known():
    class Flat(Classifier):
        def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
            value = x.mean(dim=(1, 2, 3))
            return torch.where(torch.as_tensor(surrogate_relu), value.detach() + 0 * value, value)[:, None]

    got = measure(Flat(), torch.zeros(1, 3, 4, 4), settings(epsilon=0.1, surrogate_steps=1))
    assert got.maximum[0, 0] == pytest.approx(0.1)


def test_clipping_keeps_attacked_images_in_the_pixel_box(network: Classifier):
    x = torch.full((1, 3, 8, 8), -2.0)  # black, so darkening is impossible
    free, boxed = (measure(network, x, settings(epsilon=0.5, clip_to_pixel_box=clip)) for clip in (False, True))
    assert (boxed.maximum <= free.maximum + 1e-6).mean() > 0.9
    assert not np.array_equal(boxed.maximum, free.maximum)


def test_more_restarts_never_lower_an_extreme(network: Classifier, images: Tensor):
    one, three = measure(network, images, settings()), measure(network, images, settings(restarts=3))
    assert (three.maximum >= one.maximum).all()
    assert (three.minimum <= one.minimum).all()


def test_running_out_of_memory_halves_the_batch_and_goes_on(
    network: Classifier, images: Tensor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    original = FeatureTask.advance

    def hungry(task, states):
        if len(states.step) > 4:
            raise torch.OutOfMemoryError
        original(task, states)

    monkeypatch.setattr(FeatureTask, "advance", hungry)
    got = measure(network, images[:2], settings(steps=4))
    assert "continuing with 4 rows at a time; write sensitivity.batch_size: 4" in caplog.text
    assert got.batch_size == 4
    expected = measure(network, images[:2], settings(steps=4, batch_size=4))
    # Clean values were computed before, at the larger batch size, which rounds differently.
    np.testing.assert_allclose(got.maximum, expected.maximum, rtol=1e-5)
    np.testing.assert_allclose(got.minimum, expected.minimum, rtol=1e-5)


def test_memory_may_run_out_before_the_attack(network: Classifier, images: Tensor, monkeypatch: pytest.MonkeyPatch):
    expected = measure(network, images[:2], settings(steps=4, batch_size=4))
    original = type(network).features

    def hungry(self: Classifier, x: Tensor, **options: bool) -> Tensor:
        if len(x) > 4:
            raise torch.OutOfMemoryError
        return original(self, x, **options)

    monkeypatch.setattr(type(network), "features", hungry)
    assert same(measure(network, images[:2], settings(steps=4)), expected)


def test_a_network_that_is_not_finite_is_reported(network: Classifier, images: Tensor):
    with torch.no_grad():
        network.conv1.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(UserError, match="not finite"):
        measure(network, images, settings())


def test_a_search_in_bfloat16_reports_float32_values_of_points_in_the_ball(network: Classifier, images: Tensor):
    exact = measure(network, images, settings(epsilon=0.1))
    fast = measure(network, images, settings(epsilon=0.1, search_dtype="bfloat16"))
    assert np.array_equal(fast.clean, exact.clean)
    assert (fast.minimum <= fast.clean).all()
    assert (fast.clean <= fast.maximum).all()
    gain, fast_gain = (exact.maximum - exact.clean).mean(), (fast.maximum - fast.clean).mean()
    assert 0.9 * gain < fast_gain < 1.02 * gain
    fall, fast_fall = (exact.clean - exact.minimum).mean(), (fast.clean - fast.minimum).mean()
    assert 0.9 * fall < fast_fall < 1.02 * fall


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cpu_and_gpu_agree_on_average(network: Classifier, images: Tensor):
    make_exact()
    cpu = measure(network, images, settings(epsilon=0.1))
    gpu = measure(network, images, settings(epsilon=0.1), device=torch.device("cuda"))
    np.testing.assert_allclose(gpu.clean, cpu.clean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        (gpu.maximum - gpu.clean).mean(axis=0), (cpu.maximum - cpu.clean).mean(axis=0), rtol=0.03, atol=1e-3
    )


def test_the_network_is_left_as_it_was(network: Classifier, images: Tensor):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measure(network, images, settings(steps=2))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert folded_copy(network) is not network
