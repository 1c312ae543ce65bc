"""What share of the exact supremum attacks find, on networks so small that mixed-integer programming solves them.

Fully connected networks are trained on digits of 8 x 8 pixels; a feature is a unit of their second hidden layer, and
the supremum of its movement over an l_inf ball is exact up to the solver's tolerance.
"""

import argparse
from functools import partial

import numpy as np
import torch
from machine import describe
from numpy.typing import NDArray
from problem import by_protocol
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.analysis.estimates import bootstrap, mean_ratio
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.default_definition import max_abs_movement
from feature_sensitivity.evaluation.feature_extrema import measure_extrema
from feature_sensitivity.networks.classifier import Classifier


class SmallNetwork(Classifier):
    """Two hidden layers; the second one's outputs are the features."""

    feature_minimum = 0.0

    def __init__(self, inputs: int, hidden: int, features: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, features)
        self.fc = nn.Linear(features, 10)

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        z = self.second(F.relu(self.first(x.flatten(1))))
        out = F.relu(z)
        if surrogate_relu is False:
            return out
        mask = torch.as_tensor(surrogate_relu).reshape(-1, 1)
        return torch.where(mask, z + (out - z).detach(), out)


def exact_maximum(
    first: nn.Linear, second: nn.Linear, x: NDArray[np.floating], epsilon: float, sign: float, unit: int = 0
) -> float:
    """Return the supremum of sign * second(relu(first(x + d)))[unit] over the l_inf ball, by mixed-integer programming.

    Variables: d, the hidden pre-activations' positive parts h, and a switch s for each hidden unit.
    """
    w, b = first.weight.detach().double().numpy(), first.bias.detach().double().numpy()
    v, c = second.weight.detach().double().numpy()[unit], float(second.bias.detach()[unit])
    hidden, inputs = w.shape
    z = w @ x + b
    spread = epsilon * np.abs(w).sum(1)
    low, high = np.minimum(z - spread, 0), np.maximum(z + spread, 0)
    eye, zero = np.eye(hidden), np.zeros((hidden, hidden))
    constraints = [
        LinearConstraint(np.hstack([-w, eye, zero]), lb=z),  # h >= z + W d
        LinearConstraint(np.hstack([-w, eye, np.diag(-low)]), ub=z - low),  # h <= z + W d - low (1 - s)
        LinearConstraint(np.hstack([np.zeros((hidden, inputs)), eye, np.diag(-high)]), ub=0),  # h <= high s
    ]
    bounds = Bounds(
        np.concatenate([np.full(inputs, -epsilon), np.zeros(2 * hidden)]),
        np.concatenate([np.full(inputs, epsilon), high, np.ones(hidden)]),
    )
    cost = np.concatenate([np.zeros(inputs), -sign * v, np.zeros(hidden)])
    integrality = np.concatenate([np.zeros(inputs + hidden), np.ones(hidden)])
    solved = milp(cost, constraints=constraints, bounds=bounds, integrality=integrality)
    if not solved.success:
        raise RuntimeError(solved.message)
    return float(-solved.fun + sign * c)


def trained(hidden: int, n_features: int, seed: int) -> tuple[SmallNetwork, Tensor]:
    """Return a network trained on the digits, and test images [n, 1, 8, 8] for it."""
    train, test = (load_digits(size=8).splits[name] for name in ("train", "test"))
    standardization = Standardization((0.305,) * 3, (0.33,) * 3)
    torch.manual_seed(seed)
    x, images = (standardization.standardize(torch.from_numpy(split.images))[:, :1] for split in (train, test))
    network, y = SmallNetwork(64, hidden, n_features), torch.from_numpy(train.labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval(), images


def exact_movement(network: SmallNetwork, x: Tensor, epsilon: float) -> NDArray[np.floating]:
    """Return the supremum of every feature's movement, [n_images, n_features]."""
    with torch.no_grad():
        clean = network.features(x).double().numpy()
    solve = partial(exact_maximum, network.first, network.second, epsilon=epsilon)
    moved = np.empty_like(clean)
    for i, image in enumerate(x.flatten(1).double().numpy()):
        for unit in range(clean.shape[1]):
            highest = max(solve(x=image, sign=1.0, unit=unit), 0.0)
            lowest = max(-solve(x=image, sign=-1.0, unit=unit), 0.0)
            moved[i, unit] = max(highest - clean[i, unit], clean[i, unit] - lowest)
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=24)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--networks", type=int, default=2)
    parser.add_argument("--epsilons", nargs="+", default=["0.08", "0.2", "0.5"])
    arguments = parser.parse_args()

    print(describe(torch.device("cpu")))
    print(
        f"{arguments.networks} networks of {arguments.hidden} and {arguments.features} units, {arguments.images} images"
    )
    print(f"\n| epsilon | {' | '.join(f'`{name}`, % of the supremum' for name in PROTOCOLS)} |")
    print("|---" * (len(PROTOCOLS) + 1) + "|")
    networks = [trained(arguments.hidden, arguments.features, seed) for seed in range(arguments.networks)]
    for epsilon in arguments.epsilons:
        exact, found = [], {name: [] for name in PROTOCOLS}  # type: ignore[var-annotated]
        for network, x in networks:
            images = x[: arguments.images]
            exact.append(exact_movement(network, images, float(epsilon)).mean(axis=1))
            for name in PROTOCOLS:
                extrema = measure_extrema(
                    network=network,
                    x=images,
                    image_index=np.arange(len(images)),
                    features=np.arange(arguments.features),
                    standardization=Standardization((0.305,), (0.33,)),
                    settings=by_protocol(name, epsilon),
                    device=torch.device("cpu"),
                )
                found[name].append(max_abs_movement(extrema.clean, extrema.maximum, extrema.minimum).mean(axis=1))
        cells = []
        for name in PROTOCOLS:
            share = bootstrap(mean_ratio, np.concatenate(found[name]), np.concatenate(exact))
            cells.append(f"{100 * share.value:.1f} ({100 * share.low:.1f}-{100 * share.high:.1f})")
        print(f"| {epsilon} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
