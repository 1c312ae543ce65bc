"""What each study asks, its table for people, and the answer that its numbers give."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from feature_sensitivity import study_figures
from feature_sensitivity.claims import ADVERSARIAL, NORMAL, NOT_REPRODUCED, REPRODUCED, ROBUST, UNDECIDED


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


def definitions_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Verdicts: a row for each definition, a column for each claim."""
    index = ["definition", "weight_normalization"]
    return frame.pivot(index=index, columns="claim", values="verdict").reset_index()


def definitions_answer(frame: pd.DataFrame) -> str:
    """How often each claim is reproduced."""
    parts = []
    for claim, rows in frame.groupby("claim"):
        counts = [(name, int((rows.verdict == name).sum())) for name in (REPRODUCED, NOT_REPRODUCED, UNDECIDED)]
        parts.append(f"{claim} {', '.join(f'{name} by {n}' for name, n in counts if n)}")
    n = len(frame) // frame.claim.nunique()
    return f"Of {n} definitions: {'; '.join(parts)}."


def theorem_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors and bounds in percent, and how many times the attacked error each bound is."""

    def looseness(bound: str) -> list[str]:
        return [f"{b / e:.2f}" if e > 0 else "-" for b, e in zip(frame[bound], frame["attacked_error"], strict=True)]

    return pd.DataFrame(
        {
            "model": frame.model,
            "epsilon": [f"{epsilon:g}" for epsilon in frame.epsilon],
            "clean error %": [percent(value) for value in frame.clean_error],
            "attacked error %": percents(frame, "attacked_error"),
            "pointwise %": [percent(value) for value in frame.pointwise],
            "K classes %": [percent(value) for value in frame.classes],
            "two classes %": [percent(value) for value in frame.pairs],
            "pointwise / attacked": looseness("pointwise"),
            "K classes / attacked": looseness("classes"),
            "violations": frame.violations.astype(str),
        }
    )


def theorem_answer(frame: pd.DataFrame) -> str:
    """Consistency and looseness."""
    violations, attacked = int(frame.violations.sum()), int((frame.attacked_error * frame.n_images).round().sum())
    check = (
        f"None of the {attacked} attacked points contradicts the pointwise bound."
        if violations == 0
        else f"{violations} of {attacked} attacked points contradict the pointwise bound: the attack on the features "
        "was too weak there."
    )
    told = frame[(frame.classes < 1) | (frame.pointwise < 1)]
    return (
        f"{check} In {len(told)} of {len(frame)} cases a bound is below 100 %. All are estimates, not certificates: "
        "PGD gives lower bounds of the suprema that the theorem asks for. The error between two classes is the mean "
        "over pairs of classes, each on its own images."
    )


def convergence_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Shares of the best known movement in percent."""
    return pd.DataFrame(
        {
            "model": frame.model,
            "varied": frame.varied,
            "steps": frame.steps.astype(str),
            "starts": frame.starts.astype(str),
            "mean movement": [f"{value:.4g}" for value in frame.mean_movement],
            "% of the best": percents(frame, "share_of_best"),
        }
    )[(frame.varied == "steps") | frame.starts.isin(STARTS_SHOWN)]


STARTS_SHOWN = (1, 2, 5, 10, 20, 50, 100)


def convergence_answer(frame: pd.DataFrame) -> str:
    """What the protocol's single run reaches."""
    single = frame[(frame.varied == "starts") & (frame.starts == 1)]
    parts = [
        f"{model} {share} %, spread over starts {100 * spread:.2g} %"
        for model, share, spread in zip(single.model, percents(single, "share_of_best"), single.spread, strict=True)
    ]
    return (
        f"One run of {single.steps.iloc[0]} steps reaches this share of the best known mean movement, and its mean "
        f"over the sample varies by this standard deviation from one random start to another: {'; '.join(parts)}."
    )


