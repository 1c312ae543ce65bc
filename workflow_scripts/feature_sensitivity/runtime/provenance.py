"""What made a result: versions and machine."""

import platform

import torch

from feature_sensitivity import __version__
from feature_sensitivity.runtime.devices import device_name

CHANGES_NO_RESULT = True


def versions(device: torch.device) -> dict[str, str]:
    """Return the versions of this package, PyTorch and Python, and the name of the device."""
    return {
        "feature_sensitivity": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": device_name(device),
    }


def version_attributes(device: torch.device) -> dict[str, str]:
    """Return those that the file of a measurement keeps as attributes, by the names that they have there."""
    made_by = versions(device)
    return {
        "feature_sensitivity_version": made_by["feature_sensitivity"],
        "torch_version": made_by["torch"],
        "device": made_by["device"],
    }
