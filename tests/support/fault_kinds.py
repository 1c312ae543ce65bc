"""The faults that ``faults.py`` injects, one function a kind, and what counts as survived."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import pandas as pd


class Trial(NamedTuple):
    """One fault at one job; ``detail`` is the number of an input and its damage, for bad inputs."""

    kind: str
    number: int
    rule: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    detail: tuple[int, str] | None


class Outcome(NamedTuple):
    """Whether a trial was survived, what was done, and what came of it."""

    survived: bool
    what: str
    remark: str


class Bench:
    """A copy of the reference in which one command is disturbed and repeated."""

    def __init__(self, trial: Trial, reference: Path, folder: Path, command: Sequence[str]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(reference, folder, symlinks=True)
        self.trial, self.reference, self.folder = trial, reference, folder
        self.chance = random.Random(f"{trial.kind} {trial.number}")
        self._command = [*command, trial.outputs[0]]
        for output in trial.outputs:
            (folder / output).unlink()

    def start(self, *, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Give the command, after ``before``, in a session of its own, so that all of its processes can be killed."""
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / ".cache")}
        return subprocess.Popen(
            [*before, *self._command],
            cwd=self.folder,
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *, before: Sequence[str] = ()) -> tuple[int, str]:
        process = self.start(before=before)
        output, _ = process.communicate()
        return process.returncode, output

    def differs(self) -> list[str]:
        """Return the outputs that are not there with the bytes of the reference."""
        return [name for name in self.trial.outputs if content(self.folder / name) != content(self.reference / name)]

    def again(self) -> Outcome:
        """Give the same command again, undisturbed, and compare the outputs with the reference."""
        status, output = self.call()
        remark = ""
        if status and "--unlock" in output and "Traceback" not in output:
            subprocess.run([*self._command[:-1], "--unlock"], cwd=self.folder, capture_output=True, check=True)
            remark = "after --unlock"
            status, output = self.call()
        if status or "Traceback" in output:
            return Outcome(False, f"status {status}", last_lines(output))
        if different := self.differs():
            return Outcome(False, "other bytes", ", ".join(different))
        return Outcome(True, "same bytes", remark)


def content(path: Path) -> bytes | None:
    """Return what a file holds, without what it says of time."""
    if not path.exists():
        return None
    if path.name.endswith(".history.csv"):
        return pd.read_csv(path).drop(columns="seconds").to_csv().encode()
    if path.suffix == ".h5":
        return numbers_in(path)
    return path.read_bytes()


REFERENCES = ("DIMENSION_LIST", "REFERENCE_LIST")
"""Attributes that hold addresses within the file."""


def numbers_in(path: Path) -> bytes:
    """Return all arrays and attributes: the library that compresses them does not always give the same stream."""
    found: list[str] = []

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        found.extend(f"{name} {key} {item.attrs[key]}" for key in sorted(item.attrs) if key not in REFERENCES)
        if isinstance(item, h5py.Dataset):
            values = item[()]
            whole = repr(values.tolist()).encode() if item.dtype.kind == "O" else values.tobytes()
            found.append(f"{name} {item.shape} {item.dtype} {hashlib.sha256(whole).hexdigest()}")

    try:
        with h5py.File(path) as file:
            note("", file)
            file.visititems(note)
    except OSError:
        return path.read_bytes()  # what is damaged is compared as it is
    return "\n".join(found).encode()


def last_lines(output: str) -> str:
    return " / ".join([line.strip() for line in output.splitlines() if line.strip()][-12:])[-1500:]


def kill(bench: Bench) -> Outcome:
    """End the command, with its jobs, at a random moment."""
    name = ("SIGINT", "SIGTERM", "SIGKILL")[bench.trial.number % 3]
    process, seconds = bench.start(), bench.chance.uniform(0.5, 12)
    try:
        output, _ = process.communicate(timeout=seconds)
        when = "after its end"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, getattr(signal, name))
        output, _ = process.communicate()
        when = f"after {seconds:.1f} s"
    outcome = bench.again()
    shown = "; the killed command showed a traceback" if "Traceback" in output else ""
    return outcome._replace(what=f"{name} {when}: {outcome.what}", remark=outcome.remark + shown)


PAGE = 4096
"""Bytes by which a disk in memory counts."""

ON_A_SMALL_DISK = """
results=$0; bytes=$1; shift
set -e
mkdir "$results.disk"
mount -t tmpfs tmpfs "$results.disk"
cp -a "$results/." "$results.disk"
used=$(df --block-size=1 --output=used "$results.disk" | tail -1)
mount -o remount,size=$((used + bytes)) "$results.disk"
mount --bind "$results.disk" "$results"
status=0; "$@" || status=$?
umount "$results"
rm -rf "$results"
cp -a "$results.disk" "$results"
exit $status
"""
"""Runs a command while the results folder lies on a disk with so many bytes left."""


