"""What a sensitivity file has to say of itself to belong to a run: model, epsilon, settings, and the very weights."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.netcdf import ADVICE
from feature_sensitivity.evaluation.sensitivity_attributes import settings_attributes
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile, read_sensitivity
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

CHANGES_NO_RESULT = True


@dataclass(frozen=True, kw_only=True)
class SensitivityFiles:
    """The sensitivity files of a run, by (replicate, epsilon as spelled in the config).

    ``checkpoints``: replicate to its model file. ``section``: as ``sensitivity`` in the config; ``own``: replicate to
    what it has of its own in place of that.
    """

    paths: Mapping[tuple[str, str], Path]
    checkpoints: Mapping[str, Path]
    section: Mapping[str, Any]
    seed: int
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of_rule(
        cls,
        files: Iterable[str],
        checkpoints: Iterable[str],
        *,
        models: Sequence[str],
        epsilons: Sequence[str],
        section: Mapping[str, Any],
        seed: int,
        own: Mapping[str, Mapping[str, Any]],
    ) -> Self:
        """Return the files of every model and epsilon, in that order, and the checkpoints in the order of models."""
        return cls(
            paths=dict(zip(product(models, epsilons), map(Path, files), strict=True)),
            checkpoints=dict(zip(models, map(Path, checkpoints), strict=True)),
            section=section,
            seed=seed,
            own=own,
        )

    def read(self) -> dict[tuple[str, str], SensitivityFile]:
        """Return every file; raise :class:`UserError` when one is damaged or belongs to another run."""
        sha256 = {model: sha256_of_file(path) for model, path in self.checkpoints.items()}
        files = {}
        for (model, epsilon), path in self.paths.items():
            files[model, epsilon] = file = read_sensitivity(path)
            section = {**self.section, **self.own.get(model, {})}
            expected = {
                **settings_attributes(model=model, epsilon=epsilon, section=section, seed=self.seed),
                "checkpoint_sha256": sha256[model],
            }
            sample = other_sample(file.image_index, file.feature_index, section)
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
    image_index: NDArray[np.int64], feature_index: NDArray[np.int64], section: Mapping[str, Any]
) -> str | None:
    """Return how images and features differ from what ``section``, as ``sensitivity`` in the config, asks for."""
    n_images, n_features = len(image_index), len(feature_index)
    if n_images > section["images"] or (n_images < section["images"] and not section["target_relative_error"]):
        return f"it has {n_images} images, expected {section['images']}"
    wanted = section["features"]
    if isinstance(wanted, Sequence):
        if not np.array_equal(feature_index, wanted):
            return f"it has {n_features} features, expected {len(wanted)} that are listed"
    elif not np.array_equal(feature_index, np.arange(wanted or n_features)):
        return f"it has {n_features} features, expected the first {wanted or n_features}"
    return None
