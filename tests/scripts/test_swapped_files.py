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
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.sensitivity_file import DIMENSIONS, read_sensitivity, write_sensitivity
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.identity import companion, derived_from
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
    refused(files.sensitivity.read, "normal_0.2.h5 is not the one", "model is adversarial, expected normal")


def test_the_file_of_one_epsilon_copied_to_another_name(files: Files):
    paths = files.sensitivity.paths
    shutil.copy(paths["normal", "0.2"], paths["normal", "0.04"])
    refused(files.sensitivity.read, "normal_0.04.h5", "epsilon is 0.2, expected 0.04")


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
        ({"images": 6}, "images is 5, expected 6"),
        ({"features": 3}, "features is all, expected 3"),
        ({"features": [0, 2]}, "features is all, expected 0, 2"),
    ],
)
def test_sensitivities_under_other_settings(files: Files, change: dict, message: str):
    refused(changed(files.sensitivity, **change).read, message)


def test_sensitivities_with_another_seed(files: Files):
    refused(changed(files.sensitivity, seed=1).read, "seed is 0, expected 1")


def test_features_at_attacked_images_of_another_run(files: Files):
    assert list(files.attacked.read()) == MODELS
    one_epsilon = {key: path for key, path in files.sensitivity.paths.items() if key[1] == "0.04"}
    for change, message in (
        ({"accuracy": replace(files.attacked.accuracy, steps=9)}, "steps is 4, expected 9"),
        ({"sensitivity": changed(files.sensitivity, norm="l2")}, "norm is linf, expected l2"),
        ({"sensitivity": changed(files.sensitivity, images=6)}, "images is 5, expected 6"),
        ({"sensitivity": changed(files.sensitivity, features=[0, 1])}, "features is all, expected 0, 1"),
        ({"sensitivity": replace(files.sensitivity, paths=one_epsilon)}, "epsilons is 0.04, 0.2, expected 0.04"),
        ({"accuracy": replace(files.attacked.accuracy, seed=1)}, "seed is 0, expected 1"),
    ):
        refused(replace(files.attacked, **change).read, "normal.attacked.h5 is not the one", message)
    files.sensitivity.checkpoints["adversarial"].write_text("trained again")
    refused(files.attacked.read, "adversarial.attacked.h5", "checkpoint_sha256 is")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda file: file.pop("gradient_norm"), "lacks gradient_norm"),
        (lambda file: file["gradient_norm"].__setitem__((0, 0), 2), "is not as it was written"),
        (lambda file: file["attacked"].__setitem__((0, 0, 0), np.nan), "is not as it was written"),
        (lambda file: file.attrs.__setitem__("model", "adversarial"), "is not as it was written"),
    ],
)
def test_a_file_of_features_at_attacked_images_that_was_changed(files: Files, edit: Callable, message: str):
    with h5py.File(files.attacked.paths["normal"], "r+") as file:
        edit(file)
    refused(files.attacked.read, "normal.attacked.h5", message)


