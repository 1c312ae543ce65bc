"""Importing a network: who standardizes its images, and what the log says of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_sensitivity.data.dataset_file import write_dataset
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.checkpoints import load_checkpoint
from import_model import import_model

RUN = Standardization((0.5,) * 3, (0.25,) * 3)

CODE = """
import torch
from torch import nn

class Brightness(nn.Module):
    '''Two classes: images whose mean is above {threshold}, after their normalization, and others.'''

    def __init__(self):
        super().__init__()
        self.register_buffer("means", torch.full((3, 1, 1), 0.5))
        self.register_buffer("sds", torch.full((3, 1, 1), 0.25))
        self.fc = nn.Linear(1, 2)
        with torch.no_grad():
            self.fc.weight.copy_(torch.tensor([[-1.0], [1.0]]))
            self.fc.bias.copy_(torch.tensor([{threshold}, -{threshold}]))

    def forward(self, x):
        {check}
        return self.fc(({normalized}).mean((1, 2, 3))[:, None])

def made():
    return Brightness()
"""
INSIDE = "(x - self.means) / self.sds"


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = np.clip(rng.uniform(0, 0.8, (60, 3, 8, 8)) + 0.2 * labels[:, None, None, None], 0, 1).astype(np.float32)
    path = tmp_path / "data.h5"
    write_dataset(path, Source({"test": Split(images, labels.astype(np.int64))}, "noise", ""), RUN)
    return path


@pytest.mark.parametrize(
    ("threshold", "normalized", "check", "standardization", "said"),
    [
        # It normalizes by itself.
        ("0.0", INSIDE, "", None, lambda log: "normalizes its images by itself, in the network (means, sds)" in log),
        # It refuses what the other constants would give it.
        ("0.0", INSIDE, "assert x.min() >= 0", None, lambda log: "instead" not in log),
        # It takes standardized images.
        ("0.0", "x", "", RUN, lambda log: "with mean [0.0, 0.0, 0.0] and std [1.0, 1.0, 1.0] instead, 50.0 %" in log),
        # It takes pixels, but nothing shows it except the accuracy.
        (
            "0.5",
            "x",
            "",
            RUN,
            lambda log: "write standardization: {mean: [0.0, 0.0, 0.0], std: [1.0, 1.0, 1.0]} for this model" in log,
        ),
    ],
)
def test_who_standardizes_is_tried_and_logged(
    threshold: str,
    normalized: str,
    check: str,
    standardization: Standardization | None,
    said: Callable[[str], bool],
    evaluation: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    code = tmp_path / "nets.py"
    code.write_text(CODE.format(threshold=threshold, normalized=normalized, check=check or "pass"))
    with caplog.at_level("INFO"):
        import_model(
            weights=None,
            weights_sha256=None,
            architecture={"name": f"{code}:made"},
            standardization=RUN.as_lists(),
            own_standardization=None,
            dataset_name="noise",
            evaluation=evaluation,
            output=tmp_path / "model.pt",
        )
    assert said(caplog.text), caplog.text
    model = load_checkpoint(tmp_path / "model.pt", architecture=f"{code}:made")
    assert model.standardization == (standardization or Standardization.identity(3))
    assert model.network(torch.rand(2, 3, 8, 8)).shape == (2, 2)
