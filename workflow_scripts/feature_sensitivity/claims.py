"""The paper's claims, each with the rule that judges it on the numbers of a run.

A rule is a sentence and, under it, the code that does what the sentence says: it yields checks, each a
number with its interval and whether the claim holds there. A claim is reproduced when every check holds,
not reproduced when one clearly fails, and undecided otherwise: when an interval reaches across a
threshold, when two intervals overlap, or when the run lacks what the claim speaks of.

With several seeds each number is taken for each seed and averaged, a ratio too, and its interval has room for
the spread between the seeds (``spread.mean_of``). S6 rests on a study of the first seed's models.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from feature_sensitivity.replicates import model_of
from feature_sensitivity.sensitivity import DEFINITIONS, SensitivityFile, weight_factor
from feature_sensitivity.spread import accuracy_over_seeds, mean_of
from feature_sensitivity.statistics import Estimate, bootstrap, combination, mean_ratio

NORMAL, ADVERSARIAL, ROBUST = "normal", "adversarial", "robust_dataset"
MODELS = (NORMAL, ADVERSARIAL, ROBUST)
"""The names by which the claims know the paper's three models."""

HIGH = 0.5
"""A high accuracy is above this: right more often than wrong."""
ZERO = 0.02
"""An accuracy below this reads as 0 % in the paper's Figure 1."""
LITTLE = 0.25
"""A little better: by less than this share of what adversarial training gains over normal training."""
FAR = 0.5
"""Far below: less than this share."""
SKEWNESS, KURTOSIS = 0.5, 1.0
"""About normal: skewness and excess kurtosis no farther from 0 than this; a normal distribution has 0 and 0."""

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"

Truth = bool | None


class MissingError(Exception):
    """What a claim speaks of and the run does not have."""


@dataclass(frozen=True)
class Run:
    """The numbers of a run.

    ``accuracy``: (model, epsilon) to the share of correct images, with its interval. ``movement``: (model,
    epsilon) to how far each image moves each feature, weighted, [n_seeds, n_images, n_features], for the same
    images everywhere. ``relinear``: the table of the study of that name, if it was made.
    """

    accuracy: Mapping[tuple[str, float], Estimate]
    movement: Mapping[tuple[str, float], NDArray[np.floating]]
    n_classes: int
    relinear: pd.DataFrame | None = None

    @cached_property
    def epsilons(self) -> list[float]:
        """Every epsilon of an attack on accuracy, ascending."""
        return sorted({epsilon for _, epsilon in self.accuracy if epsilon > 0})

    def accuracy_of(self, model: str, epsilon: float) -> Estimate:
        """Accuracy under attack; epsilon 0 means without."""
        if (model, epsilon) not in self.accuracy:
            raise MissingError(f"this run has no accuracy of {model} at epsilon {epsilon:g}")
        return self.accuracy[model, epsilon]

    def movement_of(self, model: str, epsilon: float) -> NDArray[np.floating]:
        """How far each image moves each feature [n_seeds, n_images, n_features]."""
        if (model, epsilon) not in self.movement:
            raise MissingError(f"this run has no sensitivities of {model} at epsilon {epsilon:g}")
        return self.movement[model, epsilon]

    def sensitivity_epsilons(self) -> list[float]:
        """Every epsilon of an attack on features, ascending."""
        return sorted({epsilon for _, epsilon in self.movement})

    def sensitivity_of(self, model: str, epsilon: float) -> Estimate:
        """Mean sensitivity; bootstrap over images."""
        return mean_of([bootstrap(np.mean, seed) for seed in self.movement_of(model, epsilon).mean(axis=2)])

    def sensitivity_ratio(self, first: tuple[str, float], second: tuple[str, float]) -> Estimate:
        """Mean sensitivity of one (model, epsilon) over that of another; bootstrap over images, paired.

        A model without replicates, since its weights are given, stands beside each seed of the other.
        """
        one, other = (self.movement_of(*key).mean(axis=2) for key in (first, second))
        pairs = zip(*np.broadcast_arrays(one, other), strict=True)
        return mean_of([bootstrap(mean_ratio, *pair) for pair in pairs])


