import pytest
import torch

from feature_sensitivity.attacks.norms import norm_named, row_norms
from feature_sensitivity.attacks.pgd import accumulated, input_gradient, run_pgd, step_sizes, take_step
from feature_sensitivity.attacks.projection import Bounds, pixel_box, project
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.data.standardization import Standardization

SLACK = 1e-6


def attack(norm: str, *, epsilon: float = 0.3, steps: int = 12) -> Attack:
    return Attack(norm=norm, epsilon=epsilon, steps=steps, step_size=epsilon / 4)


def size(perturbation: torch.Tensor, norm: str) -> torch.Tensor:
    return perturbation.flatten(1).abs().amax(1) if norm == "linf" else row_norms(perturbation)


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_a_linear_objective_rises_by_epsilon_times_the_dual_norm(norm: str, dual: int):
    torch.manual_seed(0)
    weight, x = torch.randn(3, 4, 4), torch.randn(5, 3, 4, 4)
    perturbation = run_pgd(lambda points: (points * weight).sum((1, 2, 3)), x, torch.zeros_like(x), attack=attack(norm))
    gain = (perturbation * weight).sum((1, 2, 3))
    expected = 0.3 * weight.flatten().norm(dual)
    torch.testing.assert_close(gain, expected.expand(5), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("clipped", [False, True])
def test_no_point_leaves_the_ball_or_the_box(norm: str, clipped: bool):
    torch.manual_seed(1)
    x = torch.rand(64, 3, 5, 5)
    bounds = Bounds(torch.zeros(3, 1, 1), torch.ones(3, 1, 1)) if clipped else None
    direction = torch.randn(64, 3, 5, 5)
    pgd = attack(norm)
    perturbation = project(torch.randn_like(x), x, norm=norm, epsilon=pgd.epsilon, bounds=bounds)
    for _ in range(10):
        assert size(perturbation, norm).max() <= pgd.epsilon * (1 + SLACK)
        if clipped:
            assert (x + perturbation).min() >= -SLACK
            assert (x + perturbation).max() <= 1 + SLACK
        gradient = direction * torch.rand_like(x)
        perturbation = take_step(perturbation, gradient, x, length=pgd.step_size, attack=pgd, bounds=bounds)


def test_l2_projection_leaves_points_inside_the_ball_alone():
    inside = torch.full((2, 3), 0.01)
    assert torch.equal(project(inside, inside, norm="l2", epsilon=0.3), inside)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_zero_gradient_is_a_fixed_point(norm: str):
    x = torch.randn(3, 3, 4, 4)
    start = project(torch.randn_like(x), x, norm=norm, epsilon=0.3)
    moved = take_step(start, torch.zeros_like(x), x, length=0.1, attack=attack(norm))
    torch.testing.assert_close(moved, start, rtol=0, atol=1e-7)


def test_tiny_gradients_still_give_a_whole_l2_step():
    gradient = torch.full((1, 4), 1e-30)
    assert row_norms(norm_named("l2").unit_direction(gradient)) == pytest.approx(1.0)


def test_input_gradient_of_a_row_depends_on_that_row_alone():
    x = torch.randn(4, 3)
    values, gradient = input_gradient(lambda points: points.square().sum(1), x)
    torch.testing.assert_close(values, x.square().sum(1))
    torch.testing.assert_close(gradient, 2 * x)
    assert not x.requires_grad


def test_pixel_box_is_the_standardized_unit_range():
    low, high = pixel_box(Standardization((0.5, 0.25), (0.5, 0.25)), torch.device("cpu"))
    assert low.flatten().tolist() == [-1.0, -1.0]
    assert high.flatten().tolist() == [1.0, 3.0]


def test_decreasing_steps_start_at_the_first_length_and_end_above_0():
    lengths = step_sizes(0.2, steps=4, schedule="cosine")
    assert lengths == pytest.approx([0.2, 0.2 * (1 + 0.5**0.5) / 2, 0.1, 0.2 * (1 - 0.5**0.5) / 2])
    assert step_sizes(0.2, steps=4, schedule="linear") == pytest.approx([0.2, 0.15, 0.1, 0.05])
    assert step_sizes(0.2, steps=3, schedule="constant") == [0.2] * 3


def test_momentum_sums_gradients_of_unit_mean_size():
    first = accumulated(torch.tensor([[3.0, -1.0], [0.0, 0.0]]), torch.zeros(2, 2), 0.5)
    torch.testing.assert_close(first, torch.tensor([[1.5, -0.5], [0.0, 0.0]]))
    second = accumulated(torch.tensor([[0.2, 0.2], [0.0, 0.0]]), first, 0.5)
    torch.testing.assert_close(second, torch.tensor([[1.75, 0.75], [0.0, 0.0]]))


def test_annealed_steps_settle_where_constant_ones_cannot():
    """A narrow peak between two iterates of constant steps."""
    peak = torch.full((1, 3, 4, 4), 0.0317)
    x, start = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), -0.3)

    def distance(**changes) -> float:
        chosen = Attack(norm="linf", epsilon=0.3, steps=20, step_size=0.0375, **changes)
        found = run_pgd(lambda points: -(points - peak).abs().sum((1, 2, 3)), x, start, attack=chosen)
        return float((found - peak).abs().max())

    assert distance(schedule="cosine") < 0.3 * distance()
