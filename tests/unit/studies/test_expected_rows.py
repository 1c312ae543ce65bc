"""A study's table is that of this run, whole."""

from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.studies.plan import Scope
from feature_sensitivity.studies.registry import PLANS, STUDIES
from feature_sensitivity.studies.study import check_rows

SETTINGS = {"steps": [5, 20], "shares": [1, 2.5], "epsilon": "8/255", "epsilons": ["0.5", "1.25"]}
CONFIG = {"studies": dict.fromkeys(STUDIES, SETTINGS), "accuracy": {"stronger_attack": "apgd"}}
SCOPE = Scope(["normal", "adversarial", "robust_dataset"], ["0.08", "8/255"], CONFIG)
N_ROWS = {
    "definitions": 2 * 5 * 5,
    "error_bounds": 3 * 2,
    "convergence": 3 * 2 * (3 + 2 + 2 + 1),
    "attack_strength": 3 * (10 + 3 * 3 + 2 * 3 * 2 + 2) + 3 * 2,
    "last_layer_refit": (2 + 2 + 1) * 2,
    "norms": 3 * 2 + 3 * 2,
    "crossing": 2,
}


def table_of(study: str, path: Path) -> pd.DataFrame:
    """The table with the expected rows, written and read."""
    pd.DataFrame(PLANS[study].rows(SCOPE), columns=PLANS[study].columns).to_csv(path, index=False)
    return pd.read_csv(path)


def check(study: str, table: pd.DataFrame, scope: Scope, path: Path) -> None:
    check_rows(table, PLANS[study].columns, PLANS[study].rows(scope), path=path)


@pytest.mark.parametrize("study", STUDIES)
def test_the_whole_table_is_taken_and_a_part_of_it_is_not(study: str, tmp_path: Path):
    path = tmp_path / "table.csv"
    table = table_of(study, path)
    assert len(table) == N_ROWS[study]
    check(study, table.sample(frac=1, random_state=0), SCOPE, path)
    for other in (table[:-1], pd.concat([table[:1], table])):
        with pytest.raises(UserError, match=r"table.csv has other rows than this run's; delete it"):
            check(study, other, SCOPE, path)


@pytest.mark.parametrize("study", STUDIES)
def test_the_columns_that_name_a_row_are_among_those_that_are_read(study: str):
    report = import_module(f"feature_sensitivity.studies.{study}.report").STUDY
    assert set(PLANS[study].columns) <= {*report.texts, *report.numbers}


def test_another_model_is_another_run(tmp_path: Path):
    table = table_of("error_bounds", tmp_path / "table.csv")
    with pytest.raises(UserError, match="other rows"):
        check("error_bounds", table, SCOPE._replace(models=["normal", "mine", "other"]), tmp_path)