def run_from(
    accuracy: pd.DataFrame,
    files: Sequence[SensitivityFile],
    *,
    definition: str,
    normalization: str,
    relinear: pd.DataFrame | None = None,
) -> Run:
    """A run from its files; ``definition`` and ``normalization`` are as in the config.

    Replicates of a model stand in the order of the seeds. Files that stopped early, at a precision, have fewer
    images: all are compared on those that they share.
    """
    shared = reduce(np.intersect1d, [file.image_index for file in files])
    movement: dict[tuple[str, float], list[NDArray[np.floating]]] = {}
    for file in files:
        moved = DEFINITIONS[definition](file.clean, file.maximum, file.minimum)[np.isin(file.image_index, shared)]
        key = model_of(file.attributes["model"]), float(file.attributes["epsilon"])
        movement.setdefault(key, []).append(moved * weight_factor(file.weight, normalization=normalization))
    pooled = accuracy_over_seeds(accuracy)
    return Run(
        accuracy={(row["model"], float(row["epsilon"])): _accuracy(row) for row in pooled.to_dict("records")},
        movement={key: np.stack(seeds) for key, seeds in movement.items()},
        n_classes=len(files[0].weight),
        relinear=relinear,
    )


def _accuracy(row: Mapping[Any, Any]) -> Estimate:
    return Estimate(row["accuracy"], row["ci_low"], row["ci_high"])


class Check(NamedTuple):
    """One number that a claim rests on, and whether the claim holds there; None means that it is open."""

    label: str
    estimate: Estimate
    holds: Truth


def is_above(estimate: Estimate, threshold: float) -> Truth:
    """Whether the whole interval lies above; None when it reaches across, or is not known."""
    if estimate.low > threshold:
        return True
    return False if estimate.high < threshold else None


def is_below(estimate: Estimate, threshold: float) -> Truth:
    """Whether the whole interval lies below; None when it reaches across, or is not known."""
    return is_above(Estimate(*(-number for number in (estimate.value, estimate.high, estimate.low))), -threshold)


def is_greater(first: Estimate, second: Estimate) -> Truth:
    """Whether the first interval lies above the second; None when they overlap."""
    if first.low > second.high:
        return True
    return False if first.high < second.low else None


def every(truths: Sequence[Truth]) -> Truth:
    """Kleene's conjunction: False if any is False, True if there are some and all are True, else None."""
    if any(truth is False for truth in truths):
        return False
    return True if truths and all(truths) else None


Rule = Callable[[Run], Iterator[Check]]


class Claim(NamedTuple):
    """A claim of the paper, its rule in words, and the rule."""

    name: str
    sentence: str
    rule: str
    checks: Rule


CLAIMS: list[Claim] = []


def claim(name: str, sentence: str, *, rule: str) -> Callable[[Rule], Rule]:
    """Register a rule under a claim."""

    def register(checks: Rule) -> Rule:
        CLAIMS.append(Claim(name, sentence, rule, checks))
        return checks

    return register


@claim(
    "A1",
    "Without attack all three models are accurate, and `normal` is the most accurate.",
    rule=f"Each accuracy is above {HIGH:.0%}, and the interval of `normal` lies above those of the other two.",
)
def _(run: Run) -> Iterator[Check]:
    clean = {model: run.accuracy_of(model, 0) for model in MODELS}
    for model in MODELS:
        best = True if model == NORMAL else is_greater(clean[NORMAL], clean[model])
        yield Check(f"accuracy of {model}", clean[model], every([is_above(clean[model], HIGH), best]))


@claim(
    "A2",
    "The accuracy of every model falls as epsilon grows.",
    rule="From each epsilon to the next the accuracy does not rise (it clearly does where the intervals are apart, "
    "and it is open where a rise is within them), and at the largest epsilon it is clearly lower than at 0.",
)
def _(run: Run) -> Iterator[Check]:
    for model in MODELS:
        curve = [(epsilon, run.accuracy_of(model, epsilon)) for epsilon in (0.0, *run.epsilons)]
        for (_, before), (epsilon, after) in pairwise(curve):
            falls = True if after.value <= before.value else (False if after.low > before.high else None)
            yield Check(f"accuracy of {model} at {epsilon:g}", after, falls)
        first, (epsilon, last) = curve[0][1], curve[-1]
        fall = combination((1, first), (-1, last))
        yield Check(f"fall of {model} from 0 to {epsilon:g}", fall, is_above(fall, 0))


@claim(
    "A3",
    "At epsilon 0.2 `normal` and `robust_dataset` are at 0 %.",
    rule=f"Both accuracies are below {ZERO:.0%}, which reads as 0 % in the figure.",
)
def _(run: Run) -> Iterator[Check]:
    for model in (NORMAL, ROBUST):
        accuracy = run.accuracy_of(model, 0.2)
        yield Check(f"accuracy of {model} at 0.2", accuracy, is_below(accuracy, ZERO))


