"""Datasets and checkpoints among the inputs of a job: each has to be the one that the configuration describes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.config.user_code import CONFIGURED
from feature_sensitivity.data.dataset_settings import ADVICE, check_dataset, check_settings
from feature_sensitivity.runtime.tensor_files import load_tensors

CHANGES_NO_RESULT = True


def check_files(expected: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise :class:`UserError` when a file, by its path, was made with other settings than expected of it.

    A checkpoint (``.pt``) says in its metadata how it was made, a dataset (``.h5``) in an attribute. From then on, the
    user's code that the expected architecture of a checkpoint names may be run to load it.
    """
    for name, settings in expected.items():
        path = Path(name)
        if path.suffix == ".pt":
            check_settings(path, load_tensors(path, where=name, advice=ADVICE), settings)
            if "architecture" in settings:
                CONFIGURED[name] = settings["architecture"]
        else:
            check_dataset(path, settings)
