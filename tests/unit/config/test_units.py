"""Epsilon in both units, and exact step sizes."""

import pytest

from feature_sensitivity.config.units import epsilon_255, in_both_units, step_length


def test_epsilon_in_both_units():
    std = [0.2023, 0.1994, 0.2010]
    assert epsilon_255("0.08", std) == pytest.approx(4.1, abs=0.02)
    assert in_both_units("0.08", std) == "0.08 (4.1/255)"


def test_step_sizes_are_exact():
    assert step_length("1/8", "0.2") == 0.025
    assert step_length("5/14", "0.08") == pytest.approx(0.4 / 14)
    assert step_length(0.25, 0.2) == 0.05
