"""Each measure on numbers that are worked out by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from feature_sensitivity.analysis.measured_features import from_files
from feature_sensitivity.analysis.measures import FUNCTIONS, chosen_measures, measure_table
from feature_sensitivity.config.measures import CLASS_MEASURES, MEASURES, MOST_CLASSES
from feature_sensitivity.evaluation.attacked_file import AttackedFile
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from measured_cases import measured
from snakemake_runs import ROOT

# Four images, the last two of class 1; one feature. It can rise by 1, 0, 2, 1 and fall by 0, 0, 3, 2.
CLEAN = [[0.0], [0.0], [3.0], [5.0]]
FEATURES = measured(
    CLEAN,
    up=[[1.0], [0.0], [2.0], [1.0]],
    down=[[0.0], [0.0], [3.0], [2.0]],
    label=[0, 0, 1, 1],
    attacked=np.array([[0.5], [0.0], [1.0], [5.5]]),
    gradient_norm=np.array([[1.0], [0.0], [4.0], [1.0]]),
    zero_gradient=np.array([0.25]),
    at_cap=np.array([0.5]),
    factor=np.array([2.0]),
)
BY_HAND = {
    # Movements 1, 0, 3, 2: mean 1.5, times the weight 2.
    "sensitivity": 3.0,
    "sensitivity_standard_error": 2 * np.std([1, 0, 3, 2], ddof=1) / 2,
    "sensitivity_raw": 1.5,
    "sensitivity_q05": 2 * 0.15,
    "sensitivity_q25": 2 * 0.75,
    "sensitivity_q50": 2 * 1.5,
    "sensitivity_q75": 2 * 2.25,
    "sensitivity_q95": 2 * 2.85,
    # Clean values 0, 0, 3, 5: mean 2, variance (4 + 4 + 1 + 9) / 4.
    "standard_deviation": 4.5**0.5,
    "relative_sensitivity": 1.5 / 4.5**0.5,
    "local_lipschitz": 1.5 / 0.5,
    "upward_movement": 1.0,
    "downward_movement": 1.25,
    "upward_share": 1 / 2.25,
    # Off at the first two, of which one can be switched on; of the others the third can be switched off.
    "switch_on_share": 0.25,
    "switch_off_share": 0.25,
    "zero_gradient": 0.25,
    "at_cap": 0.5,
    "gradient_norm": 1.5,
    "linearity": 1.5 / (0.5 * 1.5),
    # Under the attack on the classifier it moves by 0.5, 0, 2, 0.5.
    "neuron_sensitivity": 0.75,
    "used_share": 0.75 / 1.5,
    # Active above 1 % of the largest value.
    "activation_frequency": 0.5,
    "activation_magnitude": 2.0,
    "attacked_activation_frequency": 0.75,
    "attacked_activation_magnitude": 1.75,
    # Standardized values (-2, -2, 1, 3) / 4.5^0.5; for class 1 y is -1, -1, 1, 1.
    "usefulness": 2 / 4.5**0.5,
    "useful_class": 1.0,
    # Against it: -(-2 + 1), -(-2 + 0), 1 - 3, 3 - 2.
    "robust_usefulness": (1 + 2 - 2 + 1) / 4 / 4.5**0.5,
    "robustly_useful_class": 1.0,
    # Both classes have two images, so balanced rho is the same; half the difference of -0.5 and -1.5.
    "balanced_usefulness": 2 / np.sqrt(4.5),
    "balanced_robust_usefulness": 0.5 / np.sqrt(4.5),
}
OF_CLASSES = {
    "class_sensitivity": [2 * 0.5, 2 * 2.5],
    "class_usefulness": [-2 / 4.5**0.5, 2 / 4.5**0.5],
    # For class 0: -2, -2, -(1 + 2), -(3 + 1).
    "class_robust_usefulness": [-11 / 4 / 4.5**0.5, 2 / 4 / 4.5**0.5],
    "class_activation_frequency": [0.0, 1.0],
    "class_activation_magnitude": [0.0, 4.0],
    "class_attacked_activation_frequency": [0.5, 1.0],
    "class_attacked_activation_magnitude": [0.25, 3.25],
}
JUDGED = {"usefulness_low", "usefulness_high", "robust_usefulness_low", "robust_usefulness_high", "usefulness_kind"}
"""Those of test_usefulness."""


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_by_hand(name: str):
    if name in JUDGED:
        assert FUNCTIONS[name](FEATURES).shape == (1,)
    else:
        assert FUNCTIONS[name](FEATURES).tolist() == pytest.approx([BY_HAND[name]])


@pytest.mark.parametrize("name", CLASS_MEASURES)
def test_a_measure_of_each_class_by_hand(name: str):
    assert FUNCTIONS[name](FEATURES)[:, 0].tolist() == pytest.approx(OF_CLASSES[name])


def test_every_name_of_the_config_has_a_function_and_a_definition():
    assert [*FUNCTIONS] == [*MEASURES, *CLASS_MEASURES]
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/measures.md").read_text(), re.MULTILINE)
    defined = [name for row in rows for name in re.findall("`([a-z_0-9]+)`", row)]
    assert sorted(defined) == sorted(FUNCTIONS)


def test_a_feature_that_never_moves_has_no_shares():
    still = measured(np.ones((3, 1)), gradient_norm=np.zeros((3, 1)))
    for name in ("relative_sensitivity", "upward_share", "linearity", "used_share"):
        assert np.isnan(FUNCTIONS[name](still)).all(), name


def test_nothing_is_active_where_all_features_are_0():
    assert FUNCTIONS["activation_frequency"](measured(np.zeros((3, 2)))).tolist() == [0, 0]


def test_the_table_has_a_row_for_each_feature_and_measure():
    table = measure_table(FEATURES, np.array([7]), measures=["class_usefulness", "sensitivity"])
    expected = pd.DataFrame(
        {
            "feature": [7, 7, 7],
            "measure": ["sensitivity", "class_usefulness_0", "class_usefulness_1"],
            "value": [3.0, *OF_CLASSES["class_usefulness"]],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


def test_measures_of_classes_are_left_out_where_there_are_many_unless_they_are_named():
    assert chosen_measures(None, MOST_CLASSES) == list(FUNCTIONS)
    assert chosen_measures(None, MOST_CLASSES + 1) == list(MEASURES)
    assert chosen_measures(["class_usefulness"], 1000) == ["class_usefulness"]


def test_files_are_joined_by_image():
    """The sensitivities stopped early: at two of the three images, in the order of the dataset."""
    values = np.array([[1.0], [2.0]], np.float32)
    file = SensitivityFile(
        clean=values,
        maximum=values + 1,
        minimum=values - 3,
        sensitivity=values[0],
        sensitivity_raw=values[0],
        standard_error=values[0],
        weight=np.array([[2.0], [-4.0]], np.float32),
        image_index=np.array([5, 9]),
        label=np.array([0, 1]),
        feature_index=np.array([0]),
        zero_gradient=values[0],
        at_cap=values[0],
        attributes={"epsilon": np.float64(0.25)},
    )
    three = np.array([[9.0], [7.0], [5.0]], np.float32)
    attacked = AttackedFile(
        clean=three,
        attacked=np.stack([three, 10 * three]),
        gradient_norm=three,
        margin=np.ones(3, np.float32),
        clean_prediction=np.zeros(3, np.int64),
        attacked_prediction=np.zeros((2, 3), np.int64),
        label=np.zeros(3, np.int64),
        image_index=np.array([9, 7, 5]),
        feature_index=np.array([0]),
        attributes={},
    )
    joined = from_files(file, attacked, epsilon=1, definition="range", normalization="max_abs")
    assert joined.attacked[:, 0].tolist() == [50, 90]
    assert joined.attacked_from[:, 0].tolist() == joined.gradient_norm[:, 0].tolist() == [5, 9]
    assert (joined.epsilon, joined.n_classes, joined.factor.tolist()) == (0.25, 2, [4.0])
    assert joined.movement[:, 0].tolist() == [4, 4]
    assert joined.largest_movement[:, 0].tolist() == [3, 3]
