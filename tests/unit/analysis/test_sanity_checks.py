"""Each sign appears on a case made for it, and none on a sound measurement."""

import pandas as pd
import pytest
import torch

from accuracy_cases import STANDARDIZATION, correct
from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.sanity_checks import odd_clean_accuracy, sanity_warnings
from feature_sensitivity.evaluation.accuracy import correct_under_one_step
from feature_sensitivity.networks.classifier import Classifier

N = 1000


def table(percents: dict[float, float], **columns: object) -> pd.DataFrame:
    """A row for each epsilon, with the percent that is classified correctly."""
    rows = []
    for epsilon, percent in percents.items():
        n_correct = round(percent * N / 100)
        interval = wilson_interval(n_correct, N)
        share = {"accuracy": n_correct / N, "ci_low": interval.low, "ci_high": interval.high}
        rows.append({"model": "m", "epsilon": epsilon, "n_images": N, "n_correct": n_correct, **share, **columns})
    return pd.DataFrame(rows)


def overfitted(*robust: float) -> pd.DataFrame:
    return pd.DataFrame({"test_accuracy": 0.9, "robust_test_accuracy": robust})


@pytest.fixture
def sound() -> dict[str, pd.DataFrame]:
    return {
        "accuracy": table({0: 90, 0.04: 70, 0.08: 50}),
        "checks": table({0.04: 75, 0.08: 60}, attack="fgsm", zero_gradient=0.005),
        "history": pd.DataFrame({"test_accuracy": [0.5, 0.91]}),
    }


def test_a_sound_measurement_has_no_sign(sound: dict[str, pd.DataFrame]):
    assert sanity_warnings(**sound) == []


def test_a_network_trained_elsewhere_is_checked_without_a_history(sound: dict[str, pd.DataFrame]):
    sound["accuracy"] = table({0: 90, 0.04: 50, 0.08: 56})
    (sentence,) = sanity_warnings(sound["accuracy"], sound["checks"], None)
    assert "accuracy rises" in sentence


@pytest.mark.parametrize(
    ("name", "odd", "said"),
    [
        ("history", pd.DataFrame({"test_accuracy": [0.9, 0.5]}), "accuracy at epsilon 0 is 90.0 %"),
        ("history", overfitted(0.5, 0.6, 0.57, 0.57, 0.57), "60.0 % after epoch 2 and is 57.0 % after epoch 5"),
        ("checks", table({0.04: 75}, attack="fgsm", zero_gradient=0.3), "30.0 % of the images have a gradient of"),
        ("accuracy", table({0: 90, 0.04: 50, 0.08: 56}), "accuracy rises from 50.0 % at epsilon 0.04 to 56.0 %"),
        ("checks", table({0.08: 40}, attack="fgsm", zero_gradient=0), "PGD leaves 50.0 %, a single gradient step"),
        ("checks", table({0.08: 56}, attack="apgd", zero_gradient=0), "the stronger attack failed"),
        ("checks", table({0.08: 44.9}, attack="apgd", zero_gradient=0), "to 44.9 %, 5.1 points below PGD's"),
    ],
    ids=[
        "clean",
        "robust overfitting",
        "zero gradients",
        "rising",
        "weaker than one step",
        "APGD fails",
        "APGD is much stronger",
    ],
)
def test_each_sign_appears_alone(sound: dict[str, pd.DataFrame], name: str, odd: pd.DataFrame, said: str):
    (sentence,) = sanity_warnings(**{**sound, name: odd})
    assert said in sentence
    assert sentence.startswith("m: ")


def test_a_difference_within_the_interval_is_no_sign(sound: dict[str, pd.DataFrame]):
    sound["accuracy"] = table({0: 90, 0.04: 50, 0.08: 51})
    sound["checks"] = table({0.04: 49, 0.08: 50}, attack="fgsm", zero_gradient=0)
    sound["checks"] = pd.concat([sound["checks"], table({0.04: 48, 0.08: 47}, attack="apgd", zero_gradient=0)])
    sound["history"] = overfitted(0.5, 0.6, 0.55, 0.55, 0.59)
    sound["history"].test_accuracy = 0.92
    assert sanity_warnings(**sound) == []


def test_no_error_at_all_is_no_odd_clean_accuracy():
    accuracy, history = table({0: 100}), pd.DataFrame({"test_accuracy": [1.0]})
    assert odd_clean_accuracy(accuracy, history) == []


def one_step(network: Classifier, data: dict, *epsilons: float, **changes):
    settings = {"norm": "linf", "device": torch.device("cpu"), "batch_size": 16, **changes}
    return correct_under_one_step(
        network=network, split=data["split"], standardization=STANDARDIZATION, epsilons=epsilons, **settings
    )


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_step_lies_between_no_attack_and_pgd(network: Classifier, data: dict, norm: str):
    small, large = one_step(network, data, 1e-7, 0.3, norm=norm)[0]
    assert (small == correct(network, data, 0.0)).all()
    assert correct(network, data, 0.3, norm=norm).sum() <= large.sum() < small.sum()


def test_a_saturated_network_has_zero_gradients(network: Classifier, data: dict):
    assert not one_step(network, data, 0.1)[1].any()
    with torch.no_grad():
        network.fc.weight *= 1e5
        network.fc.bias *= 1e5
    assert one_step(network, data, 0.1)[1].mean() > 0.5
