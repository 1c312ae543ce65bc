"""Measures the networks of torchvision and timm, and holds every number against an independent reading of it.

    PYTHONPATH=workflow_scripts python tests/sweep/sweep_networks.py results.csv [--only NAME ...] [--limit N]

A row for each network is appended to the file; those that it has already are left out. For each network, at the
smallest size of images that it takes, with random weights and BatchNorm statistics:

- features: equal to timm's ``forward_head(pre_logits=True)`` (``pre_logits``), or to what a hook of this file sees
  before the classifier (``hook``); of several heads the logits are the linear map (``map``);
- logits: weights times features, up to a constant for each image;
- values and first gradients of the copy that is attacked, in float64, against the network itself;
- extrema: the network itself gives them at the perturbations that the attack found.

``outcome``: ``right``, ``outputs`` or ``unweighted`` (as the log says), ``refused`` (with the sentence), or ``wrong``.
"""

import argparse
import csv
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.feature_extrema import measure_extrema
from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.copies import copied
from feature_sensitivity.networks.folding import pairs_of
from feature_sensitivity.networks.graph import NORMS
from feature_sensitivity.networks.measured import MeasuredNetwork, measured
from feature_sensitivity.runtime.errors import UserError

N_CLASSES = 10
SIZES = (32, 64, 96, 128, 160, 192, 224, 240, 256, 288, 299, 320, 384)
MAX_PARAMETERS = 145e6
COLUMNS = ("library", "network", "family", "size", "outcome", "reading", "layer", "n_features", "folded", "norms",
           "surrogate", "value_error", "gradient_error", "extremum_error", "seconds", "note")  # fmt: skip


