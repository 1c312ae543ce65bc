"""The library's arguments: each is what it has to be, or a sentence names it."""

import difflib
import operator
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.config.units import exact
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.devices import device_named
from feature_sensitivity.runtime.errors import UserError

POSITIONS = "mean|all|class|[0-9]{1,9}(,[0-9]{1,9})*"
"""How positions are written, as rules/config.schema.yaml has it."""

EPSILON = r"[0-9]{0,20}\.?[0-9]{1,20}(e[+-]?[0-9]{1,2})?(/[1-9][0-9]{0,8})?"
SMALLEST_EPSILON, LARGEST_EPSILON = 1e-9, 1e6
"""Balls between these have different points in float32, and are no larger than any image."""

LARGEST = 2**63 - 1
ROUNDING = 1e-6
"""By how much pixels may leave [0, 1], as they do when a standardization was undone."""


def text(value: Any, key: str) -> str:
    """Return a text of at least one letter that a file can keep."""
    if not isinstance(value, str) or not value.isprintable() or not value:
        raise UserError(f"{key} is {_shown(value)}; write a text")
    return value


def text_or_none(value: Any, key: str) -> str | None:
    """Return a text, or None."""
    return None if value is None else text(value, key)


def path(value: Any, key: str) -> Path:
    """Return the path that a text or a path names."""
    if not isinstance(value, str | os.PathLike) or not str(value).strip() or "\0" in str(value):
        raise UserError(f"{key} is {_shown(value)}; write a path")
    return Path(value)


def architecture(value: Any) -> dict[str, Any]:
    """Return an architecture's name and arguments."""
    given = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given) or "name" not in given:
        raise UserError(f"architecture is {_shown(value)}; write its name, or name and arguments as a dictionary")
    return {**given, "name": text(given["name"], "the name of the architecture")}


def one_of(value: Any, key: str, allowed: tuple[str, ...]) -> str:
    """Return a value that is one of those allowed."""
    if not isinstance(value, str) or value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1) if isinstance(value, str) else []
        raise UserError(f"{key} is {_shown(value)}; write {' or '.join(near or allowed)}")
    return value


def switch(value: Any, key: str) -> bool:
    """Return True or False."""
    if not isinstance(value, bool | np.bool_):
        raise UserError(f"{key} is {_shown(value)}; write True or False")
    return bool(value)


def epsilon(value: Any, *, unit: str, norm: str) -> str:
    """Return a radius as text: a number above 0, or a fraction of two."""
    number = isinstance(value, str | int | float | np.integer | np.floating) and not isinstance(value, bool)
    spelled = str(value) if number else ""
    if not re.fullmatch(EPSILON, spelled, re.ASCII) or not exact(spelled):
        raise UserError(f"epsilon is {_shown(value)}; write a positive number, or a fraction such as '8/255'")
    if not SMALLEST_EPSILON <= exact(spelled) <= LARGEST_EPSILON:
        raise UserError(
            f"epsilon is {_shown(value)}; write a number from {SMALLEST_EPSILON:g} to {LARGEST_EPSILON:g}: others are "
            "no distances between images"
        )
    if unit == "pixel" and norm == "linf" and exact(spelled) > 1:
        raise UserError(
            f"epsilon is {_shown(value)}, but the whole range of pixels is 1; write a share of it, as '8/255'"
        )
    return spelled


def whole_number(value: Any, key: str, *, at_least: int, at_most: int = LARGEST) -> int:
    """Return a whole number of Python's, NumPy's or PyTorch's."""
    try:
        number = at_least - 1 if isinstance(value, bool | np.bool_) else operator.index(value)
    except (TypeError, RuntimeError, ValueError):
        number = at_least - 1
    if not at_least <= number <= at_most:
        limit = f"{at_least} or more" if number < at_least else f"{at_most} at most"
        raise UserError(f"{key} is {_shown(value)}; write a whole number, {limit}")
    return number


def device(value: Any) -> torch.device | None:
    """Return a device of this machine, or None."""
    if value is not None and not isinstance(value, str | torch.device):
        raise UserError(f"device is {_shown(value)}; write one such as cpu, cuda or cuda:1")
    return None if value is None else device_named(value)


def positions(value: Any) -> str | None:
    """Return where in a map or among tokens features are."""
    if value is not None and not (isinstance(value, str) and re.fullmatch(POSITIONS, value, re.ASCII)):
        raise UserError(f"positions is {_shown(value)}; write 'mean', 'class', 'all', or one position such as '3,4'")
    return value