@claim(
    "A4",
    "`adversarial` is still accurate at epsilon 0.08, and better than chance at 0.2.",
    rule=f"Its accuracy is above {HIGH:.0%} at 0.08, and above 1 / (number of classes) at 0.2.",
)
def _(run: Run) -> Iterator[Check]:
    for epsilon, threshold in ((0.08, HIGH), (0.2, 1 / run.n_classes)):
        accuracy = run.accuracy_of(ADVERSARIAL, epsilon)
        yield Check(f"accuracy at {epsilon:g}, against {threshold:.0%}", accuracy, is_above(accuracy, threshold))


@claim(
    "A5",
    "Under l_inf attack `robust_dataset` is only a little better than `normal`.",
    rule=f"Averaged over the attacked epsilons, its gain over `normal` is above 0, and below {LITTLE:.0%} of the gain "
    "of `adversarial`.",
)
def _(run: Run) -> Iterator[Check]:
    share = 1 / len(run.epsilons)
    # Accuracies at several epsilons share their images: their mean's interval is the mean of their intervals.
    mean = {
        model: Estimate(*(np.array([run.accuracy_of(model, epsilon) for epsilon in run.epsilons]).sum(axis=0) * share))
        for model in MODELS
    }
    gain = combination((1, mean[ROBUST]), (-1, mean[NORMAL]))
    yield Check("gain over normal", gain, is_above(gain, 0))
    excess = _excess(mean[ROBUST], mean[NORMAL], mean[ADVERSARIAL])
    yield Check(f"gain less {LITTLE:.0%} of the adversarial model's", excess, is_below(excess, 0))


def _excess(accuracy: Estimate, normal: Estimate, adversarial: Estimate) -> Estimate:
    """The gain over ``normal``, less the share of the adversarial model's gain that still counts as little."""
    return combination((1, accuracy), (LITTLE - 1, normal), (-LITTLE, adversarial))


@claim(
    "S1",
    "The sensitivities of the features of a model at one epsilon are about normally distributed.",
    rule=f"For every model and epsilon the skewness lies within {SKEWNESS:g} of 0 and the excess kurtosis within "
    f"{KURTOSIS:g}; intervals by bootstrap over features.",
)
def _(run: Run) -> Iterator[Check]:
    for model in MODELS:
        for epsilon in run.sensitivity_epsilons():
            seeds = run.movement_of(model, epsilon).mean(axis=1, dtype=np.float64)
            for name, statistic, limit in (
                ("skewness", stats.skew, SKEWNESS),
                ("excess kurtosis", stats.kurtosis, KURTOSIS),
            ):
                shape = mean_of([_shape(statistic, values) for values in seeds])
                near = every([is_above(shape, -limit), is_below(shape, limit)])
                yield Check(f"{name} of {model} at {epsilon:g}", shape, near)


def _shape(statistic: Callable[..., NDArray[np.floating]], values: NDArray[np.floating]) -> Estimate:
    """A statistic of shape with its bootstrap interval; equal values have no shape."""
    return bootstrap(statistic, values) if values.std() > 0 else Estimate(np.nan, np.nan, np.nan)


@claim(
    "S2",
    "The sensitivities of every model grow with epsilon.",
    rule="From each epsilon to the next the mean sensitivity grows: the ratio is above 1.",
)
def _(run: Run) -> Iterator[Check]:
    if len(run.sensitivity_epsilons()) < 2:
        raise MissingError("this run has sensitivities at one epsilon only")
    for model in MODELS:
        for before, after in pairwise(run.sensitivity_epsilons()):
            ratio = run.sensitivity_ratio((model, after), (model, before))
            yield Check(f"mean of {model} at {after:g} / at {before:g}", ratio, is_above(ratio, 1))


@claim(
    "S3",
    "At every epsilon the sensitivities of `adversarial` are far below those of the other two.",
    rule=f"At every epsilon its mean sensitivity is less than {FAR:.0%} of that of `normal` and of `robust_dataset`.",
)
def _(run: Run) -> Iterator[Check]:
    for epsilon in run.sensitivity_epsilons():
        for other in (NORMAL, ROBUST):
            ratio = run.sensitivity_ratio((ADVERSARIAL, epsilon), (other, epsilon))
            yield Check(f"mean of {ADVERSARIAL} / {other} at {epsilon:g}", ratio, is_below(ratio, FAR))


