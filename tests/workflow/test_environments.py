"""The conda environments and the pip lock name the same versions."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
PIP_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch"}


def locked_versions() -> dict[str, str]:
    """What pip installs for a run on the Python and the system that the environments are for."""
    system = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux"}
    lock = (ROOT / "envs/pip/run.txt").read_text()
    requirements = [Requirement(line) for line in re.findall(r"^(\w[^\\]*==[^\\]*)", lock, re.MULTILINE)]
    fitting = [one for one in requirements if one.marker is None or one.marker.evaluate(system)]
    return {one.name: str(one.specifier).removeprefix("==") for one in fitting}


def pins(path: Path) -> dict[str, str]:
    """Package and version of each line of an environment."""
    environment = yaml.safe_load(path.read_text())
    assert environment.keys() == {"channels", "dependencies"}
    assert environment["channels"] == ["conda-forge"]
    matches = [re.fullmatch(r"([a-z0-9_-]+)=([\d.]+)", line) for line in environment["dependencies"]]
    assert all(matches), "a pin is name=version: a build is one machine's"
    return dict(match.groups() for match in matches if match)


def drifted(pinned: dict[str, str], locked: dict[str, str]) -> dict[str, tuple[str, str | None]]:
    """Pins whose package pip does not have at that version, with what it has."""
    in_pip = {name: locked.get(PIP_NAMES.get(name, name)) for name in pinned if name != "python"}
    return {name: (pinned[name], version) for name, version in in_pip.items() if version != pinned[name]}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_and_pip_have_the_same_versions(path: Path):
    assert not drifted(pins(path), locked_versions())


def test_drift_is_noticed():
    locked = {"torch": "2.1", "numpy": "2.0"}
    assert drifted({"python": "3.11", "pytorch": "2.1", "numpy": "2.0"}, locked) == {}
    assert drifted({"pytorch-gpu": "2.2", "numpy": "2.0", "h5py": "3"}, locked) == {
        "pytorch-gpu": ("2.2", "2.1"),
        "h5py": ("3", None),
    }


def test_the_builds_of_pytorch_differ_in_nothing_else():
    plain, cpu, cuda = (
        (ROOT / f"envs/compute{build}.yaml").read_text().splitlines() for build in ("", "_cpu", "_cuda")
    )
    for line, of_cpu, of_cuda in zip(plain, cpu, cuda, strict=True):
        if "pytorch" in line:
            assert of_cpu == line.replace("pytorch", "pytorch-cpu")
            assert of_cuda == line.replace("pytorch", "pytorch-gpu")
        else:
            assert line == of_cpu == of_cuda
