"""What the plans of the studies say: the settings of each, and where each is named."""

import re
from typing import Any

import pytest

from config_cases import PAPER, merged
from feature_sensitivity.config.protocols import PROTOCOLS, with_protocols
from feature_sensitivity.reporting import protocol
from feature_sensitivity.studies.registry import PLANS, STUDIES
from snakemake_runs import ROOT


@pytest.fixture
def paper() -> dict[str, Any]:
    return merged(with_protocols(PAPER), {})


def test_a_study_states_its_settings_without_quotes_and_null_as_in_the_config(paper: dict[str, Any]):
    paper["studies"]["norms"] = {"epsilons": ["0.5", "1"], "images": 8}
    sentence = PLANS["norms"].protocol(paper)
    assert sentence.startswith(
        "Study: epsilons [0.5, 1], images 8. Accuracy: linf and l2 PGD on the cross-entropy, 20 "
    )
    assert "; all test images. " in sentence
    assert "None" not in sentence
    assert PLANS["definitions"].protocol(paper).startswith("Accuracy: ")


def test_the_error_bounds_state_their_own_attack(paper: dict[str, Any]):
    paper["accuracy"]["norm"] = "l2"
    text = PLANS["error_bounds"].protocol(paper)
    assert "Accuracy: linf PGD on the cross-entropy" in text
    assert "5 restarts, any iterate" in text
    assert "the images of the sensitivities" in text


def test_fewer_images_than_the_most_are_stated(paper: dict[str, Any]):
    paper["sensitivity"]["target_relative_error"] = 0.01
    assert "at most 512 test images" in PLANS["definitions"].protocol(paper)
    assert "sensitivity on at most 512" in protocol.measured(paper)


def test_a_study_states_the_unit_of_epsilon(paper: dict[str, Any]):
    assert PLANS["norms"].protocol(paper).endswith("Epsilon in standardized units (255ths of the pixel range).")
    paper["epsilon_unit"] = "pixel"
    assert PLANS["norms"].protocol(paper).endswith("Epsilon in 255ths of the pixel range (standardized units).")


def test_a_study_states_what_it_rests_on_and_no_more(paper: dict[str, Any]):
    norms = PLANS["norms"].protocol(paper)
    assert norms.count("linf and l2 PGD") == 2
    assert "512 test images under linf, 64 under l2." in norms
    assert "Accuracy: " not in PLANS["crossing"].protocol(paper)
    assert "definition " not in PLANS["definitions"].protocol(paper)
    refit = PLANS["last_layer_refit"].protocol(paper)
    assert "adversarial fit: linf PGD with epsilon 0.08, 7 steps of 5/14 epsilon. Sensitivity: " in refit


@pytest.mark.parametrize("name", ["convergence", "attack_strength"])
def test_a_study_of_attacks_states_every_protocol_and_not_that_of_the_run(name: str, paper: dict[str, Any]):
    paper["sensitivity"] |= {"steps": 123, "restarts": 45}
    sentence = PLANS[name].protocol(paper)
    assert "Protocol paper: linf PGD, 20 steps of 1/8 epsilon, best iterate" in sentence
    assert f"Protocol fast: linf PGD, {PROTOCOLS['fast']['steps']} steps" in sentence
    assert "Protocol strong: " in sentence
    assert sentence.count("definition ") == 1
    assert "123" not in sentence


CODE = ("workflow_scripts", "rules", "profiles", "Snakefile", "config.yaml")
"""Where a study's name is counted: code, rules, schema, and every configuration that the project brings."""


def files_that_name(study: str) -> list[str]:
    """The files of code and configuration, outside the study's folder, in which its name stands as one.

    That is in quotes, as a key, or behind ``studies.`` or ``studies/``; the names of most studies are words besides.
    """
    as_a_name = re.compile(
        rf"""["'`]{study}["'`/]|^ *{study}:|\bstud(?:y|ies)[./]{study}\b|\bstudy {study}\b""", re.MULTILINE
    )
    files = [
        file
        for folder in CODE
        for file in ((ROOT / folder).rglob("*") if (ROOT / folder).is_dir() else [ROOT / folder])
    ]
    texts = [file for file in files if file.suffix in {".py", ".smk", ".yaml", ".rst", ""} and file.is_file()]
    return sorted(
        str(file.relative_to(ROOT))
        for file in texts
        if f"studies/{study}" not in str(file.parent) and as_a_name.search(file.read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_named_in_few_files_outside_its_folder(study: str):
    allowed = {
        "workflow_scripts/feature_sensitivity/studies/registry.py",
        "rules/config.schema.yaml",
        "config.yaml",
        "profiles/demo/config.yaml",
        "profiles/cifar10_cpu/config.yaml",
    }
    named = files_that_name(study)
    assert "workflow_scripts/feature_sensitivity/studies/registry.py" in named
    assert set(named) <= allowed
    assert len(named) <= 5


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_a_folder(study: str):
    folder = ROOT / "workflow_scripts/feature_sensitivity/studies" / study
    assert {"__init__.py", "plan.py", "measurement.py", "report.py"} <= {file.name for file in folder.iterdir()}
    assert PLANS[study].name == study
    compares, measures = bool(PLANS[study].variants(PAPER)), bool(PLANS[study].inputs(PAPER))
    assert compares != measures
    assert f"\n## {study}\n" in (ROOT / "docs/studies.md").read_text()


def test_every_folder_of_a_study_is_registered():
    folders = (ROOT / "workflow_scripts/feature_sensitivity/studies").glob("*/plan.py")
    assert sorted(path.parent.name for path in folders) == sorted(STUDIES)
