"""The linear map that makes the logits: found by what a network does, of whatever kind it is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.networks.measured import measured
from feature_sensitivity.runtime.errors import UserError


class Small(nn.Module):
    """A convolution, ReLU, average, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc, self.other = nn.Conv2d(3, 8, 3), nn.Linear(8, 10), nn.Linear(8, 10)

    def body(self, x: Tensor) -> Tensor:
        return F.relu(self.c(x)).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x))


class Auxiliary(Small):
    def forward(self, x: Tensor) -> Tensor:
        logits = self.fc(self.body(x))
        self.other(self.body(x) ** 2)
        return logits


class Excited(Small):
    """Squeeze and excitation as wide as there are classes, before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Linear(8, 10), nn.Linear(10, 8)

    def body(self, x: Tensor) -> Tensor:
        h = super().body(x)
        return h * torch.sigmoid(self.excite(F.relu(self.squeeze(h))))


class LogSoftmax(Small):
    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(super().forward(x), dim=1)


class Softmax(Small):
    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(super().forward(x), dim=1)


class Sigmoid(Small):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(x))


class PerPosition(Small):
    """The linear layer at every position, then the mean."""

    def body(self, x: Tensor) -> Tensor:
        return F.relu(self.c(x)).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.c(x)).permute(0, 2, 3, 1)).mean((1, 2))


class WithNorm(Small):
    def __init__(self) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(10)
        self.bn.running_var.uniform_(0.5, 2)
        self.bn.running_mean.normal_()

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(super().forward(x))


class OneByOne(Small):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(8, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.c(x))).mean((2, 3))


class TwoViews(Small):
    def body(self, x: Tensor) -> Tensor:
        return (super().body(x) + super().body(x.flip(-1))) / 2

    def forward(self, x: Tensor) -> Tensor:
        return (self.fc(super().body(x)) + self.fc(super().body(x.flip(-1)))) / 2


class TwoHeads(Small):
    """As distilled vision transformers have them."""

    def body(self, x: Tensor) -> Tensor:
        h = super().body(x)
        return torch.cat([h, h**2], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        h = super().body(x)
        return (self.fc(h) + self.other(h**2)) / 2


class OnTheSame(Small):
    """Two layers on the same features."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        return (self.fc(h) + self.other(h)) / 2


