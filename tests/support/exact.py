"""The exact supremum of a feature of a small network, by mixed-integer programming."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import nn


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
