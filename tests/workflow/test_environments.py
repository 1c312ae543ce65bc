"""Conda's environments hold what pip's lock holds: the same versions, of all that their scripts import."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


def locked(name: str) -> set[str]:
    """The requirements of a lock file, without hashes."""
    text = (ROOT / f"envs/pip/{name}.txt").read_text()
    return {str(Requirement(line)) for line in re.findall(r"^(\w[^\\\n]*==[^\\\n]*)", text, re.MULTILINE)}


def pinned(path: Path) -> list[Requirement]:
    """What pip installs into an environment, to which conda gives nothing but Python and pip."""
    environment = yaml.safe_load(path.read_text())
    python, pip, rest = environment["dependencies"]
    assert (environment["channels"], python, pip) == (["conda-forge"], "python=3.11", "pip")
    return [Requirement(line) for line in rest["pip"]]


def test_there_are_two_environments():
    assert [path.stem for path in ENVIRONMENTS] == ["compute", "report"]


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_and_pip_have_the_same_versions(path: Path):
    system = {"python_version": "3.11", "python_full_version": "3.11.9"}
    for platform in ("linux", "darwin"):
        here = system | {"sys_platform": platform, "platform_machine": "x86_64" if platform == "linux" else "arm64"}

        def installed(requirements: list[Requirement], here: dict[str, str] = here) -> set[tuple[str, str]]:
            return {(r.name, str(r.specifier)) for r in requirements if not r.marker or r.marker.evaluate(here)}

        assert installed(pinned(path)) <= installed([Requirement(line) for line in locked("run")])
    # A package that only some machines need for a run may be one that every machine needs for the tests.
    run, dev = ({(r.name, str(r.specifier)) for r in map(Requirement, locked(name))} for name in ("run", "dev"))
    assert run <= dev, "what is tested is what runs"


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_each_version_is_exact_and_all_that_is_asked_for_is_there(path: Path):
    requirements = pinned(path)
    assert all(str(requirement.specifier).startswith("==") for requirement in requirements)
    wanted = (ROOT / f"envs/pip/{path.stem}.in").read_text().splitlines()
    asked_for = {Requirement(line).name for line in wanted if not line.startswith("#")}
    assert asked_for <= {requirement.name for requirement in requirements}


def test_without_a_network_the_set_up_says_what_to_do(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    command = ["make", f"PYTHON={sys.executable}", ".venv/run"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | nowhere, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "The packages could not be installed, for the reason above." in done.stderr
    assert not (tmp_path / ".venv/run").exists()
