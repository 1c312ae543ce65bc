"""The paper's claims, each with the rule that judges it on the numbers of a run.

A rule is a sentence and, under it, the code that does what the sentence says: it yields checks, each a
number with its interval and whether the claim holds there. A claim is reproduced when every check holds,
not reproduced when one clearly fails, and undecided otherwise: when an interval reaches across a
threshold, when two intervals overlap, or when what the claim is about was not measured. Claims of every model
are judged on the models of the run where it lacks one of the paper's; those about that one are not applicable.

A new claim is a function under ``@claim`` and a line in ``CLAIMS``.
"""

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

from feature_sensitivity.analysis.claim import Judgement, claim, judge_claim
from feature_sensitivity.analysis.estimates import Estimate, bootstrap, combination
from feature_sensitivity.analysis.rank_correlation import FEWEST, rank_correlation
from feature_sensitivity.analysis.run import MissingError, Run
from feature_sensitivity.analysis.seeds import mean_of
from feature_sensitivity.analysis.verdicts import (
    Check,
    Truth,
    every,
    is_above,
    is_below,
    is_greater,
)
from feature_sensitivity.config.models import ADVERSARIAL, NORMAL, PAPER_MODELS, ROBUST

HIGH = 0.5
"""A high accuracy is above this: right more often than wrong."""
ZERO = 0.02
"""An accuracy below this reads as 0 % in the paper's Figure 1."""
LITTLE = 0.25
"""A little better: by less than this share of what adversarial training gains over normal training."""
FAR = 0.5
"""Far below: less than this share."""
HARDLY_ANY = 0.05
"""Hardly any feature: less than this share of them."""
SKEWNESS, KURTOSIS = 0.5, 1.0
"""About normal: skewness and excess kurtosis within this distance of 0, which a normal distribution has."""


@claim("A1", rule=f"Each accuracy is above {HIGH:.0%}, and the interval of `normal` lies above those of the other two.")
def accurate_without_attack(run: Run) -> Iterator[Check]:
    """Without attack all three models are accurate, and `normal` is the most accurate."""
    clean = {model: run.accuracy_of(model, 0) for model in PAPER_MODELS}
    for model in PAPER_MODELS:
        best = True if model == NORMAL else is_greater(clean[NORMAL], clean[model])
        yield Check(f"accuracy of {model}", clean[model], every([is_above(clean[model], HIGH), best]))


@claim(
    "A2",
    rule="From each epsilon to the next the accuracy does not rise (it clearly does where the intervals are apart, "
    "and it is open where a rise is within them), and at the largest epsilon it is clearly lower than at 0.",
)
def accuracy_falls_with_epsilon(run: Run) -> Iterator[Check]:
    """The accuracy of every model falls as epsilon grows."""
    for model in run.judged_models:
        curve = [(epsilon, run.accuracy_of(model, epsilon)) for epsilon in (0.0, *run.epsilons)]
        for (_, before), (epsilon, after) in pairwise(curve):
            yield Check(f"accuracy of {model} at {run.shown(epsilon)}", after, _does_not_rise(before, after))
        first, (epsilon, last) = curve[0][1], curve[-1]
        fall = combination((1, first), (-1, last))
        yield Check(f"fall of {model} from 0 to {run.shown(epsilon)}", fall, is_above(fall, 0))


def _does_not_rise(before: Estimate, after: Estimate) -> Truth:
    """Return whether the second value is at most the first; a rise within their intervals is open."""
    return True if after.value <= before.value else is_greater(before, after)


@claim("A3", rule=f"Both accuracies are below {ZERO:.0%}, which reads as 0 % in the figure.")
def nothing_left_at_the_largest_epsilon(run: Run) -> Iterator[Check]:
    """At epsilon 0.2 `normal` and `robust_dataset` are at 0 %."""
    for model in (NORMAL, ROBUST):
        accuracy = run.accuracy_of(model, run.of_the_paper(0.2))
        yield Check(f"accuracy of {model} at 0.2", accuracy, is_below(accuracy, ZERO))


@claim("A4", rule=f"Its accuracy is above {HIGH:.0%} at 0.08, and above 1 / (number of classes) at 0.2.")
def adversarial_training_is_robust(run: Run) -> Iterator[Check]:
    """`adversarial` is still accurate at epsilon 0.08, and better than chance at 0.2."""
    for epsilon, threshold in ((0.08, HIGH), (0.2, 1 / run.n_classes)):
        accuracy = run.accuracy_of(ADVERSARIAL, run.of_the_paper(epsilon))
        yield Check(f"accuracy at {epsilon:g}, against {threshold:.0%}", accuracy, is_above(accuracy, threshold))


