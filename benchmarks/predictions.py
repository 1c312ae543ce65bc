"""How long the jobs of a run took beside what the estimates of cost say, rule by rule.

Takes the configuration files that the run took, in their order, and reads the benchmarks that it left.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from snakemake.utils import update_config

from feature_sensitivity.config.costs import CORE
from feature_sensitivity.config.protocols import with_protocols
from feature_sensitivity.config.units import sections_with_unit
from feature_sensitivity.studies.costs import COSTS, job_seconds

EPSILON_AT_THE_END = re.compile(r"(.+?)(?:_(\d[\d.]*))?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results folder of the run")
    parser.add_argument("configfiles", type=Path, nargs="*", help="what the run took besides config.yaml")
    arguments = parser.parse_args()
    config = configured([Path(__file__).parents[1] / "config.yaml", *arguments.configfiles])
    benchmarks = arguments.results / "benchmarks"
    jobs = pd.DataFrame([took(path, benchmarks, config) for path in sorted(benchmarks.rglob("*.tsv"))])
    jobs["rule"] = jobs["rule"].where(jobs["rule"].isin(COSTS), "the others")
    jobs["jobs"] = 1
    rules = jobs.groupby("rule").sum()
    rules = rules.sort_values("measured", ascending=False)
    rules = pd.concat([rules.drop("the others"), rules.loc[["the others"]]])
    rules.loc["all"] = rules.sum()
    print("| rule | jobs | minutes | predicted / measured |\n|---|---|---|---|")
    for rule, row in rules.iterrows():
        print(f"| {rule} | {row.jobs:.0f} | {row.measured / 60:.1f} | {row.predicted / row.measured:.2f} |")


def configured(configfiles: Sequence[Path]) -> dict[str, Any]:
    """Return the configuration that these files give, each on top of the one before."""
    config: dict[str, Any] = {}
    for path in configfiles:
        update_config(config, yaml.safe_load(path.read_text()))
    config = with_protocols(config)
    return {**config, **sections_with_unit(config)}


def took(path: Path, benchmarks: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's rule, and the seconds that it took and that the estimate says."""
    rule = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
    name = EPSILON_AT_THE_END.fullmatch(path.stem)
    assert name
    wildcards = {"model": name[1], "eps": name[2], "protocol": path.parent.name}
    return {
        "rule": rule,
        "measured": float(pd.read_csv(path, sep="\t")["s"].iloc[0]),
        "predicted": job_seconds(rule, wildcards, config, CORE),
    }


if __name__ == "__main__":
    main()
