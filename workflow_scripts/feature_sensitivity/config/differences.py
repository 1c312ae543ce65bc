"""Where one configuration differs from another."""

from collections.abc import Mapping
from typing import Any


def differences(config: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of ``config`` whose values ``base`` lacks or has otherwise, nested as in ``config``."""
    changed = {}
    for key, value in config.items():
        other = base.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if inner := differences(value, other):
                changed[key] = inner
        elif key not in base or value != other:
            changed[key] = value
    return changed
