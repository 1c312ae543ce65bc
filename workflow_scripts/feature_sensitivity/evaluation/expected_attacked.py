"""What a file of features at attacked images has to say of itself to belong to a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from feature_sensitivity.evaluation.attacked_file import AttackedFile, attacked_attributes, read_attacked
from feature_sensitivity.evaluation.expected_sensitivity import difference, other_sample
from feature_sensitivity.evaluation.netcdf import ADVICE
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

CHANGES_NO_RESULT = True


@dataclass(frozen=True, kw_only=True)
class AttackedFiles:
    """The files ``results/attacked/{model}.h5`` of a run, by replicate.

    ``checkpoints``: replicate to its model file. ``accuracy``, ``sensitivity``: as in the config; ``own``: replicate
    to what it has of its own in place of ``sensitivity``.
    """

    paths: Mapping[str, Path]
    checkpoints: Mapping[str, Path]
    epsilons: Sequence[str]
    accuracy: Mapping[str, Any]
    sensitivity: Mapping[str, Any]
    seed: int
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of_rule(
        cls, files: Iterable[str], checkpoints: Iterable[str], *, models: Sequence[str], **expected: Any
    ) -> Self:
        """Return the files and the checkpoints of every model, in the order of ``models``."""
        return cls(
            paths=dict(zip(models, map(Path, files), strict=True)),
            checkpoints=dict(zip(models, map(Path, checkpoints), strict=True)),
            **expected,
        )

    def read(self) -> dict[str, AttackedFile]:
        """Return every file; raise :class:`UserError` when one is damaged or belongs to another run."""
        files = {}
        for model, path in self.paths.items():
            files[model] = file = read_attacked(path)
            # All the images of the sensitivities, also where those stop at a target error.
            section = {**self.sensitivity, **self.own.get(model, {}), "target_relative_error": None}
            expected = {
                **attacked_attributes(
                    model=model, epsilons=self.epsilons, accuracy=self.accuracy, sensitivity=section, seed=self.seed
                ),
                "checkpoint_sha256": sha256_of_file(self.checkpoints[model]),
            }
            sample = other_sample(file.image_index, file.feature_index, section)
            if fault := difference(file.attributes, expected) or sample or self._other_epsilons(file):
                raise UserError(f"{path} is of another measurement than this run's: {fault}; {ADVICE}")
        return files

    def _other_epsilons(self, file: AttackedFile) -> str | None:
        n, expected = len(file.attacked), len(self.epsilons)
        return None if n == expected else f"it has {n} epsilons, expected {expected}"