def edited(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    edit(pd.read_csv(path)).to_csv(path, index=False)


@pytest.mark.parametrize("table", ["accuracy", "checks"])
@pytest.mark.parametrize(
    "edit",
    [
        lambda t: t.drop(1),
        lambda t: t.iloc[::-1],
        lambda t: t.head(0),
        lambda t: t.drop(columns="n_correct"),
        lambda t: t.assign(model="adversarial"),
        lambda t: t.assign(accuracy=t.accuracy + 0.1),
        lambda t: t.assign(n_correct=t.n_correct + 1),
        lambda t: t.assign(ci_low=0.0),
        lambda t: t.assign(accuracy="high"),
    ],
)
def test_an_accuracy_table_that_was_changed(files: Files, table: str, edit: Callable):
    paths = files.accuracy.paths if table == "accuracy" else files.accuracy.checks
    edited(paths["normal"], edit)
    refused(files.accuracy.read if table == "accuracy" else files.accuracy.read_checks, "normal")


@pytest.mark.parametrize("table", ["paths", "checks"])
def test_accuracies_of_another_model_or_of_other_weights(files: Files, table: str):
    paths, read = (
        getattr(files.accuracy, table),
        files.accuracy.read if table == "paths" else files.accuracy.read_checks,
    )
    files.accuracy.checkpoints["robust_dataset"].write_text("trained again")
    refused(read, "robust_dataset", "checkpoint_sha256 is")
    for path in (paths["normal"], companion(paths["normal"])):
        shutil.copy(path, str(path).replace("normal", "adversarial"))
    refused(read, "adversarial", "model is normal, expected adversarial")
    companion(paths["normal"]).unlink()
    refused(read, "normal", "does not record what it was made from")


def test_results_that_rest_on_different_images(files: Files):
    path = files.sensitivity.paths["adversarial", "0.2"]
    file = read_sensitivity(path)
    derived = ("sensitivity", "sensitivity_raw", "standard_error")
    arrays = {name: getattr(file, name) for name in DIMENSIONS if name not in derived}
    write_sensitivity(path, **arrays, attributes={**file.attributes, "evaluation_sha256": "other images"})
    message = "were measured on different images; delete both and run the same command again"
    for read in (files.sensitivity.read, lambda: derived_from(files.accuracy, files.sensitivity)):
        with pytest.raises(UserError, match=message):
            read()


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\x00\xff" * 50, b"\x89HDF\r\n\x1a\n", b"1,2\n3,4\n", b'a,"b\n1,2', "é".encode("latin1")],
)
def test_something_else_than_a_table(files: Files, content: bytes, tmp_path: Path):
    files.accuracy.paths["normal"].write_bytes(content)
    refused(files.accuracy.read, "normal.csv")
    history = tmp_path / "history.csv"
    history.write_bytes(content)
    refused(lambda: read_history(history, expected={}), "history.csv")


def test_other_settings_of_the_accuracies(files: Files):
    accuracy: AccuracyFiles = files.accuracy
    for change, message in (({"steps": 9}, "steps is 4, expected 9"), ({"images": 99}, "images is all, expected 99")):
        refused(replace(accuracy, settings=replace(accuracy.settings, **change)).read, message)
    refused(replace(accuracy, epsilons=["0.04"]).read, "epsilons is 0, 0.04, 0.2, expected 0, 0.04")
    stronger = replace(accuracy, settings=replace(accuracy.settings, stronger_attack="apgd"))
    refused(stronger.read_checks, "stronger_attack is none, expected apgd")


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"model": "robust_dataset"}, "model is normal, expected robust_dataset"),
        ({"training": {"epochs": 3}}, "training.epochs is 2, expected 3"),
        ({"training": {"attack": None}}, "training.attack is not given"),
    ],
)
def test_the_history_of_another_training(tmp_path: Path, expected: dict, message: str):
    path = make_history(tmp_path / "normal.history.csv")
    refused(lambda: read_history(path, expected=expected), "normal.history.csv", message)


def test_the_reader_of_sensitivities_hashes_each_checkpoint_once(files: Files, monkeypatch: pytest.MonkeyPatch):
    hashed: list[Path] = []

    def count(path: Path) -> str:
        hashed.append(path)
        return "other"

    monkeypatch.setattr("feature_sensitivity.evaluation.expected_sensitivity.sha256_of_file", count)
    refused(SensitivityFiles.read.__get__(files.sensitivity), "checkpoint_sha256")
    assert len(hashed) == len(MODELS)


def test_a_summary_of_another_run_is_not_drawn(files: Files, tmp_path: Path):
    row = {"n_images": 100, "accuracy": 0.5, "ci_low": 0.4, "ci_high": 0.6, "seed": 0, "sensitivity_mean": 1.0}
    table = pd.DataFrame([{"model": model, "epsilon": float(e), **row} for model in MODELS for e in EPSILONS])
    texts = {"accuracy_protocol": "", "sensitivity_protocol": "", "bars": ""}
    summary, svg = tmp_path / "summary.csv", tmp_path / "tradeoff.svg"
    made_from = derived_from(files.sensitivity)
    for other in ({"files": {}}, {"checkpoints": {"normal": "other"}}, {"sensitivity": {"normal": {"steps": 9}}}):
        write_table(summary, table, made_from={**made_from, **other})
        refused(
            lambda: plot_tradeoff(summary=summary, sensitivity=files.sensitivity, svg=svg, models=MODELS, **texts),
            "is not the one that this run describes",
        )
