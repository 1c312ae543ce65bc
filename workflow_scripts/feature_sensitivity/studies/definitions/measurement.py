"""The claims on sensitivities, judged by every definition from the stored feature extrema."""

from collections.abc import Mapping
from itertools import product

import pandas as pd

from feature_sensitivity.analysis.claims import judge
from feature_sensitivity.analysis.run import run_from
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, WEIGHT_NORMALIZATIONS
from feature_sensitivity.studies.definitions.plan import CLAIMS_ON_SENSITIVITIES
from feature_sensitivity.studies.variant_files import VariantFiles


def compare(variants: Mapping[str, VariantFiles]) -> pd.DataFrame:
    """Return a row for each definition, weight normalization and claim: the verdict and how many checks hold."""
    own = variants["own"]
    accuracy, files = own.accuracies(), list(own.sensitivity.read().values())
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
