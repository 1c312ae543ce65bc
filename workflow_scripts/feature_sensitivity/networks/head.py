"""The linear map that makes a network's logits, found by what the network does when its inputs are replaced."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from feature_sensitivity.networks.calls import Call, Place, recorded, replaced
from feature_sensitivity.networks.copies import copied
from feature_sensitivity.runtime.errors import UserError

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

TOLERANCE = 2e-3
"""Rounding changes logits by less than this share of the largest change."""

MAX_REFUSED = 8
"""Layers that are tried before the outputs are taken to have no linear map."""


class Source(NamedTuple):
    """Where features are read, and how a tensor there becomes a vector.

    ``axis``: that of the channels. ``positions``: ``vector`` for values [n, n_features]; of maps and tokens the
    ``mean``, the ``class`` token, ``all`` of them, or the indices of one, as ``"3,4"``.
    """

    place: Place
    positions: str
    axis: int

    def vector(self, values: Tensor) -> Tensor:
        """Return values [n, ...] as [n, n_features]."""
        match self.positions:
            case "vector":
                return values
            case "all":
                return values.flatten(1)
        by_position = values.movedim(self.axis, -1)
        if self.positions == "mean":
            # Maps with channels first as PyTorch's pooling layers average them.
            return values.flatten(2).mean(dim=2) if self.axis == 1 else by_position.flatten(1, -2).mean(dim=1)
        if self.positions == "class":
            return by_position[:, 0]
        for index in map(int, self.positions.split(",")):
            by_position = by_position.select(1, index)
        return by_position


class Head(NamedTuple):
    """The linear map that makes the logits.

    ``sources``: where its inputs are, side by side; ``averaged``: they are the same layer's, and their mean is meant.
    ``linear``: the layer that holds its weights; where none does, ``weight`` [n_classes, n_features] and ``bias``.
    Both are None where another operation stands between the layer and the outputs.
    """

    sources: tuple[Source, ...]
    averaged: bool = False
    linear: str | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None


def find_head(network: nn.Module, x: Tensor) -> Head | None:
    """Return the linear map whose outputs, up to a constant for each image, are the logits of images [n, ...].

    Each layer that multiplies by weights is tried, the last one first: its input is replaced by others, and the logits
    have to follow linearly, up to a mean over positions or tokens, or a BatchNorm behind it. What then still changes
    the logits has to come from layers beside it, such as a second head. Probabilities count as their logarithms.
    None where no such map makes the outputs.

    Raises :class:`UserError` when several layers make the outputs together, but not linearly.
    """
    search = _Search(_with_weights_that_act(network, x), x)
    for scores in _scores(search.network, x):
        search.scores = scores
        search.record()
        held = search.parallel_linear_calls()
        if held:
            return search.head(held)
    search.scores = _plain
    search.record()
    last = search.calls[-1] if search.calls else None
    if last is not None and search.acts_by_itself(last):
        return Head((search.source(last),))
    heads = search.terminal_calls()
    if len(heads) > 1:
        names = sorted({call.module for call in heads})
        raise UserError(
            f"several calls of layers ({', '.join(names)}) make the outputs of the network together, and no linear map "
            "of their inputs does; write layer: with the name of the one whose output has the features"
        )
    return None


@torch.no_grad()
def _with_weights_that_act(network: nn.Module, x: Tensor) -> nn.Module:
    """Return the network, or where its outputs are the same for all images, a copy without layers of zeros.

    Before training, the last layer is often such a one.
    """
    outputs = network(x)
    if bool((outputs != outputs[:1]).any()):
        return network
    network = copied(network)
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim > 1 and not bool(parameter.any()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network


Scores = Callable[[Tensor], Tensor]


def _plain(outputs: Tensor) -> Tensor:
    return outputs


@torch.no_grad()
def _scores(network: nn.Module, x: Tensor) -> list[Scores]:
    """Return what of the outputs may be linear in features: they themselves, and of probabilities the logits."""
    outputs = network(x)
    if bool(((outputs > 0) & (outputs < 1)).all()):
        sums_to_1 = torch.allclose(outputs.sum(1), outputs.new_ones(len(outputs)), atol=1e-3)
        return [_plain, torch.log if sums_to_1 and outputs.shape[1] > 1 else torch.logit]
    return [_plain]


def _centred(scores: Tensor) -> Tensor:
    """Return scores without what is the same for all classes, which decides nothing."""
    return scores - scores.mean(dim=1, keepdim=True) if scores.shape[1] > 1 else scores


class _Search:
    """Passes of a network on images ``x``, some of whose layers get other inputs."""

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        self.network, self.x = network, x
        self.scores: Scores = _plain
        self.names = [name for name, module in network.named_modules() if name and _multiplies(module)]
        self.calls: list[Call] = []
        self.generator = torch.Generator().manual_seed(0)

    def run(self, values: dict[Place, Tensor]) -> Tensor:
        """Return the scores, with other values at some places."""
        with replaced(self.network, values):
            return self.scores(self.network(self.x))

    def record(self) -> None:
        """Find the calls that matter for the scores, in their order, and keep the graph of how."""
        points = self.x.clone().requires_grad_()
        with torch.enable_grad(), recorded(self.network, self.names) as calls:
            scores = self.scores(self.network(points))
            total = self._projected(scores)
        usable = [call for call in calls if self._is_usable(call)]
        # One backward pass for all.
        self.calls = [call for call, matters in zip(usable, _effects(total, usable), strict=True) if matters]

    def parallel_linear_calls(self) -> list[Call]:
        """Return the calls on whose inputs the scores depend linearly, and on nothing else; [] where there are none."""
        held: list[Call] = []
        n_refused = 0
        for call in reversed(self.calls):
            if any(_effects(self._projected(other.input), [call])[0] for other in held):
                continue  # it lies before one of them
            if self.is_linear(call, held):
                held.append(call)
                if self.nothing_else_matters(held):
                    return held[::-1]
            else:
                n_refused += 1
                if n_refused == MAX_REFUSED:
                    break
        return []

    @torch.no_grad()
    def is_linear(self, call: Call, held: Sequence[Call]) -> bool:
        """Return whether the scores follow a replaced input of the call as a linear map does."""
        fixed = _inputs(held)
        value = call.input.detach()
        size = 3 * value.square().mean().sqrt().clamp(min=1e-3)
        change = size * torch.randn(value.shape, generator=self.generator).to(value)
        place = Place(call.module, "input", call.call)
        there, up, down = (
            _centred(self.run({**fixed, place: moved})) for moved in (value, value + change, value - change)
        )
        moved = (up - down).abs().max()
        return bool((up + down - 2 * there).abs().max() <= TOLERANCE * moved) and bool(moved > 0)

    def nothing_else_matters(self, held: Sequence[Call], side: str = "input") -> bool:
        """Return whether the scores are the same for every image, once the calls have the same values for all."""
        values = _inputs(held) if side == "input" else {Place(c.module, side, c.call): c.output.detach() for c in held}
        same = {place: value[:1].expand_as(value).clone() for place, value in values.items()}
        with torch.no_grad():
            scores = _centred(self.run(same))
            own = _centred(self.run({}))
        spread = (scores - scores[:1]).abs().max()
        return bool(spread <= TOLERANCE * (own - own[:1]).abs().max())

    def source(self, call: Call, gradient: Tensor | None = None) -> Source:
        """Return which positions of a call's input the scores read; without a gradient, their mean."""
        place, axis = Place(call.module, "input", call.call), self._axis(call)
        if call.input.ndim == 2:
            return Source(place, "vector", 1)
        if gradient is None:
            return Source(place, "mean", axis)
        gradient = gradient.movedim(axis, -1)
        sizes = gradient.shape[1:-1]
        by_position = gradient.flatten(1, -2)
        strength = by_position.abs().amax(dim=(0, 2))
        read = (strength > 1e-6 * strength.max()).nonzero()[:, 0].tolist()
        if len(read) == 1 and len(strength) > 1:
            index = ",".join(str(int(i)) for i in torch.unravel_index(torch.tensor(read[0]), sizes))
            return Source(place, "class" if index == "0" else index, axis)
        alike = (by_position - by_position.mean(dim=1, keepdim=True)).abs().max() <= TOLERANCE * strength.max()
        return Source(place, "mean" if bool(alike) else "all", axis)

    def head(self, held: list[Call]) -> Head:
        """Return the linear map on the inputs of these calls."""
        leaves = [call.input.detach().clone().requires_grad_() for call in held]
        values = {Place(call.module, "input", call.call): leaf for call, leaf in zip(held, leaves, strict=True)}
        with torch.enable_grad():
            scores = self.run(values)
        gradients = torch.autograd.grad(self._projected(_centred(scores)), leaves, retain_graph=True)
        sources = [self.source(call, gradient) for call, gradient in zip(held, gradients, strict=True)]
        features = [source.vector(leaf.detach()) for source, leaf in zip(sources, leaves, strict=True)]
        if len(held) == 1 and (found := self._own_weights(held[0], features[0], scores.detach())):
            return Head((sources[0],), linear=found[0], weight=found[1], bias=found[2])
        parts = _jacobians(scores, leaves, sources, features)
        # Several layers on the same values are one with the sum of their weights.
        kept: dict[int, Tensor] = {}
        for index, part in enumerate(parts):
            same = next((other for other in kept if torch.equal(features[other], features[index])), index)
            kept[same] = kept[same] + part if same in kept else part
        parts, features = list(kept.values()), [features[index] for index in kept]
        sources = [sources[index] for index in kept]
        averaged = len({source.place.module for source in sources}) == 1 < len(sources) and all(
            torch.allclose(part, parts[0], rtol=TOLERANCE, atol=1e-6) for part in parts
        )
        weight = sum(parts[1:], parts[0]) if averaged else torch.cat(parts, dim=1)
        values_of = torch.stack(features).mean(0) if averaged else torch.cat(features, dim=1)
        bias = (scores.detach() - values_of @ weight.T).mean(dim=0)
        return Head(tuple(sources), averaged, None, weight, bias)

    def _own_weights(
        self, call: Call, features: Tensor, scores: Tensor
    ) -> tuple[str | None, Tensor | None, Tensor | None] | None:
        """Return the weights of the layer itself, where they make the scores of its features."""
        module = self.network.get_submodule(call.module)
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if not isinstance(weight, Tensor):
            return None
        matrix = weight.detach().flatten(1)
        if matrix.shape != (scores.shape[1], features.shape[1]):
            return None
        offset = bias.detach() if isinstance(bias, Tensor) else matrix.new_zeros(len(matrix))
        difference = _centred(features @ matrix.T + offset) - _centred(scores)
        if difference.abs().max() > TOLERANCE * _centred(scores).abs().max():
            return None
        if isinstance(module, nn.Linear) and "weight" in module._parameters:
            return call.module, None, None
        return None, matrix.clone(), offset.clone()

    @torch.no_grad()
    def acts_by_itself(self, call: Call) -> bool:
        """Return whether each output of the network depends on one channel of this call's output, and nothing else."""
        axis = 1 if isinstance(self.network.get_submodule(call.module), CONVOLUTIONS) else call.output.ndim - 1
        there = self.run({})
        if call.output.shape[axis] != there.shape[1] or not self.nothing_else_matters([call], "output"):
            return False
        value = call.output.detach()
        chosen = torch.arange(there.shape[1], device=value.device) % 2 == 0
        mask = chosen.view([-1 if i == axis else 1 for i in range(value.ndim)])
        moved = self.run({Place(call.module, "output", call.call): torch.where(mask, value + value.std(), value)})
        change = (moved - there).abs()
        return bool(change[:, ~chosen].max() <= TOLERANCE * change[:, chosen].max()) if len(chosen) > 1 else True

    def terminal_calls(self) -> list[Call]:
        """Return the calls with as many outputs as the network that lie before no other layer."""
        n_outputs = self.run({}).shape[1]
        wide = [call for call in self.calls if n_outputs in (call.output.shape[1], call.output.shape[-1])]
        found: list[Call] = []
        for call in reversed(wide):
            later = self.calls[self.calls.index(call) + 1 :]
            if not any(_effects(self._projected(other.output), [call])[0] for other in later):
                found.append(call)
        return found

    def _projected(self, values: Tensor) -> Tensor:
        """Return a sum of values with random weights, in which nothing cancels out."""
        weights = torch.randn(values.shape[1:], generator=torch.Generator().manual_seed(1)).to(values)
        return (values * weights).sum()

    def _axis(self, call: Call) -> int:
        module = self.network.get_submodule(call.module)
        return 1 if isinstance(module, CONVOLUTIONS) else call.input.ndim - 1

    def _is_usable(self, call: Call) -> bool:
        tensors = (call.input, call.output)
        if not all(isinstance(t, Tensor) and t.is_floating_point() and t.ndim > 1 for t in tensors):
            return False
        module = self.network.get_submodule(call.module)
        # What looks at more than one position at a time is no linear map on channels, unless it sees the whole map.
        if isinstance(module, CONVOLUTIONS) and set(module.kernel_size) != {1} and call.output[0, 0].numel() > 1:
            return False
        return len(call.input) == len(self.x) and call.output.requires_grad


