"""Files of another run, model or epsilon in the place of this run's: no script of the report takes them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.history_tables import read_history
from feature_sensitivity.evaluation.attacked_file import read_attacked, write_attacked
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.runtime.errors import UserError
from plot_tradeoff import plot_tradeoff
from report_cases import EPSILONS, MODELS, Files, make_history


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "run")


def with_all(settings: dict, **changes) -> dict:
    return {model: replace(of_model, **changes) for model, of_model in settings.items()}


def changed(files: SensitivityFiles, **changes) -> SensitivityFiles:
    return replace(files, settings=with_all(files.settings, **changes))


def refused(read: Callable[[], object], *parts: str) -> None:
    with pytest.raises(UserError) as caught:
        read()
    message = str(caught.value)
    for part in (*parts, "delete it and run the same command again"):
        assert part in message
    assert "\n" not in message


def test_what_belongs_to_the_run_is_read(files: Files):
    assert list(files.sensitivity.read()) == [(model, epsilon) for model in MODELS for epsilon in EPSILONS]
    assert list(files.accuracy.read()) == list(files.accuracy.read_checks()) == MODELS


def test_sensitivities_of_two_models_swapped(files: Files, tmp_path: Path):
    first, second = (files.sensitivity.paths[model, "0.2"] for model in MODELS[:2])
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    refused(files.sensitivity.read, "normal_0.2.h5 is of another", "model is adversarial, expected normal")


def test_the_file_of_one_epsilon_copied_to_another_name(files: Files):
    paths = files.sensitivity.paths
    shutil.copy(paths["normal", "0.2"], paths["normal", "0.04"])
    refused(files.sensitivity.read, "normal_0.04.h5", "epsilon is 0.2, expected 0.04", "step_size is 0.025")


def test_sensitivities_of_other_weights(files: Files):
    files.sensitivity.checkpoints["adversarial"].write_text("trained again")
    refused(files.sensitivity.read, "adversarial_0.04.h5", "checkpoint_sha256 is")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 20}, "steps is 4, expected 20"),
        ({"norm": "l2"}, "norm is linf, expected l2"),
        ({"schedule": "cosine"}, "schedule is constant, expected cosine"),
        ({"clip_to_pixel_box": True}, "clip_to_pixel_box is 0, expected True"),
        ({"target_relative_error": 0.1}, "target_relative_error is off, expected 0.1"),
        ({"images": 6}, "it has 5 images, expected 6"),
        ({"features": 3}, "it has 24 features, expected the first 3"),
    ],
)
def test_sensitivities_under_other_settings(files: Files, change: dict, message: str):
    refused(changed(files.sensitivity, **change).read, message)


def test_sensitivities_with_another_seed(files: Files):
    refused(changed(files.sensitivity, seed=1).read, "seed is 0, expected 1")


def test_sensitivities_without_a_setting(files: Files):
    with h5py.File(files.sensitivity.paths["normal", "0.04"], "r+") as file:
        del file.attrs["restarts"]
    refused(files.sensitivity.read, "restarts is not given, expected 1")


def test_features_at_attacked_images_of_another_run(files: Files):
    assert list(files.attacked.read()) == MODELS
    sensitivity = dict(files.attacked.sensitivity)
    for change, message in (
        ({"accuracy": replace(files.attacked.accuracy, steps=9)}, "steps is 4, expected 9"),
        ({"sensitivity": with_all(sensitivity, norm="l2")}, "norm is linf, expected l2"),
        ({"sensitivity": with_all(sensitivity, images=6)}, "it has 5 images, expected 6"),
        ({"sensitivity": with_all(sensitivity, features=[0, 1])}, "it has 24 features, expected 2 that are listed"),
        ({"epsilons": ["0.04"]}, "epsilons is 0.04, 0.2, expected 0.04"),
        ({"accuracy": replace(files.attacked.accuracy, seed=1)}, "seed is 0, expected 1"),
    ):
        refused(replace(files.attacked, **change).read, "normal.attacked.h5 is of another measurement", message)
    files.attacked.checkpoints["adversarial"].write_text("trained again")
    refused(files.attacked.read, "adversarial.attacked.h5", "checkpoint_sha256 is")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda file: file.pop("gradient_norm"), "lacks gradient_norm"),
        (lambda file: file["gradient_norm"].__setitem__((0, 0), -1), "gradient_norm is negative"),
        (lambda file: file["margin"].__setitem__(0, -1), "margin is negative"),
        (lambda file: file["attacked"].__setitem__((0, 0, 0), np.nan), "attacked holds 1 values that are not finite"),
        (lambda file: file["image_index"].__setitem__(0, 1), "image_index names an image twice"),
    ],
)
def test_a_damaged_file_of_features_at_attacked_images(files: Files, edit: Callable, message: str):
    with h5py.File(files.attacked.paths["normal"], "r+") as file:
        edit(file)
    refused(files.attacked.read, "normal.attacked.h5", message)


def test_another_number_of_epsilons_than_the_attributes_say(files: Files):
    path = files.attacked.paths["normal"]
    file = read_attacked(path)
    write_attacked(path, replace(file, attacked=file.attacked[:1], attacked_prediction=file.attacked_prediction[:1]))
    refused(files.attacked.read, "normal.attacked.h5", "it has 1 epsilons, expected 2")


def edited(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    edit(pd.read_csv(path)).to_csv(path, index=False)


@pytest.mark.parametrize("table", ["accuracy", "checks"])
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.drop(1), "epsilon is"),
        (lambda t: t.iloc[::-1], "epsilon is"),
        (lambda t: t.head(0), "has no rows"),
        (lambda t: t.drop(columns="n_correct"), "lacks the columns n_correct"),
        (lambda t: t.assign(model="adversarial"), "model is"),
        (lambda t: t.assign(norm="l2"), "norm is"),
        (lambda t: t.assign(accuracy=t.accuracy + 0.1), "do not follow from"),
        (lambda t: t.assign(n_correct=t.n_correct + 0.5), "do not follow from"),
        (lambda t: t.assign(n_correct=-1), "do not follow from"),
        (lambda t: t.assign(n_images=0), "do not follow from"),
        (lambda t: t.assign(ci_low=0.0), "do not follow from"),
        (lambda t: t.assign(ci_high=float("nan")), "ci_high holds something else than finite numbers"),
        (lambda t: t.assign(accuracy="high"), "accuracy holds something else than finite numbers"),
        (lambda t: t.assign(n_images=[7, *t.n_images[1:]]), "images, expected one number"),
    ],
)
def test_an_accuracy_table_that_is_not_this_run_s(files: Files, table: str, edit: Callable, message: str):
    paths = files.accuracy.paths if table == "accuracy" else files.accuracy.checks
    edited(paths["normal"], edit)
    refused(files.accuracy.read if table == "accuracy" else files.accuracy.read_checks, "normal", message)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\x00\xff" * 50, b"\x89HDF\r\n\x1a\n", b"1,2\n3,4\n", b'a,"b\n1,2', "é".encode("latin1")],
)
def test_something_else_than_a_table(files: Files, content: bytes, tmp_path: Path):
    files.accuracy.paths["normal"].write_bytes(content)
    refused(files.accuracy.read, "normal.csv")
    history = tmp_path / "history.csv"
    history.write_bytes(content)
    refused(lambda: read_history(history, model="normal", epochs=2, adversarial=False), "history.csv")


def test_other_settings_of_the_accuracies(files: Files):
    accuracy: AccuracyFiles = files.accuracy
    for change, message in (({"steps": 9}, "steps is 0, 4, expected 0, 9"), ({"images": 99}, "is of 100 images")):
        refused(replace(accuracy, settings=replace(accuracy.settings, **change)).read, message)
    refused(replace(accuracy, epsilons=["0.04"]).read, "epsilon is 0, 0.04, 0.2, expected 0, 0.04")
    stronger = replace(accuracy, settings=replace(accuracy.settings, stronger_attack="apgd"))
    refused(stronger.read_checks, "expected")


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"model": "robust_dataset"}, "is of normal, expected robust_dataset"),
        ({}, {"epochs": 3}, "has 2 rows, expected one for each of 3 epochs"),
        ({"epoch": [2, 1]}, {}, "expected one for each"),
        ({"robust_test_accuracy": [0.1, 0.2]}, {}, "is of an adversarial training"),
        ({}, {"adversarial": True}, "lacks the columns robust_test_accuracy"),
        ({"test_accuracy": [0.1, 1.2]}, {}, "test_accuracy is not a share"),
        ({"train_loss": [1.0, float("nan")]}, {}, "train_loss holds something else than finite numbers"),
    ],
)
def test_the_history_of_another_training(tmp_path: Path, columns: dict, options: dict, message: str):
    path = make_history(tmp_path / "normal.history.csv", **columns)
    refused(
        lambda: read_history(path, **{"model": "normal", "epochs": 2, "adversarial": False, **options}),
        "normal.history.csv",
        message,
    )


def test_the_reader_of_sensitivities_hashes_each_checkpoint_once(files: Files, monkeypatch: pytest.MonkeyPatch):
    hashed: list[Path] = []

    def count(path: Path) -> str:
        hashed.append(path)
        return "other"

    monkeypatch.setattr("feature_sensitivity.evaluation.expected_sensitivity.sha256_of_file", count)
    refused(SensitivityFiles.read.__get__(files.sensitivity), "checkpoint_sha256")
    assert len(hashed) == len(MODELS)


@pytest.mark.parametrize("edit", [lambda t: t.drop(0), lambda t: t.assign(model="mine"), lambda t: t * 2])
def test_a_summary_of_another_run_is_not_drawn(files: Files, tmp_path: Path, edit: Callable):
    row = {"n_images": 100, "accuracy": 0.5, "ci_low": 0.4, "ci_high": 0.6, "seed": 0, "sensitivity_mean": 1.0}
    rows = [{"model": model, "epsilon": float(epsilon), **row} for model in MODELS for epsilon in EPSILONS]
    summary = tmp_path / "summary.csv"
    edit(pd.DataFrame(rows)).to_csv(summary, index=False)
    texts = {"accuracy_protocol": "", "sensitivity_protocol": "", "bars": ""}
    svg = tmp_path / "tradeoff.svg"
    refused(
        lambda: plot_tradeoff(summary=summary, sensitivity=files.sensitivity, svg=svg, models=MODELS, **texts),
        "is not the summary of this run",
    )
