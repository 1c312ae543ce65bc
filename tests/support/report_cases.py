"""The files of a small made-up run, for the scripts that report on one."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles, accuracy_identity
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.evaluation.attacked_file import AttackedFile, attacked_attributes
from feature_sensitivity.evaluation.correct_file import CorrectFile
from feature_sensitivity.evaluation.expected_attacked import AttackedFiles
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.netcdf import write_netcdf
from feature_sensitivity.evaluation.sensitivity_file import write_sensitivity
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import EVALUATION
from feature_sensitivity.runtime.provenance import version_attributes

MODELS = ["normal", "adversarial", "robust_dataset"]
EPSILONS = ["0.04", "0.2"]
N_IMAGES, N_FEATURES = 5, 24
ACCURACY = AccuracySettings(steps=4)
SENSITIVITY = SensitivitySettings(steps=4, images=N_IMAGES)


IMAGES = "images of a dataset"
"""Their identity in every file."""


def make_accuracy(path: Path, checkpoint: Path, model: str, *, norm: str, n_correct: int) -> Path:
    rows = []
    for epsilon in (0.0, 0.04, 0.2):
        n = round(n_correct * (1 - 2 * epsilon))
        interval = wilson_interval(n, 100)
        row = {"model": model, "norm": norm, "epsilon": epsilon, "epsilon_255": 50 * epsilon}
        row |= {"steps": 4 if epsilon else 0}
        row |= {"step_size": epsilon / 8, "n_images": 100, "n_correct": n, "accuracy": n / 100}
        rows.append(row | {"ci_low": interval.low, "ci_high": interval.high, "seed": 0})
    table = pd.DataFrame(rows)
    identity = accuracy_identity(model, checkpoint, epsilons=EPSILONS, settings=replace(ACCURACY, norm=norm))
    made_from = {**identity, EVALUATION: IMAGES}
    write_table(path, table, made_from=made_from)
    checks = table.query("epsilon > 0").assign(attack="fgsm", zero_gradient=0.5)
    write_table(path.with_suffix(".checks.csv"), checks, made_from=made_from)
    write_netcdf(
        path.with_suffix(".correct.h5"),
        CorrectFile(
            correct=np.arange(100) < table.n_correct.to_numpy()[:, None],
            label=np.zeros(100, np.int64),
            image_index=np.arange(100),
            attributes=made_from,
        ),
    )
    return path


def make_sensitivity(path: Path, checkpoint: Path, model: str, epsilon: str, *, norm: str) -> Path:
    rng = np.random.default_rng(MODELS.index(model))
    clean = np.zeros((N_IMAGES, N_FEATURES), np.float32)
    # Features of the adversarially trained network move a tenth as far.
    scale = 0.1 if model == "adversarial" else 1.0
    moved = (scale * float(epsilon) * rng.uniform(0.5, 1.5, clean.shape)).astype(np.float32)
    write_sensitivity(
        path,
        clean=clean,
        maximum=moved,
        minimum=-moved / 2,
        zero_gradient=np.zeros(N_FEATURES, np.float32),
        weight=rng.normal(size=(10, N_FEATURES)).astype(np.float32),
        image_index=np.arange(N_IMAGES),
        label=np.zeros(N_IMAGES, np.int64),
        feature_index=np.arange(N_FEATURES),
        attributes={
            "model": model,
            **replace(SENSITIVITY, norm=norm, epsilon=epsilon).attributes(),
            "epsilon_255": 50 * float(epsilon),
            "checkpoint_sha256": sha256_of_file(checkpoint),
            EVALUATION: IMAGES,
            **version_attributes(torch.device("cpu")),
        },
    )
    return path


def make_attacked(path: Path, checkpoint: Path, model: str, *, norm: str) -> Path:
    clean = np.zeros((N_IMAGES, N_FEATURES), np.float32)
    features = replace(SENSITIVITY, norm=norm)
    attack = features.attack_on_the_class(ACCURACY)
    file = AttackedFile(
        clean=clean,
        attacked=np.stack([clean + 0.01, clean + 0.05]).astype(np.float32),
        gradient_norm=clean + 1,
        margin=np.ones(N_IMAGES, np.float32),
        clean_prediction=np.zeros(N_IMAGES, np.int64),
        attacked_prediction=np.ones((2, N_IMAGES), np.int64),
        label=np.zeros(N_IMAGES, np.int64),
        image_index=np.arange(N_IMAGES),
        feature_index=np.arange(N_FEATURES),
        attributes={
            "model": model,
            **attacked_attributes(epsilons=EPSILONS, attack=attack, features=features),
            "checkpoint_sha256": sha256_of_file(checkpoint),
            EVALUATION: IMAGES,
        },
    )
    write_netcdf(path, file)
    return path


class Files:
    """The files of a run, with the settings that each must record."""

    def __init__(self, folder: Path, *, norm: str = "linf") -> None:
        folder.mkdir()
        checkpoints = {model: folder / f"{model}.pt" for model in MODELS}
        for model, path in checkpoints.items():
            path.write_text(f"weights of {model}")
        paths = {
            model: make_accuracy(folder / f"{model}.csv", checkpoints[model], model, norm=norm, n_correct=n)
            for model, n in zip(MODELS, (90, 80, 70), strict=True)
        }
        self.accuracy = AccuracyFiles(
            paths=paths,
            checks={model: path.with_suffix(".checks.csv") for model, path in paths.items()},
            checkpoints=checkpoints,
            images={model: path.with_suffix(".correct.h5") for model, path in paths.items()},
            epsilons=EPSILONS,
            settings=replace(ACCURACY, norm=norm),
        )
        self.sensitivity = SensitivityFiles(
            paths={
                (model, epsilon): make_sensitivity(
                    folder / f"{model}_{epsilon}.h5", checkpoints[model], model, epsilon, norm=norm
                )
                for model, epsilon in product(MODELS, EPSILONS)
            },
            checkpoints=checkpoints,
            settings=dict.fromkeys(MODELS, replace(SENSITIVITY, norm=norm)),
        )
        self.attacked = AttackedFiles(
            paths={
                model: make_attacked(folder / f"{model}.attacked.h5", path, model, norm=norm)
                for model, path in checkpoints.items()
            },
            accuracy=ACCURACY,
            sensitivity=self.sensitivity,
        )

    def derived(self, **settings: str) -> SensitivityFiles:
        """The sensitivities in another definition or normalization."""
        changed = {model: replace(own, **settings) for model, own in self.sensitivity.settings.items()}
        return replace(self.sensitivity, settings=changed)


HISTORY = {"epoch": [1, 2], "learning_rate": [0.1, 0.1], "train_loss": [2.0, 1.0], "train_accuracy": [0.4, 0.5]}
HISTORY |= {"test_accuracy": [0.3, 0.9], "seconds": [1.0, 1.0], "model": "normal"}
OF_TRAINING = {"model": "normal", "training": {"epochs": 2}}


def make_history(path: Path, **columns: list) -> Path:
    write_table(path, pd.DataFrame({**HISTORY, **columns}), made_from=OF_TRAINING)
    return path


def text_of(svg: Path) -> str:
    """The SVG as one line; text in it is text."""
    return " ".join(svg.read_text(encoding="utf-8").split())
