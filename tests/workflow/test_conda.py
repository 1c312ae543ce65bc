"""The workflow in its conda environments, made by a real conda (local_conda.py)."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from local_conda import make_conda
from snakemake_runs import ROOT, TINY, copy_workflow, planned, run_snakemake

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the local channel is for Linux on x86-64"
    ),
]

PROBE = """
import json, sys
from pathlib import Path
NAMES = "torch", "h5py", "matplotlib", "numpy"
found = {name: str(getattr(sys.modules.get(name), "__file__", None)) for name in NAMES}
if "snakemake" in globals():
    Path(snakemake.log[0] + ".json").write_text(json.dumps({"prefix": sys.prefix, **found}))
"""
TARGETS = ("results/tiny/sens/normal_0.08.h5", "results/tiny/accuracy/normal.csv")


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conda's folder, made or not at all."""
    folder = tmp_path_factory.mktemp("conda")
    try:
        return make_conda(folder, [ROOT / f"envs/{name}.yaml" for name in ("compute", "report")])
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no conda: {error}; it is installed from PyPI")


@pytest.fixture(scope="module")
def in_conda(conda: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workflow whose scripts tell where their packages are from, run in conda's environments."""
    folder = copy_workflow(tmp_path_factory.mktemp("in_conda") / "workflow")
    for script in (folder / "workflow_scripts").glob("*.py"):
        script.write_text(script.read_text() + PROBE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{conda}:{os.environ['PATH']}")
        run_snakemake(folder, "--use-conda", *TINY, *TARGETS)
        yield folder


def test_each_script_takes_its_packages_from_its_environment(in_conda: Path):
    probes = list(in_conda.glob("results/tiny/logs/*/*.json"))
    assert {probe.parent.name for probe in probes} == {
        *("fetch_dataset", "train_model", "measure_accuracy", "measure_sensitivity")
    }
    for probe in probes:
        found = json.loads(probe.read_text())
        assert found.pop("prefix").startswith(str(in_conda / ".snakemake/conda/"))
        for name in ("torch", "h5py", "numpy"):
            assert "/lent/" in found[name], f"{probe.parent.name} takes {name} from {found[name]}"


def test_the_environments_lack_nothing_that_the_scripts_import(in_conda: Path):
    """Snakemake lends its own packages to a script, last on its path, which would hide what an environment lacks."""
    run_snakemake(in_conda, "--use-conda", "--conda-create-envs-only", *TINY, "all")
    environments = {
        "torch" if list(prefix.glob("lib/python*/site-packages/torch-*.dist-info")) else "no torch": prefix
        for prefix in (in_conda / ".snakemake/conda").iterdir()
        if (prefix / "bin/python").exists()
    }
    assert environments.keys() == {"torch", "no torch"}
    rules = [rule for path in (in_conda / "rules").glob("*.smk") for rule in path.read_text().split("rule ")]
    scripts: dict[str, list[str]] = {"torch": [], "no torch": []}
    for script in (in_conda / "workflow_scripts").glob("*.py"):
        (rule,) = [rule for rule in rules if f"/{script.name}" in rule]
        scripts["torch" if "envs/compute.yaml" in rule else "no torch"].append(script.stem)
    for name, prefix in environments.items():
        code = f"import sys; sys.path.append({str(in_conda / 'workflow_scripts')!r}); import {', '.join(scripts[name])}"
        done = subprocess.run([prefix / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_switching_conda_reruns_nothing(in_conda: Path):
    assert planned(in_conda, *TINY, *TARGETS) == {}
    assert planned(in_conda, "--use-conda", *TINY, *TARGETS) == {}
    (in_conda / TARGETS[1]).unlink()
    assert planned(in_conda, *TINY, *TARGETS) == {"measure_accuracy": 1}
