"""The tables of features, in whatever way the config spells an epsilon."""

from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.analysis.feature_counts import INTERVAL, NUMBERS
from feature_sensitivity.analysis.feature_tables import read_counts, read_features
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.runtime.errors import UserError


def write(path: Path, epsilons: list[str]) -> Path:
    row = {"model": "mine", "epsilon_255": 8.0, "feature": 0, "measure": "linearity", "value": 1.0}
    write_table(path, pd.DataFrame([{**row, "epsilon": epsilon} for epsilon in epsilons]), made_from={"of": "run"})
    return path


@pytest.mark.parametrize("epsilons", [["8/255", "2/255"], ["0.040", "0.2"], ["1", "4"], ["1/2", "0.08"]])
def test_epsilons_come_back_as_the_config_spells_them(tmp_path: Path, epsilons: list[str]):
    path = write(tmp_path / "features.csv", epsilons)
    assert read_features(path, epsilons, expected={}).epsilon.tolist() == epsilons


def test_features_of_another_run(tmp_path: Path):
    path = write(tmp_path / "features.csv", ["8/255"])
    with pytest.raises(UserError, match="of is run, expected other"):
        read_features(path, ["8/255"], expected={"of": "other"})


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
    write_table(path, pd.DataFrame([row]), made_from={"of": "run"})
    assert len(read_counts(path, expected={"of": "run"})) == 1
