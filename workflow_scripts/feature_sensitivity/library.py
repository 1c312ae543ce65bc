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

from feature_sensitivity import arguments
from feature_sensitivity.attacks.norms import NORMS
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import epsilon_columns
from feature_sensitivity.data.standardization import to_unit_range
from feature_sensitivity.evaluation.chosen_features import (
    chosen_features,
    feature_attributes,
    share_at_cap,
    weight_of,
)
from feature_sensitivity.evaluation.feature_extrema import measure_extrema
from feature_sensitivity.evaluation.sensitivity_file import sensitivity_dataset
from feature_sensitivity.networks import checkpoints
from feature_sensitivity.networks.checkpoints import Checkpoint, classifier_of
from feature_sensitivity.networks.constants import register_constants
from feature_sensitivity.networks.copies import copied
from feature_sensitivity.networks.foreign_weights import require_finite
from feature_sensitivity.networks.forward import forward, readable
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.networks.measured import MeasuredNetwork, measured
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.global_settings import exact_settings
from feature_sensitivity.runtime.provenance import version_attributes

__all__ = ["UserError", "feature_table", "load_checkpoint", "load_network", "measure", "wrap"]


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
    """Return a network as a model that can be measured; it is put into eval mode, and stays as it is else.

    The model holds a copy of the network as it is now.

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
        UserError: there is no such layer, the network refuses the images, no gradient passes through it, or its
            weights are not finite.
    """
    if not isinstance(network, nn.Module):
        raise UserError(
            f"network is of type {type(network).__name__}; give a torch.nn.Module that returns logits, or read a file "
            "of weights with load_network"
        )
    layer, positions = arguments.text_or_none(layer, "layer"), arguments.positions(positions)
    channels = None if channels is None else arguments.one_of(channels, "channels", ("first", "last"))
    pixels = arguments.pixels(images)
    standardization = arguments.standardization(mean, std, pixels.shape[1])
    network = readable(network)
    require_finite(network, "network", advice="train it again, or give the weights of an earlier epoch")
    with exact_settings():
        own = copied(network.eval())
        register_constants(own)
        example = standardization.standardize(pixels[:2])
        classifier = measured(own, example, layer=layer, positions=positions, channels=channels)
    return Checkpoint(classifier, standardization, {})


