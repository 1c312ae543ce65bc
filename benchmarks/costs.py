"""The model of costs behind the estimates at the start of a run, fitted to the engine on several networks.

A forward pass takes the time of its operations, that of the values which its layers write, and a constant. Each network
is predicted from a fit to the others. Networks take turns on one core; a rate is the difference between a long and a
short run, so that what happens once per run does not count.
"""

import argparse
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from machine import describe, seconds
from numpy.typing import NDArray
from problem import Problem
from scipy.optimize import nnls
from torch import nn

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build, with_sizes
from feature_sensitivity.networks.pass_cost import pass_cost

IMAGES, SHORT, LONG = 8, 2, 6
"""Images in a run, and steps of the two runs."""


@dataclass(frozen=True)
class Case:
    """A built-in network, and on how many of its features it is measured."""

    name: str
    width: int
    size: int
    features: int

    @property
    def pass_costs(self) -> NDArray[np.float64]:
        """Operations, values written and 1, of one forward pass."""
        cost = pass_cost(self.network(), [3, self.size, self.size])
        return np.array([cost["flop"], cost["values"], 1], np.float64)

    def network(self) -> nn.Module:
        """The network, not trained."""
        return build(with_sizes({"name": self.name}, width=self.width, in_channels=3, n_classes=10))

    def problem(self) -> Problem:
        """The untrained network, which keeps all rows active, with random images."""
        torch.manual_seed(0)
        network = self.network().train()
        with torch.no_grad():
            for _ in range(4):
                network(torch.randn(16, 3, self.size, self.size))
        x = torch.randn(IMAGES, 3, self.size, self.size)
        return Problem(network.eval(), x, np.arange(IMAGES), Standardization.identity(3), 0)


CASES = (
    Case("resnet18", 8, 16, 64),
    Case("resnet18", 16, 16, 64),
    Case("resnet18", 8, 32, 64),
    Case("resnet18", 16, 32, 32),
    Case("resnet18", 32, 32, 16),
    Case("resnet18", 64, 32, 4),
    Case("preactresnet18", 16, 32, 32),
    Case("wideresnet-16-2", 16, 32, 16),
    Case("wideresnet-22-1", 16, 32, 16),
    Case("resnet50", 16, 32, 8),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="times that the networks take turns; medians are shown")
    n_rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    device = torch.device("cpu")
    problems = [case.problem() for case in CASES]
    rounds = [
        [step_seconds(case, problem, device) for case, problem in zip(CASES, problems, strict=True)]
        for _ in range(n_rounds)
    ]
    measured = np.array([median(values) for values in zip(*rounds, strict=True)])
    # A step is a forward pass and the half of a backward pass that leads to the input, which costs as much.
    costs = np.array([2 * case.pass_costs for case in CASES])
    print(f"{describe(device)}; {n_rounds} rounds\n")
    print("| network | width | pixels | step, ms | predicted from the others, ms | ratio |\n|---|---|---|---|---|---|")
    for i, case in enumerate(CASES):
        others = [j for j in range(len(CASES)) if j != i]
        predicted = costs[i] @ fitted(costs[others], measured[others])
        values = f"{1000 * measured[i]:.2f} | {1000 * predicted:.2f} | {predicted / measured[i]:.2f}"
        print(f"| {case.name} | {case.width} | {case.size} | {values} |")
    flop, value, image = fitted(costs, measured)
    print(f"\n{1 / flop:.3g} operations/s, {1 / value:.3g} values/s, {image:.2g} s for each image")


def step_seconds(case: Case, problem: Problem, device: torch.device) -> float:
    """Return the time of one step of one row."""
    features = min(case.features, problem.n_features)
    short, long = (
        seconds(lambda steps=steps: problem.measure(0.08, device, features=features, steps=steps), device)  # type: ignore[misc]
        for steps in (SHORT, LONG)
    )
    return (long - short) / ((LONG - SHORT) * 2 * IMAGES * features)


def fitted(costs: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return seconds per unit of each cost, none below 0, for the least sum of squared relative errors."""
    return nnls(costs / measured[:, None], np.ones(len(measured)))[0]


if __name__ == "__main__":
    main()
