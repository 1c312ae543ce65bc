"""A network that this project has never seen, from the user's own code to its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from snakemake_runs import TINY, planned, run_snakemake

pytestmark = pytest.mark.workflow

CODE = """
from torch import nn

def small(channels):
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, stride=2, padding=1), nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(4 * channels, 12), nn.GELU(), nn.Linear(12, 10),
    )
"""

FILES = ("results/tiny/sens/mine_0.2.h5", "results/tiny/sens/map_0.2.h5", "results/tiny/accuracy/mine.csv")


@pytest.fixture
def own(workflow: Path) -> Path:
    """The workflow with a network of the user's, measured at two layers."""
    (workflow / "nets.py").write_text(CODE)
    scope: dict = {}
    exec(CODE, scope)
    torch.manual_seed(0)
    last, average = (scope["small"](5).state_dict() for _ in range(2))
    torch.save({"model": last, "model_ema": average}, workflow / "weights.pt")
    write_entries(workflow, layer="1")
    return workflow


def write_entries(folder: Path, *, layer: str) -> None:
    weights = {"weights": "./weights.pt", "weights_key": "model_ema"}
    entry = {"dataset": "digits", **weights, "architecture": {"name": "nets.py:small", "channels": 5}}
    models = {"mine": entry, "map": {**entry, "layer": layer, "positions": "3,0"}}
    config = folder / "tests/config_tiny.yaml"
    original = config.read_text().partition("\nmodels:")[0]
    config.write_text(original + "\n" + yaml.safe_dump({"models": models}))


def test_from_its_code_and_weights_to_its_files(own: Path):
    run_snakemake(own, *TINY, *FILES)
    penultimate, at_layer = (read_sensitivity(own / file) for file in FILES[:2])
    assert penultimate.weight.shape == (10, 12)
    average = torch.load(own / "weights.pt", weights_only=True)["model_ema"]
    assert np.array_equal(penultimate.weight, average["6.weight"].numpy())
    assert (at_layer.clean.shape, len(at_layer.weight)) == ((6, 5), 0)
    assert (penultimate.sensitivity > 0).all()
    assert (own / "results/tiny/models/map.features.txt").read_text() == "5 features, 5 of them measured\n"
    assert planned(own, *TINY, *FILES).total() == 0
    (own / "nets.py").write_text(CODE.replace("SiLU", "ReLU"))
    again = planned(own, *TINY, *FILES)
    assert (again["import_model"], again["measure_sensitivity"], again["measure_accuracy"]) == (2, 2, 1)


def test_a_layer_that_does_not_exist_is_reported_before_the_model_is_read(own: Path):
    write_entries(own, layer="11")
    done = run_snakemake(own, *TINY, FILES[1], check=False)
    assert done.returncode != 0
    told = done.stdout.index("check_features map: layer is '11', which the network does not have; write one of 1")
    assert "Model map: taking it as it was trained elsewhere." not in done.stdout[:told]
    assert not (own / FILES[1]).exists()
