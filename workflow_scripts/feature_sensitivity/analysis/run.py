"""The numbers of a run, and the one reader of its accuracy and sensitivity files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis.accuracy_interval import accuracy_estimate
from feature_sensitivity.analysis.estimates import Estimate, bootstrap, mean_ratio
from feature_sensitivity.analysis.refits import Refits
from feature_sensitivity.analysis.seeds import accuracy_over_seeds, mean_of
from feature_sensitivity.config.models import PAPER_MODELS
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.config.units import COLUMNS, own_unit, unit_of
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, rederived, weight_factor
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile, shared_images


class MissingError(Exception):
    """What a claim is about and the run does not have."""


class AbsentModelError(MissingError):
    """A model of the paper that a claim is about and that is none of the run's."""


@dataclass(frozen=True)
class Run:
    """The numbers of a run.

    ``accuracy``: (model, epsilon) to the share of correct images, with its interval. ``movement``: (model,
    epsilon) to how far each image moves each feature, weighted, [n_seeds, n_images, n_features], for the same
    images everywhere. ``refits``: accuracies under attack after the last layer was fitted again, if it was.
    ``recorded``: an epsilon to what a measurement records of it, NaN where models differ. ``robust_share``: (model,
    epsilon) to the share of features that are robustly useful, if they were counted.
    """

    accuracy: Mapping[tuple[str, float], Estimate]
    movement: Mapping[tuple[str, float], NDArray[np.floating]]
    n_classes: int
    refits: Refits | None = None
    recorded: Mapping[float, Mapping[str, float]] = field(default_factory=dict)
    robust_share: Mapping[tuple[str, float], Estimate] = field(default_factory=dict)

    @cached_property
    def epsilons(self) -> list[float]:
        """Return every epsilon of an attack on accuracy, ascending."""
        return sorted({epsilon for _, epsilon in self.accuracy if epsilon > 0})

    @cached_property
    def models(self) -> list[str]:
        """Return every model with sensitivities, in the order of the files."""
        return list(dict.fromkeys(model for model, _ in self.movement))

    @cached_property
    def judged_models(self) -> list[str]:
        """Return the models of claims that speak of every model: the paper's, or in a run without one of them all."""
        present = dict.fromkeys(model for model, _ in (*self.movement, *self.accuracy))
        return list(PAPER_MODELS) if present.keys() >= set(PAPER_MODELS) else list(present)

    def require_model(self, model: str) -> None:
        """Raise ``AbsentModelError`` where a model is none of the run's."""
        if all(model != other for other, _ in (*self.movement, *self.accuracy)):
            raise AbsentModelError(f"this run has no model {model}")

    def shown(self, epsilon: float) -> str:
        """Return an epsilon of this run as text."""
        return own_unit(self.recorded.get(epsilon, {"epsilon": epsilon}))

    def of_the_paper(self, epsilon: float) -> float:
        """Return an epsilon of the paper, which is in standardized units; raise ``MissingError`` in pixel units."""
        if any(unit_of(recorded) == "pixel" for recorded in self.recorded.values()):
            raise MissingError(
                f"the claim is about epsilon {epsilon:g} in standardized units, this run is in pixel units"
            )
        return epsilon

    def accuracy_of(self, model: str, epsilon: float) -> Estimate:
        """Return the accuracy under attack; epsilon 0 means without. Raise ``MissingError`` if the run has none."""
        self.require_model(model)
        if (model, epsilon) not in self.accuracy:
            raise MissingError(f"this run has no accuracy of {model} at epsilon {self.shown(epsilon)}")
        return self.accuracy[model, epsilon]

    def movement_of(self, model: str, epsilon: float) -> NDArray[np.floating]:
        """Return how far each image moves each feature [n_seeds, n_images, n_features], or raise ``MissingError``."""
        self.require_model(model)
        if (model, epsilon) not in self.movement:
            raise MissingError(f"this run has no sensitivities of {model} at epsilon {self.shown(epsilon)}")
        return self.movement[model, epsilon]

    @cached_property
    def sensitivity_epsilons(self) -> list[float]:
        """Return every epsilon of an attack on features, ascending."""
        return sorted({epsilon for _, epsilon in self.movement})

    def sensitivity_of(self, model: str, epsilon: float) -> Estimate:
        """Return the mean sensitivity; bootstrap over images."""
        return mean_of([bootstrap(np.mean, seed) for seed in self.movement_of(model, epsilon).mean(axis=2)])

    def robust_share_of(self, model: str, epsilon: float) -> Estimate:
        """Return the share of the features that are robustly useful, or raise ``MissingError``."""
        self.require_model(model)
        if (model, epsilon) not in self.robust_share:
            raise MissingError(f"the useful features of {model} were not counted at epsilon {self.shown(epsilon)}")
        return self.robust_share[model, epsilon]

    def sensitivity_ratio(self, first: tuple[str, float], second: tuple[str, float]) -> Estimate:
        """Return the mean sensitivity of one (model, epsilon) over that of another; paired bootstrap over images.

        A model without replicates, since its weights are given, is compared with each seed of the other.
        """
        one, other = (self.movement_of(*key).mean(axis=2) for key in (first, second))
        pairs = zip(*np.broadcast_arrays(one, other), strict=True)
        return mean_of([bootstrap(mean_ratio, *pair) for pair in pairs])


