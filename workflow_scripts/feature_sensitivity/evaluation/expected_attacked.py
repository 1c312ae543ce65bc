"""The files of features at attacked images of a run, which must record its settings and its very weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.evaluation.attacked_file import AttackedFile, attacked_attributes
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.netcdf import read_netcdf
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import require_identity, require_same_images

CHANGES_NO_RESULT = True


@dataclass(frozen=True, kw_only=True)
class AttackedFiles:
    """The files ``results/attacked/{model}.h5`` of a run, by replicate.

    ``accuracy``: settings of the attack on the classifier. ``sensitivity``: the files of the same networks, whose
    settings name the ball, the images and the features, and whose epsilons these files have, too.
    """

    paths: Mapping[str, Path]
    accuracy: AccuracySettings
    sensitivity: SensitivityFiles

    @classmethod
    def of_rule(cls, inputs: Mapping[str, Any], accuracy: Mapping[str, Any], sensitivity: SensitivityFiles) -> Self:
        """Return the input ``attacked`` of a rule, a file of every model of ``sensitivity``, in that order."""
        paths = dict(zip(sensitivity.settings, map(Path, inputs["attacked"]), strict=True))
        return cls(paths=paths, accuracy=AccuracySettings(**accuracy), sensitivity=sensitivity)

    def read(self) -> dict[str, AttackedFile]:
        """Return every file; raise :class:`UserError` when one is damaged or of another run or model."""
        files = {}
        for model, path in self.paths.items():
            files[model] = file = read_netcdf(path, AttackedFile)
            features = self.sensitivity.settings[model]
            attack = features.attack_on_the_class(self.accuracy)
            attributes = attacked_attributes(epsilons=self.sensitivity.epsilons, attack=attack, features=features)
            sha256 = sha256_of_file(self.sensitivity.checkpoints[model])
            require_identity(path, file.attributes, {"model": model, **attributes, "checkpoint_sha256": sha256})
        require_same_images({self.paths[model]: file.attributes for model, file in files.items()})
        return files

    def identity(self) -> dict[str, Any]:
        """Return what a table derived from these files must record: the settings of the attack on the classifier."""
        return {"attacked": self.accuracy.as_parameters()}
