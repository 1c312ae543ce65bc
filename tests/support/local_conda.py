"""A real conda without its channels: for tests of environments where conda-forge is out of reach.

PyPI's conda-lock carries conda itself, which runs out of a virtual environment of its own. What it solves, links and
activates are packages of a channel on disk: this Python, and pip. That pip then installs, as in a user's run, the
versions that the environment's file names, from wheels on disk. A wheel has the name, version and dependencies of what
is installed for these tests, and a path that leads there. So an environment has what its file asks for, no more.
"""

import bz2
import hashlib
import importlib.metadata
import io
import json
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import yaml
from packaging.requirements import Requirement

INSTALLED = ("conda-lock==4.0.3", "pycosat==0.6.6", "pluggy==1.7.0", "conda-package-handling==2.6.0")
INSTALLED += ("tqdm", "archspec", "ruamel.yaml<0.19")
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"

# An empty CONDA_OVERRIDE_CUDA: this conda cannot start the process in which it would look for a GPU.
CONDA = """#!/bin/sh
PIP_NO_INDEX=1 PIP_FIND_LINKS={base}/wheels PIP_DISABLE_PIP_VERSION_CHECK=1 \\
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
    make_channel(channels / "conda-forge", lent=folder / "lent")
    make_wheels(base / "wheels", environments, lent=folder / "lent")
    return base / "condabin"


def make_channel(channel: Path, *, lent: Path) -> None:
    """A channel with two packages, python and pip."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = add_package(channel, "python", version, python_files())
    path_file = {f"{SITE}/pip.pth": f"{lend(lent, 'pip')}\n".encode()}
    pip = add_package(channel, "pip", importlib.metadata.version("pip"), path_file, depends=["python"])
    (channel / "noarch").mkdir()
    for subdir, packages in (("linux-64", dict([python, pip])), ("noarch", {})):
        (channel / subdir / "repodata.json").write_text(
            json.dumps({"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1})
        )


def make_wheels(folder: Path, environments: list[Path], *, lent: Path) -> None:
    """A wheel for each package that pip puts into these environments."""
    folder.mkdir()
    dependencies = [yaml.safe_load(path.read_text())["dependencies"] for path in environments]
    requirements = [Requirement(line) for lines in dependencies for line in lines[-1]["pip"]]
    for name in {one.name for one in requirements if not one.marker or one.marker.evaluate()}:
        version = importlib.metadata.version(name).split("+")[0]
        stem = f"{name.replace('-', '_')}-{version}"
        needs = "".join(f"Requires-Dist: {line}\n" for line in importlib.metadata.requires(name) or [])
        content = {
            f"{name}.pth": f"{lend(lent, name)}\n",
            f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        content[f"{stem}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in content)
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            for path, text in content.items():
                wheel.writestr(path, text)


def python_files() -> dict[str, bytes | Path]:
    """This Python, with a place for packages of its own."""
    interpreter = Path(sys.executable).resolve()
    configuration = f"home = {interpreter.parent}\ninclude-system-site-packages = false\n"
    return {"bin/python": interpreter, "pyvenv.cfg": configuration.encode(), f"{SITE}/README": b""}


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