class OneForEachClass(Small):
    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(8, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        return torch.cat([head(h) for head in self.heads], dim=1)


class Scaled(Small):
    """A linear layer of its own, and a scale behind it."""

    def __init__(self) -> None:
        super().__init__()

        class Matrix(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = nn.Parameter(torch.randn(8, 10))

            def forward(self, x: Tensor) -> Tensor:
                return x @ self.w

        self.matrix = Matrix()

    def forward(self, x: Tensor) -> Tensor:
        return 3 * self.matrix(self.body(x))


class Untrained(Small):
    """A head of zeros, as before training."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)


class Shared(Small):
    """The same layer twice; the second call makes the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def body(self, x: Tensor) -> Tensor:
        return F.relu(self.fc(super().body(x)))


@pytest.fixture
def x() -> Tensor:
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


HEADS = (Small, Auxiliary, Excited, LogSoftmax, Softmax, Sigmoid, PerPosition, WithNorm, OneByOne, TwoViews, TwoHeads,
         OnTheSame, OneForEachClass, Scaled, Untrained, Shared)  # fmt: skip


@pytest.mark.parametrize("kind", HEADS)
def test_features_are_the_inputs_of_the_map_that_makes_the_logits(kind: type[Small], x: Tensor):
    torch.manual_seed(1)
    network = kind().eval()
    classifier = measured(network, x[:2])
    torch.testing.assert_close(classifier.features(x), network.body(x), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        outputs = network(x)
        scores = {Softmax: torch.log, Sigmoid: torch.logit}.get(kind, lambda outputs: outputs)(outputs)
        made = classifier.last_layer(classifier.features(x))
    difference = made - scores
    assert (difference - difference.mean(dim=1, keepdim=True)).abs().max() < 1e-3 * (1 + scores.abs().max())
    assert classifier(x).argmax(1).tolist() == outputs.argmax(1).tolist()


class Encoder(nn.Module):
    """Blocks around shortcuts, and no head."""

    def __init__(self, *, norm: bool = False) -> None:
        super().__init__()
        self.c, self.up, self.down = nn.Conv2d(3, 12, 4, 4), nn.Linear(12, 24), nn.Linear(24, 12)
        self.norm = nn.LayerNorm(12) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        t = self.c(x).flatten(2).transpose(1, 2)
        return self.norm(t + self.down(F.gelu(self.up(t)))).mean(1)


class Temperature(Small):
    """Logits over a norm of the features: no linear map of them."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        return self.fc(h) / (0.1 + h.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("made", [Encoder, lambda: Encoder(norm=True), Temperature])
def test_where_nothing_linear_makes_the_outputs_they_are_measured_and_the_log_says_so(
    made: Callable[[], nn.Module], x: Tensor, caplog: pytest.LogCaptureFixture
):
    torch.manual_seed(1)
    network = made().eval()
    classifier = measured(network, x)
    torch.testing.assert_close(classifier.features(x), network(x))
    assert classifier.last_layer is None
    assert classifier.feature_layer == "output of the network"
    assert "no linear layer makes the outputs" in caplog.text


def test_a_convolution_with_a_relu_behind_it_has_features_without_weights(x: Tensor, caplog: pytest.LogCaptureFixture):
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()
    classifier = measured(network, x)
    torch.testing.assert_close(classifier.features(x), network[:2](x).mean((2, 3)))
    assert classifier.last_layer is None
    assert "measured without weights" in caplog.text


class Largest(Small):
    """The larger of two heads' logits."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        return torch.maximum(self.fc(h), self.other(h**2))


class MeanOfProbabilities(Small):
    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        return (F.softmax(self.fc(h), 1) + F.softmax(self.other(h**2), 1)) / 2


@pytest.mark.parametrize("kind", [Largest, MeanOfProbabilities])
def test_several_heads_that_are_joined_by_no_linear_map_are_named(kind: type[Small], x: Tensor):
    torch.manual_seed(1)
    with pytest.raises(UserError, match=r"several calls of layers \(fc, other\) make the outputs .*write layer:"):
        measured(kind().eval(), x)


class Permuted(nn.Module):
    """A map with channels last between two with channels first; tokens of both."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.norm, self.up, self.fc = nn.Conv2d(3, 6, 4, 4), nn.LayerNorm(6), nn.Linear(6, 9), nn.Linear(9, 5)
        self.last, self.first, self.tokens, self.mixed = (nn.Identity() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.last(F.gelu(self.up(self.norm(self.c(x).permute(0, 2, 3, 1)))))
        h = self.first(h.permute(0, 3, 1, 2).contiguous() * 2)
        t = self.tokens(h.flatten(2).transpose(1, 2))
        self.mixed(torch.einsum("ntc,nsc->nts", t, t))
        return self.fc(t.mean(1))


@pytest.mark.parametrize(
    ("layer", "n_features"), [("c", 6), ("norm", 6), ("up", 9), ("last", 9), ("first", 9), ("tokens", 9)]
)
def test_the_axis_of_channels_is_followed_through_the_operations(layer: str, n_features: int, x: Tensor):
    network = Permuted().eval()
    classifier = measured(network, x, layer=layer)
    values = []
    network.get_submodule(layer).register_forward_hook(lambda *args: values.append(args[2]))
    network(x)
    axis = 1 if layer in ("c", "first") else -1
    expected = values[0].movedim(axis, -1).flatten(1, -2).mean(1)
    assert classifier.n_features == n_features
    torch.testing.assert_close(classifier.features(x), expected)
    with_weights = layer in ("first", "tokens")  # the head takes their mean
    assert (classifier.last_layer is not None) == with_weights


def test_where_the_axis_of_channels_does_not_show_it_is_asked_for(x: Tensor):
    network = Permuted().eval()
    with pytest.raises(UserError, match=r"layer 'mixed' gives 16 x 16 .*write channels: first, or channels: last"):
        measured(network, x, layer="mixed")
    assert measured(network, x, layer="mixed", channels="last").n_features == 16


class Tokens(nn.Module):
    """A class token, joined behind ``tokens``, which the head reads alone or with the others."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__()
        self.patch, self.cls_token, self.fc = (
            nn.Conv2d(3, 12, 4, 4),
            nn.Parameter(torch.randn(1, 1, 12)),
            nn.Linear(12, 10),
        )
        self.tokens, self.mix, self.joined, self.alone = nn.Identity(), nn.Linear(17, 17), nn.Identity(), alone

    def forward(self, x: Tensor) -> Tensor:
        t = self.tokens(self.patch(x).flatten(2).transpose(1, 2))
        t = torch.cat([self.cls_token.expand(len(t), -1, -1), t], 1)
        t = self.joined(self.mix(t.transpose(1, 2)).transpose(1, 2))
        return self.fc(t[:, 0] if self.alone else t.mean(1))


@pytest.mark.parametrize(("alone", "layer", "positions"), [
    (True, "tokens", "mean"), (True, "joined", "class"), (False, "tokens", "mean"), (False, "joined", "mean"),
])  # fmt: skip
def test_the_class_token_is_taken_only_where_the_head_reads_it(alone: bool, layer: str, positions: str, x: Tensor):
    assert measured(Tokens(alone=alone).eval(), x, layer=layer).layer.positions == positions
