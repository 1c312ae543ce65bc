"""The sensitivities of two models beside each other, at every epsilon."""

from collections.abc import Mapping

import pandas as pd

from feature_sensitivity.config.models import NORMAL, ROBUST
from feature_sensitivity.studies.variant_files import VariantFiles


def compare(variants: Mapping[str, VariantFiles]) -> pd.DataFrame:
    """Return a row for each epsilon: the mean sensitivities of ``normal`` and ``robust_dataset`` and their ratio."""
    run = variants["own"].run()
    rows = []
    for epsilon in run.sensitivity_epsilons:
        ratio = run.sensitivity_ratio((NORMAL, epsilon), (ROBUST, epsilon))
        rows.append(
            {
                **run.recorded[epsilon],
                NORMAL: float(run.movement_of(NORMAL, epsilon).mean()),
                ROBUST: float(run.movement_of(ROBUST, epsilon).mean()),
                "ratio": ratio.value,
                "ci_low": ratio.low,
                "ci_high": ratio.high,
            }
        )
    return pd.DataFrame(rows)
