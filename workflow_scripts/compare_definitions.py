"""Judge the claims on sensitivities by every definition and weight normalization, from the stored extremes."""

from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.claims import judge
from feature_sensitivity.analysis.run import run_from
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, WEIGHT_NORMALIZATIONS
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.files import whole_file


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), "compare_definitions"):
        accuracy = pd.concat([pd.read_csv(path) for path in snakemake.input.accuracy])
        files = [read_sensitivity(Path(path)) for path in snakemake.input.sensitivity]
        rows = []
        for definition, normalization in product(DEFINITIONS, WEIGHT_NORMALIZATIONS):
            run = run_from(accuracy, files, definition=definition, normalization=normalization)
            for judgement in judge(run):
                if judgement.claim.name in ("S1", "S2", "S3", "S4", "S5"):
                    rows.append(
                        {
                            "definition": definition,
                            "weight_normalization": normalization,
                            "claim": judgement.claim.name,
                            "verdict": judgement.verdict,
                            "n_checks": len(judgement.checks),
                            "n_hold": sum(check.holds is True for check in judgement.checks),
                            "n_fail": sum(check.holds is False for check in judgement.checks),
                        }
                    )
        with whole_file(Path(snakemake.output[0])) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
