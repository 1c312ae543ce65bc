"""The claims on sensitivities, judged by every definition from the stored feature extrema."""

from collections.abc import Sequence
from itertools import product

import pandas as pd

from feature_sensitivity.analysis.claims import judge
from feature_sensitivity.analysis.run import run_from
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, WEIGHT_NORMALIZATIONS
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile

CLAIMS_ON_SENSITIVITIES = ("S1", "S2", "S3", "S4", "S5")


def verdicts_by_definition(accuracy: pd.DataFrame, files: Sequence[SensitivityFile]) -> pd.DataFrame:
    """Return a row for each definition, weight normalization and claim: the verdict and how many checks hold.

    ``accuracy`` has the columns of ``results/accuracy/{model}.csv``.
    """
    rows = []
    for definition, normalization in product(DEFINITIONS, WEIGHT_NORMALIZATIONS):
        run = run_from(accuracy, files, definition=definition, normalization=normalization)
        for judgement in judge(run):
            if judgement.claim.name in CLAIMS_ON_SENSITIVITIES:
                truths = [check.holds for check in judgement.checks]
                rows.append(
                    {
                        "definition": definition,
                        "weight_normalization": normalization,
                        "claim": judgement.claim.name,
                        "verdict": judgement.verdict,
                        "n_checks": len(truths),
                        "n_hold": truths.count(True),
                        "n_fail": truths.count(False),
                    }
                )
    return pd.DataFrame(rows)
