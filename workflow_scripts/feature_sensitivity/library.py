"""How far can a small perturbation move each feature of your network? The package as a library.

Three lines measure it:

    from feature_sensitivity.library import feature_table, measure, wrap

    model = wrap(network, images, mean=[0.4914, 0.4822, 0.4465], std=[0.2470, 0.2435, 0.2616])
    extrema = measure(model, images, epsilon="8/255")
    print(feature_table(extrema))

``network`` is any torch.nn.Module that returns logits; ``images`` are an array [n, channels, height, width], uint8 or
floats in [0, 1]. In place of :func:`wrap`, :func:`load_network` reads a file of weights, and :func:`load_checkpoint`
a model that the workflow has trained. ``extrema`` is an xarray.Dataset with the variables of the workflow's files in
``results/sens/``, the table a pandas.DataFrame with a row for each feature. Mistakes in the arguments raise a
:class:`UserError`, which says what to write instead. Progress and warnings go to the logger ``feature_sensitivity``.
"""

import difflib
import operator
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from feature_sensitivity.attacks.norms import NORMS
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import epsilon_columns, exact
from feature_sensitivity.data.standardization import Standardization, to_unit_range
from feature_sensitivity.evaluation.chosen_features import (
    chosen_features,
    feature_attributes,
    share_at_cap,
    weight_of,
)
from feature_sensitivity.evaluation.feature_extrema import measure_extrema
from feature_sensitivity.evaluation.sensitivity_file import sensitivity_dataset
from feature_sensitivity.networks.checkpoints import Checkpoint, classifier_of, load_checkpoint
from feature_sensitivity.networks.constants import register_constants
from feature_sensitivity.networks.forward import forward
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.networks.measured import MeasuredNetwork, measured
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.devices import best_device, device_named, make_exact
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.provenance import version_attributes
from feature_sensitivity.runtime.torch_modes import ordinary_modes

__all__ = ["UserError", "feature_table", "load_checkpoint", "load_network", "measure", "wrap"]

POSITIONS = "mean|class|all|[0-9]+(,[0-9]+)*"
"""How positions are written, as rules/config.schema.yaml has it."""

ROUNDING = 1e-6
"""By how much pixels may leave [0, 1], as they do when a standardization was undone."""


@ordinary_modes()
def wrap(
    network: nn.Module,
    images: ArrayLike | Tensor,
    *,
    mean: ArrayLike | None = None,
    std: ArrayLike | None = None,
    layer: str | None = None,
    positions: str | None = None,
    channels: str | None = None,
) -> Checkpoint:
    """Return a network as a model that can be measured; it is put into eval mode, and its weights stay as they are.

    Args:
        network: returns logits [n, n_classes]; gradients pass through it to its input.
        images: some that it takes, [n, channels, height, width], uint8 or floats in [0, 1].
        mean: with ``std``, one number for each channel: it gets (images - mean) / std. None: it gets pixels in [0, 1].
        std: see ``mean``.
        layer: name of the module whose output has the features. None: the inputs of the linear map that makes the
            logits, or the outputs where there is none.
        positions: where ``layer`` gives a map or tokens: ``mean`` over them, ``class`` for the first token, ``all``, or
            one, as ``"3,4"``. None: the mean, or the class token where the logits are made of it alone.
        channels: which axis of the map or tokens has the channels, ``first`` or ``last``. None: as the operations that
            made them show.

    Raises:
        UserError: there is no such layer, the network refuses the images, or no gradient passes through it.
    """
    if not isinstance(network, nn.Module):
        raise UserError(
            f"network is of type {type(network).__name__}; give a torch.nn.Module that returns logits, or read a file "
            "of weights with load_network"
        )
    pixels = _pixels(images)
    standardization = _standardization(mean, std, pixels)
    example = standardization.standardize(pixels[:2])
    register_constants(network)
    classifier = measured(network, example, layer=layer, positions=_positions(positions), channels=_channels(channels))
    return Checkpoint(classifier, standardization, {})


