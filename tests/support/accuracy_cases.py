"""Accuracy of a small network on a few images, under a short attack."""

import numpy as np
import torch

from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.networks.classifier import Classifier

MEAN, STD = [0.5] * 3, [0.25] * 3
N = 40


def correct(network: Classifier, data: dict, epsilon: float, *, norm: str = "linf", **changes) -> np.ndarray:
    attack = PGD(norm=norm, epsilon=epsilon, steps=5, step_size=epsilon / 4)
    arguments = {"mean": MEAN, "std": STD, "seed": 0, "device": torch.device("cpu"), "batch_size": 16, **changes}
    return correct_under_attack(network=network, attack=attack, **data, **arguments)