def load_network(
    architecture: str | Mapping[str, Any],
    weights: str | Path | None,
    images: ArrayLike | Tensor,
    *,
    weights_key: str | None = None,
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
        weights: a .pt, .pth or .safetensors file. None: the function or RobustBench gives them; networks of torchvision
            and timm are then random, and a warning says so.
        weights_key: which weights, where a file holds several sets, such as ``state_dict_ema``. None: those that the
            log names.
        images: some that the network takes; ``mean``, ``std``, ``layer``, ``positions``, ``channels``: as for
            :func:`wrap`. Constants of a normalization that the file holds are kept in front of the network, which then
            gets pixels in [0, 1].

    Raises:
        UserError: as for :func:`wrap`, or the weights are of another architecture.
    """
    layer, positions = arguments.text_or_none(layer, "layer"), arguments.positions(positions)
    channels = None if channels is None else arguments.one_of(channels, "channels", ("first", "last"))
    description, file = arguments.architecture(architecture), weights and arguments.path(weights, "weights")
    pixels = arguments.pixels(images)
    given = arguments.standardization(mean, std, pixels.shape[1])
    with exact_settings():
        network, _, normalization, standardization = import_network(
            description,
            Path(file) if file else None,
            to_unit_range(pixels[:4]),
            weights_key=arguments.text_or_none(weights_key, "weights_key"),
            own=given if mean is not None else None,
            default=given,
        )
        classifier = classifier_of(
            network,
            list(pixels.shape[1:]),
            normalization.as_lists() if normalization else None,
            layer=layer,
            positions=positions,
            channels=channels,
        )
    return Checkpoint(classifier, standardization, {})


def load_checkpoint(
    path: str | Path,
    *,
    architecture: str | Mapping[str, Any] | None = None,
    layer: str | None = None,
    positions: str | None = None,
    channels: str | None = None,
) -> Checkpoint:
    """Return a model that the workflow has trained or imported, from a file such as ``results/models/normal.pt``.

    Args:
        path: the file; it is read as tensors and never as code.
        architecture: as for :func:`load_network`, where the network is made by your own code, which a file alone never
            makes run. None: the architecture that the file names, a built-in one or one of torchvision or timm.
        layer: as for :func:`wrap`, and so are ``positions`` and ``channels``.

    Raises:
        UserError: the file cannot be read, does not fit its architecture, or holds numbers that are not finite; there
            is no such layer; or the code that makes the network is another, or has changed.
    """
    layer, positions = arguments.text_or_none(layer, "layer"), arguments.positions(positions)
    channels = None if channels is None else arguments.one_of(channels, "channels", ("first", "last"))
    file = arguments.path(path, "path")
    description = None if architecture is None else arguments.architecture(architecture)
    with exact_settings():
        return checkpoints.load_checkpoint(
            file, architecture=description, layer=layer, positions=positions, channels=channels
        )


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
        unfinished_folder: a folder of its own, where unfinished work is saved several times a minute; after an
            interruption the same call continues from there. One that holds anything else is refused.

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
    unit = arguments.one_of(epsilon_unit, "epsilon_unit", ("pixel", "standardized"))
    norm = arguments.one_of(norm, "norm", tuple(NORMS))
    layer = next((module.layer for module in model.network.modules() if isinstance(module, MeasuredNetwork)), None)
    settings = SensitivitySettings(
        norm=norm,
        epsilon_unit=unit,
        epsilon=arguments.epsilon(epsilon, unit=unit, norm=norm),
        **PROTOCOLS[arguments.one_of(protocol, "protocol", tuple(PROTOCOLS))],
        clip_to_pixel_box=arguments.switch(clip_to_pixel_box, "clip_to_pixel_box"),
        layer=f"{layer.side} of {layer.module or 'the network'}" if layer else None,
        positions=layer.positions if layer else None,
        batch_size=None if batch_size is None else arguments.whole_number(batch_size, "batch_size", at_least=1),
        seed=arguments.whole_number(seed, "seed", at_least=0),
    )
    name, chosen_device = arguments.text(name, "name"), arguments.device(device)
    folder = None if unfinished_folder is None else arguments.path(unfinished_folder, "unfinished_folder")
    pixels = arguments.pixels(images, channels=len(model.standardization.mean))
    wanted = arguments.features(features)
    index = (
        np.arange(len(pixels)) if image_index is None else arguments.numbers(image_index, "image_index", len(pixels))
    )
    label = None if labels is None else arguments.numbers(labels, "labels", len(pixels))
    with exact_settings():
        return _measured(model, pixels, settings, wanted, index, label, name, chosen_device or _best_device(), folder)


def _measured(
    model: Checkpoint,
    pixels: Tensor,
    settings: SensitivitySettings,
    features: int | list[int] | None,
    index: NDArray[np.int64],
    label: NDArray[np.int64] | None,
    name: str,
    device: torch.device,
    unfinished_folder: Path | None,
) -> xr.Dataset:
    unit = settings.epsilon_unit
    attacked = with_inputs_in(unit, model)
    example = model.standardization.standardize(pixels[:2])
    forward(model.network, example.to(next((p.device for p in model.network.parameters()), example.device)))
    chosen = chosen_features(attacked.network.n_features, features, name)
    extrema = measure_extrema(
        network=attacked.network,
        x=attacked.standardization.standardize(pixels),
        image_index=index,
        features=chosen,
        standardization=attacked.standardization,
        settings=settings,
        device=device,
        unfinished_folder=unfinished_folder,
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
            **epsilon_columns(str(settings.epsilon), unit=unit, std=model.standardization.std),
            "batch_size": extrema.batch_size,
            **feature_attributes(attacked.network),
            **version_attributes(device),
        },
    )


def feature_table(extrema: xr.Dataset) -> pd.DataFrame:
    """Return one row for each feature of a result of :func:`measure`, or of a file in ``results/sens/``.

    Columns: ``sensitivity``, ``sensitivity_raw``, ``standard_error``, ``zero_gradient`` and ``at_cap`` as there; means
    over images of ``clean``, ``maximum`` and ``minimum``. The index, ``feature``, is that of the feature in the
    network.
    """
    of_features = ("sensitivity", "sensitivity_raw", "standard_error", "zero_gradient", "at_cap")
    of_images = ("clean", "maximum", "minimum")
    extrema = arguments.measured_features(extrema, ("feature_index", *of_features, *of_images))
    index = pd.Index(extrema["feature_index"].values, name="feature")
    columns = {name: extrema[name].values for name in of_features}
    columns |= {name: extrema[name].mean("image").values for name in of_images}
    return pd.DataFrame(columns, index=index)


@cache
def _best_device() -> torch.device:
    return best_device()
