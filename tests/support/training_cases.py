"""Short trainings of a small network."""

from pathlib import Path

import pandas as pd
import torch

from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.training.train import train

STANDARD = {"standardization": Standardization((0.3,) * 3, (0.3,) * 3), "device": torch.device("cpu")}

ARCHITECTURE = {"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": 4}
SETTINGS = TrainingSettings(
    epochs=3,
    batch_size=64,
    learning_rate=0.05,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="constant",
    horizontal_flip=False,
    seed=1,
)
ATTACK = Attack(norm="linf", epsilon=0.1, steps=2, step_size=0.05)


def run(digits: tuple[Split, Split], path: Path, settings: TrainingSettings) -> tuple[Classifier, pd.DataFrame]:
    return train(
        architecture=ARCHITECTURE,
        train_split=digits[0],
        test_split=digits[1],
        settings=settings,
        partial_result=path,
        **STANDARD,
    )


def weights(network: Classifier) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())
