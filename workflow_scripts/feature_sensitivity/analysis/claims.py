"""The paper's claims, each with the rule that judges it on the numbers of a run.

A rule is a sentence and, under it, the code that does what the sentence says: it yields checks, each a
number with its interval and whether the claim holds there. A claim is reproduced when every check holds,
not reproduced when one fails, with Holm's correction for their number, and undecided otherwise: when an
interval reaches across a threshold, or when the run lacks what the claim is about. A claim about a model
that the run does not have is not applicable.

A new claim is a function under ``@claim`` and a line in ``CLAIMS``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import NamedTuple, cast

import numpy as np

from feature_sensitivity.analysis.distances import distances
from feature_sensitivity.analysis.estimates import UNKNOWN, Estimate, combination, jackknife
from feature_sensitivity.analysis.l_moments import NORMAL_L_KURTOSIS, l_kurtosis, l_skewness
from feature_sensitivity.analysis.rank_correlation import FEWEST, rank_correlation
from feature_sensitivity.analysis.run import MissingError, NotApplicableError, Run
from feature_sensitivity.analysis.verdicts import (
    NOT_APPLICABLE,
    UNDECIDED,
    Check,
    above,
    below,
    judged,
    verdict,
    within,
)
from feature_sensitivity.config.models import ADVERSARIAL, NORMAL, PAPER_MODELS, ROBUST

HIGH = 0.5
"""A high accuracy is above this: right more often than wrong."""
ZERO = 0.02
"""An accuracy below this reads as 0 % in the paper's Figure 1."""
BETTER_THAN_RANDOM = 2
"""Much better than random: more than so many times as often right as by chance."""
LITTLE = 0.25
"""A little better: by less than this share of what adversarial training gains over normal training."""
FAR = 0.5
"""Far below: less than this share."""
HARDLY_ANY = 0.05
"""Hardly any feature: less than this share of them."""
ALMOST_ALL = 0.9
"""Almost all features: more than this share of them."""
L_SKEWNESS, L_KURTOSIS = 0.08, 0.06
"""About normal: no farther from a normal distribution than a gamma distribution of skewness 0.5, and Student's t with 6
degrees of freedom."""
DELTA, KOLMOGOROV_SMIRNOV, WASSERSTEIN = SIMILAR = 0.33, 0.24, 0.6
"""Similar: closer than two normal distributions 0.6 standard deviations apart, where Cliff's delta is at the
conventional threshold of a medium effect (Romano et al. 2006)."""

Rule = Callable[[Run], Iterator[Check]]


class Claim(NamedTuple):
    """A claim of the paper, its rule in words, the rule, and whether it compares sensitivities of networks."""

    name: str
    sentence: str
    rule: str
    checks: Rule
    compares_networks: bool


def claim(name: str, *, rule: str, compares_networks: bool = False) -> Callable[[Rule], Claim]:
    """Make a claim of the function that judges it; the function's docstring is the paper's sentence."""
    return lambda checks: Claim(name, cast("str", checks.__doc__), rule, checks, compares_networks)


@dataclass(frozen=True)
class Judgement:
    """A claim, its verdict, and the checks behind it or the reason why there are none.

    ``in_margins``: of a claim that compares the sensitivities of networks, the same with every network's in units of
    its own margin between the two largest logits; None for other claims.
    """

    claim: Claim
    verdict: str
    checks: Sequence[Check]
    reason: str = ""
    in_margins: "Judgement | None" = None


@claim("A1", rule=f"Each accuracy is above {HIGH:.0%}, and those of `normal` less those of the other two are above 0.")
def accurate_without_attack(run: Run) -> Iterator[Check]:
    """Without attack all three models are accurate, and `normal` is the most accurate."""
    for model in PAPER_MODELS:
        yield above(f"accuracy of {model}", run.accuracy_of(model, 0), HIGH)
    for model in (ADVERSARIAL, ROBUST):
        lead = run.accuracy_contrast((1, NORMAL, 0), (-1, model, 0))
        yield above(f"accuracy of {NORMAL} less that of {model}", lead, 0)


