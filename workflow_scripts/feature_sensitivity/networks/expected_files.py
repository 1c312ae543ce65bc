"""Datasets and checkpoints among the inputs of a job: each has to be the one that the configuration describes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.config.user_code import CONFIGURED
from feature_sensitivity.data.dataset_settings import check_dataset
from feature_sensitivity.runtime.identity import ADVICE, EVALUATION, require_identity
from feature_sensitivity.runtime.tensor_files import load_tensors

CHANGES_NO_RESULT = True


def check_files(inputs: Mapping[str, str], expected: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise :class:`UserError` when an input, by its name, was made with other settings than expected of it.

    A checkpoint (``.pt``) records in its metadata how it was made, a dataset (``.h5``) in an attribute. A model must
    have been made beside the very test images that measure it. From then on, the user's code that the expected
    architecture of a checkpoint names may be run to load it.
    """
    identities = {
        name: check_dataset(Path(inputs[name]), settings)
        for name, settings in expected.items()
        if Path(inputs[name]).suffix == ".h5"
    }
    test_images = identities.get("evaluation", {}).get("test")
    for name in expected.keys() - identities.keys():
        metadata = load_tensors(Path(inputs[name]), where=inputs[name], advice=ADVICE)
        beside = {EVALUATION: test_images} if test_images else {}
        require_identity(Path(inputs[name]), metadata, {**expected[name], **beside})
        if "architecture" in expected[name]:
            CONFIGURED[str(Path(inputs[name]))] = expected[name]["architecture"]
