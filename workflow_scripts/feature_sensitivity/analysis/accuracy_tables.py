"""The accuracy tables of a run, read and compared with what the run expects of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.tables import ADVICE, read_table
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.config.units import exact, unit_of
from feature_sensitivity.runtime.errors import UserError

SHARES = ("epsilon", "n_images", "n_correct", "accuracy", "ci_low", "ci_high")
NUMBERS = (*SHARES, "epsilon_255", "steps", "step_size", "seed")


@dataclass(frozen=True, kw_only=True)
class AccuracyFiles:
    """The files ``results/accuracy/{model}.csv`` of a run, by replicate.

    ``checks``: replicate to ``results/accuracy/{model}.checks.csv``. ``epsilons``: as spelled in the config, without
    0. ``settings``: those of the attack, which hold for all epsilons.
    """

    paths: Mapping[str, Path]
    epsilons: Sequence[str]
    settings: AccuracySettings
    checks: Mapping[str, Path]

    @classmethod
    def of_rule(
        cls,
        files: Iterable[str],
        checks: Iterable[str] = (),
        *,
        models: Sequence[str],
        epsilons: Sequence[str],
        settings: Mapping[str, Any],
    ) -> Self:
        """Return the files of every model, in the order of ``models``; ``checks``, if any, likewise."""
        return cls(
            paths=dict(zip(models, map(Path, files), strict=True)),
            checks=dict(zip(models, map(Path, checks), strict=False)),
            epsilons=epsilons,
            settings=AccuracySettings(**settings),
        )

    def read(self) -> dict[str, pd.DataFrame]:
        """Return the table of each replicate; raise :class:`UserError` when one is damaged or of another run."""
        return {model: self._accuracy(model, path) for model, path in self.paths.items()}

    def read_together(self) -> pd.DataFrame:
        """Return the rows of all replicates."""
        return pd.concat(self.read().values(), ignore_index=True)

    def read_checks(self) -> dict[str, pd.DataFrame]:
        """Return the accuracies under other attacks of each replicate; raises as :meth:`read`."""
        return {model: self._checks(model, path) for model, path in self.checks.items()}

    def _accuracy(self, model: str, path: Path) -> pd.DataFrame:
        table = read_table(path, texts=("model", "norm"), numbers=NUMBERS)
        rows = []
        for epsilon in ("0", *self.epsilons):
            attack = self.settings.at(epsilon).attack
            rows.append((attack.epsilon, attack.steps if attack.epsilon else 0, attack.step_size))
        expected: dict[str, list[Any]] = {
            "epsilon": [epsilon for epsilon, _, _ in rows],
            "model": [model] * len(rows),
            "norm": [self.settings.norm] * len(rows),
            "steps": [steps for _, steps, _ in rows],
            "step_size": [size for _, _, size in rows],
            "seed": [self.settings.seed] * len(rows),
        }
        if (unit := unit_of(table)) != self.settings.epsilon_unit:
            raise UserError(f"{path} is of another measurement than this run's: epsilon_unit is {unit}; {ADVICE}")
        _check(path, table, expected, n_images=self.settings.images)
        return table

    def _checks(self, model: str, path: Path) -> pd.DataFrame:
        table = read_table(path, texts=("model", "norm", "attack"), numbers=(*SHARES, "zero_gradient"))
        attacks = ["fgsm", *filter(None, [self.settings.stronger_attack])]
        n = len(attacks) * len(self.epsilons)
        expected: dict[str, list[Any]] = {
            "epsilon": [float(exact(epsilon)) for _ in attacks for epsilon in self.epsilons],
            "attack": [attack for attack in attacks for _ in self.epsilons],
            "model": [model] * n,
            "norm": [self.settings.norm] * n,
        }
        _check(path, table, expected, n_images=self.settings.images)
        if not table.zero_gradient.between(0, 1).all():
            raise UserError(f"{path}: zero_gradient is not a share of images; {ADVICE}")
        return table


def _check(path: Path, table: pd.DataFrame, expected: Mapping[str, Sequence[Any]], *, n_images: int | None) -> None:
    """Raise :class:`UserError` unless columns are as expected and the shares follow from their counts."""
    for name, values in expected.items():
        found = table[name].tolist()
        same = len(found) == len(values) and (
            np.allclose(found, values, rtol=1e-9, atol=0) if table[name].dtype.kind in "if" else found == list(values)
        )
        if not same:
            raise UserError(
                f"{path} is of another measurement than this run's: {name} is {_shown(found)}, "
                f"expected {_shown(values)}; {ADVICE}"
            )
    counts = {*table.n_images} if n_images is None else {*table.n_images, n_images}
    if len(counts) > 1:
        raise UserError(f"{path} is of {table.n_images.iloc[0]} images, expected {n_images or 'one number'}; {ADVICE}")
    for row in table.to_dict("records"):
        n_correct, n = int(row["n_correct"]), int(row["n_images"])
        known = 0 <= n_correct == row["n_correct"] <= n and n > 0
        interval = wilson_interval(n_correct, n) if known else (np.nan, np.nan)
        shares = [row["accuracy"], row["ci_low"], row["ci_high"]]
        if not (known and np.allclose(shares, [n_correct / n, *interval], rtol=1e-9, atol=1e-12)):
            raise UserError(
                f"{path}: at epsilon {row['epsilon']:g} accuracy and interval do not follow from {row['n_correct']:g} "
                f"of {row['n_images']:g} images; {ADVICE}"
            )


def _shown(values: Sequence[Any]) -> str:
    """Return values as a list, and equal ones once."""
    texts = list(dict.fromkeys(f"{value:g}" if isinstance(value, float | int) else str(value) for value in values))
    return f"{len(values)} times {texts[0]}" if len(texts) == 1 and len(values) > 1 else ", ".join(texts)
