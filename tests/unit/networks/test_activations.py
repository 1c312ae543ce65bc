"""The activation before the features: its bounds, and the straight-through gradient at it."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.library import measure, wrap
from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.measured import measured


class Pooled(nn.Module):
    """Features are averages of ``activation`` of a convolution's map, which mostly lies where its gradient is zero."""

    def __init__(self, shift: float = -2.0, scale: float = 1.0) -> None:
        super().__init__()
        self.c, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)
        with torch.no_grad():
            self.c.weight *= scale
            self.c.bias += shift

    def activation(self, z: Tensor) -> Tensor:
        return F.relu(z)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.activation(self.c(x)).mean((2, 3)))


class InPlace(Pooled):
    def activation(self, z: Tensor) -> Tensor:
        return z.relu_()


class AtTheCap(Pooled):
    def __init__(self) -> None:
        super().__init__(shift=9.0)
        self.act = nn.ReLU6(inplace=True)

    def activation(self, z: Tensor) -> Tensor:
        return self.act(z)


class Hardtanh(Pooled):
    def activation(self, z: Tensor) -> Tensor:
        return F.hardtanh(z, -0.5, 0.5)


class Clamped(Pooled):
    def activation(self, z: Tensor) -> Tensor:
        return z.clamp(min=0.0, max=1.0)


class Hardsigmoid(Pooled):
    def __init__(self) -> None:
        super().__init__(shift=-9.0)

    def activation(self, z: Tensor) -> Tensor:
        return F.hardsigmoid(z)


class JumpReLU(Pooled):
    def activation(self, z: Tensor) -> Tensor:
        return z * (z > 0.5)


class TopK(Pooled):
    def activation(self, z: Tensor) -> Tensor:
        values, index = z.flatten(1).topk(5, dim=1)
        return torch.zeros_like(z.flatten(1)).scatter(1, index, F.relu(values)).view_as(z)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return torch.where(z > 0.5, z, torch.zeros_like(z))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient * (ctx.saved_tensors[0] > 0.5)


class GateModule(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return _Gate.apply(z)


class OwnFunction(Pooled):
    """An activation with code of its own for both directions, in a module."""

    def __init__(self) -> None:
        super().__init__(shift=0.2)
        self.gate = GateModule()

    def activation(self, z: Tensor) -> Tensor:
        return self.gate(z)


KINDS = {
    Pooled: (0.0, torch.inf), InPlace: (0.0, torch.inf), AtTheCap: (0.0, 6.0), Hardtanh: (-0.5, 0.5),
    Clamped: (0.0, 1.0), Hardsigmoid: (0.0, 1.0), JumpReLU: (-torch.inf, torch.inf), TopK: (0.0, torch.inf),
    OwnFunction: (-torch.inf, torch.inf),
}  # fmt: skip


@pytest.fixture
def x() -> Tensor:
    return torch.rand(4, 3, 10, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_passes_as_through_the_identity_and_values_stay(kind: type[Pooled], masked: bool, x: Tensor):
    torch.manual_seed(0)
    network = kind().eval()
    classifier = attack_copy(measured(network, x), x)
    assert classifier.has_surrogate
    assert (classifier.feature_minimum, classifier.feature_maximum) == KINDS[kind]
    rows = torch.tensor([True, False, True, False]) if masked else True
    points, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    values, own = classifier.features(points, surrogate_relu=rows), classifier.features(plain)
    assert torch.equal(values, own)
    (gradient,) = torch.autograd.grad(values.sum(), points)
    (own_gradient,) = torch.autograd.grad(own.sum(), plain)
    (of_identity,) = torch.autograd.grad(network.c(points).mean((2, 3)).sum(), points)
    expected = torch.where(torch.as_tensor(rows).view(-1, 1, 1, 1), of_identity, own_gradient)
    torch.testing.assert_close(gradient, expected)
    assert not torch.allclose(own_gradient, of_identity)


@pytest.mark.parametrize("activation", [F.gelu, torch.tanh, F.silu])
def test_where_no_gradient_is_zero_there_is_no_surrogate(activation, x: Tensor):
    network = Pooled().eval()
    network.activation = activation
    classifier = measured(network, x)
    assert not classifier.has_surrogate
    assert (classifier.feature_minimum, classifier.feature_maximum) == (-torch.inf, torch.inf)


class SparseAutoencoder(nn.Module):
    """Behind a network's layer: a code of which the largest are kept, and what it makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)
        self.encoder, self.decoder, self.code = nn.Linear(8, 32), nn.Linear(32, 8), TopKModule()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.decoder(self.code(self.encoder(F.relu(self.c(x)).mean((2, 3))))))


class TopKModule(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        top = torch.topk(z, 4, dim=-1)
        code = torch.zeros_like(z)
        code.scatter_(-1, top.indices, top.values.relu())
        return code


def test_latents_of_a_sparse_autoencoder_that_are_off_have_a_direction(x: Tensor):
    network = SparseAutoencoder().eval()
    classifier = attack_copy(measured(network, x, layer="code"), x)
    points = x.clone().requires_grad_()
    values = classifier.features(points, surrogate_relu=True)
    off = (values == 0).nonzero()[0]
    (gradient,) = torch.autograd.grad(values[tuple(off)], points)
    assert gradient[off[0]].abs().max() > 0
    assert torch.equal(values, classifier.features(x))


def test_the_attack_switches_on_more_latents_than_random_corners(x: Tensor):
    torch.manual_seed(0)
    network = SparseAutoencoder()
    nn.init.normal_(network.encoder.weight)
    model = wrap(network, x, layer="code")
    found = measure(model, x, epsilon="16/255", protocol="fast", device="cpu")
    generator = torch.Generator().manual_seed(0)
    corners = [torch.randn(x.shape, generator=generator).sign() for _ in range(300)]
    with torch.no_grad():
        random = torch.stack([model.network.features(x + 16 / 255 * corner) for corner in corners]).amax(0)
    off = torch.from_numpy(found.clean.values) == 0
    by_attack = int(((torch.from_numpy(found.maximum.values) > 0) & off).sum())
    assert by_attack > int(((random > 0) & off).sum()) > 0
