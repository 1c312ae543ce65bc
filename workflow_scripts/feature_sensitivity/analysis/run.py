"""The numbers of a run, and the one reader of its accuracy and sensitivity files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis.accuracy_interval import accuracy_estimate
from feature_sensitivity.analysis.estimates import Estimate, from_resamples, mean_of_images, ratio_of_means
from feature_sensitivity.analysis.refits import Refits
from feature_sensitivity.analysis.seeds import accuracy_over_seeds
from feature_sensitivity.config.models import PAPER_MODELS, model_of
from feature_sensitivity.config.units import COLUMNS, own_unit, unit_of
from feature_sensitivity.evaluation.attacked_file import AttackedFile
from feature_sensitivity.evaluation.expected_attacked import AttackedFiles
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, rederived, weight_factor
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile, shared_images

RESAMPLES = 1000


class MissingError(Exception):
    """What a claim is about and the run does not have."""


class NotApplicableError(MissingError):
    """A claim is about a model that is no model of the run."""


@dataclass(frozen=True)
class Run:
    """The numbers of a run.

    ``accuracy``: (model, epsilon) to the share of correct images, with its interval. ``correct``: the same to which
    images are correct, [n_seeds, n_images], the same images everywhere. ``movement``: (model, epsilon) to how far each
    image moves each feature, weighted, [n_seeds, n_images, n_features], for the same images everywhere. ``margin``:
    model to the difference between the two largest logits of those images, [n_seeds, n_images]. ``refits``:
    accuracies under attack after the last layer was fitted again, if it was. ``recorded``: an epsilon to what a
    measurement records of it, NaN where models differ. ``robust_share``: (model, epsilon) to the share of features that
    are robustly useful, if they were counted. ``in_margins``: whether the sensitivities of two models are compared in
    units of each one's mean margin, which a common factor of all logits does not change.
    """

    accuracy: Mapping[tuple[str, float], Estimate]
    movement: Mapping[tuple[str, float], NDArray[np.floating]]
    n_classes: int
    correct: Mapping[tuple[str, float], NDArray[np.bool_]] = field(default_factory=dict)
    margin: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    refits: Refits | None = None
    recorded: Mapping[float, Mapping[str, float]] = field(default_factory=dict)
    robust_share: Mapping[tuple[str, float], Estimate] = field(default_factory=dict)
    in_margins: bool = False

    @cached_property
    def epsilons(self) -> list[float]:
        """Return every epsilon of an attack on accuracy, ascending."""
        return sorted({epsilon for _, epsilon in self.accuracy if epsilon > 0})

    @cached_property
    def models(self) -> list[str]:
        """Return every model with sensitivities, in the order of the files."""
        return list(dict.fromkeys(model for model, _ in self.movement))

    @property
    def models_in_question(self) -> list[str]:
        """Return of which models a claim about every model is: the paper's, as far as the run has them, or else all."""
        return [model for model in PAPER_MODELS if model in self.models] or self.models

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
        return self._of(self.accuracy, model, epsilon, "accuracy")

    def accuracy_contrast(self, *terms: tuple[float, str, float]) -> Estimate:
        """Return a sum of coefficient times accuracy of (model, epsilon), on the same images."""
        return mean_of_images(
            *(
                (model, factor, self._of(self.correct, model, epsilon, "accuracy by image"))
                for factor, model, epsilon in terms
            )
        )

    def movement_of(self, model: str, epsilon: float) -> NDArray[np.floating]:
        """Return how far each image moves each feature [n_seeds, n_images, n_features], or raise ``MissingError``."""
        return self._of(self.movement, model, epsilon, "sensitivities")

    def _of(self, numbers: Mapping[tuple[str, float], Any], model: str, epsilon: float, what: str) -> Any:
        if not any(model == known for known, _ in (*self.accuracy, *self.movement)):
            raise NotApplicableError(f"the claim is about {model}, which is no model of this run")
        if (model, epsilon) not in numbers:
            raise MissingError(f"this run has no {what} of {model} at epsilon {self.shown(epsilon)}")
        return numbers[model, epsilon]

    @cached_property
    def sensitivity_epsilons(self) -> list[float]:
        """Return every epsilon of an attack on features, ascending."""
        return sorted({epsilon for _, epsilon in self.movement})

    def sensitivity_of(self, model: str, epsilon: float) -> Estimate:
        """Return the mean sensitivity, over seeds, images and features."""
        return ratio_of_means((model, 1, self.movement_of(model, epsilon).mean(axis=2)))

    def robust_share_of(self, model: str, epsilon: float) -> Estimate:
        """Return the share of the features that are robustly useful, or raise ``MissingError``."""
        return self._of(self.robust_share, model, epsilon, "count of useful features")

    def sensitivity_ratio(self, first: tuple[str, float], second: tuple[str, float]) -> Estimate:
        """Return the mean sensitivity of one (model, epsilon) over that of another, on the same images."""
        terms = [
            (model, power, self.movement_of(model, epsilon).mean(axis=2))
            for (model, epsilon), power in ((first, 1), (second, -1))
        ]
        if self.in_margins and first[0] != second[0]:
            if not {first[0], second[0]} <= self.margin.keys():
                raise MissingError("this run has no margins between logits")
            terms += [(first[0], -1, self.margin[first[0]]), (second[0], 1, self.margin[second[0]])]
        return ratio_of_means(*terms)

    def share_beyond(self, first: tuple[str, float], second: tuple[str, float], *, quantile: float) -> Estimate:
        """Return the share of the features of one (model, epsilon) that are beyond a quantile of those of another.

        Seeds are taken in pairs; bootstrap over images.
        """
        one, other = (self.movement_of(*key) for key in (first, second))
        n_images = one.shape[1]

        def share(weight: NDArray[np.floating]) -> NDArray[np.floating]:
            limits = np.quantile(weight @ other, quantile, axis=2, keepdims=True)
            return np.asarray((weight @ one > limits).mean(axis=2).mean(axis=0))

        value = float(share(np.full((1, n_images), 1 / n_images))[0])
        if n_images < 2:
            return Estimate(value, np.nan, np.nan)
        draws = np.random.default_rng(0).multinomial(n_images, np.full(n_images, 1 / n_images), size=RESAMPLES)
        found = from_resamples(value, share(draws / n_images))
        return Estimate(*(float(np.clip(number, 0, 1)) for number in found))


