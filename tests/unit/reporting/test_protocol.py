"""The sentences that state a protocol."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from feature_sensitivity.config.protocols import PROTOCOLS, with_protocols
from feature_sensitivity.reporting import protocol

ROOT = Path(__file__).parents[3]


@pytest.fixture
def paper() -> dict[str, Any]:
    config: dict[str, Any] = with_protocols(yaml.safe_load((ROOT / "config.yaml").read_text()))
    return config


def test_the_attacks_of_the_paper(paper: dict[str, Any]):
    assert protocol.accuracy_attack(paper["accuracy"]) == (
        "linf PGD on the cross-entropy, 20 steps of 1/8 epsilon, last iterate, not clipped to the pixel box"
    )
    assert protocol.sensitivity_attack(paper["sensitivity"]) == (
        "linf PGD, 20 steps of 1/8 epsilon, best iterate; definition max_abs, weights max_abs"
    )


def test_decreasing_steps_and_momentum_are_stated(paper: dict[str, Any]):
    paper["accuracy"] |= {"steps": 8, "relative_step_size": "3/2", "schedule": "cosine", "momentum": 0.5}
    assert "8 steps of 3/2 epsilon decreasing along a cosine, momentum 0.5, last iterate" in protocol.accuracy_attack(
        paper["accuracy"]
    )


def test_a_setting_beyond_the_paper_is_stated(paper: dict[str, Any]):
    changed = {**paper["sensitivity"], "surrogate_steps": 2, "restarts": 3, "clip_to_pixel_box": True}
    assert protocol.sensitivity_attack(changed) == (
        "linf PGD, 20 steps of 1/8 epsilon, surrogate gradient in the first 2 steps, 3 restarts, best iterate, "
        "clipped to the pixel box; definition max_abs, weights max_abs"
    )


def test_a_study_states_its_settings_without_quotes_and_null_as_in_the_config(paper: dict[str, Any]):
    paper["studies"]["norms"] = {"epsilons": ["0.5", "1"], "images": 8}
    sentence = protocol.study("norms", paper)
    assert sentence.startswith(
        "Study: epsilons [0.5, 1], images 8. Accuracy: linf and l2 PGD on the cross-entropy, 20 "
    )
    assert "; all test images. " in sentence
    assert "None" not in sentence
    assert protocol.study("definitions", paper).startswith("Accuracy: ")


def test_the_error_bounds_state_their_own_attack(paper: dict[str, Any]):
    paper["accuracy"]["norm"] = "l2"
    text = protocol.study("error_bounds", paper)
    assert "Accuracy: linf PGD on the cross-entropy" in text
    assert "5 restarts, any iterate" in text
    assert "the images of the sensitivities" in text


def test_fewer_images_than_the_most_are_stated(paper: dict[str, Any]):
    paper["sensitivity"]["target_relative_error"] = 0.01
    assert "at most 512 test images" in protocol.study("definitions", paper)
    assert "sensitivity on at most 512" in protocol.measured(paper)


def test_a_study_states_the_unit_of_epsilon(paper: dict[str, Any]):
    assert protocol.study("norms", paper).endswith("Epsilon in standardized units (255ths of the pixel range).")
    paper["epsilon_unit"] = "pixel"
    assert protocol.study("norms", paper).endswith("Epsilon in 255ths of the pixel range (standardized units).")


def test_a_study_states_what_it_rests_on_and_no_more(paper: dict[str, Any]):
    norms = protocol.study("norms", paper)
    assert norms.count("linf and l2 PGD") == 2
    assert "512 test images under linf, 64 under l2." in norms
    assert "Accuracy: " not in protocol.study("crossing", paper)
    assert "definition " not in protocol.study("definitions", paper)
    refit = protocol.study("last_layer_refit", paper)
    assert "adversarial fit: linf PGD with epsilon 0.08, 7 steps of 5/14 epsilon. Sensitivity: " in refit


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


@pytest.mark.parametrize("name", ["convergence", "attack_strength"])
def test_a_study_of_attacks_states_every_protocol_and_not_that_of_the_run(name: str, paper: dict[str, Any]):
    paper["sensitivity"] |= {"steps": 123, "restarts": 45}
    sentence = protocol.study(name, paper)
    assert "Protocol paper: linf PGD, 20 steps of 1/8 epsilon, best iterate" in sentence
    assert f"Protocol fast: linf PGD, {PROTOCOLS['fast']['steps']} steps" in sentence
    assert "Protocol strong: " in sentence
    assert sentence.count("definition ") == 1
    assert "123" not in sentence