@claim(
    "A5",
    rule=f"Averaged over the attacked epsilons, its gain over `normal` is above 0, and below {LITTLE:.0%} of the gain "
    "of `adversarial`.",
)
def robust_dataset_helps_little(run: Run) -> Iterator[Check]:
    """Under l_inf attack `robust_dataset` is only a little better than `normal`."""
    mean = {model: _mean_over_epsilons(run, model) for model in PAPER_MODELS}
    gain = combination((1, mean[ROBUST]), (-1, mean[NORMAL]))
    yield Check("gain over normal", gain, is_above(gain, 0))
    excess = _excess(mean[ROBUST], mean[NORMAL], mean[ADVERSARIAL])
    yield Check(f"gain less {LITTLE:.0%} of the adversarial model's", excess, is_below(excess, 0))


def _mean_over_epsilons(run: Run, model: str) -> Estimate:
    """Return the mean accuracy; its interval is the mean of the intervals, since all are of the same images."""
    accuracies = np.array([run.accuracy_of(model, epsilon) for epsilon in run.epsilons])
    value, low, high = accuracies.sum(axis=0) * (1 / len(run.epsilons))
    return Estimate(value, low, high)


def _excess(accuracy: Estimate, normal: Estimate, adversarial: Estimate) -> Estimate:
    """Return the gain over ``normal``, less the share of the adversarial model's gain that still counts as little."""
    return combination((1, accuracy), (LITTLE - 1, normal), (-LITTLE, adversarial))


@claim(
    "S1",
    rule=f"For every model and epsilon the skewness lies within {SKEWNESS:g} of 0 and the excess kurtosis within "
    f"{KURTOSIS:g}; intervals by bootstrap over features.",
)
def sensitivities_are_normally_distributed(run: Run) -> Iterator[Check]:
    """The sensitivities of the features of a model at one epsilon are about normally distributed."""
    for model in run.judged_models:
        for epsilon in run.sensitivity_epsilons:
            seeds = run.movement_of(model, epsilon).mean(axis=1, dtype=np.float64)
            shapes = (("skewness", scipy.stats.skew, SKEWNESS), ("excess kurtosis", scipy.stats.kurtosis, KURTOSIS))
            for name, statistic, limit in shapes:
                shape = mean_of([_shape(statistic, values) for values in seeds])
                near = every([is_above(shape, -limit), is_below(shape, limit)])
                yield Check(f"{name} of {model} at {run.shown(epsilon)}", shape, near)


def _shape(statistic: Callable[..., NDArray[np.floating]], values: NDArray[np.floating]) -> Estimate:
    """Return a statistic of shape with its bootstrap interval; equal values have no shape."""
    return bootstrap(statistic, values) if values.std() > 0 else Estimate(np.nan, np.nan, np.nan)


@claim("S2", rule="From each epsilon to the next the mean sensitivity grows: the ratio is above 1.")
def sensitivities_grow_with_epsilon(run: Run) -> Iterator[Check]:
    """The sensitivities of every model grow with epsilon."""
    if len(run.sensitivity_epsilons) < 2:
        raise MissingError("this run has sensitivities at one epsilon only")
    for model in run.judged_models:
        for before, after in pairwise(run.sensitivity_epsilons):
            ratio = run.sensitivity_ratio((model, after), (model, before))
            yield Check(f"mean of {model} at {run.shown(after)} / at {run.shown(before)}", ratio, is_above(ratio, 1))


@claim(
    "S3",
    rule=f"At every epsilon its mean sensitivity is less than {FAR:.0%} of that of `normal` and of `robust_dataset`.",
)
def adversarial_training_makes_insensitive(run: Run) -> Iterator[Check]:
    """At every epsilon the sensitivities of `adversarial` are far below those of the other two."""
    for epsilon in run.sensitivity_epsilons:
        for other in (NORMAL, ROBUST):
            ratio = run.sensitivity_ratio((ADVERSARIAL, epsilon), (other, epsilon))
            yield Check(f"mean of {ADVERSARIAL} / {other} at {run.shown(epsilon)}", ratio, is_below(ratio, FAR))