@claim(
    "S4",
    "`normal` is more sensitive than `robust_dataset` at epsilon 0.04, 0.06 and 0.08, and less at 0.2.",
    rule="The mean sensitivity of `normal` over that of `robust_dataset` is above 1 at the first three and below 1 "
    "at 0.2.",
)
def _(run: Run) -> Iterator[Check]:
    for epsilon, holds in ((0.04, is_above), (0.06, is_above), (0.08, is_above), (0.2, is_below)):
        ratio = run.sensitivity_ratio((NORMAL, epsilon), (ROBUST, epsilon))
        yield Check(f"mean of {NORMAL} / {ROBUST} at {epsilon:g}", ratio, holds(ratio, 1))


@claim(
    "S5",
    "The less sensitive the features of a model, the more accurate it is under attack.",
    rule="Of any two models whose accuracies at an epsilon have intervals that are apart, the more accurate one has "
    "the lower mean sensitivity there: the ratio is below 1. Without such a pair it is open.",
)
def _(run: Run) -> Iterator[Check]:
    for epsilon in run.sensitivity_epsilons():
        for pair in combinations(MODELS, 2):
            worse, better = sorted(pair, key=lambda model: run.accuracy_of(model, epsilon).value)
            if is_greater(run.accuracy_of(better, epsilon), run.accuracy_of(worse, epsilon)):
                ratio = run.sensitivity_ratio((better, epsilon), (worse, epsilon))
                yield Check(f"mean of {better} / {worse} at {epsilon:g}", ratio, is_below(ratio, 1))


@claim(
    "S6",
    "Almost all features of `normal` are sensitive, so re-arranging its linear layer cannot make it robust.",
    rule="However its linear layer is fitted anew, the accuracy under attack gains less over the layer as trained than "
    f"{LITTLE:.0%} of the gain of `adversarial`.",
)
def _(run: Run) -> Iterator[Check]:
    if run.relinear is None:
        raise MissingError(
            "no linear layer was fitted anew; type `snakemake --cores all relinear`, with the options of this run, "
            "then `all` again"
        )
    attacked = run.relinear[run.relinear.epsilon > 0]
    accuracy: dict[str, Estimate] = {row["head"]: _accuracy(row) for row in attacked.to_dict("records")}
    normal, adversarial = accuracy.pop("normal as trained"), accuracy.pop("adversarial as trained")
    for head, refitted in accuracy.items():
        excess = _excess(refitted, normal, adversarial)
        yield Check(f"{head}: gain less {LITTLE:.0%} of the adversarial model's", excess, is_below(excess, 0))


@dataclass(frozen=True)
class Judgement:
    """A claim, its verdict, the checks behind it, and why it is undecided where the run lacks something."""

    claim: Claim
    verdict: str
    checks: Sequence[Check]
    reason: str = ""


def judge(run: Run) -> list[Judgement]:
    """Every claim's verdict, in the order of the paper."""
    return [_judge(entry, run) for entry in CLAIMS]


def _judge(entry: Claim, run: Run) -> Judgement:
    try:
        checks = list(entry.checks(run))
    except MissingError as error:
        return Judgement(entry, UNDECIDED, [], str(error))
    verdict = {True: REPRODUCED, False: NOT_REPRODUCED, None: UNDECIDED}[every([check.holds for check in checks])]
    return Judgement(entry, verdict, checks, "" if checks else "no two accuracies have intervals that are apart")


ANSWERS: Mapping[Truth, str] = {True: "yes", False: "no", None: "open"}


def claims_table(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """One row for each claim; ``numbers`` is text, each number with its interval and whether the claim holds there."""

    def numbers(judgement: Judgement) -> str:
        shown = [f"{check.label}: {check.estimate} {ANSWERS[check.holds]}" for check in judgement.checks]
        return "; ".join(shown) or judgement.reason

    rows: list[dict[str, Any]] = [
        {
            "claim": judgement.claim.name,
            "sentence": judgement.claim.sentence,
            "verdict": judgement.verdict,
            "numbers": numbers(judgement),
            "rule": judgement.claim.rule,
        }
        for judgement in judgements
    ]
    return pd.DataFrame(rows)


def checks_table(judgement: Judgement) -> pd.DataFrame:
    """The numbers behind one verdict, for people."""
    return pd.DataFrame(
        {
            "number": [check.label for check in judgement.checks],
            "value": [f"{check.estimate.value:.3f}" for check in judgement.checks],
            "95 % interval": [f"{check.estimate.low:.3f} to {check.estimate.high:.3f}" for check in judgement.checks],
            "holds": [ANSWERS[check.holds] for check in judgement.checks],
        }
    )
