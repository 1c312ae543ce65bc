"""What others do: a feature's extremes by foolbox's l_inf PGD, by a plain PyTorch loop, and, on a GPU, by the attacker
of MadryLab's robustness, on torchvision's ResNet18.

They run in a process of their own, because the engine changes how its process allocates memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import eagerpy as ep
import foolbox as fb
import numpy as np
import torch
from foolbox.attacks import LinfProjectedGradientDescentAttack
from machine import seconds as seconds_of
from plain_attacks import auto_pgd
from problem import STEPS
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from feature_sensitivity.attacks.pgd import input_gradient
from feature_sensitivity.attacks.random_starts import random_start


@dataclass
class Rows:
    """Rows to attack: inputs [n, ...], starts, features [n] and signs [n] (+1 maximizes)."""

    x: Tensor
    start: Tensor
    feature: Tensor
    sign: Tensor

    def to(self, device: torch.device) -> "Rows":
        """The rows on another device."""
        return Rows(*(t.to(device) for t in (self.x, self.start, self.feature, self.sign)))

    def split(self, size: int) -> Iterator["Rows"]:
        """The rows in batches."""
        for first in range(0, len(self.feature), size):
            yield Rows(*(t[first : first + size] for t in (self.x, self.start, self.feature, self.sign)))


def sample_rows(x: Tensor, index: np.ndarray, n_features: int, epsilon: float, n: int) -> Rows:
    """``n`` random rows of the protocol, with the engine's own starts, for images x on the CPU."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, len(x), n)
    feature, direction = rng.integers(0, n_features, n), rng.integers(0, 2, n)
    names = {"image": index[image], "feature": feature, "direction": direction, "restart": np.zeros(n, np.int64)}
    start = random_start(
        seed=0,
        **{name: torch.from_numpy(values) for name, values in names.items()},
        shape=x.shape[1:],
        epsilon=epsilon,
        norm="linf",
    )
    signs = torch.from_numpy(1.0 - 2.0 * direction).float()
    return Rows(x[torch.from_numpy(image)], start, torch.from_numpy(feature), signs)


class Features(ResNet):
    """torchvision's ResNet18 with the small stem, up to its penultimate features."""

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for i, stride in enumerate((1, 2, 2, 2)):
            setattr(self, f"layer{i + 1}", self._make_layer(BasicBlock, width * 2**i, 2, stride))
        self.fc = nn.Linear(8 * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.avgpool(self.layer4(self.before_layer4(x))).flatten(1)

    def before_layer4(self, x: Tensor) -> Tensor:
        return self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))

    def pre_activation(self, x: Tensor) -> Tensor:
        """What the last ReLU is given."""
        first, last = self.layer4
        x = first(self.before_layer4(x))
        return last.bn2(last.conv2(last.relu(last.bn1(last.conv1(x))))) + x


class FeatureAttack(LinfProjectedGradientDescentAttack):
    """foolbox's attack with a feature as its objective and a given start."""

    def __init__(self, rows: Rows, **options: float) -> None:
        super().__init__(random_start=True, **options)
        self.rows = rows

    def get_loss_fn(self, model: fb.Model, labels: ep.Tensor) -> Callable[[ep.Tensor], ep.Tensor]:
        def loss(inputs: ep.Tensor) -> ep.Tensor:
            features = model(inputs).raw
            chosen = features[torch.arange(len(features), device=features.device), self.rows.feature]
            return ep.astensor((self.rows.sign * chosen).sum())

        return loss

    def get_random_start(self, x0: ep.Tensor, epsilon: float) -> ep.Tensor:
        return x0 + ep.astensor(self.rows.start)


def attack_with_foolbox(network: nn.Module, rows: Rows, epsilon: float, *, steps: int = STEPS) -> None:
    model = fb.PyTorchModel(network.eval(), bounds=(-10, 10), device=rows.x.device)
    attack = FeatureAttack(rows, abs_stepsize=2.5 * epsilon / steps, steps=steps)
    labels = torch.zeros(len(rows.x), dtype=torch.int64, device=rows.x.device)
    attack.run(model, rows.x, fb.criteria.Misclassification(labels), epsilon=epsilon)