def relinear_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each linear layer without and under attack."""
    clean, attacked = frame[frame.epsilon == 0], frame[frame.epsilon > 0]
    return pd.DataFrame(
        {
            "linear layer": clean["head"].to_numpy(),
            "features": clean.n_features.astype(str).to_numpy(),
            "accuracy %": percents(clean, "accuracy"),
            f"accuracy % at {attacked.epsilon.iloc[0]:g}": percents(attacked, "accuracy"),
        }
    )


def relinear_answer(frame: pd.DataFrame) -> str:
    """The best new layer beside those as trained."""
    attacked = frame[frame.epsilon > 0]
    told = dict(zip(attacked["head"], percents(attacked, "accuracy"), strict=True))
    normal, adversarial = f"{NORMAL} as trained", f"{ADVERSARIAL} as trained"
    new = attacked[~attacked["head"].isin([normal, adversarial])]
    best = str(new["head"].iloc[int(new.accuracy.argmax())])
    return (
        f"Under attack the best new linear layer ({best}) reaches {told[best]} %, beside {told[normal]} % of {normal} "
        f"and {told[adversarial]} % of {adversarial}."
    )


def norms_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and mean sensitivity."""
    return pd.DataFrame(
        {
            "norm": frame.norm,
            "model": frame.model,
            "epsilon": [f"{epsilon:g}" for epsilon in frame.epsilon],
            "accuracy %": percents(frame, "accuracy"),
            "mean sensitivity": [
                f"{value:.3g} ({low:.3g}-{high:.3g})"
                for value, low, high in zip(
                    frame.sensitivity, frame.sensitivity_low, frame.sensitivity_high, strict=True
                )
            ],
        }
    )


def norms_answer(frame: pd.DataFrame) -> str:
    """The robust dataset's gain as a share of the adversarial model's, under each norm."""
    parts = []
    for norm, rows in frame.groupby("norm", sort=False):
        mean = rows.groupby("model").accuracy.mean()
        gain, other = mean[ROBUST] - mean[NORMAL], mean[ADVERSARIAL] - mean[NORMAL]
        share = f", {percent(gain / other)} % of the adversarial model's {100 * other:.1f}" if other > 0 else ""
        parts.append(f"under {norm} {100 * gain:+.1f} points{share}")
    return f"Gain of {ROBUST} over {NORMAL}, averaged over the epsilons: {'; '.join(parts)}."


def crossing_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean sensitivities and their ratio."""
    return pd.DataFrame(
        {
            "epsilon": [f"{epsilon:g}" for epsilon in frame.epsilon],
            NORMAL: [f"{value:.4g}" for value in frame[NORMAL]],
            ROBUST: [f"{value:.4g}" for value in frame[ROBUST]],
            "ratio": [
                f"{value:.3f} ({low:.3f}-{high:.3f})"
                for value, low, high in zip(frame.ratio, frame.ci_low, frame.ci_high, strict=True)
            ],
        }
    )


def crossings(epsilon: NDArray[np.floating], ratio: NDArray[np.floating]) -> list[float]:
    """Where the ratio passes 1, interpolated linearly in its logarithm between grid points."""
    height, found = np.log(ratio), []
    for before, after, left, right in zip(epsilon[:-1], epsilon[1:], height[:-1], height[1:], strict=True):
        if left * right < 0:
            found.append(float(before + (after - before) * left / (left - right)))
    return found


def crossing_answer(frame: pd.DataFrame) -> str:
    """Where the two models cross."""
    found = crossings(frame.epsilon.to_numpy(), frame.ratio.to_numpy())
    if found:
        places = ", ".join(f"{epsilon:.3g}" for epsilon in found)
        return f"The mean sensitivities of {NORMAL} and {ROBUST} cross at epsilon {places}."
    more = NORMAL if frame.ratio.iloc[0] > 1 else ROBUST
    ends = f"{frame.epsilon.min():g} and {frame.epsilon.max():g}"
    return f"They do not cross between {ends}: {more} is the more sensitive one throughout."


STUDIES: Mapping[str, Study] = {
    "definitions": Study(
        "Definitions of sensitivity",
        "How do the conclusions depend on the definition of sensitivity and on the normalization by weights?",
        definitions_table,
        definitions_answer,
        study_figures.plot_definitions,
    ),
    "theorem": Study(
        "The corrected Theorem 3: estimates, not certificates",
        "What do the sensitivities of features say about the robust error, and does any attacked point contradict it?",
        theorem_table,
        theorem_answer,
        study_figures.plot_theorem,
    ),
    "convergence": Study(
        "Convergence of the attack",
        "Is one run of the protocol's steps enough?",
        convergence_table,
        convergence_answer,
        study_figures.plot_convergence,
    ),
    "relinear": Study(
        "A new linear layer",
        "Can re-arranging the last layer make the normal model robust?",
        relinear_table,
        relinear_answer,
        study_figures.plot_relinear,
    ),
    "norms": Study(
        "The norm of the attack",
        "Is the robust dataset's failure a matter of the norm?",
        norms_table,
        norms_answer,
        study_figures.plot_norms,
    ),
    "crossing": Study(
        "The crossing of normal and robust_dataset",
        "At which epsilon does robust_dataset become more sensitive than normal?",
        crossing_table,
        crossing_answer,
        study_figures.plot_crossing,
    ),
}
