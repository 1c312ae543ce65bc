"""Epsilons in both units, as titles of panels."""

from collections.abc import Mapping

from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile


def epsilon_titles(files: Mapping[tuple[str, str], SensitivityFile]) -> dict[str, str]:
    """Return each epsilon as spelled in the config, to a text with both units; keys are (replicate, epsilon)."""
    return {
        epsilon: in_both_units([file.attributes for (_, at), file in files.items() if at == epsilon], spelled=epsilon)
        for _, epsilon in files
    }
