"""Fault injection over every stage: kills, full disks and bad inputs at each rule of the tiny workflow.

    python tests/support/faults.py FOLDER    # also: make torture

An undisturbed run in FOLDER is the reference. Each trial takes a copy of it, removes the outputs of one job, disturbs
the command that makes them, and gives the same command again. A trial is survived if the outputs then have the same
bytes, or if one sentence names the file that is wrong; a traceback or another number is a loss. Trials are a function
of their number; what has been tried is in FOLDER/trials.jsonl, and the same command continues from there.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fault_kinds
from fault_kinds import Outcome, Trial
from snakemake_runs import copy_workflow, run_snakemake

CONFIG = "tests/config_faults.yaml"
SETTINGS = """\
models: {mine: {dataset: digits, weights: mine.pt}} # one that is imported
sensitivity: {shards: 2} # to be gathered
epsilons: ["0.08", "0.2"] # two are enough to be mixed up
studies: {crossing: {epsilons: ["0.08", "0.2"]}}
"""
"""What differs from the tiny configuration."""

DEMO = ("--profile", "profiles/demo", "--configfile", "profiles/demo/config.yaml", "tests/config_tiny.yaml")
COMMAND = (*DEMO, CONFIG, "--")
ALL = ("all", "studies")
RESULTS = "results/"


class Job(NamedTuple):
    """A job of the reference run: its rule, its outputs, and its inputs among the results."""

    rule: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def make_reference(folder: Path, targets: Sequence[str]) -> Path:
    """Return the folder with an undisturbed run; one that is there is kept, or continued."""
    reference, mine = folder / "reference", folder / "reference/mine.pt"
    if not (reference / CONFIG).exists():
        copy_workflow(reference)
        (reference / CONFIG).write_text(SETTINGS)
    if not mine.exists():
        run_snakemake(reference, *DEMO, "--", "results/tiny/models/normal.pt")
        shutil.copy(reference / "results/tiny/models/normal.pt", mine)
    run_snakemake(reference, *COMMAND, *targets)
    return reference


def jobs_of(reference: Path, command: Sequence[str], targets: Sequence[str]) -> list[Job]:
    """Return the jobs of the reference run whose outputs were kept, as Snakemake tells them."""
    table = run_snakemake(reference, "--detailed-summary", *command, *targets).stdout
    rows = [line.split("\t") for line in table.splitlines() if line.count("\t") >= 7]
    header, outputs, inputs = rows[0], {}, {}
    for row in rows[1:]:
        cell = dict(zip(header, row, strict=False))
        output, log = cell["output_file"], cell["log-file(s)"]
        if (reference / output).is_file():
            outputs.setdefault((cell["rule"], log), []).append(output)
            files = [name for name in cell["input-file(s)"].split(",") if (reference / name).is_file()]
            inputs[cell["rule"], log] = [name for name in files if name.startswith(RESULTS) or name == "mine.pt"]
    # In an order of their own, since Snakemake's differs between calls.
    return sorted(
        Job(rule, tuple(sorted(made)), tuple(sorted(inputs[rule, log]))) for (rule, log), made in outputs.items()
    )


def trials(jobs: list[Job], counts: dict[str, int]) -> Iterator[Trial]:
    """Yield the trials of each kind, in turn over rules, and for bad inputs over their inputs and damages."""
    by_rule: dict[str, list[Job]] = {}
    for job in jobs:
        by_rule.setdefault(job.rule, []).append(job)
    for kind, n in counts.items():
        chance = random.Random(kind)
        cases: list[Any] = [(rule, None) for rule in by_rule]
        if kind == "bad input":
            # A damage of an input of each rule after the other, all pairs of the two before any comes again.
            pairs = {
                rule: [(number, damage) for number in range(len(some[0].inputs)) for damage in fault_kinds.DAMAGES]
                for rule, some in by_rule.items()
            }
            for some in pairs.values():
                chance.shuffle(some)
            longest = max(map(len, pairs.values()))
            cases = [(rule, pairs[rule][i]) for i in range(longest) for rule in pairs if i < len(pairs[rule])]
        for number in range(n):
            rule, detail = cases[number % len(cases)]
            job = by_rule[rule][0] if detail else chance.choice(by_rule[rule])
            if detail and detail[1] == "another" and not job.inputs[detail[0]].startswith(RESULTS):
                detail = (detail[0], "cut")
            yield Trial(kind, number, job.rule, job.outputs, job.inputs, detail)


def run_trials(
    folder: Path,
    reference: Path,
    counts: dict[str, int],
    *,
    command: Sequence[str],
    targets: Sequence[str],
    seconds: float = float("inf"),
) -> list[dict[str, Any]]:
    """Run the trials that are not in the record yet, until the time is over, and return the record.

    Args:
        folder: where trials are made and recorded.
        reference: an undisturbed run.
        counts: how many trials of each kind.
        command: arguments of Snakemake that made it, up to the ``--`` before the targets.
        targets: whose jobs are disturbed.
        seconds: begin no trial after so long.
    """
    record = folder / "trials.jsonl"
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    done = [json.loads(line) for line in lines]
    known = {(row["kind"], row["number"]) for row in done}
    jobs = jobs_of(reference, command, targets)
    waiting = [trial for trial in trials(jobs, counts) if (trial.kind, trial.number) not in known]
    # Kinds side by side, so that a run that is cut short has tried all of them.
    waiting.sort(key=lambda trial: trial.number / counts[trial.kind])
    ends = time.monotonic() + seconds
    for trial in waiting:
        if time.monotonic() > ends:
            break
        program = [sys.executable, "-m", "snakemake", *command]
        outcome: Outcome = fault_kinds.run(trial, reference, folder / "trial", program)
        row = {"kind": trial.kind, "number": trial.number, "rule": trial.rule, **outcome._asdict()}
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        done.append(row)
        print(f"{trial.kind} {trial.number} {trial.rule}: {outcome.what} {outcome.remark}"[:300], flush=True)
    return done


def table(rows: list[dict[str, Any]]) -> str:
    """Return the number of trials and of survivals by rule and kind, as Markdown."""
    kinds = [kind for kind in fault_kinds.KINDS if any(row["kind"] == kind for row in rows)]
    tried = Counter((row["rule"], row["kind"]) for row in rows)
    survived = Counter((row["rule"], row["kind"]) for row in rows if row["survived"])
    lines = ["| rule | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    rules = sorted({row["rule"] for row in rows})
    for name, chosen in [*((rule, [rule]) for rule in rules), ("all", rules)]:
        cells = []
        for kind in kinds:
            n, good = (sum(counter[rule, kind] for rule in chosen) for counter in (tried, survived))
            cells.append(f"{good} of {n}" if n else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the trials and print the table; status 1 if any was a loss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=600, help="begin no trial after this long")
    parser.add_argument("--targets", nargs="+", help="whose jobs are disturbed; without it, all and studies")
    arguments = parser.parse_args()
    counts = fault_kinds.COUNTS
    if os.geteuid() != 0:
        print("A small disk needs root: no trials of full disks")
        counts = {kind: n for kind, n in counts.items() if kind != "full disk"}
    targets, folder = arguments.targets or ALL, arguments.folder.resolve()
    reference = make_reference(folder, targets)
    rows = run_trials(folder, reference, counts, command=COMMAND, targets=targets, seconds=60 * arguments.minutes)
    print(table(rows))
    losses = [row for row in rows if not row["survived"]]
    for row in losses:
        print(f"LOSS {row['kind']} {row['number']}, {row['rule']}: {row['what']}: {row['remark']}")
    sys.exit(bool(losses))


if __name__ == "__main__":
    main()
