"""What the configuration says of a dataset, as its file keeps it. Needs no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.hdf5_files import UnsafeError, open_hdf5

CHANGES_NO_RESULT = True

ADVICE = "delete it and run the same command again"


def check_dataset(path: Path, settings: Mapping[str, Any]) -> None:
    """Raise :class:`UserError` unless a file says that it was made with these settings."""
    try:
        with open_hdf5(path) as file:
            found = json.loads(file.attrs.get("settings", "null"))
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{path} is not a dataset of this workflow ({error}); {ADVICE}") from error
    check_settings(path, found, settings)


def check_settings(path: Path, found: Any, settings: Mapping[str, Any]) -> None:
    """Raise :class:`UserError` unless what a file says of itself holds these settings."""
    other = [key for key, value in settings.items() if not _holds(found, key, value)]
    if other:
        raise UserError(
            f"{path} is not the one that the configuration describes: its {', '.join(other)} "
            f"{'differs' if len(other) == 1 else 'differ'}; {ADVICE}"
        )


def _holds(found: Any, key: str, value: Any) -> bool:
    """Return whether a mapping holds a value, or for a mapping its entries, as they look once stored."""
    if not isinstance(found, Mapping) or key not in found:
        return False
    if isinstance(value, Mapping):
        return all(_holds(found[key], inner, entry) for inner, entry in value.items())
    return json.dumps(found[key], default=str) == json.dumps(value)
