"""The text of the rules."""

import re
import subprocess
import sys

import pytest
import yaml

from snakemake_runs import ROOT

FILES = {path.name: path.read_text() for path in (ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk")))}
BLOCKS = [block for text in FILES.values() for block in re.split(r"^ *(?:use )?rule ", text, flags=re.MULTILINE)[1:]]
WITH_SCRIPT = {block.split(":")[0]: block for block in BLOCKS if "script:" in block}


def test_a_rule_has_the_name_of_its_script():
    for name, block in WITH_SCRIPT.items():
        assert f'"../workflow_scripts/{name}.py"' in block
    assert WITH_SCRIPT.keys() == {script.stem for script in (ROOT / "workflow_scripts").glob("*.py")}


def code_parameter(script: str) -> re.Pattern[str]:
    return re.compile(rf'code=code_of(_study)?\("{script}"[,)]')


def test_a_rule_depends_on_the_code_of_its_script():
    parameters = {name: block.partition("params:")[2] for name, block in WITH_SCRIPT.items()}
    without = {name for name, of_rule in parameters.items() if not code_parameter(name).search(of_rule)}
    assert without == {"tabulate_benchmarks"}, "which runs whenever it is asked for"


def test_a_variant_with_parameters_of_its_own_depends_on_the_same_code():
    variants = {header: block for block in BLOCKS if " as " in (header := block.partition(" with")[0])}
    for header, block in variants.items():
        if "params:" in block:
            assert code_parameter(header.split(" as ")[0]).search(block.partition("params:")[2])


@pytest.mark.parametrize("name", [name for name, text in FILES.items() if "from feature_sensitivity" in text])
def test_parsing_the_rules_imports_nothing_heavy(name: str):
    imports = re.findall(r"^(?:from|import) .*", FILES[name], re.MULTILINE)
    assert imports
    code = "\n".join(["import sys", "sys.path.insert(0, 'workflow_scripts')", *imports, "print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "matplotlib", "pandas", "numpy", "scipy"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("name", ["demo", "cifar10_cpu", "slurm"])
def test_a_profile_sets_the_threads_of_every_measurement(name: str):
    profile = yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())
    computing = {rule for rule, block in WITH_SCRIPT.items() if "threads: compute_threads()" in block}
    variants = re.findall(r"^ *use rule (\w+) as (\w+)", "\n".join(FILES.values()), re.MULTILINE)
    computing |= {variant for rule, variant in variants if rule in computing}
    # A study that is measured as a whole is one job, which may have every core.
    measurements = {rule for rule in computing if rule.startswith(("measure_", "keep_"))} - {"measure_whole_study"}
    assert len(measurements) == 7
    assert measurements <= profile["set-threads"].keys() <= computing


def resources_of(block: str) -> set[str]:
    return set(re.findall(r"^ +(\w+)=", block.partition("resources:")[2].partition("params:")[0], re.MULTILINE))


def test_a_rule_that_is_used_again_asks_for_as_much():
    again = {
        tuple(header.split(" as ")): block for block in BLOCKS if " as " in (header := block.partition(" with")[0])
    }
    changed = {(rule, variant) for (rule, variant), block in again.items() if "resources:" in block}
    assert len(changed) == 3
    for rule, variant in changed:
        assert resources_of(again[rule, variant]) == resources_of(WITH_SCRIPT[rule]) == {"mem_mb", "runtime", "gpu"}
