"""How long the jobs of a run took beside what the estimates of cost say, rule by rule.

Takes the configuration files that the run took, in their order, and reads the benchmarks that it left.
"""

import argparse
import re
from pathlib import Path

import yaml
from plan import configured

from feature_sensitivity.analysis.benchmark_table import costs_by_rule, rule_of
from feature_sensitivity.config.costs import CORE
from feature_sensitivity.config.network_costs import pass_costs, read_counts
from feature_sensitivity.studies.costs import COSTS, job_seconds

NUMBER_AT_THE_END = re.compile(r"(.+?)(?:_(\d[\d.-]*))?")


COUNTS = Path(".snakemake/network_costs.json")
"""What the run has counted, in the folder in which it ran."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results folder of the run")
    parser.add_argument("configfiles", type=Path, nargs="*", help="what the run took besides config.yaml")
    arguments = parser.parse_args()
    config = configured(*(yaml.safe_load(path.read_text()) for path in arguments.configfiles))
    costs = pass_costs(config, read_counts(COUNTS))
    folder = arguments.results / "benchmarks"
    files = sorted(folder.rglob("*.tsv"))
    rules = costs_by_rule(folder, files).set_index("rule")[["jobs", "minutes in all"]]
    rules["predicted"] = 0.0
    for path in files:
        rule = rule_of(path, folder)
        rules.loc[rule, "predicted"] += job_seconds(rule, wildcards_of(path), config, costs, CORE) / 60
    costly = rules.index.isin(COSTS)
    rows = {rule: rules.loc[rule] for rule in rules.index[costly]}
    rows |= {"the others": rules[~costly].sum(), "all": rules.sum()}
    print("| rule | jobs | minutes | predicted / measured |\n|---|---|---|---|")
    for rule, row in rows.items():
        minutes = row["minutes in all"]
        print(f"| {rule} | {row['jobs']:.0f} | {minutes:.1f} | {row['predicted'] / minutes:.2f} |")


def wildcards_of(path: Path) -> dict[str, str]:
    """Return those of a job, by the path of its benchmark file."""
    name = NUMBER_AT_THE_END.fullmatch(path.stem)
    assert name
    return {"model": name[1], "dataset": name[1], "eps": name[2], "protocol": path.parent.name}


if __name__ == "__main__":
    main()
