"""Files of tensors that would run code or fill the memory: each is a sentence, and nothing is called."""

import io
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import LARGEST_PICKLE, load_tensors


class Calls:
    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def saved(content: Any, *, new: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def archive(pickled: bytes, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("x/data.pkl", pickled)
        file.writestr("x/version", "3\n")
    return buffer.getvalue()


def without_archive(pickled: bytes) -> bytes:
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in head) + pickled


LISTS = b"\x80\x02" + b"]" * (LARGEST_PICKLE + 1) + b"."
TENSORS = b"\x80\x02ctorch\nFloatTensor\nq\x00J\xff\xff\xff\x7f\x85q\x01R."
BYTES = b"\x80\x02c__builtin__\nbytearray\nq\x00J\xff\xff\xff\x7f\x85q\x01R."

HOSTILE = {
    "a command": (lambda: saved({"w": Calls(os.system, "touch ran")}), "which was not done"),
    "a command of old Python": (lambda: saved({"w": Calls(subprocess.getoutput, "touch ran")}), "which was not done"),
    "a command in an older file": (lambda: saved({"w": Calls(os.system, "touch ran")}, new=False), "was not done"),
    "an expression": (lambda: saved({"w": Calls(eval, "open('ran', 'w')")}), "is to call eval, which was not done"),
    "a class of torch": (lambda: saved(torch.nn.Linear(2, 2)), "is to call torch.nn.modules.linear.Linear"),
    "lists": (lambda: archive(LISTS), "MB that are no tensors"),
    "lists in an older file": (lambda: without_archive(LISTS), "is not a whole file of tensors"),
    "a tensor out of nothing": (lambda: archive(TENSORS), "declares larger tensors than it holds"),
    "bytes out of nothing": (lambda: archive(BYTES), "holds a bytearray"),
    "bytes out of nothing in an older file": (lambda: without_archive(BYTES), "is not a whole file of tensors"),
    "one number, repeated": (lambda: saved({"w": torch.zeros(1).expand(10**12)}), "of which it holds a small part"),
    "a sparse tensor": (lambda: saved([torch.eye(3).to_sparse()]), "a tensor that is sparse_coo"),
    "a tensor without numbers": (lambda: saved([torch.zeros(3, device="meta")]), "a tensor that is on meta"),
    "zeros, compressed": (lambda: archive(bytes(10**8), compression=zipfile.ZIP_DEFLATED), "is compressed"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_a_sentence(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    content, sentence = HOSTILE[case]
    Path("w.pt").write_bytes(content())
    with pytest.raises(UserError, match=sentence) as error:
        load_tensors(Path("w.pt"), where="w.pt", advice="write it again")
    assert str(error.value).startswith("w.pt ")
    assert str(error.value).endswith("; write it again")
    assert os.listdir() == ["w.pt"]  # noqa: PTH208


def test_an_object_of_another_class_is_not_made(tmp_path: Path):
    class Config:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            return Config, ()

    Config.__module__, Config.__qualname__ = "test_tensor_files", "made_by_a_file"
    globals()["made_by_a_file"] = Config
    for new in (True, False):
        content = load_tensors(io.BytesIO(saved({"c": Config(), "w": torch.ones(2)}, new=new)), where="f", advice="a")
        assert content["w"].tolist() == [1, 1]
        assert type(content["c"]).__name__ == "test_tensor_files.made_by_a_file"
        assert not isinstance(content["c"], Config)


def test_tensors_that_share_or_repeat_what_is_stored_are_read():
    base = torch.arange(6.0)
    content = {"a": base[:3], "b": base.view(2, 3).T, "c": base[:1].expand(4, 1), "d": torch.zeros(0)}
    read = load_tensors(io.BytesIO(saved(content)), where="f", advice="a")
    assert all(torch.equal(read[name], content[name]) for name in content)
