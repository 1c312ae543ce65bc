"""The files of the measurements that a study compares."""

from dataclasses import dataclass

import pandas as pd

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.run import Run, read_run
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles


@dataclass(frozen=True, kw_only=True)
class VariantFiles:
    """The files of one measurement; ``accuracy`` is None where the study takes sensitivities alone.

    Methods raise :class:`UserError` when a file is damaged or belongs to another run.
    """

    accuracy: AccuracyFiles | None
    sensitivity: SensitivityFiles

    def accuracies(self) -> pd.DataFrame:
        """Return the rows of ``results/accuracy/{model}.csv`` of all models."""
        return self.accuracy.read_together() if self.accuracy else pd.DataFrame(columns=["model", "epsilon"])

    def run(self) -> Run:
        """Return the numbers of the measurement."""
        return read_run(accuracy=self.accuracies(), sensitivity=self.sensitivity)

    def under_stronger_attack(self) -> pd.DataFrame:
        """Return the rows of ``results/accuracy/{model}.checks.csv`` under the stronger attack; none without one."""
        if not (self.accuracy and (stronger := self.accuracy.settings.stronger_attack)):
            return pd.DataFrame()
        checks = pd.concat(self.accuracy.read_checks().values())
        return checks[checks.attack == stronger]
