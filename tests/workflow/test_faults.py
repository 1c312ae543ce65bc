"""Fault injection (``make torture``) notices a loss."""

import os
import sys
from pathlib import Path

import pytest

import fault_kinds
from fault_kinds import Outcome, Trial
from faults import Job, table, trials

CAREFUL = """
import os, sys, time
try:
    text = open("results/tiny/in.txt").read()
except UnicodeDecodeError:
    text = ""
if text != "good" * 100:
    sys.exit("results/tiny/in.txt is damaged; delete it and run the same command again")
part = f"results/tiny/{os.getpid()}.part"
try:
    with open(part, "w") as file:
        file.write(text)
    time.sleep(0.2)
    os.replace(part, sys.argv[1])
except OSError as error:
    sys.exit(f"results/tiny/out.txt cannot be written ({error}); make room and run the same command again")
"""
"""A job that writes its output whole, from an input that it checks."""

CARELESS = """
import os, sys, time
if not os.path.exists(sys.argv[1]):
    with open(sys.argv[1], "w") as file:
        file.write("go")
        file.flush()
        time.sleep(20)
"""
"""A job that writes its output as it goes, and takes what is there for whole."""

TRUSTING = "import sys; open(sys.argv[1], 'wb').write(open('results/tiny/in.txt', 'rb').read())"
FAILING = "raise ValueError('results/tiny/in.txt is bad; run again')"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    (folder / "results/tiny").mkdir(parents=True)
    for name in ("in.txt", "out.txt"):
        (folder / "results/tiny" / name).write_text("good" * 100)
    (folder / "results/tiny/other.txt").write_text("evil" * 100)
    return folder


def outcome_of(reference: Path, program: str, kind: str, *, number: int = 2, damage: str = "cut") -> Outcome:
    trial = Trial(kind, number, "rule", ("results/tiny/out.txt",), ("results/tiny/in.txt",), (0, damage))
    return fault_kinds.run(trial, reference, reference.parent / "trial", [sys.executable, "-c", program])


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.skipif(kind == "full disk" and os.geteuid() != 0, reason="needs root"))
        for kind in fault_kinds.KINDS
    ],
)
def test_a_careful_job_survives(reference: Path, kind: str):
    assert outcome_of(reference, CAREFUL, kind).survived


@pytest.mark.parametrize("damage", fault_kinds.DAMAGES)
def test_a_bad_input_is_refused_by_the_careful_and_found_in_the_trusting(reference: Path, damage: str):
    refused = outcome_of(reference, CAREFUL, "bad input", damage=damage)
    assert refused.survived
    assert "in.txt is damaged; delete it" in refused.remark
    for program in (TRUSTING, FAILING):
        assert not outcome_of(reference, program, "bad input", damage=damage).survived


@pytest.mark.parametrize("number", range(3))
def test_half_a_file_after_a_kill_is_a_loss(reference: Path, monkeypatch: pytest.MonkeyPatch, number: int):
    monkeypatch.setattr("random.Random.uniform", lambda *_: 1.0)
    outcome = outcome_of(reference, CARELESS, "kill", number=number)
    assert not outcome.survived
    assert f"{('SIGINT', 'SIGTERM', 'SIGKILL')[number]} after 1.0 s: other bytes" in outcome.what


def test_every_input_of_every_rule_is_damaged_in_every_way_before_any_comes_again():
    jobs = [
        Job("plot", ("a.svg",), ("results/x.h5", "results/y.csv")),
        Job("train", ("m.pt",), ("results/x.h5",)),
    ]
    damages = [(t.rule, t.detail) for t in trials(jobs, {"bad input": 24})]
    assert len(set(damages[:12])) == 12
    assert damages[:12] == damages[12:]
    assert [t.rule for t in trials(jobs, {"kill": 4})] == ["plot", "train", "plot", "train"]


def test_a_file_of_the_users_own_may_be_another_one():
    details = {trial.detail for trial in trials([Job("import", ("m.pt",), ("mine.pt",))], {"bad input": 4})}
    assert details == {(0, "cut"), (0, "empty"), (0, "other bytes")}


def test_the_table_counts_what_was_survived():
    found = (("a", True), ("a", False), ("b", True))
    rows = [{"rule": rule, "kind": "kill", "survived": survived} for rule, survived in found]
    lines = ["| rule | kill |", "|---|---|", "| a | 1 of 2 |", "| b | 1 of 1 |", "| all | 2 of 3 |"]
    assert table(rows).splitlines() == lines
