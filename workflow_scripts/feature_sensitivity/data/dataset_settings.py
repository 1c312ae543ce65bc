"""What the configuration says of a dataset, as its file keeps it. Needs no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.hdf5_files import UnsafeError, open_hdf5
from feature_sensitivity.runtime.identity import ADVICE, require_identity

CHANGES_NO_RESULT = True


def check_dataset(path: Path, settings: Mapping[str, Any]) -> dict[str, str | None]:
    """Raise :class:`UserError` unless a file records that it was made with these settings.

    Returns the identity of each split that it records; the reader of the split checks that.
    """
    try:
        with open_hdf5(path) as file:
            found = json.loads(file.attrs.get("settings", "null"))
            identities = {name: split.attrs.get("identity") for name, split in file.items()}
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{path} is not a dataset of this workflow ({error}); {ADVICE}") from error
    require_identity(path, found, settings)
    return identities
