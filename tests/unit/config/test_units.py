"""Epsilon in both units, and exact step sizes."""

from fractions import Fraction

import pytest

from feature_sensitivity.config.units import (
    as_file_name,
    epsilon_columns,
    exact,
    from_file_name,
    in_both_units,
    step_length,
)

STD = [0.2023, 0.1994, 0.2010]


def test_a_standardized_epsilon_in_both_units():
    recorded = epsilon_columns("0.08", unit="standardized", std=STD)
    assert recorded == {"epsilon": 0.08, "epsilon_255": pytest.approx(4.1, abs=0.02)}
    assert in_both_units([recorded]) == "0.08 (4.1/255)"


def test_a_pixel_epsilon_in_both_units():
    recorded = epsilon_columns("8/255", unit="pixel", std=STD)
    assert recorded == {"epsilon": 8 / 255, "epsilon_255": 8, "epsilon_standardized": pytest.approx(0.1562, abs=1e-4)}
    assert in_both_units([recorded]) == "8/255 (0.156 standardized)"
    assert in_both_units([recorded], spelled="16/510") == "16/510 (0.156 standardized)"


@pytest.mark.parametrize(("unit", "shown"), [("standardized", "0.5"), ("pixel", "127.5/255")])
def test_models_with_different_standardizations_have_no_second_unit_in_common(unit: str, shown: str):
    recorded = [epsilon_columns("1/2", unit=unit, std=[std]) for std in (0.2, 0.3)]
    assert in_both_units(recorded) == shown


@pytest.mark.parametrize("epsilon", ["0.04", "8/255", "0.5/255", "2"])
def test_an_epsilon_is_read_back_from_a_file_name(epsilon: str):
    assert "/" not in as_file_name(epsilon)
    assert from_file_name(as_file_name(epsilon)) == epsilon


def test_a_fraction_may_have_a_decimal_above():
    assert exact("0.5/255") == Fraction(1, 510)
    assert exact("0.080") == exact("8/100") == Fraction(2, 25)


def test_step_sizes_are_exact():
    assert step_length("1/8", "0.2") == 0.025
    assert step_length("5/14", "0.08") == pytest.approx(0.4 / 14)
    assert step_length(0.25, 0.2) == 0.05
    assert step_length("1/8", "8/255") == 1 / 255


@pytest.mark.parametrize(
    "text", ["1e999999999", "1e-999999999", "1/1e99999", "8/255/2", "8/0.5/2", "1e1_0000", "", "/", "8/", "nan", "inf"]
)
def test_what_no_float_can_hold_is_refused_at_once(text: str):
    with pytest.raises(ValueError, match=r"Invalid literal|no decimal"):
        exact(text)