@claim(
    "A2",
    rule="From each epsilon to the next the accuracy does not rise (it fails where a rise is beyond its interval, and "
    "is open where it is within), and at the largest epsilon it is lower than at 0. A larger ball contains the smaller "
    "one, so a rise can only be a failure of the attack: this is a test of the attack more than of the claim.",
)
def accuracy_falls_with_epsilon(run: Run) -> Iterator[Check]:
    """The accuracy of every model falls as epsilon grows."""
    for model in run.models_in_question:
        epsilons = (0.0, *run.epsilons)
        for before, after in pairwise(epsilons):
            rise = run.accuracy_contrast((1, model, after), (-1, model, before))
            check = below(f"rise of {model} from {run.shown(before)} to {run.shown(after)}", rise, 0)
            yield check._replace(holds=True) if rise.value <= 0 else check
        fall = run.accuracy_contrast((1, model, 0), (-1, model, epsilons[-1]))
        yield above(f"fall of {model} from 0 to {run.shown(epsilons[-1])}", fall, 0)


@claim(
    "A3",
    rule=f"Both accuracies are below {ZERO:.0%}, as 0 % reads in the figure: reproduced means to within {ZERO:.0%}.",
)
def nothing_left_at_the_largest_epsilon(run: Run) -> Iterator[Check]:
    """At epsilon 0.2 `normal` and `robust_dataset` are at 0 %."""
    for model in (NORMAL, ROBUST):
        accuracy = run.accuracy_of(model, run.of_the_paper(0.2))
        yield below(f"accuracy of {model} at 0.2, against {ZERO:.0%}", accuracy, ZERO)


@claim(
    "A4",
    rule=f"Its accuracy is above {HIGH:.0%} at 0.08, and above {BETTER_THAN_RANDOM} / (number of classes), twice that "
    "of a random guess, at 0.2.",
)
def adversarial_training_is_robust(run: Run) -> Iterator[Check]:
    """`adversarial` is still accurate at epsilon 0.08, and much better than a random guess at 0.2."""
    for epsilon, threshold in ((0.08, HIGH), (0.2, BETTER_THAN_RANDOM / run.n_classes)):
        accuracy = run.accuracy_of(ADVERSARIAL, run.of_the_paper(epsilon))
        yield above(f"accuracy at {epsilon:g}, against {threshold:.0%}", accuracy, threshold)


@claim(
    "A5",
    rule=f"Averaged over the attacked epsilons, its gain over `normal` is above 0, and below {LITTLE:.0%} of the gain "
    "of `adversarial`.",
)
def robust_dataset_helps_little(run: Run) -> Iterator[Check]:
    """Under l_inf attack `robust_dataset` is a little better than `normal`, and far less robust than `adversarial`."""
    n = len(run.epsilons)

    def mean(model: str, factor: float) -> list[tuple[float, str, float]]:
        return [(factor / n, model, epsilon) for epsilon in run.epsilons]

    gain = run.accuracy_contrast(*mean(ROBUST, 1), *mean(NORMAL, -1))
    yield above(f"a little better: gain over {NORMAL}", gain, 0)
    most = run.accuracy_contrast(*mean(ADVERSARIAL, 1), *mean(NORMAL, -1))
    if not most.low > 0:
        yield Check(f"far less: share of the gain of {ADVERSARIAL}, which gains nothing", UNKNOWN, None)
        return
    share = gain.value / most.value
    # The ratio's linear terms (delta method), on the same images.
    terms = (*mean(ROBUST, 1), *mean(NORMAL, share - 1), *mean(ADVERSARIAL, -share))
    error = run.accuracy_contrast(*terms)
    half = (error.high - error.low) / 2 / most.value
    yield below(f"far less: share of the gain of {ADVERSARIAL}", Estimate(share, share - half, share + half), LITTLE)


@claim(
    "S1",
    rule=f"For every model and epsilon the L-skewness lies within {L_SKEWNESS:g} of 0, and the L-kurtosis within "
    f"{L_KURTOSIS:g} of {NORMAL_L_KURTOSIS:g}, as of a normal distribution; intervals by the jackknife over "
    "features, of each seed on its own.",
)
def sensitivities_are_normally_distributed(run: Run) -> Iterator[Check]:
    """The sensitivities of the features of a model at one epsilon are about normally distributed."""
    shapes = (("L-skewness", l_skewness, 0.0, L_SKEWNESS), ("L-kurtosis", l_kurtosis, NORMAL_L_KURTOSIS, L_KURTOSIS))
    for model in run.models_in_question:
        for epsilon in run.sensitivity_epsilons:
            seeds = run.movement_of(model, epsilon).mean(axis=1, dtype=np.float64)
            for name, statistic, normal, limit in shapes:
                shape = jackknife(statistic, *seeds) if (seeds.std(axis=1) > 0).all() else UNKNOWN
                yield within(f"{name} of {model} at {run.shown(epsilon)}", shape, normal, limit)


