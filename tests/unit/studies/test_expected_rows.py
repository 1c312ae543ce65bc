"""A study's table is that of this run, whole."""

from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.studies.expected_rows import EXPECTED, Scope, check_rows
from feature_sensitivity.studies.registry import STUDIES

SETTINGS = {
    "steps": [5, 20],
    "shares": [1, 2.5],
    "epsilon": "8/255",
    "epsilons": ["0.5", "1.25"],
    "stronger_attack": "apgd",
}
SCOPE = Scope(["normal", "adversarial", "robust_dataset"], ["0.08", "8/255"], SETTINGS)
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
    columns, rows = EXPECTED[study]
    pd.DataFrame(rows(SCOPE), columns=columns).to_csv(path, index=False)
    return pd.read_csv(path)


@pytest.mark.parametrize("study", STUDIES)
def test_the_whole_table_is_taken_and_a_part_of_it_is_not(study: str, tmp_path: Path):
    path = tmp_path / "table.csv"
    table = table_of(study, path)
    assert len(table) == N_ROWS[study]
    check_rows(study, table.sample(frac=1, random_state=0), SCOPE, path=path)
    for other in (table[:-1], pd.concat([table[:1], table])):
        with pytest.raises(UserError, match=r"table.csv has other rows than this run's; delete it"):
            check_rows(study, other, SCOPE, path=path)


@pytest.mark.parametrize("study", STUDIES)
def test_the_columns_that_name_a_row_are_among_those_that_are_read(study: str):
    assert set(EXPECTED[study][0]) <= {*STUDIES[study].texts, *STUDIES[study].numbers}


def test_another_model_is_another_run(tmp_path: Path):
    table = table_of("error_bounds", tmp_path / "table.csv")
    with pytest.raises(UserError, match="other rows"):
        check_rows("error_bounds", table, SCOPE._replace(models=["normal", "mine", "other"]), path=tmp_path)
