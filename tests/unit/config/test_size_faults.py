"""A configuration that asks for more than there is."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from config_cases import PAPER, SCHEMA, merged
from feature_sensitivity.config.check import faults
from feature_sensitivity.config.epsilons import spelling
from feature_sensitivity.studies.registry import PLANS, STUDIES

TOO_MUCH = {
    "test images": ({"sensitivity": {"images": 20_000}}, ["sensitivity.images is 20000, but there are 10000 test"]),
    "images of accuracy": ({"accuracy": {"images": 10_001}}, ["accuracy.images is 10001, but there are 10000 test"]),
    "extremal images": (
        {"extremal_images": {"features": 600, "images": 20_000}},
        [
            "extremal_images.features is 600, but there are 512 features",
            "extremal_images.images is 20000, but there are 10000 test images",
        ],
    ),
    "features": ({"sensitivity": {"features": 513}}, ["sensitivity.features is 513, but there are 512 features"]),
    "width": ({"network": {"width": 1_000_000}}, ["network.width is 1000000, whose weights take about 43,750 TB"]),
    "training batch": (
        {"training": {"batch_size": 2_000_000}, "network": {"width": 2048}},
        ["training.batch_size makes batches of 50000 images, which take about 7 TB"],
    ),
    "rows": ({"sensitivity": {"batch_size": 10**9}}, ["sensitivity.batch_size makes batches of 262144 images"]),
    "parts of a construction": (
        {"datasets": {"robust_construction": {"shards": 900}}},
        ["robust_construction.shards is 900, but 50000 images make only 391 batches of 128; write 391 or less"],
    ),
    "parts that are jobs": ({"sensitivity": {"shards": 10**7}}, ["sensitivity.shards is 10000000; write 1000 or less"]),
    "any number": ({"accuracy": {"steps": 10**400}}, ["accuracy.steps is 1000"]),
}


@pytest.mark.parametrize(("changes", "expected"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_more_than_there_is_is_said_before_any_job(changes: dict[str, Any], expected: list[str]):
    reported = "\n".join(faults(merged(PAPER, changes), SCHEMA))
    for part in expected:
        assert part in reported


def test_images_of_a_local_file_are_counted(tmp_path: Path):
    path = tmp_path / "mine.h5"
    changes = {"datasets": {"mine": {"source": "hdf5", "path": str(path)}}, "evaluation_dataset": "mine"}
    config = merged(PAPER, changes)
    assert faults(config, SCHEMA) == [], "a file that is missing is reported by the job that reads it"
    with h5py.File(path, "w") as file:
        file["test/labels"] = np.zeros(100, np.int64)
    assert faults(config, SCHEMA) == ["sensitivity.images is 512, but there are 100 test images; write 100 or less"]
    path.write_text("something else")
    assert faults(config, SCHEMA) == []


def test_a_study_names_what_it_lacks():
    for study in STUDIES:
        assert list(PLANS[study].lacks(PAPER)) == []
    config = merged(PAPER, {"studies": {"norms": {"images": 20_000}}})
    config["models"] = {"mine": config["models"]["normal"]}
    assert "models does not define normal and robust_dataset" in next(PLANS["crossing"].lacks(config))
    assert "models does not define normal and adversarial" in next(PLANS["last_layer_refit"].lacks(config))
    assert list(PLANS["norms"].lacks(config)) == [
        "studies.norms.images is 20000, but there are 10000 test images; write 10000 or less"
    ]
    other_norms = merged(PAPER, {"accuracy": {"norm": "l2"}, "sensitivity": {"norm": "l2"}})
    assert [fault.split(";")[0] for fault in PLANS["norms"].lacks(other_norms)] == [
        "the study norms puts linf beside l2, but accuracy.norm is 'l2'",
        "the study norms puts linf beside l2, but sensitivity.norm is 'l2'",
    ]
    some = merged(PAPER, {"sensitivity": {"features": 64}, "models": {"adversarial": {"layer": "layer3"}}})
    assert [fault.split(";")[0] for fault in PLANS["error_bounds"].lacks(some)] == [
        "the study error_bounds needs every input of the last linear layer of normal, but there features is 64",
        "the study error_bounds needs every input of the last linear layer of adversarial, but there layer is 'layer3'",
        "the study error_bounds needs every input of the last linear layer of robust_dataset, but there features is 64",
    ]
    assert "linear layer of normal, but there features is 64" in next(PLANS["last_layer_refit"].lacks(some))
    test_only = merged(PAPER, {"datasets": {"mine": {"source": "npz", "test": "mine.npz"}}})
    test_only["models"]["normal"] = {"dataset": "mine", "weights": "mine.pt"}
    assert "training images, but datasets.mine has none" in next(PLANS["last_layer_refit"].lacks(test_only))
    pixels = merged(PAPER, {"epsilon_unit": "pixel"})
    assert "studies.last_layer_refit.epsilon has '0.08', but epsilon_unit" in next(
        PLANS["last_layer_refit"].lacks(pixels)
    )
    assert len(list(PLANS["crossing"].lacks(pixels))) == len(PAPER["studies"]["crossing"]["epsilons"])
    pixels["studies"]["norms"]["epsilons"] = ["1/2", "1/4"]
    assert list(PLANS["norms"].lacks(pixels)) == []
    config["studies"]["attack_strength"] = {"images": 20_000, "features": 513, "accuracy_images": 10_001}
    assert [fault.split(",")[0] for fault in PLANS["attack_strength"].lacks(config)] == [
        "studies.attack_strength.features is 513",
        "studies.attack_strength.images is 20000",
        "studies.attack_strength.accuracy_images is 10001",
    ]


@pytest.mark.parametrize(
    ("written", "right"),
    [("0.08", "0.08"), ("0.080", "0.08"), ("0.50", "0.5"), ("0.10", "0.1"), ("07", "7"), ("10", "10"), ("0.00", "0")],
)
def test_an_epsilon_has_one_spelling(written: str, right: str):
    assert spelling(written, PAPER) == right


def test_the_spelling_of_the_config_is_right():
    config = merged(PAPER, {"epsilons": ["0.080", "0.2"], "studies": {"crossing": {"epsilons": ["0.3"]}}})
    assert spelling("0.080", config) == "0.080"
    assert spelling("0.30", config) == "0.3"