def full_disk(bench: Bench) -> Outcome:
    """Let the disk of the results have less space left than the outputs take. Needs root."""
    results = bench.folder / "results/tiny"
    needed = sum(-(-(bench.reference / name).stat().st_size // PAGE) for name in bench.trial.outputs)
    free = PAGE * bench.chance.randrange(needed)
    status, output = bench.call(before=["unshare", "-m", "sh", "-c", ON_A_SMALL_DISK, str(results), str(free)])
    what = f"{free} bytes left"
    if status == 0 and not bench.differs():
        return Outcome(True, what, "not noticed")
    if status == 0 or "Traceback" in output:
        return Outcome(False, f"{what}: status {status}", last_lines(output))
    outcome = bench.again()
    return outcome._replace(what=f"{what}: {outcome.what}")


ON_A_READ_ONLY_DISK = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def read_only(bench: Bench) -> Outcome:
    """Let the results folder be one that cannot be written."""
    results = bench.folder / "results/tiny"
    if os.geteuid() == 0:  # whom permissions do not stop, but a read-only mount does
        status, output = bench.call(before=["unshare", "-m", "sh", "-c", ON_A_READ_ONLY_DISK, str(results)])
    else:
        folders = [results, *(path for path in results.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        status, output = bench.call()
        for path in folders:
            path.chmod(0o755)
    if status == 0 or "Traceback" in output:
        return Outcome(False, f"status {status}", last_lines(output))
    return bench.again()


def two_at_once(bench: Bench) -> Outcome:
    """Give the command twice at the same time.

    Snakemake looks for the locks of others before it writes its own, so two runs that start in the same millisecond may
    both go on. If they also end together, one finds the folder of locks gone and fails, after its work is done.
    """
    first, second = bench.start(), bench.start()
    outputs = [process.communicate()[0] for process in (first, second)]
    others = [[text for text in output.split("Traceback")[1:] if "_delete_locks" not in text] for output in outputs]
    tracebacks = [last_lines(output) for output, found in zip(outputs, others, strict=True) if found]
    statuses = (first.returncode, second.returncode)
    if tracebacks or all(statuses):
        return Outcome(False, f"statuses {statuses}", "; ".join(tracebacks) or last_lines(outputs[1]))
    return bench.again()


def cut(path: Path, bench: Bench) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: bench.chance.randrange(1, len(whole))])


def empty(path: Path, bench: Bench) -> None:
    path.write_bytes(b"")


def other_bytes(path: Path, bench: Bench) -> None:
    path.write_bytes(bench.chance.randbytes(path.stat().st_size))


def another(path: Path, bench: Bench) -> None:
    """Put another result of the same kind in its place."""
    near = [file for file in sorted(path.parent.glob(f"*{path.suffix}")) if kind_of(file) == kind_of(path)]
    others = [file for file in near if content(file) != content(path)] or sorted(bench.folder.rglob(f"*{path.suffix}"))
    shutil.copyfile(bench.chance.choice([file for file in others if file != path]), path)


def kind_of(path: Path) -> tuple[str, bool, bool]:
    return path.suffix, ".checks." in path.name, ".history." in path.name


DAMAGES: Mapping[str, Callable[[Path, Bench], None]] = {
    "cut": cut,
    "empty": empty,
    "other bytes": other_bytes,
    "another": another,
}


def bad_input(bench: Bench) -> Outcome:
    """Damage an input, or put another result in its place."""
    assert bench.trial.detail
    number, damage = bench.trial.detail
    name = bench.trial.inputs[number]
    time.sleep(0.01)
    DAMAGES[damage](bench.folder / name, bench)
    status, output = bench.call()
    what = f"{name}: {damage}"
    if status == 0:
        different = bench.differs()
        return Outcome(not different, what, f"other bytes in {different}" if different else "same bytes")
    sentences = [line for line in output.splitlines() if (name in line and "again" in line) or f"{name} " in line]
    written = [output_name for output_name in bench.trial.outputs if (bench.folder / output_name).exists()]
    refused = "Traceback" not in output and sentences and not written
    return Outcome(bool(refused), what, sentences[0].strip()[:300] if refused else last_lines(output))


KINDS: Mapping[str, Callable[[Bench], Outcome]] = {
    "kill": kill,
    "full disk": full_disk,
    "read-only": read_only,
    "two at once": two_at_once,
    "bad input": bad_input,
}

COUNTS = {"kill": 120, "full disk": 40, "read-only": 21, "two at once": 21, "bad input": 240}
"""How many trials of each kind."""


def run(trial: Trial, reference: Path, folder: Path, command: Sequence[str]) -> Outcome:
    """Return what came of a trial, made in a fresh copy of the reference at ``folder``."""
    return KINDS[trial.kind](Bench(trial, reference, folder, command))
