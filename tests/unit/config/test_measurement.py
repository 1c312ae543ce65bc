"""The settings of what is measured, the schema and config.yaml have the same keys, values and defaults."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from feature_sensitivity.attacks.norms import NORMS
from feature_sensitivity.config.attack import SCHEDULES
from feature_sensitivity.config.measurement import AccuracySettings, MeasurementSettings, SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS, with_protocols
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, WEIGHT_NORMALIZATIONS

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "rules/config.schema.yaml").read_text())
SECTIONS = {"accuracy": AccuracySettings, "sensitivity": SensitivitySettings}

OF_THE_RUN = {"epsilon_unit", "epsilon", "seed"}
"""Settings that stand elsewhere in the config."""


@pytest.mark.parametrize(("section", "kind"), SECTIONS.items())
def test_settings_schema_and_config_have_the_same_keys(section: str, kind: type[MeasurementSettings]):
    keys = {field.name for field in fields(kind)} - OF_THE_RUN | {"protocol"}
    assert keys == set(CONFIG[section]) == set(SCHEMA["properties"][section]["properties"])
    assert keys == set(SCHEMA["properties"][section]["required"])


@pytest.mark.parametrize(("section", "kind"), SECTIONS.items())
def test_the_defaults_are_those_of_the_config(section: str, kind: type[MeasurementSettings]):
    read = kind.from_config(with_protocols(CONFIG)[section])
    assert replace(read, images=None) == kind()


def allowed(section: str, key: str) -> set:
    """The values that the schema names for a key."""
    rule = SCHEMA["properties"][section]["properties"][key]
    rule = SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule
    return set(rule["enum"]) - {None}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_schema_allows_what_the_package_has(section: str):
    assert allowed(section, "protocol") == set(PROTOCOLS)
    assert allowed(section, "schedule") == set(SCHEDULES)
    assert allowed(section, "norm") == set(NORMS)


def test_the_schema_allows_the_definitions_of_the_package():
    assert allowed("sensitivity", "definition") == set(DEFINITIONS)
    assert allowed("sensitivity", "weight_normalization") == set(WEIGHT_NORMALIZATIONS)


@pytest.mark.parametrize("numbers", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_number_of_a_protocol_is_a_setting(numbers: dict):
    assert SensitivitySettings(**numbers)


def test_settings_can_be_built_again_from_their_parameters():
    settings = SensitivitySettings(features=[3, 1], epsilon="8/255", epsilon_unit="pixel", seed=4)
    parameters = settings.as_parameters()
    assert parameters["features"] == [3, 1], "plain builtins"
    assert SensitivitySettings(**parameters) == settings
    assert hash(settings)
    assert not {"definition", "weight_normalization"} & {*settings.as_parameters(*SensitivitySettings.DERIVATION)}


def test_every_setting_that_decides_an_extremum_is_recorded():
    """A file that was measured under other settings can be told from one under these."""
    settings = SensitivitySettings(epsilon="0.08")
    # Which images and features a file has, it says by their indices; the others change no extremum.
    elsewhere = {"images", "features", "definition", "weight_normalization", "batch_size", "shards"}
    others = {"norm": "l2", "steps": 7, "relative_step_size": "1/4", "schedule": "cosine", "momentum": 0.5}
    others |= {"restarts": 2, "iterate": "last", "clip_to_pixel_box": True, "epsilon_unit": "pixel", "epsilon": "0.1"}
    others |= {"seed": 1, "surrogate_steps": 1, "layer": "a", "positions": "all", "target_relative_error": 0.1}
    others |= {"search_dtype": "bfloat16", "channels": "last"}
    assert set(others) | elsewhere == {field.name for field in fields(SensitivitySettings)}
    for name, value in others.items():
        assert replace(settings, **{name: value}).attributes() != settings.attributes(), name