@ordinary_modes()
def load_network(
    architecture: str | Mapping[str, Any],
    weights: str | Path | None,
    images: ArrayLike | Tensor,
    *,
    mean: ArrayLike | None = None,
    std: ArrayLike | None = None,
    layer: str | None = None,
    positions: str | None = None,
    channels: str | None = None,
) -> Checkpoint:
    """Return a model from a file of weights, read as tensors and never as code.

    Args:
        architecture: ``resnet18``, ``resnet50``, ``preactresnet18``, ``wideresnet-28-10`` of any depth and width,
            ``torchvision:NAME``, ``timm:NAME``, ``robustbench:NAME``, or ``path/file.py:function``, which is run. With
            keyword arguments: ``{"name": "timm:vit_tiny_patch16_224", "img_size": 32}``.
        weights: a .pt, .pth or .safetensors file. None: the function or RobustBench gives them.
        images: some that the network takes; ``mean``, ``std``, ``layer``, ``positions``, ``channels``: as for
            :func:`wrap`. Constants of a normalization that the file holds are kept in front of the network, which then
            gets pixels in [0, 1].

    Raises:
        UserError: as for :func:`wrap`, or the weights are of another architecture.
    """
    pixels = _pixels(images)
    description = {"name": architecture} if isinstance(architecture, str) else architecture
    given = _standardization(mean, std, pixels)
    network, _, normalization, standardization = import_network(
        description,
        Path(weights) if weights else None,
        to_unit_range(pixels[:4]),
        own=given if mean is not None else None,
        default=given,
    )
    classifier = classifier_of(
        network,
        list(pixels.shape[1:]),
        normalization.as_lists() if normalization else None,
        layer=layer,
        positions=_positions(positions),
        channels=_channels(channels),
    )
    return Checkpoint(classifier, standardization, {})