def read_run(
    *,
    sensitivity: SensitivityFiles,
    accuracy: pd.DataFrame,
    attacked: AttackedFiles | None = None,
) -> Run:
    """Return the run with these accuracies, and sensitivities as their settings derive them, and margins, if any."""
    settings = next(iter(sensitivity.settings.values()))
    return run_from(
        accuracy,
        list(sensitivity.read().values()),
        attacked.read() if attacked else {},
        definition=settings.definition,
        normalization=settings.weight_normalization,
    )


def read_sensitivities(files: SensitivityFiles) -> dict[tuple[str, str], SensitivityFile]:
    """Return sensitivities by (replicate, epsilon), in the definition and normalization that their settings name."""
    found = {}
    for (model, epsilon), file in files.read().items():
        settings = files.settings[model]
        found[model, epsilon] = rederived(
            file, definition=settings.definition, normalization=settings.weight_normalization
        )
    return found


def run_from(
    accuracy: pd.DataFrame,
    files: Sequence[SensitivityFile],
    attacked: Mapping[str, AttackedFile] | None = None,
    *,
    definition: str,
    normalization: str,
) -> Run:
    """Return a run from its tables; ``definition`` and ``normalization`` are as in the config.

    ``attacked``: replicate to the file that has the margins of its images, if they are wanted. Replicates of a model
    are in the order of the files. Files that stopped early, at the target relative error, have fewer images: all are
    compared on those that they share.
    """
    shared = shared_images(files)
    movement: dict[tuple[str, float], list[NDArray[np.floating]]] = {}
    for file in files:
        moved = DEFINITIONS[definition](file.clean, file.maximum, file.minimum)[np.isin(file.image_index, shared)]
        key = model_of(file.attributes["model"]), float(file.attributes["epsilon"])
        movement.setdefault(key, []).append(moved * weight_factor(file.weight, normalization=normalization))
    margin: dict[str, list[NDArray[np.floating]]] = {}
    for replicate, of_attack in (attacked or {}).items():
        places = {index: place for place, index in enumerate(of_attack.image_index.tolist())}
        rows = [places[index] for index in shared.tolist()]
        margin.setdefault(model_of(replicate), []).append(of_attack.margin[rows])
    correct: dict[tuple[str, float], list[NDArray[np.bool_]]] = {}
    for row in accuracy.to_dict("records") if "correct" in accuracy else []:
        correct.setdefault((model_of(row["model"]), float(row["epsilon"])), []).append(row["correct"])
    pooled = accuracy_over_seeds(accuracy)
    return Run(
        accuracy={(row["model"], float(row["epsilon"])): accuracy_estimate(row) for row in pooled.to_dict("records")},
        correct={key: np.stack(seeds) for key, seeds in correct.items()},
        movement={key: np.stack(seeds) for key, seeds in movement.items()},
        margin={model: np.stack(seeds) for model, seeds in margin.items()},
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
