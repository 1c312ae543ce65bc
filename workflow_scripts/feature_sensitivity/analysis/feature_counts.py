"""How many features are useful, and how many robustly so.

Three numbers answer the second question. ``robustly_useful`` is the plug-in count, of features with gamma > 0 for some
class, less the bias that a bootstrap over images shows: noise lifts the largest of several gammas above 0 more often
than it hides one. ``robustly_useful_shown`` is a lower
bound at 97.5 %: so many features at least have gamma > 0 for some class. ``robustly_useful_at_most`` is an upper bound:
all others have gamma <= 0 for every class. Both bounds are those of closed testing with Simes' tests (Goeman and
Solari 2011), which needs no correction for the number of features that a correction of each would need. The plug-in
count does not depend on how many images there are but for its error; the bounds come closer to it with more of them.

PGD finds less than the true movement, so gamma, and with it all three, are overestimates whatever the images.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import CONFIDENCE, Estimate, from_resamples
from feature_sensitivity.analysis.measured_features import MeasuredFeatures
from feature_sensitivity.analysis.seeds import mean_of, over_seeds
from feature_sensitivity.analysis.usefulness import NOT_USEFUL, Usefulness, usefulness_of
from feature_sensitivity.config.models import model_of

Floats = NDArray[np.float64]

RESAMPLES = 1000
"""Of the images; a count varies by whole features, so the ends of its interval need no more."""

FEWEST = 100
"""Images below which a bootstrap does not show the bias of a count; docs/claims.md has the coverage."""

NUMBERS = ("robustly_useful", "robustly_useful_shown", "robustly_useful_at_most", "useful", "useful_shown")
"""The counts in a row."""

INTERVAL = ("robustly_useful_low", "robustly_useful_high")
"""The interval of the first of them."""


def feature_counts(features: MeasuredFeatures) -> dict[str, float]:
    """Return how many features are useful and robustly useful, with bounds."""
    found = usefulness_of(features)
    shown, at_most = robust_bounds(found)
    robust = robust_count(features, (shown, at_most))
    return {
        "n_features": features.clean.shape[1],
        "n_classes": found.rho.n_judged,
        "robustly_useful": robust.value,
        "robustly_useful_low": robust.low,
        "robustly_useful_high": robust.high,
        "robustly_useful_shown": shown,
        "robustly_useful_at_most": at_most,
        "useful": int((found.kinds() != NOT_USEFUL).sum()),
        "useful_shown": shown_by_closed_testing(_p_for_some_class(found.rho.p_above())),
    }


def robust_bounds(found: Usefulness) -> tuple[int, int]:
    """Return how many features at least, and at most, have a gamma above 0 for some class, each at 97.5 %."""
    p = found.gamma.p_above()
    # Not robust for every class is shown by the least clear of the classes, without correction (Berger 1982).
    below = np.nanmax(1 - p, axis=0, initial=0) if len(p) else np.ones(p.shape[1])
    below = np.where(np.isfinite(p).any(axis=0), below, 1.0)  # nothing is known of a feature that does not vary here
    return shown_by_closed_testing(_p_for_some_class(p)), len(below) - shown_by_closed_testing(below)


def _p_for_some_class(p: Floats) -> Floats:
    """Return the p-value that a mean is above 0 for some class: the smallest, Bonferroni-corrected for the classes."""
    known = np.isfinite(p)
    return np.minimum(1.0, np.where(known, p, 1.0).min(axis=0, initial=1.0) * np.maximum(known.sum(axis=0), 1))


def shown_by_closed_testing(p: Floats) -> int:
    """Return of how many hypotheses with p-values [n] at least so many are false, at (1 + 95 %) / 2.

    Closed testing with Simes' local tests: n less Hommel's h, the largest size of a set that may be all true (Goeman
    and Solari 2011; Goeman, Meijer, Krebs and Solari 2019).
    """
    level = (1 - CONFIDENCE) / 2
    ordered, n = np.sort(p), len(p)
    for size in range(n, 0, -1):
        largest_p = ordered[n - size :]
        if (largest_p > np.arange(1, size + 1) * level / size).all():
            return n - size
    return n


def robust_count(features: MeasuredFeatures, bounds: tuple[int, int]) -> Estimate:
    """Return how many features have a gamma above 0 for some class: the plug-in count, less its bias.

    Bias and interval are those of a bootstrap over images. With fewer than ``FEWEST`` images that interval is too
    short, and ``bounds``, those of :func:`robust_bounds`, take its place.
    """
    n_images, n_features = features.clean.shape
    value = float(next(_counts(features, [np.ones((1, n_images))]))[0])
    if n_images < 2:
        return Estimate(value, 0.0, float(n_features))
    draws = np.random.default_rng(0).multinomial(n_images, np.full(n_images, 1 / n_images), size=RESAMPLES)
    resampled = np.concatenate(list(_counts(features, np.array_split(draws.astype(np.float64), 20))))
    count, low, high = from_resamples(value, resampled)
    ends = bounds if n_images < FEWEST else (np.floor(low), np.ceil(high))
    count, low, high = (float(np.clip(number, 0, n_features)) for number in (count, *ends))
    return Estimate(count, min(low, count), max(high, count))


def _counts(features: MeasuredFeatures, draws: Sequence[Floats]) -> Iterator[NDArray[np.int64]]:
    """Yield the plug-in counts of images drawn so many times, [n_draws, n_images], for each block of draws."""
    classes = np.unique(features.label)
    own = features.label == classes[:, None]
    for weight in draws:
        total = weight.sum(axis=1, keepdims=True)
        mean = weight @ features.clean / total
        # gamma has the sign of this: what the class keeps above the mean, less what the rest reaches.
        rest = weight @ features.maximum - mean * total
        is_robust = np.zeros_like(mean, dtype=bool)
        for images in own:
            of_class = weight[:, images]
            of_own = of_class @ (features.minimum + features.maximum)[images]
            gamma = of_own - 2 * mean * of_class.sum(axis=1, keepdims=True) - rest
            is_robust |= gamma > 1e-9 * np.abs(rest)
        varies = (weight @ features.clean**2 / total - mean**2) > 1e-12 * mean**2
        yield (is_robust & varies).sum(axis=1)


def counts_over_seeds(counts: pd.DataFrame) -> pd.DataFrame:
    """Return counts over seeds: means, with the interval of ``mean_of``; those of one seed as they are."""
    pooled = over_seeds(counts, by=["epsilon"], numbers=[*NUMBERS, "latent_vulnerability"])
    if "n_seeds" not in pooled:
        return counts
    groups = counts.groupby([counts.model.map(model_of), "epsilon"], sort=False)
    columns = ["robustly_useful", *INTERVAL]
    means = [mean_of([Estimate(*row) for row in rows[columns].to_numpy()]) for _, rows in groups]
    pooled["robustly_useful_low"] = np.clip([mean.low for mean in means], 0, None)
    pooled["robustly_useful_high"] = np.minimum([mean.high for mean in means], pooled.n_features)
    return pooled


def robust_share(row: Mapping[str, Any]) -> Estimate:
    """Return the share of robustly useful features in a row of counts, with its interval."""
    return Estimate(*(row[name] / row["n_features"] for name in ("robustly_useful", *INTERVAL)))
