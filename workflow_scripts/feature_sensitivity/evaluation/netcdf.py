"""Arrays with named dimensions in one file, netCDF in HDF5: written whole, with a hash that is checked on reading.

What a file holds is a class, each of whose arrays is annotated with its type and the names of its dimensions:
``clean: Annotated[Array, "image", "feature"]``.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_parts, write_whole
from feature_sensitivity.runtime.hdf5_files import UnsafeError, open_hdf5
from feature_sensitivity.runtime.identity import ADVICE, CONTENT, require_content

T = TypeVar("T")

Dimensions = Mapping[str, tuple[str, ...]]
"""The names of an array's dimensions, by the array's name."""


def dimensions_of(kind: Callable[..., Any]) -> Dimensions:
    """Return the names of the dimensions of every array of a class."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__ for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def as_dataset(
    arrays: Mapping[str, NDArray[Any]], *, dimensions: Dimensions, attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Return arrays with named dimensions; booleans among the attributes become 0 and 1, since netCDF has none."""
    return xr.Dataset(
        {name: (dimensions[name], values) for name, values in arrays.items()},
        attrs={name: _as_attribute(value) for name, value in attributes.items()},
    )


def save_dataset(path: Path, data: xr.Dataset) -> None:
    """Write arrays with named dimensions and the hash of the content, whole or not at all."""
    compressed = {"zlib": True, "shuffle": True}
    encoding = {name: {"_FillValue": None, **(compressed if values.ndim > 1 else {})} for name, values in data.items()}
    whole = data.assign_attrs({CONTENT: content_sha256(data)})
    write_whole(path, bytes(whole.to_netcdf(engine="h5netcdf", encoding=encoding)))


def write_netcdf(path: Path, content: Any, *, attributes: Mapping[str, Any] | None = None) -> None:
    """Write the arrays of an object with named dimensions, and its attributes, unless others are given.

    The file is written whole or not at all; booleans become 0 and 1.
    """
    dimensions = dimensions_of(type(content))
    arrays = {name: getattr(content, name) for name in dimensions}
    numbers = {name: values.astype(np.int64) if values.dtype == bool else values for name, values in arrays.items()}
    given = content.attributes if attributes is None else attributes
    save_dataset(path, as_dataset(numbers, dimensions=dimensions, attributes=given))


def read_netcdf(path: Path, kind: Callable[..., T]) -> T:
    """Return an object of a class with the arrays and attributes of a file; errors as in :func:`load_netcdf`."""
    dimensions = dimensions_of(kind)
    data = load_netcdf(path, dimensions)
    return kind(**{name: data[name].values for name in dimensions}, attributes=data.attrs)


def load_netcdf(path: Path, dimensions: Dimensions) -> xr.Dataset:
    """Return what :func:`save_dataset` wrote, with the arrays that ``dimensions`` names.

    Raises:
        UserError: the file cannot be read, lacks an array, or is not as it was written.
    """
    try:
        with open_hdf5(path):
            pass
        # Arrays without named dimensions get phony ones here, so that the checks below say what is wrong.
        data = xr.load_dataset(path, engine="h5netcdf", phony_dims="sort", decode_cf=False)
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the readers raise
        raise UserError(f"{path} cannot be read as HDF5 ({error}); {ADVICE}") from error
    if missing := [name for name in dimensions if name not in data]:
        raise UserError(f"{path} lacks {', '.join(missing)}; {ADVICE}")
    require_content(path, data.attrs.get(CONTENT), content_sha256(data))
    return data


def content_sha256(data: xr.Dataset) -> str:
    """Return the hash of all arrays with their dimensions, and of all attributes but the one that holds the hash."""
    attributes = {name: np.atleast_1d(value).tolist() for name, value in data.attrs.items() if name != CONTENT}
    parts = [json.dumps(attributes, sort_keys=True).encode()]
    for name in sorted(map(str, data.variables)):
        values = data.variables[name]
        parts += [f"{name} {values.dims} {values.dtype} {values.shape}".encode(), values.values.tobytes()]
    return sha256_of_parts(parts)


def _as_attribute(value: Any) -> Any:
    """Return a number as HDF5 stores it best: h5netcdf makes an array of one element of any other."""
    if isinstance(value, str):
        return value
    return np.asarray(int(value) if isinstance(value, bool | np.bool_) else value)
