import sys

import numpy as np
import pytest
import torch

from accuracy_cases import STANDARDIZATION, correct
from feature_sensitivity.attacks.auto_pgd import correct_under_apgd, import_art
from feature_sensitivity.data.split import Split
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.errors import UserError


def stronger(network: Classifier, data: dict, epsilon: float, **changes) -> np.ndarray:
    settings = {"norm": "linf", "seed": 0, "device": torch.device("cpu"), **changes}
    return correct_under_apgd(
        network=network, split=data["split"], standardization=STANDARDIZATION, epsilon=epsilon, **settings
    )


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_apgd_is_at_least_as_strong_as_pgd(network: Classifier, data: dict, norm: str):
    clean = correct(network, data, 0.0)
    epsilon = {"linf": 0.05, "l2": 0.5}[norm]
    pgd, apgd = correct(network, data, epsilon, norm=norm), stronger(network, data, epsilon, norm=norm)
    assert apgd.sum() <= pgd.sum() < clean.sum()
    assert apgd.sum() > 0
    assert not (apgd & ~clean).any()


def test_a_tiny_ball_changes_no_decision(network: Classifier, data: dict):
    assert np.array_equal(stronger(network, data, 1e-6), correct(network, data, 0.0))


def test_the_pixel_box_leaves_the_attack_less_room(network: Classifier, data: dict):
    images = np.where(data["split"].images < 128, 0, 255).astype(np.uint8)
    with torch.no_grad():
        labels = network((torch.from_numpy(images).float() / 255 - 0.5) / 0.25).argmax(1).numpy()
    data["split"] = Split(images, labels)
    free, boxed = (stronger(network, data, 0.1, clip_to_pixel_box=clip).sum() for clip in (False, True))
    assert free < boxed


def test_the_seed_decides(network: Classifier, data: dict):
    first, again = (stronger(network, data, 0.05) for _ in range(2))
    assert np.array_equal(first, again)


def test_without_the_library_a_sentence_says_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "art.attacks.evasion", None)
    with pytest.raises(UserError, match=r"type .*pip install adversarial-robustness-toolbox, or write stronger_attack"):
        import_art()
