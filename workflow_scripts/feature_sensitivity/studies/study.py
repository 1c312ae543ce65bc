"""What a study consists of."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure


class Study(NamedTuple):
    """``table``, ``answer`` and ``figure`` take the study's CSV; ``figure`` also the models in order and a caption."""

    title: str
    question: str
    table: Callable[[pd.DataFrame], pd.DataFrame]
    answer: Callable[[pd.DataFrame], str]
    figure: Callable[..., Figure]


def percent(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """A share in percent, with its interval if there is one."""
    return f"{100 * value:.1f}" + ("" if np.isnan(low) else f" ({100 * low:.1f}-{100 * high:.1f})")


def percents(frame: pd.DataFrame, value: str, low: str = "ci_low", high: str = "ci_high") -> list[str]:
    """A column of shares with their intervals."""
    return [percent(*numbers) for numbers in zip(frame[value], frame[low], frame[high], strict=True)]
