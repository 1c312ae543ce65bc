"""Put accuracy and sensitivity under the protocol's norm and under l2 side by side."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.run import run_from
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.files import whole_file


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    given = snakemake.input
    with job(Path(snakemake.log[0]), "compare_norms"):
        rows = []
        for accuracies, sensitivities in (
            (given.accuracy, given.sensitivity),
            (given.accuracy_l2, given.sensitivity_l2),
        ):
            accuracy = pd.concat([pd.read_csv(path) for path in accuracies])
            files = [read_sensitivity(Path(path)) for path in sensitivities]
            run = run_from(accuracy, files, **snakemake.params.derivation)
            for row in accuracy[accuracy.epsilon > 0].to_dict("records"):
                mean = run.sensitivity_of(row["model"], row["epsilon"])
                names = ("norm", "model", "epsilon", "n_images", "accuracy", "ci_low", "ci_high")
                rows.append(
                    {
                        **{name: row[name] for name in names},
                        "sensitivity": mean.value,
                        "sensitivity_low": mean.low,
                        "sensitivity_high": mean.high,
                    }
                )
        with whole_file(Path(snakemake.output[0])) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