def _multiplies(module: nn.Module) -> bool:
    """Return whether a module may be a linear map on features: a layer, a 1x1 convolution, or one with own weights."""
    if isinstance(module, CONVOLUTIONS):
        return module.groups == 1
    own = [parameter for parameter in module.parameters(recurse=False) if parameter.ndim == 2]
    return isinstance(module, nn.Linear) or (bool(own) and not list(module.children()))


def _inputs(calls: Sequence[Call]) -> dict[Place, Tensor]:
    return {Place(call.module, "input", call.call): call.input.detach() for call in calls}


def _effects(total: Tensor, calls: Sequence[Call]) -> list[bool]:
    """Return whether a number depends on the outputs of calls."""
    if not total.requires_grad or not calls:
        return [False] * len(calls)
    outputs = [call.output for call in calls]
    gradients = torch.autograd.grad(total, outputs, retain_graph=True, allow_unused=True)
    return [gradient is not None and bool(gradient.abs().max() > 0) for gradient in gradients]


def _jacobians(
    scores: Tensor, leaves: Sequence[Tensor], sources: Sequence[Source], features: Sequence[Tensor]
) -> list[Tensor]:
    """Return the weights [n_classes, n_features] of each source, up to a constant for each feature."""
    rows: list[list[Tensor]] = [[] for _ in leaves]
    # Where the scores are linear only up to a constant for each image, as after a log_softmax.
    for made in (scores, _centred(scores)):
        rows = [[] for _ in leaves]
        for index in range(scores.shape[1]):
            gradients = torch.autograd.grad(made[0, index], leaves, retain_graph=True)
            for row, gradient in zip(rows, gradients, strict=True):
                row.append(gradient[:1])
        parts = [_on_features(torch.cat(row), source) for row, source in zip(rows, sources, strict=True)]
        predicted = torch.cat(list(features), dim=1) @ torch.cat(parts, dim=1).T
        rest = made.detach() - predicted
        if (rest - rest[:1]).abs().max() <= TOLERANCE * made.detach().abs().max():
            break
    return parts


def _on_features(jacobian: Tensor, source: Source) -> Tensor:
    """Return derivatives by the values of a source, [n_classes, ...], as those by its features."""
    if source.positions == "mean":
        return jacobian.movedim(source.axis, -1).flatten(1, -2).sum(dim=1)
    return source.vector(jacobian)
