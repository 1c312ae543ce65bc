"""How often each 95 % interval covers the truth, on made-up populations of which the truth is known.

``python tests/statistics/simulations.py`` prints the table of docs/claims.md; ``make coverage`` calls it.
"""

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from feature_sensitivity.analysis.accuracy_interval import accuracy_over, wilson_interval
from feature_sensitivity.analysis.claims import CLAIMS
from feature_sensitivity.analysis.distances import distances
from feature_sensitivity.analysis.error_bounds import LinearLayer, best_tau, class_bound
from feature_sensitivity.analysis.estimates import Estimate, jackknife, mean_of_images, ratio_of_means
from feature_sensitivity.analysis.feature_counts import robust_bounds, robust_count
from feature_sensitivity.analysis.l_moments import l_kurtosis, l_skewness
from feature_sensitivity.analysis.measured_features import MeasuredFeatures
from feature_sensitivity.analysis.rank_correlation import rank_correlation
from feature_sensitivity.analysis.run import Run
from feature_sensitivity.analysis.usefulness import usefulness_of

Rng = np.random.Generator
Sample = Callable[..., NDArray[np.floating]]
Repetition = Callable[[Rng], bool]
"""Draws a sample of a population and says whether the interval of the sample covers the population's number."""

MANY = 200_000
"""Values that stand for a whole population."""

POPULATIONS: Mapping[str, Sample] = {
    "normal": lambda rng, n: 1 + 0.3 * rng.standard_normal(n),
    "gamma": lambda rng, n: rng.gamma(4, 0.25, n),
    "skewed": lambda rng, n: rng.gamma(1, 1, n),
    "lognormal": lambda rng, n: np.exp(0.5 * rng.standard_normal(n) - 0.125),
}
"""All but of skewed values with mean 1 and coefficients of variation as of movements over images: 0.3, 0.5, 1, 0.53."""


def covers(estimate: Estimate, truth: float) -> bool:
    return bool(estimate.low - 1e-9 <= truth <= estimate.high + 1e-9)


@cache
def truth_of(statistic: Callable[..., NDArray[np.floating]], population: str) -> float:
    return float(statistic(POPULATIONS[population](np.random.default_rng(1), 2_000_000)))


def mean(rng: Rng, *, population: str, n: int) -> bool:
    return covers(ratio_of_means(("a", 1, POPULATIONS[population](rng, n)[None])), 1)


def ratio(rng: Rng, *, population: str, n: int) -> bool:
    """Two models that the same images move farther."""
    images = POPULATIONS[population](rng, n)
    one, other = (images * POPULATIONS["normal"](rng, n) for _ in range(2))
    return covers(ratio_of_means(("a", 1, 2 * one[None]), ("b", -1, other[None])), 2)


def of_seeds(rng: Rng, n: int, *, spread: float = 0.1) -> NDArray[np.floating]:
    """Values of three seeds at the same images, for :func:`mean_of_seeds`."""
    return np.exp(spread * rng.standard_normal((3, 1)) + 0.3 * rng.standard_normal((3, n)))


def mean_of_seeds(rng: Rng, *, n: int) -> bool:
    values = rng.gamma(4, 0.25, n) * of_seeds(rng, n)
    return covers(ratio_of_means(("a", 1, values)), float(np.exp(0.1**2 / 2 + 0.3**2 / 2)))


def ratio_of_seeds(rng: Rng, *, n: int) -> bool:
    images = rng.gamma(4, 0.25, n)
    return covers(ratio_of_means(("a", 1, images * of_seeds(rng, n)), ("b", -1, images * of_seeds(rng, n))), 1)


