"""Checkpoints are data: whatever one says, it runs no code, reads no other file, and takes no more memory than it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from feature_sensitivity.config.user_code import CONFIGURED, sha256_of_code
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.checkpoints import load_checkpoint, save_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.runtime.errors import UserError

CONSTANTS = {"mean": [0.5] * 3, "std": [0.25] * 3}
RESNET = {"name": "resnet18", "in_channels": 3, "n_classes": 5, "width": 4}
CODE = """
from pathlib import Path
from torch import nn
def net(classes=4, note=None):
    Path("ran").write_text(str(note))
    return nn.Sequential(nn.Flatten(), nn.Linear(192, classes))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(CODE)
    yield
    CONFIGURED.clear()


def written(architecture: Any, state: Any = None, **metadata: Any) -> str:
    state = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).state_dict() if state is None else state
    content = {"state_dict": state, "architecture": architecture, "input_shape": [3, 8, 8], **CONSTANTS, **metadata}
    torch.save(content, "model.pt")
    return "model.pt"


NAMES_CODE = {
    "a function of Python": ({"name": "subprocess:getoutput", "cmd": "touch ran"}, "names code, subprocess:getoutput"),
    "a function of the package": ({"name": "feature_sensitivity.runtime.files:write_whole"}, "names code"),
    "the user's own": ({"name": "nets.py:net"}, "names code, nets.py:net"),
    "a file that blocks": ({"name": "/dev/stdin.py:net"}, "names code"),
    "a file for timm": ({"name": "timm:resnet10t", "checkpoint_path": "/etc/passwd"}, "by checkpoint_path"),
    "a download for timm": ({"name": "timm:resnet10t", "pretrained": True}, "by pretrained"),
    "a download for torchvision": ({"name": "torchvision:resnet18", "weights": "DEFAULT"}, "by weights"),
    "no name": ({"cmd": "touch ran"}, "is not a checkpoint of this workflow"),
    "a list": ([1], "is not a checkpoint of this workflow"),
    "a number as a name": ({"name": 3}, "is not a checkpoint of this workflow"),
}


@pytest.mark.parametrize("case", NAMES_CODE)
def test_a_file_that_names_code_runs_none(case: str):
    architecture, sentence = NAMES_CODE[case]
    with pytest.raises(UserError, match=sentence) as error:
        load_checkpoint(written(architecture))
    assert "model.pt" in str(error.value)
    assert not Path("ran").exists()


def test_the_callers_word_runs_the_callers_code_with_the_callers_arguments():
    path = Path("model.pt")
    own = {"name": "nets.py:net", "note": "from the file"}
    metadata = {"architecture": own, "code_sha256": sha256_of_code("nets.py:net"), "input_shape": [3, 8, 8]}
    save_checkpoint(path, build({"name": "nets.py:net"}), Standardization.from_mapping(CONSTANTS), metadata)
    assert load_checkpoint(path, architecture="nets.py:net").network(torch.zeros(1, 3, 8, 8)).shape == (1, 4)
    assert Path("ran").read_text() == "None"
    load_checkpoint(path, architecture={"name": "nets.py:net", "note": "mine"})
    assert Path("ran").read_text() == "mine"
    with pytest.raises(UserError, match=r"a network of nets\.py:net, not of 'other\.py:net'"):
        load_checkpoint(path, architecture="other.py:net")
    check_files(
        {"model": str(path)}, {"model": {"architecture": own}}
    )  # as a job does, with the architecture of the configuration
    load_checkpoint(path)
    assert Path("ran").read_text() == "from the file"


LARGE = {
    "classes": {**RESNET, "n_classes": 10**9},
    "width": {**RESNET, "width": 10**6},
    "depth": {"name": "wideresnet-600004-10", "in_channels": 3, "n_classes": 5},
    "classes of torchvision": {"name": "torchvision:resnet18", "num_classes": 10**9},
    "not a number": {**RESNET, "n_classes": "many"},
}


@pytest.mark.parametrize("case", LARGE)
def test_an_architecture_that_is_not_that_of_the_weights_takes_no_memory(case: str):
    with pytest.raises(UserError, match="is not a checkpoint of this workflow"):
        load_checkpoint(written(LARGE[case], build(RESNET).state_dict()))


@pytest.mark.parametrize("shape", [[3, 10**6, 10**6], [3, 0, 8], [3, 8], "808", 3, [3.0, 8, 8]])
def test_an_input_shape_that_is_none(shape: Any):
    with pytest.raises(UserError, match="is not a checkpoint of this workflow"):
        load_checkpoint(written(RESNET, build(RESNET).state_dict(), input_shape=shape))
