"""BatchNorm is folded where that gives the same, on any image: pair by pair, an activation of a subclass kept."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.graph import NORMS
from feature_sensitivity.networks.measured import MeasuredNetwork, measured


class WithActivation(nn.BatchNorm2d):
    """As timm's BatchNormAct2d."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.drop, self.act = nn.Identity(), nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(x)))


class Clipped(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).clamp(max=50.0)


class Twice(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class PaddedConv(nn.Conv2d):
    """Pads as TensorFlow does."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))


class StandardizedConv(nn.Conv2d):
    """Its weights have mean 0 and variance 1."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias, padding=self.padding)


class Chain(nn.Module):
    """Three pairs of a convolution and a norm, of which the second is ``conv`` and ``norm``."""

    def __init__(self, conv: type[nn.Conv2d] = nn.Conv2d, norm: type[nn.BatchNorm2d] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.c1, self.n1 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.c2, self.n2 = conv(8, 8, 3, padding=1), norm(8)
        self.c3, self.n3 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)
        for norm_ in (self.n1, self.n2, self.n3):
            nn.init.uniform_(norm_.running_mean, -1, 1)
            nn.init.uniform_(norm_.running_var, 0.5, 2)
            nn.init.uniform_(norm_.weight, 0.5, 2)
            nn.init.uniform_(norm_.bias, -1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.n1(self.c1(x)))
        x = F.silu(self.n2(self.c2(x)))
        return self.fc(F.silu(self.n3(self.c3(x))).mean((2, 3)))


class Untraceable(Chain):
    """Decides by values, which torch.fx cannot follow."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if float(x.detach().abs().max()) < 1e9 else x / 2)


class Shortcut(Untraceable):
    """The second convolution's output is used beside its norm, too."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.n1(self.c1(x + 0 * float(x.detach().max()))))
        c = self.c2(x)
        x = F.silu(self.n2(c)) + c
        return self.fc(F.silu(self.n3(self.c3(x))).mean((2, 3)))


KINDS: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "plain": (Chain, []),
    "with an activation": (lambda: Chain(norm=WithActivation), []),
    "clipped": (lambda: Chain(norm=Clipped), ["n2"]),
    "scaled": (lambda: Chain(norm=Twice), ["n2"]),
    "padded convolution": (lambda: Chain(conv=PaddedConv), []),
    "standardized convolution": (lambda: Chain(conv=StandardizedConv), ["n2"]),
    "untraceable": (Untraceable, []),
    "untraceable, with a shortcut": (Shortcut, ["n2"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_folded_where_that_gives_the_same(kind: str):
    torch.manual_seed(0)
    made, kept = KINDS[kind]
    network = made().eval().double()
    x = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0)).double()
    classifier = measured(network, x)
    folded = attack_copy(classifier, x)
    assert isinstance(folded, MeasuredNetwork)
    left = [name for name, module in folded.network.named_modules() if isinstance(module, NORMS)]
    assert left == kept
    beyond = (4 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).double()
    torch.testing.assert_close(folded.features(beyond), classifier.features(beyond))