@ordinary_modes()
def measure(
    model: Checkpoint,
    images: ArrayLike | Tensor,
    *,
    epsilon: str | float,
    epsilon_unit: str = "pixel",
    norm: str = "linf",
    protocol: str = "paper",
    clip_to_pixel_box: bool = False,
    features: int | ArrayLike | None = None,
    labels: ArrayLike | None = None,
    image_index: ArrayLike | None = None,
    name: str = "network",
    seed: int = 0,
    device: str | torch.device | None = None,
    batch_size: int | None = None,
    unfinished_folder: str | Path | None = None,
) -> xr.Dataset:
    """Return how far each feature can be moved at each image, as PGD finds it: lower bounds of the true extrema.

    Args:
        model: what :func:`wrap`, :func:`load_network` or :func:`load_checkpoint` returned.
        images: [n, channels, height, width], uint8 or floats in [0, 1].
        epsilon: radius of the ball, a number or a fraction such as ``"8/255"``.
        epsilon_unit: ``pixel``, a share of the pixel range; or ``standardized``, in units of (pixel - mean) / std.
        norm: ``linf`` or ``l2``.
        protocol: ``paper`` (20 steps; Hu et al. 2022), ``fast`` (as far in 7 steps) or ``strong`` (farther, in
            300).
        clip_to_pixel_box: keep perturbed images within pixels in [0, 1].
        features: how many, the first ones, or a list of indices from 0. None: all.
        labels: class of each image [n], kept with the result.
        image_index: whole numbers [n] that name the images' random starts. None: 0, 1, 2, ...
        name: of the model, kept with the result.
        seed: of the random starts.
        device: such as ``cuda:1`` or ``cpu``. None: a GPU if there is one.
        batch_size: rows attacked at a time by a GPU or by each core. None: what fits the device.
        unfinished_folder: where unfinished work is saved several times a minute; after an interruption the same call
            goes on from there.

    Returns:
        ``clean``, ``maximum``, ``minimum`` [image, feature]; ``sensitivity``, the mean over images of the larger of
        maximum - clean and clean - minimum, times the feature's largest absolute weight in the linear layer behind it
        (Hu et al. 2022, Definition 2), ``sensitivity_raw`` without the weight, ``standard_error`` of ``sensitivity``,
        ``zero_gradient``, the share of images at which a feature cannot begin to rise, ``at_cap``, that at which it has
        the greatest value it can have [feature]; ``weight``
        [class, feature]; ``image_index``, ``feature_index``, and ``label`` if given. Settings are attributes.

    Raises:
        UserError: an argument is wrong, or the network's output for an image is random or depends on other images.
    """
    if not isinstance(model, Checkpoint):
        raise UserError(f"model is of type {type(model).__name__}; give what wrap(network, images) returns")
    batch_size = None if batch_size is None else _whole_number(batch_size, "batch_size", at_least=1)
    _check_spelling(epsilon_unit=epsilon_unit, norm=norm, protocol=protocol)
    layer = next((module.layer for module in model.network.modules() if isinstance(module, MeasuredNetwork)), None)
    settings = SensitivitySettings(
        norm=norm,
        epsilon_unit=epsilon_unit,
        epsilon=_epsilon(epsilon, epsilon_unit, norm),
        **PROTOCOLS[protocol],
        clip_to_pixel_box=bool(clip_to_pixel_box),
        layer=f"{layer.side} of {layer.module or 'the network'}" if layer else None,
        positions=layer.positions if layer else None,
        batch_size=batch_size,
        seed=_whole_number(seed, "seed", at_least=0),
    )
    used = device_named(device) if device is not None else _best_device()
    make_exact()  # each time: a notebook may have set precision and algorithms for its own ends
    attacked = with_inputs_in(epsilon_unit, model)
    pixels = _pixels(images, channels=len(model.standardization.mean))
    example = model.standardization.standardize(pixels[:2])
    forward(model.network, example.to(next((p.device for p in model.network.parameters()), example.device)))
    x = attacked.standardization.standardize(pixels)
    index = _numbers(image_index, "image_index", len(x)) if image_index is not None else np.arange(len(x))
    label = _numbers(labels, "labels", len(x)) if labels is not None else None
    chosen = chosen_features(attacked.network.n_features, _features(features), name)
    extrema = measure_extrema(
        network=attacked.network,
        x=x,
        image_index=index,
        features=chosen,
        standardization=attacked.standardization,
        settings=settings,
        device=used,
        unfinished_folder=Path(unfinished_folder) if unfinished_folder is not None else None,
    )
    return sensitivity_dataset(
        clean=extrema.clean,
        maximum=extrema.maximum,
        minimum=extrema.minimum,
        zero_gradient=extrema.zero_gradient.mean(axis=0).astype(np.float32),
        at_cap=share_at_cap(extrema.clean, attacked.network.feature_maximum),
        weight=weight_of(attacked.network, chosen),
        image_index=index,
        label=label,
        feature_index=chosen,
        attributes={
            "model": name,
            **settings.attributes(),
            **epsilon_columns(str(settings.epsilon), unit=epsilon_unit, std=model.standardization.std),
            "batch_size": extrema.batch_size,
            **feature_attributes(attacked.network),
            **version_attributes(used),
        },
    )


def feature_table(extrema: xr.Dataset) -> pd.DataFrame:
    """Return one row for each feature of a result of :func:`measure`, or of a file in ``results/sens/``.

    Columns: ``sensitivity``, ``sensitivity_raw``, ``standard_error``, ``zero_gradient`` and ``at_cap`` as there; means
    over images of ``clean``, ``maximum`` and ``minimum``. The index, ``feature``, is that of the feature in the
    network.
    """
    index = pd.Index(extrema["feature_index"].values, name="feature")
    of_features = ("sensitivity", "sensitivity_raw", "standard_error", "zero_gradient", "at_cap")
    of_images = ("clean", "maximum", "minimum")
    columns = {name: extrema[name].values for name in of_features}
    columns |= {name: extrema[name].mean("image").values for name in of_images}
    return pd.DataFrame(columns, index=index)


@cache
def _best_device() -> torch.device:
    return best_device()


def _check_spelling(*, epsilon_unit: str, norm: str, protocol: str) -> None:
    """Raise :class:`UserError` for a value that the key does not have."""
    allowed = {
        "epsilon_unit": (epsilon_unit, ("pixel", "standardized")),
        "norm": (norm, tuple(NORMS)),
        "protocol": (protocol, tuple(PROTOCOLS)),
    }
    for key, (value, values) in allowed.items():
        if value not in values:
            near = difflib.get_close_matches(str(value), values, n=1) or values
            raise UserError(f"{key} is {value!r}; write {' or '.join(near)}")


