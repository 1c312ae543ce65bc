"""Any input works, or one sentence names it: for library arguments, checkpoints, safetensors and configurations.

`make test` tries some, `make fuzz` as many as FUZZ says of each kind. What failed once is tried again first, from the
database in tests/fuzz/failed/.
"""

import io
import json
import math
import os
import resource
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.extra import numpy as arrays

from feature_sensitivity import arguments
from feature_sensitivity.config.check import faults
from feature_sensitivity.library import UserError, feature_table, load_checkpoint
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.foreign_weights import network_with
from feature_sensitivity.networks.weights_file import read_tensors
from snakemake_runs import ROOT

SECONDS, BYTES = 20, 1_000_000_000
some = settings(
    max_examples=int(os.environ.get("FUZZ", "25")),
    deadline=1000 * SECONDS,
    database=DirectoryBasedExampleDatabase(Path(__file__).parent / "failed"),
    suppress_health_check=[*HealthCheck],
    print_blob=True,
)

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.binary(max_size=8)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)
shapes = arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
numpys = st.one_of(
    arrays.arrays(kind, shapes)
    for kind in (
        np.uint8,
        np.uint16,
        np.int64,
        np.uint64,
        np.float16,
        ">f4",
        np.float64,
        np.complex64,
        bool,
        "U3",
        "M8[s]",
    )
)
anything = values | numpys | st.builds(torch.from_numpy, arrays.arrays(np.float32, shapes)) | st.just(object())

ARGUMENTS = {
    "name": lambda value: arguments.text(value, "name"),
    "layer": lambda value: arguments.text_or_none(value, "layer"),
    "weights": lambda value: arguments.path(value, "weights"),
    "architecture": arguments.architecture,
    "norm": lambda value: arguments.one_of(value, "norm", ("linf", "l2")),
    "clip_to_pixel_box": lambda value: arguments.switch(value, "clip_to_pixel_box"),
    "epsilon": lambda value: arguments.epsilon(value, unit="standardized", norm="l2"),
    "seed": lambda value: arguments.whole_number(value, "seed", at_least=0),
    "positions": arguments.positions,
    "device": arguments.device,
    "features": arguments.features,
    "images": arguments.pixels,
    "mean": lambda value: arguments.standardization(value, value, 3),
    "labels": lambda value: arguments.numbers(value, "labels", 3),
    "extrema": feature_table,
}


def works_or_is_told(call: Any, value: Any, name: str) -> Any:
    """Return what a call gives, or None where a sentence of one line names its argument."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result, sentence = None, name
    try:
        result = call(value)
    except UserError as error:
        sentence = str(error)
    assert name in sentence
    assert "\n" not in sentence
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BYTES
    assert not Path("ran").exists()
    return result


@pytest.mark.parametrize("name", ARGUMENTS)
@some
@given(value=anything | st.text("0123456789./e-+,", max_size=12))
def test_an_argument(name: str, value: Any):
    works_or_is_told(ARGUMENTS[name], value, name)


@some
@given(text=st.text("0123456789./e-+", min_size=1, max_size=9))
def test_an_epsilon_is_the_number_that_is_written(text: str):
    if (spelled := works_or_is_told(ARGUMENTS["epsilon"], text, "epsilon")) is not None:
        first, *second = text.split("/")
        assert math.isclose(float(arguments.exact(spelled)), float(first) / float(*second or ["1"]), rel_tol=1e-9)


ARCHITECTURE = {"name": "resnet18", "in_channels": 3, "n_classes": 2, "width": 2}
STATE = build(ARCHITECTURE).state_dict()
GOOD = {
    "state_dict": STATE,
    "architecture": ARCHITECTURE,
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
    "input_shape": [3, 8, 8],
}
names = st.sampled_from(
    [
        "resnet18",
        "wideresnet-99999-9",
        "os:system",
        "subprocess:getoutput",
        "timm:x",
        "torchvision:alexnet",
        "a.py:b",
        "",
    ]
)


def changed(content: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {**content, key: value}


checkpoints = st.one_of(
    st.builds(changed, st.just(GOOD), st.sampled_from([*GOOD, "normalization", "code_sha256", "extra"]), values),
    st.builds(
        lambda name, more: changed(GOOD, "architecture", {"name": name, **more}),
        names | st.text(max_size=5),
        st.dictionaries(
            st.sampled_from(["cmd", "width", "n_classes", "num_classes", "weights", "x"]), plain, max_size=3
        ),
    ),
    st.builds(
        lambda name, tensor: changed(GOOD, "state_dict", {**STATE, name: tensor}),
        st.sampled_from([*STATE, "other"]),
        st.builds(torch.from_numpy, arrays.arrays(np.float32, shapes)) | plain,
    ),
    values,
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return bytes with some replaced, and cut."""
    content = bytearray(whole)
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=6)):
        content[place] = byte
    return bytes(content[: draw(st.none() | st.integers(0, len(whole)))])


