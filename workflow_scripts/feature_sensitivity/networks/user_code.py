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
    file = file.resolve()
    _make_importable(file.parents[len(_packages_of(file))])
    # Under a name of its own: it hides no other module.
    folders = _packages_of(file)
    own = f"user_code_{sha256_of_parts([str(folders[0] if folders else file).encode()])[:16]}"
    if own not in sys.modules:
        _called(name, lambda: _loaded(own, folders[0] / "__init__.py" if folders else file))
    inside = [folder.name for folder in folders[1:]] + [file.stem]
    return _called(name, lambda: importlib.import_module(".".join([own, *inside]))) if folders else sys.modules[own]


def _loaded(own_name: str, file: Path) -> None:
    folder = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(own_name, file, submodule_search_locations=folder)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[own_name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[own_name]
        raise


def _packages_of(file: Path) -> list[Path]:
    """Return the folders of the packages in which a file lies, the outermost first."""
    outside = (n for n, folder in enumerate(file.parents) if not (folder / "__init__.py").is_file())
    return list(reversed(file.parents[: next(outside)]))


_folders: list[Path] = []
"""The folder whose files the user's code imports, the last one; those before it had others of the same names."""

_known: set[str] = set()
_modules: dict[Path, dict[str, ModuleType]] = {}
"""What was imported before the code of a folder; and, by folder, what its code has imported from there."""


def _make_importable(folder: Path) -> None:
    """Let code import files of this folder, after all packages, and none of the folder before it."""
    if _folders[-1:] == [folder]:
        return
    if _folders:
        before = _folders[-1]
        new = {name: module for name, module in sys.modules.items() if name not in _known}
        _modules[before] = {name: module for name, module in new.items() if _lies_in(module, before)}
        for name in _modules[before]:
            del sys.modules[name]
        sys.path.remove(str(before))
    _known.clear()
    _known.update(sys.modules)
    sys.modules.update(_modules.get(folder, {}))
    sys.path.append(str(folder))
    _folders.append(folder)


def _lies_in(module: ModuleType, folder: Path) -> bool:
    """Return whether a module is a file of a folder, and of no package that is installed below it."""
    file = Path(getattr(module, "__file__", None) or "/").resolve()
    installed = "site-packages" in file.parts or module.__name__.startswith("user_code_")
    return file.is_relative_to(folder) and not installed


def _called(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (Exception, SystemExit) as error:  # whatever the user's code raises; argparse ends the process
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{name} raises {type(error).__name__}: {reason}; correct it, or its arguments") from error