@claim(
    "S4",
    rule="The mean sensitivity of `normal` over that of `robust_dataset` is above 1 at the first three and below 1 "
    "at 0.2.",
)
def normal_and_robust_dataset_cross(run: Run) -> Iterator[Check]:
    """`normal` is more sensitive than `robust_dataset` at epsilon 0.04, 0.06 and 0.08, and less at 0.2."""
    for epsilon, holds in ((0.04, is_above), (0.06, is_above), (0.08, is_above), (0.2, is_below)):
        epsilon = run.of_the_paper(epsilon)
        ratio = run.sensitivity_ratio((NORMAL, epsilon), (ROBUST, epsilon))
        yield Check(f"mean of {NORMAL} / {ROBUST} at {run.shown(epsilon)}", ratio, holds(ratio, 1))


@claim(
    "S5",
    rule="Of any two models whose accuracies at an epsilon have intervals that are apart, the more accurate one has "
    "the lower mean sensitivity there: the ratio is below 1. Without such a pair it is open. In a run of five models "
    "or more, it is their rank correlation at each epsilon that is below 0.",
)
def insensitive_features_go_with_accuracy(run: Run) -> Iterator[Check]:
    """The less sensitive the features of a model, the more accurate it is under attack."""
    if len(run.models) >= FEWEST:
        for epsilon in run.sensitivity_epsilons:
            measured = [(run.sensitivity_of(m, epsilon).value, run.accuracy_of(m, epsilon).value) for m in run.models]
            correlation = rank_correlation(*zip(*measured, strict=True))
            name = f"rank correlation with accuracy of {len(measured)} models at {run.shown(epsilon)}"
            yield Check(name, correlation, is_below(correlation, 0))
        return
    pairs_apart = 0
    for epsilon in run.sensitivity_epsilons:
        for pair in combinations(run.judged_models, 2):
            worse, better = sorted(pair, key=lambda model: run.accuracy_of(model, epsilon).value)
            if is_greater(run.accuracy_of(better, epsilon), run.accuracy_of(worse, epsilon)):
                pairs_apart += 1
                ratio = run.sensitivity_ratio((better, epsilon), (worse, epsilon))
                yield Check(f"mean of {better} / {worse} at {run.shown(epsilon)}", ratio, is_below(ratio, 1))
    if not pairs_apart:
        raise MissingError("no two accuracies have intervals that are apart")


@claim(
    "S6",
    rule="However its linear layer is fitted again, the accuracy under attack gains less over the layer as trained "
    f"than {LITTLE:.0%} of the gain of `adversarial`.",
)
def another_last_layer_does_not_help(run: Run) -> Iterator[Check]:
    """Almost all features of `normal` are sensitive, so re-arranging its linear layer cannot make it robust."""
    refits = run.refits
    for model in (NORMAL, ADVERSARIAL):
        run.require_model(model)
    if refits is None:
        raise MissingError(
            "the last layer was not fitted again; that takes the models `normal`, with a linear layer behind its "
            "features and training images of this run, and `adversarial`, sensitivity.features: null, and "
            "the study's epsilon among the epsilons (docs/studies.md)"
        )
    for head, refitted in refits.refitted.items():
        excess = _excess(refitted, refits.normal, refits.adversarial)
        yield Check(f"{head}: gain less {LITTLE:.0%} of the adversarial model's", excess, is_below(excess, 0))


@claim(
    "U1",
    rule=f"At every epsilon less than {HARDLY_ANY:.0%} of its features are robustly useful. Attacks understate "
    "movement, so the share is an overestimate; its interval holds for all features and classes together.",
)
def normal_training_learns_no_robust_features(run: Run) -> Iterator[Check]:
    """A normally trained network learns hardly any robust feature."""
    for epsilon in run.sensitivity_epsilons:
        share = run.robust_share_of(NORMAL, epsilon)
        yield Check(f"robustly useful share of {NORMAL} at {run.shown(epsilon)}", share, is_below(share, HARDLY_ANY))


CLAIMS = (
    accurate_without_attack,
    accuracy_falls_with_epsilon,
    nothing_left_at_the_largest_epsilon,
    adversarial_training_is_robust,
    robust_dataset_helps_little,
    sensitivities_are_normally_distributed,
    sensitivities_grow_with_epsilon,
    adversarial_training_makes_insensitive,
    normal_and_robust_dataset_cross,
    insensitive_features_go_with_accuracy,
    another_last_layer_does_not_help,
    normal_training_learns_no_robust_features,
)


def judge(run: Run) -> list[Judgement]:
    """Return every claim's verdict, in the order of the paper."""
    return [judge_claim(claim, run) for claim in CLAIMS]
