"""The tables of features, in whatever way the config spells an epsilon."""

from pathlib import Path

import pandas as pd
import pytest

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
    kinds = {"robustly_useful": 1.5, "useful_non_robust": 0.5, "not_useful": 2.0}
    ranges = {f"{kind}{end}": 2.0 for kind in kinds for end in ("_low", "_high")}
    row = {
        "model": "mine",
        "epsilon": 8 / 255,
        "epsilon_255": 8.0,
        "n_images": 9,
        "n_features": 4,
        "seed": 0,
        **kinds,
        **ranges,
    }
    path = tmp_path / "counts.csv"
    pd.DataFrame([row]).to_csv(path, index=False)
    assert len(read_counts(path, [("mine", "8/255"), ("mine_seed1", "8/255")])) == 1
