import copy

import pytest
import yaml

from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.check import faults
from feature_sensitivity.config.protocols import PROTOCOLS, with_protocols
from feature_sensitivity.config.units import sections_with_unit
from snakemake_runs import ROOT

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "rules/config.schema.yaml").read_text())


def test_the_paper_takes_twenty_steps_of_an_eighth_of_epsilon():
    config = sections_with_unit(with_protocols(PAPER))
    for section in ("accuracy", "sensitivity"):
        attack = Attack.from_config(config[section], "0.08")
        assert attack == Attack(norm="linf", epsilon=0.08, steps=20, step_size=0.01)
        assert config[section]["restarts"] == 1


def test_a_number_by_hand_replaces_the_protocols():
    changed = copy.deepcopy(PAPER)
    changed["sensitivity"] |= {"protocol": "fast", "steps": 11, "momentum": 0}
    settings = with_protocols(changed)["sensitivity"]
    assert (settings["steps"], settings["momentum"]) == (11, 0)
    assert settings["schedule"] == PROTOCOLS["fast"]["schedule"]
    assert changed["sensitivity"]["schedule"] is None, "what the user wrote stays as it is"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_a_good_configuration(name: str):
    changed = copy.deepcopy(PAPER)
    changed["accuracy"]["protocol"] = changed["sensitivity"]["protocol"] = name
    assert faults(changed, SCHEMA) == []
    assert faults(with_protocols(changed), SCHEMA) == [], "its numbers may also be written by hand"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("protocol", "faster", "sensitivity.protocol is 'faster'; write one of paper, fast, strong"),
        ("momentum", 1, "sensitivity.momentum is 1; write a number from 0 to less than 1, or null"),
        ("relative_step_size", "1 / 8", "write a positive number, a fraction such as 1/8, or null"),
        ("schedule", "step", "sensitivity.schedule is 'step'; write one of null, constant, linear, cosine"),
        ("surrogate_steps", -1, "sensitivity.surrogate_steps is -1"),
        ("steps", 0, "sensitivity.steps is 0"),
    ],
)
def test_an_impossible_value_is_named(key: str, value: object, expected: str):
    changed = copy.deepcopy(PAPER)
    changed["sensitivity"][key] = value
    assert any(expected in fault for fault in faults(changed, SCHEMA))
