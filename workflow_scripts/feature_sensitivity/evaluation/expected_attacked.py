"""What a file of features at attacked images has to say of itself to belong to a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.evaluation.attacked_file import AttackedFile, attacked_attributes, read_attacked
from feature_sensitivity.evaluation.expected_sensitivity import difference, other_sample
from feature_sensitivity.evaluation.netcdf import ADVICE
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

CHANGES_NO_RESULT = True


@dataclass(frozen=True, kw_only=True)
class AttackedFiles:
    """The files ``results/attacked/{model}.h5`` of a run, by replicate.

    ``checkpoints``: replicate to its model file. ``accuracy``: settings of the attack on the classifier;
    ``sensitivity``: replicate to the settings that name the ball, the images and the features.
    """

    paths: Mapping[str, Path]
    checkpoints: Mapping[str, Path]
    epsilons: Sequence[str]
    accuracy: AccuracySettings
    sensitivity: Mapping[str, SensitivitySettings]

    @classmethod
    def of_rule(
        cls,
        files: Iterable[str],
        checkpoints: Iterable[str],
        *,
        epsilons: Sequence[str],
        accuracy: Mapping[str, Any],
        sensitivity: Mapping[str, Mapping[str, Any]],
    ) -> Self:
        """Return the files and the checkpoints of every model of ``sensitivity``, in that order."""
        return cls(
            paths=dict(zip(sensitivity, map(Path, files), strict=True)),
            checkpoints=dict(zip(sensitivity, map(Path, checkpoints), strict=True)),
            epsilons=epsilons,
            accuracy=AccuracySettings(**accuracy),
            sensitivity={model: SensitivitySettings(**parameters) for model, parameters in sensitivity.items()},
        )

    def read(self) -> dict[str, AttackedFile]:
        """Return every file; raise :class:`UserError` when one is damaged or belongs to another run."""
        files = {}
        for model, path in self.paths.items():
            files[model] = file = read_attacked(path)
            # All the images of the sensitivities, also where those stop at a target error.
            features = replace(self.sensitivity[model], target_relative_error=None)
            attack = features.attack_on_the_class(self.accuracy)
            expected = {
                "model": model,
                **attacked_attributes(epsilons=self.epsilons, attack=attack, features=features),
                "checkpoint_sha256": sha256_of_file(self.checkpoints[model]),
            }
            sample = other_sample(file.image_index, file.feature_index, features)
            if fault := difference(file.attributes, expected) or sample or self._other_epsilons(file):
                raise UserError(f"{path} is of another measurement than this run's: {fault}; {ADVICE}")
        return files

    def _other_epsilons(self, file: AttackedFile) -> str | None:
        n, expected = len(file.attacked), len(self.epsilons)
        return None if n == expected else f"it has {n} epsilons, expected {expected}"