def attack_plainly(network: nn.Module, rows: Rows, epsilon: float, *, steps: int = STEPS) -> None:
    """The loop that one would write by hand."""
    d, index = rows.start, torch.arange(len(rows.x), device=rows.x.device)
    for _ in range(steps):
        point = (rows.x + d).requires_grad_()
        values = rows.sign * network(point)[index, rows.feature]
        (gradient,) = torch.autograd.grad(values.sum(), point)
        d = (d + 2.5 * epsilon / steps * gradient.sign()).clamp(-epsilon, epsilon)


@dataclass
class FeatureRows:
    """What :func:`auto_pgd` asks of rows, on this network."""

    network: nn.Module
    rows: Rows
    epsilon: float

    def starts(self) -> Tensor:
        return self.rows.start

    def gradients(self, perturbation: Tensor) -> tuple[Tensor, Tensor]:
        return input_gradient(self._objective, self.rows.x + perturbation)

    @torch.no_grad()
    def values(self, perturbation: Tensor) -> Tensor:
        return self._objective(self.rows.x + perturbation)

    def _objective(self, points: Tensor) -> Tensor:
        index = torch.arange(len(points), device=points.device)
        return self.rows.sign * self.network(points)[index, self.rows.feature]


def attack_with_auto_pgd(network: nn.Module, rows: Rows, epsilon: float, *, steps: int) -> None:
    auto_pgd(FeatureRows(network, rows, epsilon), steps)  # type: ignore[arg-type]


class AnyOptions(nn.Module):
    """The network with the options that robustness gives to its own ones."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, **_: bool) -> Tensor:
        return self.network(x)


def attack_with_robustness(network: nn.Module, rows: Rows, epsilon: float) -> None:
    """At its defaults. It clamps inputs to [0, 1] as if they were pixels, at the same cost.

    Each step has two forward passes: one of its own for an output that a custom loss has no use for, and the loss's.
    """
    from robustness.attacker import AttackerModel

    index = torch.arange(len(rows.x), device=rows.x.device)

    def loss(model: nn.Module, x: Tensor, target: Tensor) -> tuple[Tensor, None]:
        return rows.sign * model(x)[index, target], None

    unchanged = SimpleNamespace(mean=torch.zeros(rows.x.shape[1]), std=torch.ones(rows.x.shape[1]))
    model = AttackerModel(AnyOptions(network), unchanged).to(rows.x.device)
    options = {"constraint": "inf", "eps": epsilon, "step_size": epsilon / 8, "iterations": STEPS}
    model(rows.x + rows.start, rows.feature, make_adv=True, custom_loss=loss, orig_input=rows.x, **options)


class Peer(NamedTuple):
    """An attack, whether the weights require gradients under it, and whether it runs on a GPU only."""

    attack: Callable[..., None]
    weight_gradients: bool
    needs_gpu: bool = False


PEERS = {
    "foolbox, as documented": Peer(attack_with_foolbox, weight_gradients=True),
    "foolbox, parameters frozen": Peer(attack_with_foolbox, weight_gradients=False),
    "plain loop, parameters frozen": Peer(attack_plainly, weight_gradients=False),
    "Auto-PGD on the feature, parameters frozen": Peer(attack_with_auto_pgd, weight_gradients=False),
    "robustness, at its defaults": Peer(attack_with_robustness, weight_gradients=True, needs_gpu=True),
}


def names(device: torch.device) -> list[str]:
    """The peers that can run there."""
    return [name for name, peer in PEERS.items() if device.type == "cuda" or not peer.needs_gpu]


_network: dict[str, nn.Module] = {}


def load(state_dict: dict[str, Tensor], device: str) -> None:
    """Make this process ready."""
    width, n_classes = len(state_dict["conv1.weight"]), len(state_dict["fc.weight"])
    network = Features(width, n_classes)
    network.load_state_dict(state_dict)
    use(network, device)


def use(network: nn.Module, device: str) -> None:
    """Let the peers attack the outputs of this network."""
    _network["it"] = network.eval().to(device)


def seconds(name: str, rows: Rows, epsilon: float, batch_size: int, **options: Any) -> float:
    """How long a peer takes for these rows; ``options`` go to its attack."""
    peer = PEERS[name]
    network = _network["it"].requires_grad_(peer.weight_gradients)
    device = next(network.parameters()).device
    batches = list(rows.to(device).split(batch_size))
    return seconds_of(lambda: [peer.attack(network, batch, epsilon, **options) for batch in batches], device)
