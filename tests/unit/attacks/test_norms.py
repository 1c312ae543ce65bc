"""Every norm of the table, by what any norm has to fulfil."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

import feature_sensitivity
from feature_sensitivity.attacks.norms import NORMS, Norm, norm_named
from feature_sensitivity.attacks.pgd import run_pgd
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.runtime.errors import UserError

SHAPE = (200, 2, 3, 3)


def length(rows: Tensor, norm: Norm) -> Tensor:
    return torch.linalg.vector_norm(rows.flatten(1), norm.order, dim=1)


@pytest.fixture(params=NORMS)
def norm(request: pytest.FixtureRequest) -> Norm:
    return NORMS[request.param]


def test_a_projection_ends_in_the_ball_and_leaves_its_points_alone(norm: Norm):
    rows = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    projected = norm.project(rows, 0.7)
    assert length(projected, norm).max() <= 0.7 * (1 + 1e-6)
    inside = length(rows, norm) <= 2
    assert torch.equal(norm.project(rows, 2.0)[inside], rows[inside])


def test_no_other_step_of_length_1_follows_the_gradient_better(norm: Norm):
    generator = torch.Generator().manual_seed(1)
    gradient, other = torch.randn(2, *SHAPE, generator=generator)
    step = norm.unit_direction(gradient)
    torch.testing.assert_close(length(step, norm), torch.ones(len(step)))
    gained = (step * gradient).flatten(1).sum(1)
    torch.testing.assert_close(gained, norm.dual(gradient))
    assert (norm.project(other, 1.0) * gradient).flatten(1).sum(1).le(gained).all()
    assert not norm.unit_direction(torch.zeros(SHAPE)).any()


@pytest.mark.parametrize("counted", [False, True])
def test_points_are_uniform_in_the_ball(norm: Norm, counted: bool):
    n, n_values, generator = 20_000, 3, torch.Generator().manual_seed(2)
    if counted:
        numbers = torch.randint(2**24, (n, norm.n_numbers(n_values)), generator=generator)
        points = norm.uniform_from(numbers, 0.5)
    else:
        points = norm.uniform((n, n_values), 0.5, generator)
    assert points.dtype == torch.float32
    reached = length(points, norm) / 0.5
    assert reached.max() <= 1 + 1e-6
    # The share of the volume within a radius is its n-th power.
    assert reached.pow(n_values).mean().item() == pytest.approx(0.5, abs=0.01)
    assert points.mean(0).abs().max() < 0.01


@pytest.mark.parametrize("name", ["l1", "L2", "linf ", "", "2"])
def test_an_unknown_name_is_refused(name: str):
    with pytest.raises(UserError, match="is no norm of perturbations; write linf or l2"):
        norm_named(name)
    attack = Attack(norm=name, epsilon=0.1, steps=1, step_size=0.1)
    with pytest.raises(UserError, match="is no norm"):
        run_pgd(lambda points: points.sum((1, 2, 3)), torch.zeros(SHAPE), torch.zeros(SHAPE), attack=attack)


def test_no_code_that_computes_asks_for_the_name_of_a_norm():
    package = Path(feature_sensitivity.__file__).parent
    asked = re.compile(r"""(?:[=!]= ?|\bin \(?)["'](?:linf|l2)["']""")
    floors = ("attacks", "training", "evaluation", "data", "networks", "runtime", "analysis")
    files = [file for floor in floors for file in (package / floor).rglob("*.py")]
    assert len(files) > 50
    assert [str(file) for file in files if asked.search(file.read_text())] == []
