"""The page that reports a whole run: what was done, what came out, what it cost. In Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_sensitivity.config.units import in_both_units, number
from feature_sensitivity.reporting.documents import (
    Block,
    Document,
    Heading,
    Picture,
    Written,
    as_markdown,
    escaped,
)
from feature_sensitivity.reporting.interpretation import Interpretation, Published
from feature_sensitivity.reporting.summary import accuracy_text
from feature_sensitivity.runtime.console import logger

GENERATED = (
    "Written by the rule `write_reference` from the run's own files, except for what stands above and under "
    "*Interpretation*, and for the literature's numbers."
)


class Section(NamedTuple):
    """A page of the run, in Markdown, and the pictures that stand with it."""

    page: str
    pictures: Sequence[Picture]


def reference_page(
    *,
    title: str,
    facts: Mapping[str, str],
    changed: str,
    summary: pd.DataFrame,
    opening: Section,
    claims: pd.DataFrame,
    sections: Sequence[Section],
    costs: pd.DataFrame | None,
    interpretation: Interpretation,
) -> str:
    """Return the page.

    ``facts``: of the run, such as commit and machine, by name. ``changed``: what the configuration changes in the
    paper's protocol, as YAML. ``summary``, ``claims``: the tables of the run. ``opening``: the summary as a page,
    before the verdicts, with the paper's figures. ``sections``: what else the run found, after the verdicts. ``costs``:
    as of ``analysis.benchmark_table.costs_by_rule``, if they were measured. ``interpretation``: by a person.
    """
    blocks: list[Block] = [*map(Written, interpretation.introduction), Written(GENERATED)]
    blocks.append(pd.DataFrame({"": list(facts), "of this run": list(facts.values())}))
    blocks += [
        "What differs from the paper's protocol in `config.yaml`:",
        Written(f"```yaml\n{changed}```"),
        *_included(opening),
    ]
    blocks += [Heading("Verdicts"), claims[["claim", "sentence", "verdict"]], _rules(claims, interpretation.claims)]
    if interpretation.published:
        literature = pd.DataFrame(_literature_rows(summary, interpretation.published))
        blocks += [
            Heading("Beside the literature"),
            Written(literature.to_markdown(index=False, disable_numparse=True)),
        ]
    for section in sections:
        blocks += _included(section)
    if costs is not None:
        blocks += [Heading("What each rule took"), _costs(costs)]
    return as_markdown(Document(title, blocks))


def _included(section: Section) -> list[Block]:
    """Return the blocks of a section: its page, each heading a level lower, and its pictures."""
    lines = section.page.rstrip().splitlines()
    page = "\n".join(f"#{line}" if line.startswith("#") else line for line in lines)
    return [Written(page), *section.pictures]


def _rules(claims: pd.DataFrame, sentences: Mapping[str, str]) -> Written:
    """Return the rule behind each verdict, and what it means in this run."""
    rules = [
        f"- **{name}, {verdict}.** *Rule:* {escaped(rule)}"
        + (f" *Interpretation:* {sentences[name]}" if name in sentences else "")
        for name, verdict, rule in zip(claims.claim, claims.verdict, claims.rule, strict=True)
    ]
    return Written("\n".join(rules))


def _literature_rows(summary: pd.DataFrame, published: Sequence[Published]) -> Iterator[dict[str, str]]:
    for entry in published:
        same = (summary.model == entry.model) & np.isclose(summary.epsilon, number(entry.epsilon))
        if not same.any():
            logger.warning(
                "a published accuracy is left out: this run has none of %s at epsilon %s", entry.model, entry.epsilon
            )
        for _, row in summary[same].iterrows():
            yield {
                "model": entry.model,
                "epsilon": in_both_units([row.to_dict()]),
                "accuracy %, this run": accuracy_text(row),
                "published or expected": entry.accuracy,
                "source": entry.source,
                "Interpretation": entry.remark,
            }


def _costs(costs: pd.DataFrame) -> pd.DataFrame:
    total = costs[["jobs", "minutes in all", "CPU minutes in all"]].sum()
    table = pd.concat([costs, pd.DataFrame([{"rule": "all", **total}])], ignore_index=True)
    numbers = table.drop(columns=["rule", "jobs"])
    shown = numbers.map(lambda value: f"{value:.1f}" if np.isfinite(value) else "-")
    shown.insert(0, "rule", table.rule)
    shown.insert(1, "jobs", table.jobs.astype(int).astype(str))
    return shown
