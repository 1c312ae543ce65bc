import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_sensitivity.attacks import pgd, projection
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.partial_results import (
    MARK,
    PartialResults,
    delete_partial_results,
    load_partial_result,
    partial_result_key,
    save_partial_result,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "partial.pt"
    save_partial_result(path, "key", {"values": torch.arange(1000.0), "done": 3})
    return path


def test_a_fitting_one_is_read(path: Path):
    content = load_partial_result(path, "key")
    assert content is not None
    assert content["done"] == 3
    assert torch.equal(content["values"], torch.arange(1000.0))


def test_none_is_no_fault(tmp_path: Path):
    assert load_partial_result(tmp_path / "none.pt", "key") is None


def test_another_key_is_set_aside(path: Path, caplog: pytest.LogCaptureFixture):
    assert load_partial_result(path, "another") is None
    assert path.with_name("partial.pt.other").exists()
    assert not path.exists()
    assert "other settings, data or code" in caplog.text


@pytest.mark.parametrize("where", [0.05, 0.3, 0.5, 0.99])
def test_one_flipped_bit_is_noticed(path: Path, where: float, caplog: pytest.LogCaptureFixture):
    content = bytearray(path.read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    path.write_bytes(content)
    assert load_partial_result(path, "key") is None
    assert path.with_name("partial.pt.damaged").exists()
    assert "is damaged" in caplog.text


def test_a_flipped_value_is_noticed(path: Path):
    content = path.read_bytes()
    value = np.float32(500).tobytes()
    assert content.count(value) == 1
    path.write_bytes(content.replace(value, np.float32(501).tobytes()))
    assert load_partial_result(path, "key") is None


@pytest.mark.parametrize("keep", [len(MARK), len(MARK) + 10, 1000])
def test_a_truncated_one_is_noticed(path: Path, keep: int):
    path.write_bytes(path.read_bytes()[:keep])
    assert load_partial_result(path, "key") is None


def _weights(path: Path) -> None:
    with path.open("wb") as file:
        torch.save({"key": "key", "kept": {}, "weights": torch.zeros(3)}, file)


OTHERS: dict[str, Callable[[Path], object]] = {
    "weights": _weights,
    "an empty file": Path.touch,
    "a text": lambda path: path.write_text("three weeks of work"),
    "the end of a partial result": lambda path: path.write_bytes(b"x" + MARK),
    "a link to a file": lambda path: path.symlink_to("/etc/hostname"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
}
"""What may lie where a partial result could, and was not written by this tool."""


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_another_file_is_neither_read_nor_moved(make: Callable[[Path], object], tmp_path: Path):
    path = tmp_path / "partial.pt"
    make(path)
    before = tree(tmp_path)
    with pytest.raises(UserError, match="in the way of unfinished work"):
        load_partial_result(path, "key")
    assert tree(tmp_path) == before


def test_nothing_is_set_aside_over_another_file(path: Path):
    path.with_name("partial.pt.other").write_text("mine")
    before = tree(path.parent)
    with pytest.raises(UserError, match=r"partial\.pt\.other is in the way"):
        load_partial_result(path, "another")
    assert tree(path.parent) == before


def tree(folder: Path) -> dict[str, object]:
    """Return what a folder holds: of each file its content, of each link its target."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            found[str(path)] = path.readlink()
        else:
            found[str(path)] = path.read_bytes() if path.is_file() else path.stat().st_mode
    return found


def unfinished(folder: Path, key: str = "key") -> Path:
    """Fill a folder with all kinds of files that an interrupted job leaves."""
    found = PartialResults(folder, key)
    found.keep("clean", lambda: torch.zeros(3))
    found.save([{"row": torch.arange(2)}], {"row": torch.arange(2, 3)}, batch_size=4)
    (folder / "kept.pt.damaged").write_bytes(MARK + b"damaged")
    (folder / ".finished_00001.pt.4711.tmp").write_bytes(MARK[:5])
    (folder / ".kept.pt.4712.tmp").touch()
    return folder


NAMES = ("notes.txt", "kept.pt", "finished_00007.pt", "in_progress.pt", "mine.pt", ".hidden", "kept.pt.other", "sub")


@pytest.mark.parametrize("key", ["key", "another"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_a_folder_that_holds_something_else_is_refused_and_stays(
    make: Callable[[Path], object], name: str, key: str, tmp_path: Path
):
    folder = unfinished(tmp_path / "unfinished")
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    before = tree(folder)
    with pytest.raises(UserError, match=f"also holds {re.escape(repr(name))}, which is no unfinished work"):
        PartialResults(folder, key)
    assert tree(folder) == before


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_only_partial_results_are_deleted(make: Callable[[Path], object], tmp_path: Path):
    folder = unfinished(tmp_path / "unfinished")
    unfinished(folder / "from_0")
    other = tmp_path / "other"
    unfinished(other)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
    (folder / "link").symlink_to(other)
    expected = tree(other)
    delete_partial_results(folder)
    assert {path.name for path in folder.iterdir()} == {"link", *NAMES}
    assert tree(other) == expected


def test_a_folder_of_partial_results_alone_is_deleted_with_its_subfolders(tmp_path: Path):
    folder = unfinished(tmp_path / "unfinished")
    unfinished(folder / "from_0")
    delete_partial_results(folder)
    assert not folder.exists()
    delete_partial_results(folder)


def test_partial_results_of_another_run_are_replaced(tmp_path: Path):
    folder = unfinished(tmp_path / "unfinished")
    found = PartialResults(folder, "another")
    assert not found.finished
    assert not found.in_progress
    found = PartialResults(unfinished(tmp_path / "second"), "key")
    assert found.finished["row"].tolist() == [0, 1]
    assert found.in_progress["row"].tolist() == [2]
    assert found.batch_size == 4


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("", "is the current folder"),
        (".", "is the current folder"),
        ("./", "is the current folder"),
        ("file", "cannot be used"),
        ("file/below", "cannot be used"),
        ("dangling", "cannot be used"),
        ("zero\0byte", "cannot be used"),
        ("x" * 300, "cannot be used"),
    ],
)
def test_what_cannot_be_a_folder_of_unfinished_work(
    folder: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("dangling").symlink_to("nowhere/at/all")
    torch.save([1], "kept.pt")
    before = tree(tmp_path)
    with pytest.raises(UserError, match=message):
        PartialResults(Path(folder), "key")
    assert tree(tmp_path) == before


CODE = Path(pgd.__file__)


def test_the_key_depends_on_everything():
    attack = Attack(norm="linf", epsilon=0.1, steps=2, step_size=0.1)
    base = partial_result_key(attack, [1], np.zeros(3), code=CODE)
    assert base == partial_result_key(attack, [1], np.zeros(3), code=CODE)
    others = [
        partial_result_key(Attack(norm="linf", epsilon=0.1, steps=3, step_size=0.1), [1], np.zeros(3), code=CODE),
        partial_result_key(attack, [2], np.zeros(3), code=CODE),
        partial_result_key(attack, [1], np.ones(3), code=CODE),
        partial_result_key(attack, [1], np.zeros(3), code=Path(projection.__file__)),
    ]
    assert base not in others
    assert len(set(others)) == 4
