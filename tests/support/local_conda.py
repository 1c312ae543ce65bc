"""A real conda without its channels: for tests of environments where conda-forge is out of reach.

PyPI's conda-lock carries conda itself, which runs out of a virtual environment of its own. What it solves, links and
activates are packages of a channel on disk, made of what pip has installed for these tests: each holds the version, and
paths that lead to the installed package. So an environment has what its file asks for and what that depends on, and
nothing else.
"""

import bz2
import hashlib
import importlib.metadata
import io
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import yaml
from packaging.requirements import Requirement

INSTALLED = ("conda-lock==4.0.3", "pycosat==0.6.6", "pluggy==1.7.0", "conda-package-handling==2.6.0")
INSTALLED += ("tqdm", "archspec", "ruamel.yaml<0.19")
PIP_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch"}
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"

# An empty CONDA_OVERRIDE_CUDA: this conda cannot start the process in which it would look for a GPU.
CONDA = """#!/bin/sh
CONDARC={base}/condarc CONDA_ROOT={base} CONDA_OVERRIDE_CUDA= exec {base}/bin/python {base}/conda.py "$@"
"""
MAIN = '''
import importlib, importlib.abc, importlib.util, sys

class Vendored(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """conda imports itself by its own name: give it the modules that conda-lock carries."""

    def find_spec(self, name, path=None, target=None):
        if name == "conda" or name.startswith("conda."):
            return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        module = importlib.import_module(f"conda_lock._vendor.{spec.name}")
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.spec

sys.meta_path.insert(0, Vendored())
from conda_lock._vendor.conda.cli import main
sys.exit(main())
'''
ACTIVATE = '_it="$({base}/bin/conda shell.posix activate "$1")" && eval "$_it"\n'


def make_conda(folder: Path, environments: list[Path]) -> Path:
    """A folder to put first on PATH, whose ``conda`` makes these environments."""
    base, channels = folder / "base", folder / "channels"
    subprocess.run([sys.executable, "-m", "venv", base], check=True)
    subprocess.run([base / "bin/pip", "install", "--quiet", "--no-input", *INSTALLED], check=True)
    settings = {
        "channels": [],
        "default_channels": [],
        "channel_alias": f"file://{channels}",
        "channel_priority": "strict",
        "solver": "classic",
        "offline": True,
        "add_pip_as_python_dependency": False,
        "report_errors": False,
        "register_envs": False,
        "envs_dirs": [str(base / "envs")],
        "pkgs_dirs": [str(base / "pkgs")],
    }
    (base / "condarc").write_text(yaml.safe_dump(settings))
    (base / "conda.py").write_text(MAIN)
    (base / "bin/activate").write_text(ACTIVATE.format(base=base))
    (base / "conda-meta").mkdir()
    (base / "conda-meta/history").touch()  # the mark of a conda installation
    (base / "condabin").mkdir()
    for name in ("bin/conda", "condabin/conda"):
        (base / name).write_text(CONDA.format(base=base))
        (base / name).chmod(0o755)
    make_channel(channels / "conda-forge", environments)
    return base / "condabin"


def make_channel(channel: Path, environments: list[Path]) -> None:
    """Packages of the names that the environments ask for, at the versions that pip has installed."""
    lines = {line for path in environments for line in yaml.safe_load(path.read_text())["dependencies"]}
    pins = dict(line.split("=") for line in lines)
    index = {"python": add_package(channel, "python", pins.pop("python"), python_files())}
    for name in pins:
        paths = [lend(channel.parent / "lent", other) for other in needed(PIP_NAMES.get(name, name))]
        version = importlib.metadata.version(PIP_NAMES.get(name, name)).split("+")[0]
        path_file = "".join(f"{path}\n" for path in sorted(paths)).encode()
        index[name] = add_package(channel, name, version, {f"{SITE}/{name}.pth": path_file}, depends=["python"])
    (channel / "noarch").mkdir()
    for subdir, packages in (("linux-64", dict(index.values())), ("noarch", {})):
        (channel / subdir / "repodata.json").write_text(
            json.dumps({"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1})
        )


def python_files() -> dict[str, bytes | Path]:
    """This Python, with a place for packages of its own."""
    interpreter = Path(sys.executable).resolve()
    configuration = f"home = {interpreter.parent}\ninclude-system-site-packages = false\n"
    return {"bin/python": interpreter, "pyvenv.cfg": configuration.encode(), f"{SITE}/README": b""}


def needed(name: str) -> set[str]:
    """A distribution and all that it depends on, by pip's names."""
    found: set[str] = set()
    todo = [name]
    while todo:
        one = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if one in found:
            continue
        try:
            requirements = map(Requirement, importlib.metadata.requires(one) or [])
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform
        found.add(one)
        todo += [other.name for other in requirements if not other.marker or other.marker.evaluate({"extra": ""})]
    return found


def lend(folder: Path, name: str) -> Path:
    """A folder with links to a distribution's own files, and to no other's."""
    site, lent = Path(sysconfig.get_path("purelib")), folder / name
    lent.mkdir(parents=True, exist_ok=True)
    for top in {file.parts[0] for file in importlib.metadata.files(name) or []} - {"..", "__pycache__"}:
        if not (lent / top).is_symlink():
            (lent / top).symlink_to(site / top)
    return lent


def add_package(
    channel: Path, name: str, version: str, files: dict[str, bytes | Path], depends: list[str] | None = None
) -> tuple[str, dict[str, object]]:
    """Write a conda package of files and links; returns its file name and its entry in the index."""
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends or []}
    index |= {"subdir": "linux-64", "arch": "x86_64", "platform": "linux"}
    paths = [
        {
            "_path": path,
            "path_type": "softlink" if isinstance(content, Path) else "hardlink",
            "sha256": hashlib.sha256(b"" if isinstance(content, Path) else content).hexdigest(),
            "size_in_bytes": 0 if isinstance(content, Path) else len(content),
        }
        for path, content in files.items()
    ]
    info: dict[str, bytes | Path] = {
        "info/index.json": json.dumps(index).encode(),
        "info/files": "".join(f"{path}\n" for path in files).encode(),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in (info | files).items():
            member = tarfile.TarInfo(path)
            member.mode = 0o644
            if isinstance(content, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(content)
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    packed = bz2.compress(buffer.getvalue())
    file = f"{name}-{version}-0.tar.bz2"
    (channel / "linux-64").mkdir(parents=True, exist_ok=True)
    (channel / "linux-64" / file).write_bytes(packed)
    hashes = {"md5": hashlib.md5(packed).hexdigest(), "sha256": hashlib.sha256(packed).hexdigest()}
    return file, {**index, **hashes, "size": len(packed)}
