"""Arrays with named dimensions in one file, netCDF in HDF5: written whole, and checked when they are read."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import write_whole
from feature_sensitivity.runtime.hdf5_files import UnsafeError, open_hdf5

ADVICE = "delete it and run the same command again"

Dimensions = Mapping[str, tuple[str, ...]]
"""The names of an array's dimensions, by the array's name."""


def as_dataset(
    arrays: Mapping[str, NDArray[Any]], *, dimensions: Dimensions, attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Return arrays with named dimensions; booleans among the attributes become 0 and 1, since netCDF has none."""
    return xr.Dataset(
        {name: (dimensions[name], values) for name, values in arrays.items()},
        attrs={name: _as_attribute(value) for name, value in attributes.items()},
    )


def save_dataset(path: Path, data: xr.Dataset) -> None:
    """Write arrays with named dimensions, whole or not at all."""
    compressed = {"zlib": True, "shuffle": True}
    encoding = {name: {"_FillValue": None, **(compressed if values.ndim > 1 else {})} for name, values in data.items()}
    write_whole(path, bytes(data.to_netcdf(engine="h5netcdf", encoding=encoding)))


def write_netcdf(
    path: Path, arrays: Mapping[str, NDArray[Any]], *, dimensions: Dimensions, attributes: Mapping[str, Any]
) -> None:
    """Write what :func:`as_dataset` makes of the same arguments, whole or not at all."""
    save_dataset(path, as_dataset(arrays, dimensions=dimensions, attributes=attributes))


def load_netcdf(path: Path) -> xr.Dataset:
    """Return what a file holds, unchecked; raise :class:`UserError` when it cannot be read."""
    try:
        with open_hdf5(path):
            pass
        # Arrays without named dimensions get phony ones here, so that later checks name what is wrong with them.
        return xr.load_dataset(path, engine="h5netcdf", phony_dims="sort", decode_cf=False)
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the readers raise
        raise UserError(f"{path} cannot be read as HDF5 ({error}); {ADVICE}") from error


def missing_fault(data: xr.Dataset, dimensions: Dimensions) -> str | None:
    """Return which array is not there, or has another number of dimensions, in words that follow the file's path."""
    missing = [name for name in dimensions if name not in data]
    if missing:
        return f" lacks {', '.join(missing)}"
    for name, expected in dimensions.items():
        if data[name].ndim != len(expected):
            return f": {name} is an array of {data[name].ndim} dimensions, expected {len(expected)}"
    return None


def shape_fault(
    data: xr.Dataset, dimensions: Dimensions, *, sizes: Mapping[str, int], integers: Collection[str]
) -> str | None:
    """Return which array has another shape or type than int64, for ``integers``, or float32, for the others."""
    for name, expected_dimensions in dimensions.items():
        values = data[name].values
        shape = [sizes[dimension] for dimension in expected_dimensions]
        expected = f"{'int64' if name in integers else 'float32'} {shape}"
        found = f"{values.dtype} {list(values.shape)}"
        if found != expected:
            return f": {name} is {found}, expected {expected}"
    return None


def infinite_fault(data: xr.Dataset, name: str) -> str | None:
    """Return how many numbers of an array are not finite, if any."""
    n = int(np.sum(~np.isfinite(data[name].values)))
    return f": {name} holds {n} values that are not finite" if n else None


def _as_attribute(value: Any) -> Any:
    """Return a number as HDF5 stores it best: h5netcdf makes an array of one element of any other."""
    if isinstance(value, str):
        return value
    return np.asarray(int(value) if isinstance(value, bool | np.bool_) else value)
