"""The sensitivity files of a run, which must record its settings, its very weights, and one set of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Self

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile, read_sensitivity
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import require_identity, require_same_images

CHANGES_NO_RESULT = True


@dataclass(frozen=True, kw_only=True)
class SensitivityFiles:
    """The sensitivity files of a run, by (replicate, epsilon as spelled in the config).

    ``checkpoints``: replicate to its model file. ``settings``: replicate to its settings, which hold for all epsilons.
    """

    paths: Mapping[tuple[str, str], Path]
    checkpoints: Mapping[str, Path]
    settings: Mapping[str, SensitivitySettings]

    @classmethod
    def of_rule(cls, inputs: Mapping[str, Any], expected: Mapping[str, Any], *, label: str = "") -> Self:
        """Return the inputs ``sensitivity`` and ``models`` of a rule, of which the first name may follow a label.

        ``expected`` has ``settings`` by model and ``epsilons``; the files are in the order of both.
        """
        settings = expected["settings"]
        keys = product(settings, expected["epsilons"])
        return cls(
            paths=dict(zip(keys, map(Path, inputs[f"{label}sensitivity"]), strict=True)),
            checkpoints=dict(zip(settings, map(Path, inputs["models"]), strict=True)),
            settings={model: SensitivitySettings(**parameters) for model, parameters in settings.items()},
        )

    @property
    def epsilons(self) -> list[str]:
        """The epsilons, in their order."""
        return list(dict.fromkeys(epsilon for _, epsilon in self.paths))

    def read(self) -> dict[tuple[str, str], SensitivityFile]:
        """Return every file; raise :class:`UserError` when one is damaged or of another run, model or epsilon."""
        sha256 = {model: sha256_of_file(path) for model, path in self.checkpoints.items()}
        files = {}
        for (model, epsilon), path in self.paths.items():
            files[model, epsilon] = file = read_sensitivity(path)
            expected = {"model": model, **self.settings[model].at(epsilon).attributes()}
            require_identity(path, file.attributes, {**expected, "checkpoint_sha256": sha256[model]})
        require_same_images({self.paths[key]: file.attributes for key, file in files.items()})
        return files

    def identity(self) -> dict[str, Any]:
        """Return what a table derived from these files must record: settings, and hashes of networks."""
        return {
            "sensitivity": {model: settings.as_parameters() for model, settings in self.settings.items()},
            "checkpoints": {model: sha256_of_file(path) for model, path in self.checkpoints.items()},
        }
