"""The tables of features, in whatever way the config spells an epsilon."""

from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.analysis.feature_counts import INTERVAL, NUMBERS
from feature_sensitivity.analysis.feature_tables import read_counts, read_features
from feature_sensitivity.runtime.errors import UserError


def write(path: Path, epsilons: list[str]) -> Path:
    row = {"model": "mine", "epsilon_255": 8.0, "feature": 0, "measure": "linearity", "value": 1.0}
    pd.DataFrame([{**row, "epsilon": epsilon} for epsilon in epsilons]).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("epsilons", [["8/255", "2/255"], ["0.040", "0.2"], ["1", "4"], ["1/2", "0.08"]])
def test_epsilons_come_back_as_the_config_spells_them(tmp_path: Path, epsilons: list[str]):
    path = write(tmp_path / "features.csv", epsilons)
    assert read_features(path, [("mine", epsilon) for epsilon in epsilons]).epsilon.tolist() == epsilons


@pytest.mark.parametrize(
    ("written", "message"),
    [(["8/255", "4/255"], "has other models or epsilons"), (["big"], "epsilon holds something else than numbers")],
)
def test_epsilons_of_another_run(tmp_path: Path, written: list[str], message: str):
    with pytest.raises(UserError, match=message):
        read_features(write(tmp_path / "features.csv", written), [("mine", "8/255")])


def test_counts_are_of_models_and_not_of_replicates(tmp_path: Path):
    counts = dict(zip((*NUMBERS, *INTERVAL), (1.5, 1, 3, 4, 2, 1, 2), strict=True))
    row = {
        "model": "mine",
        "epsilon": 8 / 255,
        "epsilon_255": 8.0,
        "n_images": 9,
        "n_features": 4,
        "seed": 0,
        **counts,
    }
    path = tmp_path / "counts.csv"
    pd.DataFrame([row]).to_csv(path, index=False)
    assert len(read_counts(path, [("mine", "8/255"), ("mine_seed1", "8/255")])) == 1
    for changed, message in (
        ({"robustly_useful": 5.0}, "no number from 0 to n_features"),
        ({"robustly_useful_shown": 4.0}, "above its upper bound"),
    ):
        pd.DataFrame([{**row, **changed}]).to_csv(path, index=False)
        with pytest.raises(UserError, match=message):
            read_counts(path, [("mine", "8/255")])
