"""What an interpreter really imports, found without reading any source: from ``sys.modules`` and from bytecode."""

import dis
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType

HEAVY = ("torch", "pandas", "matplotlib.pyplot", "scipy.stats", "h5py")
"""Imported once, before a process is forked for each script; none of them imports a file of the project."""


def main(folder: Path, package: str) -> None:
    """Print as JSON, for each script in ``folder``, the files below ``folder`` that it imports.

    ``loaded`` lists those that are in ``sys.modules`` once the script is imported, ``all`` those that are there once
    the imports inside functions of the project have been executed, too.
    """
    sys.path[0] = str(folder)
    for name in HEAVY:
        importlib.import_module(name)
    scripts = sorted(folder.glob("*.py"))
    print(json.dumps({script.stem: _forked(script.stem, folder, package) for script in scripts}))


def _forked(script: str, folder: Path, package: str) -> dict[str, list[str]]:
    """Return the answer for one script from a process of its own."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        with os.fdopen(writer, "w") as answer:
            importlib.import_module(script)
            loaded = sorted(_project_modules(folder))
            _import_inside_functions(folder, package)
            json.dump({"loaded": loaded, "all": sorted(_project_modules(folder))}, answer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.wait()
    return json.loads(text)


def _project_modules(folder: Path) -> dict[str, ModuleType]:
    """Return the loaded modules of the project by their files."""
    modules = [module for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
    files = {str(Path(module.__file__).resolve()): module for module in modules}
    return {file: module for file, module in files.items() if folder in Path(file).parents}


def _import_inside_functions(folder: Path, package: str) -> None:
    """Execute every import of the project's package in every function of every loaded module, until none is new."""
    done: set[str] = set()
    while waiting := {file: module for file, module in _project_modules(folder).items() if file not in done}:
        for file, module in waiting.items():
            done.add(file)
            for name, names, level in _imports(module.__loader__.get_code(module.__name__)):
                if level or name.split(".")[0] == package:
                    importlib.__import__(name, vars(module), None, names or (), level)


def _imports(code: CodeType) -> Iterator[tuple[str, tuple[str, ...] | None, int]]:
    """Yield module, imported names and level of every import in some bytecode."""
    instructions = [one for one in dis.get_instructions(code) if one.opname != "EXTENDED_ARG"]
    for place, instruction in enumerate(instructions):
        if instruction.opname == "IMPORT_NAME":
            level, names = (constant.argval for constant in instructions[place - 2 : place])
            yield instruction.argval, names, level
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
