"""The accuracy of an independent library, foolbox (Rauber et al. 2020), under the same attack."""

from pathlib import Path

import foolbox as fb
import numpy as np
import pytest
import torch

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.split import Split
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.training.train import train
from training_cases import ARCHITECTURE, SETTINGS, STANDARD

STANDARDIZATION, CPU = STANDARD["standardization"], STANDARD["device"]
STEPS, FAR_AWAY = 20, 100.0
ATTACKS = {
    "linf": fb.attacks.LinfProjectedGradientDescentAttack,
    "l2": fb.attacks.L2ProjectedGradientDescentAttack,
}


@pytest.fixture(scope="module")
def digits() -> dict[str, Split]:
    return load_digits(size=8).splits


@pytest.fixture(scope="module")
def trained(digits: dict[str, Split], tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    side: Path = tmp_path_factory.mktemp("training") / "partial.pt"
    splits = {"train_split": digits["train"], "test_split": digits["test"]}
    return train(architecture=ARCHITECTURE, settings=SETTINGS, partial_result=side, **splits, **STANDARD)[0]


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.1), ("linf", 0.2), ("l2", 0.5), ("l2", 1.0)])
def test_foolbox_finds_the_same_accuracy(digits: dict[str, Split], trained: Classifier, norm: str, epsilon: float):
    """Only the random starts differ: foolbox draws its own. Its bounds are so wide that they clip nothing."""
    test = digits["test"]
    correct = correct_under_attack(
        network=trained,
        split=test,
        image_index=np.arange(len(test.labels)),
        standardization=STANDARDIZATION,
        settings=AccuracySettings(norm=norm, epsilon=epsilon, steps=STEPS, relative_step_size="1/8"),
        device=CPU,
    )
    torch.manual_seed(0)
    model = fb.PyTorchModel(trained.eval(), bounds=(-FAR_AWAY, FAR_AWAY), device=CPU)
    x, y = STANDARDIZATION.standardize(torch.from_numpy(test.images)), torch.from_numpy(test.labels)
    attack = ATTACKS[norm](abs_stepsize=epsilon / 8, steps=STEPS, random_start=True)
    attacked = attack.run(model, x, fb.criteria.Misclassification(y), epsilon=epsilon)
    theirs = float((model(attacked).argmax(1) == y).float().mean())
    interval = wilson_interval(int(correct.sum()), len(correct))
    assert 0.1 < correct.mean() < 0.9, "an attack that does nothing, or all, would compare nothing"
    assert interval.low <= theirs <= interval.high
