"""The accuracy tables of a run, which must record its settings and its very weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from feature_sensitivity.analysis.tables import read_table
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.evaluation.correct_file import read_correct
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import EVALUATION, recorded_in, require_identity, require_same_images

SHARES = ("epsilon", "n_images", "n_correct", "accuracy", "ci_low", "ci_high")
NUMBERS = (*SHARES, "epsilon_255", "steps", "step_size", "seed")


def accuracy_identity(
    model: str, checkpoint: Path, *, epsilons: Sequence[str], settings: AccuracySettings
) -> dict[str, Any]:
    """Return what the files of a model's accuracies must record, besides the images."""
    return {
        "model": model,
        **settings.attributes(),
        "epsilons": ", ".join(["0", *epsilons]),
        "checkpoint_sha256": sha256_of_file(checkpoint),
    }


@dataclass(frozen=True, kw_only=True)
class AccuracyFiles:
    """The files ``results/accuracy/{model}.csv`` of a run, by replicate.

    ``checks``: replicate to ``results/accuracy/{model}.checks.csv``. ``checkpoints``: replicate to its model file.
    ``epsilons``: as spelled in the config, without 0. ``settings``: those of the attack, which hold for all epsilons.
    ``images``: replicate to ``results/accuracy/{model}.correct.h5``, if it is wanted.
    """

    paths: Mapping[str, Path]
    checkpoints: Mapping[str, Path]
    epsilons: Sequence[str]
    settings: AccuracySettings
    checks: Mapping[str, Path]
    images: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of_rule(cls, inputs: Mapping[str, Any], expected: Mapping[str, Any], *, label: str = "") -> Self:
        """Return the inputs ``accuracy``, ``models``, and ``checks`` and ``images``, if any, of a rule.

        All names but ``models`` may follow a label. ``expected`` has ``models``, in the order of the files,
        ``epsilons`` and ``settings``.
        """
        models = expected["models"]
        checks, images = (inputs.get(f"{label}{name}", ()) for name in ("checks", "images"))
        return cls(
            paths=dict(zip(models, map(Path, inputs[f"{label}accuracy"]), strict=True)),
            checkpoints=dict(zip(models, map(Path, inputs["models"]), strict=True)),
            checks=dict(zip(models, map(Path, checks), strict=False)),
            images=dict(zip(models, map(Path, images), strict=False)),
            epsilons=expected["epsilons"],
            settings=AccuracySettings(**expected["settings"]),
        )

    def read(self) -> dict[str, pd.DataFrame]:
        """Return the table of each replicate; raise :class:`UserError` when one is damaged or of another run.

        With ``images``, the column ``correct`` has which of them are correct, bool [n_images].
        """
        tables = self._read(self.paths, texts=("model", "norm"), numbers=NUMBERS)
        for model, path in self.images.items():
            file = read_correct(path)
            same_images = {EVALUATION: recorded_in(self.paths[model])[EVALUATION]}
            require_identity(path, file.attributes, {**self._identity_of(model), **same_images})
            tables[model]["correct"] = pd.Series([*file.correct], dtype=object)
        return tables

    def read_together(self) -> pd.DataFrame:
        """Return the rows of all replicates."""
        return pd.concat(self.read().values(), ignore_index=True)

    def read_checks(self) -> dict[str, pd.DataFrame]:
        """Return the accuracies under other attacks of each replicate; raises as :meth:`read`."""
        return self._read(self.checks, texts=("model", "norm", "attack"), numbers=(*SHARES, "zero_gradient"))

    def identity(self) -> dict[str, Any]:
        """Return what a table derived from these must record: settings, and hashes of networks."""
        return {
            "accuracy": self.settings.as_parameters(),
            "checkpoints": {model: sha256_of_file(path) for model, path in self.checkpoints.items()},
        }

    def _identity_of(self, model: str) -> dict[str, Any]:
        return accuracy_identity(model, self.checkpoints[model], epsilons=self.epsilons, settings=self.settings)

    def _read(self, paths: Mapping[str, Path], **columns: Any) -> dict[str, pd.DataFrame]:
        tables = {
            model: read_table(path, **columns, expected=self._identity_of(model)) for model, path in paths.items()
        }
        require_same_images({path: recorded_in(path) for path in paths.values()})
        return tables
