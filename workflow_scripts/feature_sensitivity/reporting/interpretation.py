"""What a person writes about a run, from a TOML file: it stands in the reference page beside its numbers."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feature_sensitivity.config.units import exact
from feature_sensitivity.runtime.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Published:
    """An accuracy from the literature: of ``model`` at ``epsilon``, with its source, and why it differs if it does."""

    model: str
    epsilon: str
    accuracy: str
    source: str
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Interpretation:
    """``introduction``: paragraphs; ``claims``: a sentence by the claim's name; ``published``: accuracies."""

    introduction: Sequence[str] = ()
    claims: Mapping[str, str] = field(default_factory=dict)
    published: Sequence[Published] = ()


def read_interpretation(path: Path, *, claims: Sequence[str]) -> Interpretation:
    """Return what the file says; raise :class:`UserError` where it has another form or names an unknown claim."""
    try:
        content: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        rows, sentences = content.pop("published", []), content.pop("claims", {})
        found = Interpretation(claims=dict(sentences), published=[Published(**row) for row in rows], **content)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is no interpretation: {error}; it has introduction = [paragraphs], a table [claims] of sentences "
            "by name, and tables [[published]] with model, epsilon, accuracy, source, remark"
        ) from error
    texts = [*found.introduction, *found.claims.values()]
    if isinstance(found.introduction, str) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{path}: introduction is a list of texts, and each claim has a text; correct it")
    for row in found.published:
        try:
            exact(row.epsilon)
        except (ValueError, ZeroDivisionError) as error:
            raise UserError(f"{path}: epsilon {row.epsilon!r} is no number; write one such as 0.08 or 8/255") from error
    if unknown := set(found.claims) - set(claims):
        raise UserError(f"{path} interprets {', '.join(sorted(unknown))}; the claims are {', '.join(claims)}")
    return found