def right(
    rng: Rng, n: int, n_seeds: int, *, base: float, spread: float, ease: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Images of different ease, which seeds get right independently."""
    seeds = spread * rng.standard_normal((n_seeds, 1))
    return rng.random((n_seeds, n)) < 1 / (1 + np.exp(-(base + ease + seeds)))


@cache
def true_accuracy(base: float, spread: float) -> float:
    rng = np.random.default_rng(2)
    seeds, ease = spread * rng.standard_normal(MANY), 2 * rng.standard_normal(MANY)
    return float((1 / (1 + np.exp(-(base + ease + seeds)))).mean())


def accuracy(rng: Rng, *, base: float, n: int) -> bool:
    n_correct = rng.binomial(n, true_accuracy(base, 0.0))
    return covers(Estimate(n_correct / n, *wilson_interval(n_correct, n)), true_accuracy(base, 0.0))


def accuracy_of_seeds(rng: Rng, *, base: float, n: int) -> bool:
    correct = right(rng, n, 3, base=base, spread=0.15, ease=2 * rng.standard_normal(n))
    return covers(accuracy_over(correct), true_accuracy(base, 0.15))


def accuracy_difference(rng: Rng, *, n: int, n_seeds: int) -> bool:
    ease, spread = 2 * rng.standard_normal(n), 0.15 if n_seeds > 1 else 0.0
    one, other = (right(rng, n, n_seeds, base=base, spread=spread, ease=ease) for base in (1.0, 0.5))
    difference = true_accuracy(1.0, spread) - true_accuracy(0.5, spread)
    return covers(mean_of_images(("a", 1, one), ("b", -1, other)), difference)


def shape(rng: Rng, *, statistic: Callable[..., NDArray[np.floating]], population: str, n: int, n_seeds: int) -> bool:
    samples = [POPULATIONS[population](rng, n) for _ in range(n_seeds)]
    return covers(jackknife(statistic, *samples), truth_of(statistic, population))


def distance(rng: Rng, *, name: str, shift: float, n: int) -> bool:
    one, other = rng.standard_normal((1, n)), shift + rng.standard_normal((1, n))
    truth = {
        "Cliff's delta": 1 - 2 * stats.norm.cdf(shift / np.sqrt(2)),
        "Kolmogorov-Smirnov distance": 2 * stats.norm.cdf(shift / 2) - 1,
        "Wasserstein distance in standard deviations": shift,
    }
    return covers(distances(one, other)[name], float(truth[name]))


def features(rng: Rng, n: int, *, strength: float, movement: float) -> MeasuredFeatures:
    """128 features after a ReLU, of 10 classes: a mean of each class, noise, and movements that differ by image."""
    means = strength * np.random.default_rng(7).standard_normal((10, 128))
    label = rng.integers(0, 10, n)
    clean = np.maximum(means[label] + rng.standard_normal((n, 128)), 0)
    moved = movement * (1 + 0.3 * rng.standard_normal((n, 1)).clip(-2, 2)) * np.ones((1, 128))
    low, high = np.maximum(clean - moved, 0), clean + moved
    return MeasuredFeatures(
        clean=clean,
        maximum=high,
        minimum=low,
        attacked=clean,
        attacked_from=clean,
        gradient_norm=clean,
        zero_gradient=np.zeros(128),
        at_cap=np.zeros(128),
        label=label,
        n_classes=10,
        epsilon=0.1,
        movement=high - clean,
        factor=np.ones(128),
    )


@cache
def true_gamma(strength: float, movement: float) -> NDArray[np.floating]:
    many = features(np.random.default_rng(3), 60_000, strength=strength, movement=movement)
    return usefulness_of(many).gamma.mean


def robustly_useful(rng: Rng, *, strength: float, movement: float, n: int) -> bool:
    drawn = features(rng, n, strength=strength, movement=movement)
    count = robust_count(drawn, robust_bounds(usefulness_of(drawn)))
    return covers(count, int((true_gamma(strength, movement) > 0).any(axis=0).sum()))


def robust_usefulness(rng: Rng, *, n: int) -> bool:
    gamma = usefulness_of(features(rng, n, strength=1, movement=0.3)).gamma
    low, high = gamma.interval(1)
    c, f = rng.integers(0, 10), rng.integers(0, 128)
    return bool(low[c, f] <= true_gamma(1, 0.3)[c, f] <= high[c, f])


def rank(rng: Rng, *, n: int) -> bool:
    one = rng.standard_normal(n)
    other = 0.6 * one + 0.8 * rng.standard_normal(n)
    return covers(rank_correlation(one, other), float(6 / np.pi * np.arcsin(0.6 / 2)))


LAYER = LinearLayer(np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2))


def of_theorem(rng: Rng, n: int) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64]]:
    """Two features of two classes, of which the first is right with margins from a normal distribution."""
    margin = 1 + rng.standard_normal(n)
    clean = np.stack([margin, np.zeros(n)], axis=1)
    return clean, rng.gamma(4, 0.25, (n, 2)) * 0.05, np.zeros(n, np.int64)


@cache
def true_bound() -> float:
    clean, movement, _ = of_theorem(np.random.default_rng(4), 2_000_000)
    weighted = float(movement.sum(axis=1).mean())
    tau = best_tau(clean[:100_000, 0], weighted)
    return float((clean[:, 0] < tau).mean() + weighted / tau)


def theorem(rng: Rng, *, n: int) -> bool:
    """The interval's upper end: a bound of the error has to hold."""
    return class_bound(*of_theorem(rng, n), LAYER).high >= true_bound()


def normal_features(rng: Rng, n: int) -> Run:
    """A run in which every model's sensitivities are exactly normally distributed at four epsilons."""
    movement = {
        (model, epsilon): 1 + 0.2 * rng.standard_normal((1, 1, n))
        for model in ("normal", "adversarial", "robust_dataset")
        for epsilon in (0.04, 0.06, 0.08, 0.2)
    }
    return Run(accuracy={}, movement=movement, n_classes=10)


def power_of_s1(rng: Rng, *, n: int) -> bool:
    claim = next(claim for claim in CLAIMS if claim.name == "S1")
    return all(check.holds for check in claim.checks(normal_features(rng, n)))


def share_beyond(rng: Rng, *, n: int) -> bool:
    """128 features of each model, whose order images disturb."""
    levels = np.random.default_rng(5).lognormal(0, 0.5, (2, 128))
    moved = {
        (name, 0.1): scale * levels[i] * rng.gamma(2, 0.5, (1, n, 128))
        for i, (name, scale) in enumerate((("one", 2.0), ("other", 1.0)))
    }
    run = Run(accuracy={}, movement=moved, n_classes=10)
    truth = float((2 * levels[0] > np.quantile(levels[1], 0.95)).mean())
    return covers(run.share_beyond(("one", 0.1), ("other", 0.1), quantile=0.95), truth)


def share_of_gain(rng: Rng, *, n: int) -> bool:
    """As in A5: the gain of the second model over the first, as a share of that of the third."""
    ease = 2 * rng.standard_normal(n)
    names = ("normal", "robust_dataset", "adversarial")
    bases = (-3.0, -2.0, 1.0)
    correct = {
        (name, e): right(rng, n, 1, base=base, spread=0.0, ease=ease)
        for name, base in zip(names, bases, strict=True)
        for e in (0.0, 0.1)
    }
    run = Run(accuracy={key: Estimate(0, 0, 0) for key in correct}, movement={}, n_classes=10)
    run = replace(run, correct=correct)
    claim = next(claim for claim in CLAIMS if claim.name == "A5")
    *_, check = claim.checks(run)
    normal, robust, adversarial = (true_accuracy(base, 0.0) for base in bases)
    return covers(check.estimate, (robust - normal) / (adversarial - normal))


def cases() -> Iterator[tuple[str, str, Repetition]]:
    """Yield what an interval is of, the population and its size, and a repetition."""
    for population in POPULATIONS:
        for n in (4, 12, 32, 64, 256):
            yield "mean sensitivity", f"{population}, {n} images", partial(mean, population=population, n=n)
    for population in ("gamma", "skewed"):
        for n in (4, 12, 32, 256):
            yield "ratio of mean sensitivities", f"{population}, {n} images", partial(ratio, population=population, n=n)
    for n in (32, 256):
        yield "mean sensitivity, 3 seeds", f"gamma, {n} images", partial(mean_of_seeds, n=n)
        yield "ratio of mean sensitivities, 3 seeds", f"gamma, {n} images", partial(ratio_of_seeds, n=n)
    for n in (60, 300, 1000):
        for base in (1.0, -4.0):
            size = f"{100 * true_accuracy(base, 0.0):.0f} % of {n} images"
            yield "accuracy", size, partial(accuracy, base=base, n=n)
            yield "accuracy, 3 seeds", size, partial(accuracy_of_seeds, base=base, n=n)
        yield "difference of accuracies", f"{n} images", partial(accuracy_difference, n=n, n_seeds=1)
        yield "difference of accuracies, 3 seeds", f"{n} images", partial(accuracy_difference, n=n, n_seeds=3)
    for n in (300, 1000):
        yield "share of a gain in accuracy (A5)", f"{n} images", partial(share_of_gain, n=n)
    for name, statistic in (("L-skewness", l_skewness), ("L-kurtosis", l_kurtosis)):
        for population in ("normal", "gamma", "lognormal"):
            for n in (64, 128, 512):
                repetition = partial(shape, statistic=statistic, population=population, n=n, n_seeds=1)
                yield name, f"{population}, {n} features", repetition
        repetition = partial(shape, statistic=statistic, population="normal", n=128, n_seeds=3)
        yield f"{name}, 3 seeds", "normal, 128 features", repetition
    for name in distances(np.zeros((1, 2)), np.ones((1, 2))):
        for shift in (0.0, 0.4):
            yield name, f"normal, apart by {shift:g}, 128 features", partial(distance, name=name, shift=shift, n=128)
    for n in (32, 256):
        yield "share beyond a quantile (S6)", f"128 features, {n} images", partial(share_beyond, n=n)
    for n in (64, 256):
        yield "robust usefulness of a feature", f"{n} images", partial(robust_usefulness, n=n)
    for strength, movement in ((1.0, 0.3), (1.0, 0.5), (0.5, 0.1)):
        for n in (32, 128, 256):
            true = int((true_gamma(strength, movement) > 0).any(axis=0).sum())
            size = f"{true} of 128 features, {n} images"
            repetition = partial(robustly_useful, strength=strength, movement=movement, n=n)
            yield "count of robustly useful features", size, repetition
    for n in (6, 10, 20):
        yield "rank correlation", f"{n} models", partial(rank, n=n)
    for n in (32, 256):
        yield "bound of the theorem, upper end", f"{n} images", partial(theorem, n=n)
    for n in (64, 128, 512):
        yield "S1 reproduced where it is true", f"3 models, 4 epsilons, {n} features", partial(power_of_s1, n=n)


def share_of(repetition: Repetition, n: int, *, key: str) -> float:
    """Return in which share of n repetitions it is true."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    return float(np.mean([repetition(rng) for _ in range(n)]))


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| interval | sample | coverage |\n|---|---|---|")
    for name, size, repetition in cases():
        print(f"| {name} | {size} | {100 * share_of(repetition, n, key=name + size):.1f} % |", flush=True)


if __name__ == "__main__":
    main()
