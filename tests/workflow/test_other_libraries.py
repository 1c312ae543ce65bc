"""timm and RobustBench, which a run may use but does not need, in an environment that is made for them."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from snakemake_runs import ROOT

PACKAGES = ("robustbench==1.1.1", "timm==1.0.9", "safetensors", "setuptools<81")

ALIAS = "import sys\nimport pyautoattack\nfrom pyautoattack import *\nsys.modules['autoattack'] = pyautoattack\n"
"""RobustBench imports autoattack, which PyPI has under another name."""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with these packages, and with all that this one has."""
    folder = tmp_path_factory.mktemp("libraries")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "this.pth").write_text(sysconfig.get_path("purelib"))
    (packages / "autoattack.py").write_text(ALIAS)
    python = folder / "bin/python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' and '.join(PACKAGES)} could not be installed: {done.stderr.strip().splitlines()[-1]}")
    return python


@pytest.mark.parametrize("library", ["timm", "robustbench"])
def test_its_networks_in_an_environment_that_has_it(python: Path, library: str):
    command = [python, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", f"tests/unit/networks/test_{library}.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout
    assert "passed" in last
    assert "skipped" not in last
