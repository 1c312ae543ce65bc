"""The table of the convergence study, on extrema small enough to follow."""

import numpy as np
import pytest

from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema
from feature_sensitivity.studies.convergence.measurement import convergence_table


def run(up: float) -> FeatureExtrema:
    """Two images, one feature, which rises by ``up`` and does not fall."""
    clean = np.ones((2, 1), np.float32)
    return FeatureExtrema(clean, clean + np.float32(up), clean, np.zeros((2, 1), bool), batch_size=64)


def test_shares_are_of_the_best_of_all_runs():
    result = convergence_table(
        {5: run(0.5), 50: run(1.0)}, [run(0.6), run(0.8), run(0.7)], steps=20, definition="max_abs"
    )
    assert result.varied.tolist() == ["steps"] * 2 + ["starts"] * 3
    assert result.steps.tolist() == [5, 50, 20, 20, 20]
    assert result.starts.tolist() == [1, 1, 1, 2, 3]
    assert result.share_of_best.tolist() == pytest.approx([0.5, 1.0, 0.6, 0.8, 0.8])
    assert result.spread.tolist() == pytest.approx([0.1 / 0.7] * 5, rel=1e-5)
