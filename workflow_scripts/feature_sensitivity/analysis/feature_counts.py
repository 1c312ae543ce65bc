"""How many features are robustly useful, useful but not robustly, and not useful, with intervals.

The count goes by each feature's own judgement, at 95 % for all classes together. The interval of the count holds at
95 % for all features and classes together: it reaches from the features of which the kind is shown at that level to
those of which the contrary is not. Of ``useful`` the contrary can never be shown: the rho of all classes add up to 0,
so one of them is positive.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.estimates import Estimate
from feature_sensitivity.analysis.seeds import mean_of, over_seeds
from feature_sensitivity.analysis.usefulness import NON_ROBUST, NOT_USEFUL, ROBUST, Usefulness
from feature_sensitivity.config.replicates import model_of

KINDS: Mapping[str, int] = {"robustly_useful": ROBUST, "useful_non_robust": NON_ROBUST, "not_useful": NOT_USEFUL}
"""The columns of the counts; beside each its interval, as ``{kind}_low`` and ``{kind}_high``."""


def feature_counts(usefulness: Usefulness) -> dict[str, int]:
    """Return the number of features of each kind, with its interval."""
    kinds = usefulness.kinds()
    n_classes, n_features = usefulness.rho.n_judged, len(kinds)
    # rho and gamma, of every class and feature.
    n_judgements = 2 * n_classes * n_features
    useful, robust = usefulness.shown_useful(n_judgements), usefulness.shown_robust(n_judgements)
    not_robust = usefulness.shown_not_robust(n_judgements)
    intervals = {
        "robustly_useful": (robust.sum(), (~not_robust).sum()),
        "useful_non_robust": ((useful & not_robust).sum(), (~robust).sum()),
        "not_useful": (0, (~useful).sum()),
    }
    counts = {"n_features": n_features, "n_classes": n_classes}
    for name, kind in KINDS.items():
        low, high = intervals[name]
        counts |= {name: int((kinds == kind).sum()), f"{name}_low": int(low), f"{name}_high": int(high)}
    return counts


def counts_over_seeds(counts: pd.DataFrame) -> pd.DataFrame:
    """Return counts over seeds: means, with the interval of ``mean_of``; those of one seed as they are."""
    pooled = over_seeds(counts, by=["epsilon"], numbers=[*KINDS, "latent_vulnerability"])
    if "n_seeds" not in pooled:
        return counts
    groups = counts.groupby([counts.model.map(model_of), "epsilon"], sort=False)
    for name in KINDS:
        columns = [name, f"{name}_low", f"{name}_high"]
        means = [mean_of([Estimate(*row) for row in rows[columns].to_numpy()]) for _, rows in groups]
        pooled[f"{name}_low"] = np.clip([mean.low for mean in means], 0, None)
        pooled[f"{name}_high"] = np.minimum([mean.high for mean in means], pooled.n_features)
    return pooled


def robust_share(row: Mapping[str, Any]) -> Estimate:
    """Return the share of robustly useful features in a row of counts, with its interval."""
    columns: Sequence[str] = ("robustly_useful", "robustly_useful_low", "robustly_useful_high")
    return Estimate(*(row[name] / row["n_features"] for name in columns))