def features(value: Any) -> int | list[int] | None:
    """Return how many features, or their indices."""
    if value is None:
        return None
    chosen = _array(value, "features")
    if chosen.ndim > 1 or chosen.size == 0 or not np.issubdtype(chosen.dtype, np.integer):
        raise UserError("features must be how many, or a list of indices; leave it out for all")
    if (chosen < 0).any() or len(np.unique(chosen)) < chosen.size or (chosen.ndim == 0 and chosen == 0):
        raise UserError("features must be a number from 1, or different indices from 0")
    return int(chosen) if chosen.ndim == 0 else [int(index) for index in chosen]


def pixels(images: Any, *, channels: int | None = None) -> Tensor:
    """Return images [n, channels, height, width] as uint8 or float32 in [0, 1], on the CPU."""
    found = _array(images, "images")
    if found.dtype.kind not in "uif" or found.dtype.itemsize > 8:
        raise UserError(
            f"images are no numbers of one shape, but {found.dtype}; give an array [n, channels, height, width]"
        )
    if found.ndim != 4 or found.size == 0:
        raise UserError(f"images have the shape {list(found.shape)}; give [n, channels, height, width]")
    if channels is not None and found.shape[1] != channels:
        raise UserError(f"images have {found.shape[1]} channels, the model takes {channels}; give images that fit it")
    if found.dtype != np.uint8 and (
        found.dtype.kind != "f" or not ((found >= -ROUNDING) & (found <= 1 + ROUNDING)).all()
    ):
        raise UserError(
            f"images are {found.dtype} from {float(found.min()):g} to {float(found.max()):g}; give uint8, or floats in "
            "[0, 1], before any standardization"
        )
    if found.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(found))
    return torch.from_numpy(np.ascontiguousarray(found, np.float32)).clamp(0, 1)


def standardization(mean: Any, std: Any, channels: int) -> Standardization:
    """Return the constants that standardize images, one for each channel; without any, those that change nothing."""
    if mean is None and std is None:
        return Standardization.identity(channels)
    constants = [np.atleast_1d(_array(value, "mean or std")) for value in (mean, std) if value is not None]
    if len(constants) < 2 or any(value.shape != (channels,) or value.dtype.kind not in "iuf" for value in constants):
        raise UserError(f"mean and std must both have {channels} numbers, one for each channel of the images")
    given = Standardization(*(tuple(map(float, value)) for value in constants))
    if fault := given.fault():
        raise UserError(f"{fault}; give other constants")
    if max(map(abs, given.mean)) > LARGEST_EPSILON or not all(1e-6 <= number <= 1e6 for number in given.std):
        raise UserError(f"mean is {list(given.mean)} and std {list(given.std)}, which float32 cannot use; give others")
    return given


def numbers(values: Any, key: str, n: int) -> NDArray[np.int64]:
    """Return a whole number from 0 for each image."""
    found = _array(values, key)
    if (
        found.shape != (n,)
        or not np.issubdtype(found.dtype, np.integer)
        or (found < 0).any()
        or (found > np.uint64(LARGEST)).any()
    ):
        raise UserError(f"{key} must be {n} whole numbers from 0, one for each image")
    return found.astype(np.int64)


def measured_features(extrema: Any, variables: tuple[str, ...]) -> xr.Dataset:
    """Return what :func:`.library.measure` returned."""
    if not isinstance(extrema, xr.Dataset) or not {*variables} <= {*extrema.variables}:
        kind = "lacks the variables of one" if isinstance(extrema, xr.Dataset) else f"is a {type(extrema).__name__}"
        raise UserError(
            f"extrema {kind}; give the result of measure, or a file in results/sens/ that xarray has opened"
        )
    return extrema


def _array(values: Any, key: str) -> NDArray[Any]:
    """Return an array in the byte order of this machine."""
    if isinstance(values, Tensor):
        if values.layout is not torch.strided or values.is_meta or values.is_quantized or values.is_nested:
            raise UserError(f"{key} is a tensor that is sparse, nested, quantized or without numbers; give a plain one")
        detached = values.detach().cpu().resolve_conj().resolve_neg()
        values = (detached.float() if detached.dtype is torch.bfloat16 else detached).numpy()
    if isinstance(values, np.ma.MaskedArray):
        raise UserError(f"{key} is a masked array, whose masked numbers would be used; fill or drop them")
    try:
        found = np.asarray(values)
    except Exception as error:  # whatever a class raises that is asked for an array
        raise UserError(f"{key} are no numbers of one shape; give an array") from error
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def _shown(value: Any) -> str:
    """Return a value as text of one line."""
    try:
        shown = " ".join(repr(value).split())
    except Exception:  # whatever the value's own code raises
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