def read_run(
    *,
    sensitivity: SensitivityFiles,
    accuracy: pd.DataFrame | None = None,
    definition: str,
    normalization: str,
) -> Run:
    """Return the run with these accuracies, if any, and the sensitivities in these files; see ``run_from``."""
    return run_from(
        pd.DataFrame(columns=["model", "epsilon"]) if accuracy is None else accuracy,
        list(sensitivity.read().values()),
        definition=definition,
        normalization=normalization,
    )


def read_sensitivities(
    files: SensitivityFiles, *, definition: str, normalization: str
) -> dict[tuple[str, str], SensitivityFile]:
    """Return sensitivities by (replicate, epsilon); ``definition`` and ``normalization`` are as in the config."""
    return {
        key: rederived(file, definition=definition, normalization=normalization) for key, file in files.read().items()
    }


def run_from(
    accuracy: pd.DataFrame,
    files: Sequence[SensitivityFile],
    *,
    definition: str,
    normalization: str,
) -> Run:
    """Return a run from its tables; ``definition`` and ``normalization`` are as in the config.

    Replicates of a model are in the order of the files. Files that stopped early, at the target relative error, have
    fewer images: all are compared on those that they share.
    """
    shared = shared_images(files)
    movement: dict[tuple[str, float], list[NDArray[np.floating]]] = {}
    for file in files:
        moved = DEFINITIONS[definition](file.clean, file.maximum, file.minimum)[np.isin(file.image_index, shared)]
        key = model_of(file.attributes["model"]), float(file.attributes["epsilon"])
        movement.setdefault(key, []).append(moved * weight_factor(file.weight, normalization=normalization))
    pooled = accuracy_over_seeds(accuracy)
    return Run(
        accuracy={(row["model"], float(row["epsilon"])): accuracy_estimate(row) for row in pooled.to_dict("records")},
        movement={key: np.stack(seeds) for key, seeds in movement.items()},
        n_classes=_number_of_classes(files),
        recorded=_recorded_epsilons(files),
    )


def _number_of_classes(files: Sequence[SensitivityFile]) -> int:
    """Return the outputs of a linear layer behind the features, or else how many classes the images show."""
    return next((len(file.weight) for file in files if len(file.weight)), 0) or max(
        int(file.label.max()) + 1 for file in files
    )


def _recorded_epsilons(files: Sequence[SensitivityFile]) -> dict[float, dict[str, float]]:
    """Return what the files record of each epsilon; NaN for the other unit where models differ in it."""
    recorded: dict[float, dict[str, float]] = {}
    for attributes in (file.attributes for file in files):
        columns = {name: float(attributes[name]) for name in COLUMNS if name in attributes}
        known = recorded.setdefault(columns["epsilon"], columns)
        known.update({name: np.nan for name, value in columns.items() if not np.isclose(value, known[name])})
    return recorded
