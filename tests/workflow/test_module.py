"""The workflow as a module of another one, in a folder of its own."""

from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from snakemake_runs import run_snakemake

pytestmark = pytest.mark.workflow

OUTER = '''
configfile: workflow.basedir + "/outer.yaml"

module sensitivity:
    snakefile: config["snakefile"]
    config: config["sensitivity"]

use rule * from sensitivity as sensitivity_*

rule mean:
    default_target: True
    input: "results/mine/sens/normal_0.2.h5"
    output: "mean.txt"
    run:
        import h5py
        with h5py.File(input[0]) as file, open(output[0], "w") as text:
            print(file["sensitivity"][:].mean(), file=text)

rule own_shell:
    output: "shell.txt"
    shell:
        """
        cd .
        for word in as usual; do echo $word; done > {output}
        """
'''


def test_another_workflow_takes_this_one_as_a_module_with_its_own_config(workflow: Path, tmp_path: Path):
    own: dict = {}
    for name in ("profiles/demo/config.yaml", "tests/config_tiny.yaml"):
        update_config(own, yaml.safe_load((workflow / name).read_text()))
    own["pathvars"] = {"results": "results/mine"}
    outer, place = tmp_path / "outer", tmp_path / "elsewhere"
    outer.mkdir()
    place.mkdir()
    (outer / "Snakefile").write_text(OUTER)
    settings = {"snakefile": str(workflow / "Snakefile"), "sensitivity": own}
    (outer / "outer.yaml").write_text(yaml.safe_dump(settings))
    done = run_snakemake(place, "--snakefile", str(outer / "Snakefile"), "--cores", "2")
    assert float((place / "mean.txt").read_text()) > 0, done.stdout
    assert sorted(path.name for path in place.iterdir() if not path.name.startswith(".")) == ["mean.txt", "results"]
    assert not (workflow / "results").exists() or not list((workflow / "results").glob("*/"))


def test_shell_commands_of_the_outer_workflow_run_as_without_the_module(workflow: Path, tmp_path: Path):
    (tmp_path / "Snakefile").write_text(OUTER)
    settings = {"snakefile": str(workflow / "Snakefile"), "sensitivity": {}}
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump(settings))
    run_snakemake(tmp_path, "--cores", "1", "shell.txt")
    assert (tmp_path / "shell.txt").read_text() == "as\nusual\n"


def test_a_fault_of_the_module_s_config_is_a_sentence(workflow: Path, tmp_path: Path):
    (tmp_path / "Snakefile").write_text(OUTER)
    settings = {"snakefile": str(workflow / "Snakefile"), "sensitivity": {"epsilons": ["big"]}}
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump(settings))
    done = run_snakemake(tmp_path, "--cores", "1", "-n", check=False)
    assert done.returncode != 0
    assert "epsilons.0 is 'big'; write" in done.stdout
    assert "Traceback" not in done.stdout
