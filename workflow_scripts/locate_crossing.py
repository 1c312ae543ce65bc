"""Compare the sensitivities of normal and robust_dataset on a fine grid of epsilon."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.run import NORMAL, ROBUST, run_from
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.files import whole_file


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), "locate_crossing"):
        run = run_from(
            pd.DataFrame(columns=["model", "epsilon"]),
            [read_sensitivity(Path(path)) for path in snakemake.input.sensitivity],
            **snakemake.params.derivation,
        )
        rows = []
        for epsilon in run.sensitivity_epsilons():
            ratio = run.sensitivity_ratio((NORMAL, epsilon), (ROBUST, epsilon))
            rows.append(
                {
                    "epsilon": epsilon,
                    NORMAL: float(run.movement_of(NORMAL, epsilon).mean()),
                    ROBUST: float(run.movement_of(ROBUST, epsilon).mean()),
                    "ratio": ratio.value,
                    "ci_low": ratio.low,
                    "ci_high": ratio.high,
                }
            )
        with whole_file(Path(snakemake.output[0])) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