def stored(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def read_checkpoint(content: bytes) -> Any:
    Path("model.pt").write_bytes(content)
    return load_checkpoint("model.pt")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fuzz"))
        yield


@some
@given(content=checkpoints)
def test_a_checkpoint(content: Any):
    works_or_is_told(read_checkpoint, stored(content), "model.pt")


@some
@example(content=b"\x80\x02cpackage\nclass of\n.")
@given(
    content=damaged(stored(GOOD))
    | damaged(b"\x80\x02}q\x00X\x01\x00\x00\x00ac__builtin__\neval\nq\x01s.")
    | st.binary()
)
def test_a_damaged_checkpoint(content: bytes):
    works_or_is_told(read_checkpoint, content, "model.pt")


parts = st.sampled_from(["module", "_orig_mod", "model", "ema", "state_dict", "attacker", "_extra_state", "fc", "0"])
dotted = st.lists(parts, max_size=3).map(".".join)
tensors = st.builds(torch.from_numpy, numpys.filter(lambda array: array.dtype.kind in "iufcb" and array.dtype.isnative))


@st.composite
def weight_files(draw: st.DrawFn) -> dict[str, Any]:
    """Return sets of weights, some changed, behind prefixes and under keys."""
    content: dict[str, Any] = draw(st.dictionaries(parts, values, max_size=2))
    for key in draw(st.lists(dotted, max_size=3)):
        prefix = draw(dotted)
        changes = draw(st.dictionaries(st.sampled_from([*STATE]) | dotted, tensors | values, max_size=2))
        state = {f"{prefix}.{name}".lstrip("."): value for name, value in {**STATE, **changes}.items()}
        place = content
        for step in key.split("."):
            below = place.get(step)
            place[step] = place = below if isinstance(below, dict) else {}
        place.update(state)
    return content


@some
@given(content=weight_files(), key=st.none() | dotted | st.text(max_size=5))
def test_weights_of_elsewhere(content: dict[str, Any], key: str | None):
    def read(stored: bytes) -> Any:
        Path("w.pt").write_bytes(stored)
        return network_with(read_tensors(Path("w.pt"), key), {"name": "resnet18"}, Path("w.pt"))

    works_or_is_told(read, stored(content), "w.pt")


def read_safetensors(content: bytes) -> Any:
    Path("w.safetensors").write_bytes(content)
    return read_tensors(Path("w.safetensors"))


def safetensors(header: Any, numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F64", "I8", "BOOL", "C64", "F8_E4M3", "X"])
        | plain.filter(lambda v: type(v) is not bytes),
        "shape": st.lists(st.integers(-1, 2**64), max_size=3) | st.just([2]),
        "data_offsets": st.tuples(st.integers(0, 2**64), st.integers(0, 2**64)) | st.just((0, 8)),
    }
)
headers = st.dictionaries(st.text(max_size=5) | st.just("__metadata__"), entries, max_size=3)


@some
@given(content=st.builds(safetensors, headers, st.binary(max_size=16)) | st.binary(max_size=40))
def test_safetensors(content: bytes):
    pytest.importorskip("safetensors", reason="safetensors is optional")
    works_or_is_told(read_safetensors, content, "w.safetensors")


CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "rules/config.schema.yaml").read_text())


def places(config: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = (
        [place for key, value in config.items() for place in places(value, (*path, key))]
        if isinstance(config, dict)
        else []
    )
    return [path, *inner]


def with_value(config: Any, path: tuple[str, ...], value: Any) -> Any:
    return {**config, path[0]: with_value(config[path[0]], path[1:], value)} if path else value


@some
@given(path=st.sampled_from(places(CONFIG)[1:]), value=values.filter(lambda v: type(v) is not bytes))
def test_a_configuration(path: tuple[str, ...], value: Any):
    found = faults(with_value(CONFIG, path, value), SCHEMA)
    assert all(isinstance(sentence, str) and sentence and "\n" not in sentence for sentence in found)