def main() -> None:
    """Sweep the networks that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=10**6)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    done = set()
    if arguments.results.exists():
        with arguments.results.open(newline="") as file:
            done = {(row["library"], row["network"]) for row in csv.DictReader(file)}
    else:
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
        arguments.results.write_text(",".join(COLUMNS) + "\n")
    left = [entry for entry in networks() if entry[:2] not in done]
    if arguments.only:
        left = [entry for entry in left if entry[1] in arguments.only]
    for library, name, family, build in left[: arguments.limit]:
        row = {"library": library, "network": name, "family": family, **checked(build)}
        with arguments.results.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        print(
            *(row.get(column, "") for column in ("network", "size", "outcome", "reading", "layer", "note")), flush=True
        )


Build = Callable[..., nn.Module]


def networks() -> Iterator[tuple[str, str, str, Build]]:
    """Yield library, name, family and constructor: torchvision's first, then timm's, one of each family, and so on."""
    from torchvision import models

    for name in models.list_models(module=models):
        yield "torchvision", name, models.get_model_builder(name).__module__.rpartition(".")[2], _torchvision(name)
    import timm

    rounds: list[list[tuple[str, str]]] = []
    for family in timm.list_modules():
        for index, name in enumerate(_by_size(timm.list_models(module=family))):
            while len(rounds) <= index:
                rounds.append([])
            rounds[index].append((name, family))
    for names in rounds:
        for name, family in names:
            yield "timm", name, family, _timm(name)


SMALL = ("atto", "femto", "pico", "nano", "xxs", "zepto", "xs", "tiny", "mini", "small", "_s", "lite", "_t", "18", "b0")


def _by_size(names: list[str]) -> list[str]:
    """Return names, those of small networks first."""
    return sorted(names, key=lambda name: (not any(word in name for word in SMALL), len(name), name))


def _torchvision(name: str) -> Build:
    from torchvision import models

    def build(**sizes: int) -> nn.Module:
        if sizes and not name.startswith("vit"):
            raise ValueError("it has no img_size")
        renamed = {"image_size": sizes["img_size"]} if sizes else {}
        return models.get_model_builder(name)(weights=None, num_classes=N_CLASSES, **renamed)

    return build


def _timm(name: str) -> Build:
    import timm

    return lambda **sizes: timm.create_model(name, pretrained=False, num_classes=N_CLASSES, **sizes)


def checked(build: Build) -> dict[str, Any]:
    """Return the row of one network."""
    started = time.monotonic()
    row: dict[str, Any] = {}
    try:
        made = _smallest(build)
        if made is None:
            return {"outcome": "left out", "note": f"no size works, or more than {MAX_PARAMETERS:g} weights"}
        network, row["size"] = made
        row |= _compared(network, row["size"])
    except UserError as error:
        row |= {"outcome": "refused", "note": str(error)[:300]}
    except Exception as error:  # what is to be found
        row |= {"outcome": "wrong", "note": f"{type(error).__name__}: {str(error)[:300]}"}
    return {**row, "seconds": f"{time.monotonic() - started:.1f}"}


def _smallest(build: Build) -> tuple[nn.Module, int] | None:
    """Return a network with weights in which nothing is zero, and the smallest size of images that it takes."""
    for sizes in ({}, {"img_size": 32}, {"img_size": 64}, {"img_size": 128}, {"img_size": 224}):
        torch.manual_seed(0)
        try:
            with torch.device("meta"):
                if sum(p.numel() for p in build(**sizes).parameters()) > MAX_PARAMETERS:
                    return None
        except Exception:  # not every network can be made without memory
            pass
        try:
            network = build(**sizes).eval()
        except Exception:  # not every constructor takes this argument
            continue
        if sum(p.numel() for p in network.parameters()) > MAX_PARAMETERS:
            return None
        _draw(network)
        for size in [sizes["img_size"]] if sizes else SIZES:
            try:
                with torch.no_grad():
                    outputs = network(torch.rand(2, 3, size, size))
            except Exception:  # it is too small for the network
                continue
            if (
                isinstance(outputs, Tensor)
                and bool(outputs.isfinite().all())
                and bool((outputs[0] != outputs[1]).any())
            ):
                if size <= 128 or sizes:
                    return network, size
                break
    return (network, size) if isinstance(outputs, Tensor) else None


@torch.no_grad()
def _draw(network: nn.Module) -> None:
    """Give BatchNorm other statistics than 0 and 1, and layers of zeros weights."""
    for module in network.modules():
        if isinstance(module, NORMS) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            if module.weight is not None:
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
    for parameter in network.parameters():
        if not bool(parameter.any()):
            parameter.normal_(0, 0.1)
        elif parameter.numel() > 1 and float(parameter.abs().max()) < 1e-3:
            parameter.mul_(100)  # layer scales of 1e-5 would hide a block


def _compared(network: nn.Module, size: int) -> dict[str, Any]:
    x = torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(0))
    classifier = measured(network, x[:2])
    assert isinstance(classifier, MeasuredNetwork)
    row: dict[str, Any] = {"layer": classifier.feature_layer, "n_features": classifier.n_features}
    row["norms"] = sum(isinstance(module, NORMS) for module in network.modules())
    row["surrogate"] = int(classifier.has_surrogate)
    # A plain copy of its own, in float64, without hooks or heads of the package.
    original = copied(network).double()
    exact = MeasuredNetwork(copied(network).double(), classifier.layer)
    exact.memory_format = classifier.memory_format
    points = x.double()
    reading, expected = _independent(original, points, classifier)
    with torch.no_grad():
        features, logits = exact.features(points), original(points)
    if expected is not None and not _close(features, expected, 1e-9):
        reading = f"not {reading}"
    if classifier.last_layer is not None:
        weight, bias = classifier.last_layer.weight.double(), classifier.last_layer.bias
        made = features @ weight.T + (0 if bias is None else bias.double())
        if not _close(_centred(made), _centred(logits), 1e-4):
            return {**row, "reading": reading, "outcome": "wrong", "note": "the logits are not the map of the features"}
        row["reading"] = reading if not reading.startswith("not") else "map"
    else:
        row["reading"] = reading
    attacked = attack_copy(exact, points)
    row["folded"] = sum(1 for _ in pairs_of(exact)) if attacked is not exact else 0
    index = torch.arange(4) % classifier.n_features
    values, gradient = _gradient(lambda p: attacked.selected_features(p, index), points)
    of_original = _gradient(lambda p: exact.features(p)[torch.arange(4), index], points)
    row["value_error"] = _difference(values, of_original[0])
    row["gradient_error"] = _difference(gradient, of_original[1])
    row["extremum_error"], rounding = _of_extrema(classifier, exact, x[:1])
    wrong = (
        row["value_error"] > 1e-6 or row["gradient_error"] > 1e-5 or row["extremum_error"] > max(1e-3, 10 * rounding)
    )
    if classifier.last_layer is None:
        row["outcome"] = "outputs" if classifier.layer.module == "" else "unweighted"
    elif row["reading"] == "map" and len(classifier.layer.sources) == 1 and reading == "not pre_logits":
        row["note"] = "pre_logits differ"
    return {**row, "outcome": "wrong" if wrong else row.get("outcome", "right")}


def _independent(network: nn.Module, x: Tensor, classifier: MeasuredNetwork) -> tuple[str, Tensor | None]:
    """Return another reading of the features, and what it is called."""
    shape = (len(x), classifier.n_features)
    if hasattr(network, "forward_head") and hasattr(network, "forward_features"):
        try:
            with torch.no_grad():
                values = network.forward_head(network.forward_features(x), pre_logits=True)
            if isinstance(values, Tensor) and values.flatten(1).shape == shape:
                return "pre_logits", values.flatten(1)
        except (TypeError, AttributeError, RuntimeError):
            pass
    seen: list[Tensor] = []
    heads = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d) and N_CLASSES in m.weight.shape[:1]]
    if not heads:
        return "none", None
    heads[-1].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        network(x)
    if len(seen) != 1:
        return "none", None
    value = seen[0]
    if value.ndim == 4:
        value = value.mean((2, 3)) if isinstance(heads[-1], nn.Conv2d) else value.mean((1, 2))
    elif value.ndim == 3:
        value = value.mean(1)
    return ("hook", value) if value.shape == shape else ("none", None)


def _of_extrema(classifier: MeasuredNetwork, exact: MeasuredNetwork, x: Tensor) -> tuple[float, float]:
    """Return by how much extrema of a few features differ from what the network itself gives there, of their reach.

    Second, by how much the network's own features at the image do so in float32.
    """
    features = np.arange(min(2, classifier.n_features))
    settings = SensitivitySettings(
        epsilon="4/255", epsilon_unit="pixel", steps=2, relative_step_size="1/2", batch_size=4
    )
    found = measure_extrema(
        network=classifier,
        x=x,
        image_index=np.arange(len(x)),
        features=features,
        standardization=Standardization.identity(3),
        settings=settings,
        device=torch.device("cpu"),
        keep_points=True,
    )
    error = rounding = 0.0
    with torch.no_grad():
        clean = (classifier.features(x).double() - exact.features(x.double())).abs()
    for extremum, points in ((found.maximum, found.upward), (found.minimum, found.downward)):
        for j in features:
            with torch.no_grad():
                value = exact.features((x + torch.from_numpy(points[:, j])).double())[:, j]
            scale = max(float(np.abs(found.maximum - found.minimum).max()), float(value.abs().max()) * 1e-2, 1e-6)
            rounding = max(rounding, float(clean[:, j].max()) / scale)
            error = max(error, float((value - torch.from_numpy(extremum[:, j]).double()).abs().max()) / scale)
    return error, rounding


def _gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    points = x.clone().requires_grad_()
    values = function(points)
    (gradient,) = torch.autograd.grad(values.sum(), points)
    return values.detach(), gradient


def _difference(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max() / second.abs().max().clamp(min=1e-12))


def _close(first: Tensor, second: Tensor, tolerance: float) -> bool:
    return first.shape == second.shape and _difference(first, second) <= tolerance


def _centred(logits: Tensor) -> Tensor:
    return logits - logits.mean(dim=1, keepdim=True)


if __name__ == "__main__":
    limit = 12 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.exit(main())
