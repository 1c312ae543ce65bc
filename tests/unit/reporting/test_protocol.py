"""The sentences that state a protocol."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.protocols import with_protocols
from feature_sensitivity.reporting import protocol

ROOT = Path(__file__).parents[3]


@pytest.fixture
def paper() -> dict[str, Any]:
    config: dict[str, Any] = with_protocols(yaml.safe_load((ROOT / "config.yaml").read_text()))
    return config


def test_the_attacks_of_the_paper(paper: dict[str, Any]):
    assert AccuracySettings.from_config(paper["accuracy"]).sentence() == (
        "linf PGD on the cross-entropy, 20 steps of 1/8 epsilon, last iterate, not clipped to the pixel box"
    )
    assert SensitivitySettings.from_config(paper["sensitivity"]).sentence() == (
        "linf PGD, 20 steps of 1/8 epsilon, best iterate; definition max_abs, weights max_abs"
    )


def test_decreasing_steps_and_momentum_are_stated(paper: dict[str, Any]):
    paper["accuracy"] |= {"steps": 8, "relative_step_size": "3/2", "schedule": "cosine", "momentum": 0.5}
    assert (
        "8 steps of 3/2 epsilon decreasing along a cosine, momentum 0.5, last iterate"
        in AccuracySettings.from_config(paper["accuracy"]).sentence()
    )


def test_a_setting_beyond_the_paper_is_stated(paper: dict[str, Any]):
    changed = {**paper["sensitivity"], "surrogate_steps": 2, "restarts": 3, "clip_to_pixel_box": True}
    assert SensitivitySettings.from_config(changed).sentence() == (
        "linf PGD, 20 steps of 1/8 epsilon, surrogate gradient in the first 2 steps, 3 restarts, best iterate, "
        "clipped to the pixel box; definition max_abs, weights max_abs"
    )


def test_training_states_both_kinds(paper: dict[str, Any]):
    sentence = protocol.training(paper["training"], paper["adversarial_training"])
    assert "momentum SGD, 60 epochs, batch 256, learning rate 0.01 (step), weight decay 0.0005" in sentence
    assert "linf PGD with epsilon 0.08, 7 steps of 5/14 epsilon" in sentence


def test_training_states_its_augmentations(paper: dict[str, Any]):
    def augmentation(**changes: Any) -> str:
        sentence = protocol.training({**paper["training"], **changes}, paper["adversarial_training"])
        return sentence.partition("weight decay 0.0005, ")[2].partition("; adversarial training")[0]

    assert augmentation() == "horizontal flips"
    assert augmentation(crop_padding=4) == "horizontal flips, random crops after padding by 4 pixels"
    assert augmentation(horizontal_flip=False) == "no augmentation"


def test_the_spread_over_seeds_is_stated_where_there_are_several():
    assert protocol.accuracy_bars("", []) == "bars: 95 % Wilson intervals"
    assert protocol.accuracy_bars("n = 2", []) == "points and bars: mean and standard deviation over n = 2"
    bars = protocol.accuracy_bars("n = 2, except mine", ["mine"])
    assert bars.endswith("over n = 2, except mine, with 95 % Wilson intervals")
    assert protocol.joined("a", protocol.spread("bands", ""), "b") == "a; b"


def test_reading_the_snakefile_needs_no_heavy_library():
    heavy = {"torch", "numpy", "pandas", "matplotlib", "scipy", "h5py", "xarray"}
    code = f"import sys; from feature_sensitivity.reporting import protocol; sys.exit(len({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow_scripts", check=True)
