"""The files of features at attacked images of a run, which must record its settings and its very weights."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.evaluation.attacked_file import AttackedFile, attacked_attributes, read_attacked
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import require_identity, require_same_images

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
        """Return every file; raise :class:`UserError` when one is damaged or of another run or model."""
        files = {}
        for model, path in self.paths.items():
            files[model] = file = read_attacked(path)
            features = self.sensitivity[model]
            attack = features.attack_on_the_class(self.accuracy)
            attributes = attacked_attributes(epsilons=self.epsilons, attack=attack, features=features)
            sha256 = sha256_of_file(self.checkpoints[model])
            require_identity(path, file.attributes, {"model": model, **attributes, "checkpoint_sha256": sha256})
        require_same_images({self.paths[model]: file.attributes for model, file in files.items()})
        return files

    def identity(self) -> dict[str, Any]:
        """Return what a table derived from these files must record: the settings of the attack on the classifier."""
        return {"attacked": self.accuracy.as_parameters()}
