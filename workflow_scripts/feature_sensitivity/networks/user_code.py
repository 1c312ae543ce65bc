"""Networks from the user's own code: a function in a file or in an installed package. That code is run."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from feature_sensitivity.config.user_code import file_of, no_such_function
from feature_sensitivity.networks.constants import register_constants
from feature_sensitivity.runtime.devices import make_exact
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_parts


def network_of_function(name: str, arguments: dict[str, Any]) -> nn.Module:
    """Return what a function ``path/file.py:function`` or ``package.module:function`` gives for these arguments.

    Raises :class:`UserError` when there is none, when it raises, or when it returns no module.
    """
    place, _, function_name = name.rpartition(":")
    module = _module(name, place)
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UserError(no_such_function(place, function_name, known))
    network = _called(name, lambda: function(**arguments))
    if not isinstance(network, nn.Module):
        raise UserError(f"{name} returns a {type(network).__name__}; it must return a torch.nn.Module")
    register_constants(network)
    make_exact()  # the user's code may have set precision and algorithms for its own ends
    return network


def _module(name: str, place: str) -> ModuleType:
    file = file_of(name)
    if file is None:
        return _called(name, lambda: importlib.import_module(place))
    if not file.is_file():
        raise UserError(f"{file} is no file seen from {Path.cwd()}; correct the path in {name}")
    # Under a name of its own, and with its folder last: it may import files beside it, but hides no package.
    own_name = f"user_code_{sha256_of_parts([str(file.resolve()).encode()])[:16]}"
    if own_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(own_name, file)
        assert spec is not None
        assert spec.loader is not None
        if (folder := str(file.resolve().parent)) not in sys.path:
            sys.path.append(folder)
        module = importlib.util.module_from_spec(spec)
        sys.modules[own_name] = module
        try:
            _called(name, lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
        except UserError:
            del sys.modules[own_name]
            raise
    return sys.modules[own_name]


def _called(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # whatever the user's code raises
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{name} raises {type(error).__name__}: {reason}; correct it, or its arguments") from error