@claim(
    "S2",
    rule="From each epsilon to the next the mean sensitivity grows: the ratio is above 1. A larger ball contains the "
    "smaller one, so a fall can only be a failure of the attack: this is a test of the attack more than of the claim.",
)
def sensitivities_grow_with_epsilon(run: Run) -> Iterator[Check]:
    """The sensitivities of every model grow with epsilon."""
    if len(run.sensitivity_epsilons) < 2:
        raise MissingError("this run has sensitivities at one epsilon only")
    for model in run.models_in_question:
        for before, after in pairwise(run.sensitivity_epsilons):
            ratio = run.sensitivity_ratio((model, after), (model, before))
            yield above(f"mean of {model} at {run.shown(after)} / at {run.shown(before)}", ratio, 1)


@claim(
    "S3",
    rule=f"At every epsilon its mean sensitivity is less than {FAR:.0%} of that of `normal` and of `robust_dataset`.",
    compares_networks=True,
)
def adversarial_training_makes_insensitive(run: Run) -> Iterator[Check]:
    """At every epsilon the sensitivities of `adversarial` are far below those of the other two."""
    for epsilon in run.sensitivity_epsilons:
        for other in (NORMAL, ROBUST):
            ratio = run.sensitivity_ratio((ADVERSARIAL, epsilon), (other, epsilon))
            yield below(f"mean of {ADVERSARIAL} / {other} at {run.shown(epsilon)}", ratio, FAR)


@claim(
    "S4",
    rule="The mean sensitivity of `normal` over that of `robust_dataset` is above 1 at the first three and below 1 "
    "at 0.2.",
    compares_networks=True,
)
def normal_and_robust_dataset_cross(run: Run) -> Iterator[Check]:
    """`normal` is more sensitive than `robust_dataset` at epsilon 0.04, 0.06 and 0.08, and less at 0.2."""
    for epsilon, holds in ((0.04, above), (0.06, above), (0.08, above), (0.2, below)):
        epsilon = run.of_the_paper(epsilon)
        ratio = run.sensitivity_ratio((NORMAL, epsilon), (ROBUST, epsilon))
        yield holds(f"mean of {NORMAL} / {ROBUST} at {run.shown(epsilon)}", ratio, 1)


@claim(
    "S5",
    rule="Of any two models whose accuracies at an epsilon differ by more than the interval of the difference, the "
    "more accurate one has the lower mean sensitivity there: the ratio is below 1. Without such a pair it is open.",
    compares_networks=True,
)
def insensitive_features_go_with_accuracy(run: Run) -> Iterator[Check]:
    """The less sensitive the features of a model, the more accurate it is under attack."""
    pairs_apart = 0
    for epsilon in run.sensitivity_epsilons:
        for first, second in combinations(run.models_in_question, 2):
            lead = run.accuracy_contrast((1, first, epsilon), (-1, second, epsilon))
            if lead.low > 0 or lead.high < 0:
                pairs_apart += 1
                better, worse = (first, second) if lead.value > 0 else (second, first)
                ratio = run.sensitivity_ratio((better, epsilon), (worse, epsilon))
                yield below(f"mean of {better} / {worse} at {run.shown(epsilon)}", ratio, 1)
    if not pairs_apart:
        raise MissingError("no two accuracies differ by more than the interval of their difference")


