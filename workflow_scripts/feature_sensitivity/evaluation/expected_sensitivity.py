"""What a sensitivity file has to say of itself to belong to a run: model, epsilon, settings, and the very weights."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.evaluation.netcdf import ADVICE
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile, read_sensitivity
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

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
    def of_rule(
        cls,
        files: Iterable[str],
        checkpoints: Iterable[str],
        *,
        epsilons: Sequence[str],
        settings: Mapping[str, Mapping[str, Any]],
    ) -> Self:
        """Return the files of every model of ``settings`` and every epsilon, in that order, and the checkpoints."""
        return cls(
            paths=dict(zip(product(settings, epsilons), map(Path, files), strict=True)),
            checkpoints=dict(zip(settings, map(Path, checkpoints), strict=True)),
            settings={model: SensitivitySettings(**parameters) for model, parameters in settings.items()},
        )

    def read(self) -> dict[tuple[str, str], SensitivityFile]:
        """Return every file; raise :class:`UserError` when one is damaged or belongs to another run."""
        sha256 = {model: sha256_of_file(path) for model, path in self.checkpoints.items()}
        files = {}
        for (model, epsilon), path in self.paths.items():
            files[model, epsilon] = file = read_sensitivity(path)
            settings = self.settings[model].at(epsilon)
            expected = {"model": model, **settings.attributes(), "checkpoint_sha256": sha256[model]}
            sample = other_sample(file.image_index, file.feature_index, settings)
            if fault := difference(file.attributes, expected) or sample:
                raise UserError(f"{path} is of another measurement than this run's: {fault}; {ADVICE}")
        return files


def difference(attributes: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
    """Return which attributes are missing or differ from what is expected, if any."""
    differences = [
        f"{name} is {attributes.get(name, 'not given')}, expected {value}"
        for name, value in expected.items()
        if name not in attributes or not np.array_equal(attributes[name], value)
    ]
    return ", ".join(differences) or None


def other_sample(
    image_index: NDArray[np.int64], feature_index: NDArray[np.int64], settings: SensitivitySettings
) -> str | None:
    """Return how images and features differ from what the settings ask for."""
    n_images, n_features, asked = len(image_index), len(feature_index), settings.images or len(image_index)
    if n_images > asked or (n_images < asked and not settings.target_relative_error):
        return f"it has {n_images} images, expected {asked}"
    wanted = settings.features
    if isinstance(wanted, Sequence):
        if not np.array_equal(feature_index, wanted):
            return f"it has {n_features} features, expected {len(wanted)} that are listed"
    elif not np.array_equal(feature_index, np.arange(wanted or n_features)):
        return f"it has {n_features} features, expected the first {wanted or n_features}"
    return None