def _epsilon(epsilon: str | float, unit: str, norm: str) -> str:
    try:
        positive = exact(epsilon) > 0
    except (ValueError, ZeroDivisionError):
        positive = False
    if not positive:
        raise UserError(f"epsilon is {epsilon!r}; write a positive number, or a fraction such as '8/255'")
    if unit == "pixel" and norm == "linf" and exact(epsilon) > 1:
        raise UserError(f"epsilon is {epsilon!r}, but the whole range of pixels is 1; write a share of it, as '8/255'")
    return str(epsilon)


def _whole_number(value: Any, key: str, *, at_least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = at_least - 1
    if number < at_least:
        raise UserError(f"{key} is {value!r}; write a whole number, {at_least} or more")
    return number


def _positions(positions: str | None) -> str | None:
    if positions is not None and not re.fullmatch(POSITIONS, str(positions)):
        raise UserError(f"positions is {positions!r}; write 'mean', 'class', 'all', or one position such as '3,4'")
    return positions


def _channels(channels: str | None) -> str | None:
    if channels not in (None, "first", "last"):
        raise UserError(f"channels is {channels!r}; write 'first' or 'last'")
    return channels


def _features(features: int | ArrayLike | None) -> int | list[int] | None:
    if features is None:
        return None
    chosen = _array(features)
    if chosen.ndim > 1 or chosen.size == 0 or not np.issubdtype(chosen.dtype, np.integer):
        raise UserError("features must be how many, or a list of indices; leave it out for all")
    if (chosen < 0).any() or len(np.unique(chosen)) < chosen.size or (chosen.ndim == 0 and chosen == 0):
        raise UserError("features must be a number from 1, or different indices from 0")
    return int(chosen) if chosen.ndim == 0 else [int(index) for index in chosen]


def _pixels(images: ArrayLike | Tensor, *, channels: int | None = None) -> Tensor:
    """Return images [n, channels, height, width] as uint8 or float32 in [0, 1], on the CPU."""
    try:
        pixels = images.detach().cpu() if isinstance(images, Tensor) else torch.from_numpy(np.ascontiguousarray(images))
    except (TypeError, ValueError) as error:
        raise UserError("images are no numbers of one shape; give an array [n, channels, height, width]") from error
    if pixels.ndim != 4 or len(pixels) == 0:
        raise UserError(f"images have the shape {list(pixels.shape)}; give [n, channels, height, width]")
    if channels is not None and pixels.shape[1] != channels:
        raise UserError(f"images have {pixels.shape[1]} channels, the model takes {channels}; give images that fit it")
    if pixels.dtype == torch.uint8:
        return pixels
    if not pixels.is_floating_point() or not bool(((pixels >= -ROUNDING) & (pixels <= 1 + ROUNDING)).all()):
        raise UserError(
            f"images are {str(pixels.dtype).removeprefix('torch.')} from {float(pixels.min()):g} to "
            f"{float(pixels.max()):g}; give uint8, or floats in [0, 1], before any standardization"
        )
    return pixels.float().clamp(0, 1)


def _standardization(mean: ArrayLike | None, std: ArrayLike | None, pixels: Tensor) -> Standardization:
    channels = pixels.shape[1]
    if mean is None and std is None:
        return Standardization.identity(channels)
    constants = [np.atleast_1d(_array(value)) for value in (mean, std) if value is not None]
    if len(constants) < 2 or any(value.shape != (channels,) or value.dtype.kind not in "iuf" for value in constants):
        raise UserError(f"mean and std must both have {channels} numbers, one for each channel of the images")
    given = Standardization(*(tuple(map(float, value)) for value in constants))
    if fault := given.fault():
        raise UserError(f"{fault}; give other constants")
    return given


def _array(values: ArrayLike | Tensor) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _numbers(values: ArrayLike, key: str, n: int) -> NDArray[np.int64]:
    numbers = _array(values)
    if numbers.shape != (n,) or not np.issubdtype(numbers.dtype, np.integer) or (numbers < 0).any():
        raise UserError(f"{key} must be {n} whole numbers from 0, one for each image")
    return numbers.astype(np.int64)