@claim(
    "S6",
    rule=f"At every epsilon more than {ALMOST_ALL:.0%} of the features of `normal` are more sensitive than 95 % of "
    "those of `adversarial`; and however the linear layer is fitted again, the accuracy under attack gains less over "
    f"the layer as trained than {LITTLE:.0%} of the gain of `adversarial`.",
)
def another_last_layer_does_not_help(run: Run) -> Iterator[Check]:
    """Almost all features of `normal` are sensitive, so re-arranging its linear layer cannot make it robust."""
    for epsilon in run.sensitivity_epsilons:
        share = run.share_beyond((NORMAL, epsilon), (ADVERSARIAL, epsilon), quantile=0.95)
        yield above(f"share beyond 95 % of {ADVERSARIAL} at {run.shown(epsilon)}", share, ALMOST_ALL)
    refits = run.refits
    if refits is None:
        raise MissingError(
            "the last layer was not fitted again; that takes the models `normal`, with a linear layer behind its "
            "features and training images of this run, and `adversarial`, sensitivity.features: null, and "
            "the study's epsilon among the epsilons (docs/studies.md)"
        )
    for head, refitted in refits.refitted.items():
        excess = combination((1, refitted), (LITTLE - 1, refits.normal), (-LITTLE, refits.adversarial))
        yield below(f"{head}: gain less {LITTLE:.0%} of the adversarial model's", excess, 0)


@claim(
    "C1",
    rule=f"At every epsilon Cliff's delta is within {DELTA:g} of 0, the Kolmogorov-Smirnov distance below "
    f"{KOLMOGOROV_SMIRNOV:g} and the Wasserstein distance below {WASSERSTEIN:g} standard deviations: closer than two "
    "normal distributions 0.6 standard deviations apart.",
)
def normal_and_robust_dataset_are_distributed_alike(run: Run) -> Iterator[Check]:
    """The sensitivities of `normal` and of `robust_dataset` have similar distributions."""
    for epsilon in run.sensitivity_epsilons:
        one, other = (run.movement_of(model, epsilon).mean(axis=1, dtype=np.float64) for model in (NORMAL, ROBUST))
        for (name, found), limit in zip(distances(one, other).items(), SIMILAR, strict=True):
            yield within(f"{name} at {run.shown(epsilon)}", found, 0, limit)


@claim(
    "U1",
    rule=f"At every epsilon less than {HARDLY_ANY:.0%} of its features are robustly useful, by the plug-in count. "
    "Attacks understate movement, so the share is an overestimate.",
)
def normal_training_learns_no_robust_features(run: Run) -> Iterator[Check]:
    """A normally trained network learns hardly any robust feature."""
    for epsilon in run.sensitivity_epsilons:
        share = run.robust_share_of(NORMAL, epsilon)
        yield below(f"robustly useful share of {NORMAL} at {run.shown(epsilon)}", share, HARDLY_ANY)


@claim(
    "M1",
    rule=f"Over all models of a run with {FEWEST} models or more, the rank correlation of sensitivity and accuracy at "
    "each epsilon is below 0.",
)
def insensitive_features_go_with_accuracy_over_all_models(run: Run) -> Iterator[Check]:
    """S5 over every model of this run, those that the paper does not have among them."""
    if len(run.models) < FEWEST:
        raise NotApplicableError(f"this run has {len(run.models)} models")
    for epsilon in run.sensitivity_epsilons:
        measured = [(run.sensitivity_of(m, epsilon).value, run.accuracy_of(m, epsilon).value) for m in run.models]
        correlation = rank_correlation(*zip(*measured, strict=True))
        name = f"rank correlation with accuracy of {len(measured)} models at {run.shown(epsilon)}"
        yield below(name, correlation, 0)


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
    normal_and_robust_dataset_are_distributed_alike,
    normal_training_learns_no_robust_features,
    insensitive_features_go_with_accuracy_over_all_models,
)


def judge_claim(claim: Claim, run: Run) -> Judgement:
    """Return the verdict; what the run does not have leaves a claim undecided, or makes it not applicable."""
    judgement = _judge(claim, run)
    if claim.compares_networks and judgement.checks:
        return replace(judgement, in_margins=_judge(claim, replace(run, in_margins=True)))
    return judgement


def _judge(claim: Claim, run: Run) -> Judgement:
    try:
        checks = judged(list(claim.checks(run)))
    except NotApplicableError as error:
        return Judgement(claim, NOT_APPLICABLE, [], str(error))
    except MissingError as error:
        return Judgement(claim, UNDECIDED, [], str(error))
    return Judgement(claim, verdict([check.holds for check in checks]), checks)


def judge(run: Run) -> list[Judgement]:
    """Return every claim's verdict, in the order of the paper."""
    return [judge_claim(claim, run) for claim in CLAIMS]
