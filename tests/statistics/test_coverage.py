"""Intervals cover as often as docs/claims.md says; ``make coverage`` makes its table from more repetitions."""

import re

import pytest
from scipy import stats

from simulations import Repetition, cases, share_of
from snakemake_runs import ROOT

REPETITIONS = 60

DOCUMENTED = {
    (name, sample): float(percent) / 100
    for name, sample, percent in re.findall(
        r"^\| (.+?) \| (.+?) \| ([\d.]+) % \|$", (ROOT / "docs/claims.md").read_text(), re.MULTILINE
    )
}
CASES = list(cases())


def test_the_page_has_every_interval():
    assert list(DOCUMENTED) == [(name, sample) for name, sample, _ in CASES]


@pytest.mark.parametrize(("name", "sample", "repetition"), CASES, ids=[f"{name}: {of}" for name, of, _ in CASES])
def test_an_interval_covers_as_often_as_documented(name: str, sample: str, repetition: Repetition):
    """By chance one of a thousand such tests would fail; seeds are fixed, so that none does."""
    documented = DOCUMENTED[name, sample]
    covered = round(REPETITIONS * share_of(repetition, REPETITIONS, key=name + sample))
    least, most = stats.binom.interval(0.999, REPETITIONS, min(max(documented, 0.003), 0.997))
    assert least <= covered <= most
