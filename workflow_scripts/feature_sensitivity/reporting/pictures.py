"""PNG files of figures, read and checked."""

import io
from pathlib import Path

from PIL import Image

from feature_sensitivity.analysis.tables import ADVICE
from feature_sensitivity.runtime.errors import UserError


def read_png(path: Path) -> bytes:
    """Return a figure's file as it is, which has its name as its title.

    Raises :class:`UserError` when it is damaged, or another figure.
    """
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()
            title = image.info.get("Title")
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise UserError(f"{path} cannot be read as PNG ({error}); {ADVICE}") from error
    if title != path.stem:
        raise UserError(f"{path} is another figure ({title or 'without a title'}); {ADVICE}")
    return content
