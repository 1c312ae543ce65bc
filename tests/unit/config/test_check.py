"""Every fault is reported at once, with key, value and what to write instead."""

import functools
import math
import operator
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from config_cases import PAPER, SCHEMA, merged, read
from feature_sensitivity.config.check import faults
from feature_sensitivity.config.models import used_datasets
from snakemake_runs import ROOT


@pytest.mark.parametrize(
    "paths",
    [
        ("config.yaml",),
        ("config.yaml", "profiles/demo/config.yaml"),
        ("config.yaml", "profiles/cifar10_cpu/config.yaml"),
        ("config.yaml", "profiles/demo/config.yaml", "tests/config_tiny.yaml"),
    ],
)
def test_the_configurations_of_the_repository_are_right(paths: tuple[str, ...]):
    assert faults(read(*paths), SCHEMA) == []


WRONG = {
    "unknown key": ({"sensitivity": {"step": 3}}, ["sensitivity: unknown key 'step'; write steps"]),
    "unknown section": ({"colour": 1}, ["unknown key 'colour'"]),
    "epsilon is no number": ({"epsilons": ["0.04", "big"]}, ["epsilons.1 is 'big'; write", "in quotes"]),
    "epsilon without quotes": ({"epsilons": [0.04]}, ["epsilons.0 is 0.04", "here '0.04'"]),
    "models are null": ({"models": None}, ["models is null; write models by name"]),
    "models are a text": ({"models": "abc"}, ["models is 'abc'; write models by name"]),
    "models are a number": (
        {"models": 3},
        ["models is 3; write models by name, in the order in which tables and figures show them"],
    ),
    "models are a list": ({"models": ["a"]}, ["models is [a]; write models by name"]),
    "a model has a number for a name": (
        {"models": {1: {"dataset": "cifar10", "training": "normal"}}},
        ["models: 1 is no name; write a name of lowercase letters"],
    ),
    "a folder has a number for a name": (
        {"datasets": {"mine": {"source": "image_folder", "test": "x", "classes": {0: 5}}}},
        ['datasets.mine.classes: 0 is no text; write it in quotes, "0"'],
    ),
    "a folder has no output": (
        {"datasets": {"mine": {"source": "image_folder", "test": "x", "classes": {"cat": -1}}}},
        ["datasets.mine.classes.cat is -1; write 0 or more"],
    ),
    "an interpolation of another name": (
        {"datasets": {"mine": {"source": "npz", "test": "x", "interpolation": "cubic"}}},
        ["datasets.mine.interpolation is 'cubic'; write one of bilinear, bicubic, nearest"],
    ),
    "a number of thousands of digits": (
        {"sensitivity": {"images": 16**5000}, "seeds": [-(16**5000)]},
        ["sensitivity.images is a number of 6021 digits; write a smaller one", "seeds.0 is a number of 6021 digits"],
    ),
    "an exponent that no float has": (
        {"sensitivity": {"relative_step_size": "1e999999999"}, "epsilons": ["1e999999999"]},
        ["sensitivity.relative_step_size is '1e999999999'; write a positive number", "epsilons.0 is '1e999999999'"],
    ),
    "patterns in paths": (
        {
            "pathvars": {"results": "res{x}"},
            "interpretation": "a>b.md",
            "datasets": {"cifar10": {"path": "data\n"}},
            "models": {"normal": {"weights": "w<x>_{seed}.pt", "architecture": "{a}.py:network"}},
        },
        [
            "pathvars.results has '{', which Snakemake reads as part of a pattern; write a path without it",
            "interpretation has '>', which",
            "datasets.cifar10.path has '\\n', which is no character to print",
            "models.normal.weights has '<', which",
            "the architecture of models.normal has '{', which",
        ],
    ),
    "negative epsilon": ({"epsilons": ["-0.1"]}, ["epsilons.0 is '-0.1'"]),
    "one number spelled twice": ({"epsilons": ["0.08", "0.080"]}, ["'0.080' and '0.08', the same number; keep one"]),
    "one number as a fraction and as a decimal": (
        {"epsilons": ["0.08", "2/25"]},
        ["epsilons has '2/25' and '0.08', the same number"],
    ),
    "one number twice in a study": (
        {"studies": {"norms": {"epsilons": ["0.5", "1/2"]}, "crossing": {"epsilons": ["0"]}}},
        ["studies.norms.epsilons has '1/2' and '0.5'", "studies.crossing.epsilons has '0'; leave it out"],
    ),
    "epsilon 0 of a study": (
        {"studies": {"last_layer_refit": {"epsilon": "0/255"}}},
        ["studies.last_layer_refit.epsilon is 0/255; write a positive epsilon"],
    ),
    "a fraction of nothing": ({"epsilons": ["8/0"]}, ["epsilons.0 is '8/0'; write a positive decimal or a fraction"]),
    "decimals left over from standardized units": (
        {"epsilon_unit": "pixel", "epsilons": ["4/255", "8"]},
        [
            "epsilons has '8', but epsilon_unit is pixel, where epsilons are fractions",
            "adversarial_training.epsilon has '0.08'",
            "write one such as 8/255 (0.08 of the pixel range is 20.4/255)",
        ],
    ),
    "epsilon 0": ({"epsilons": ["0", "0.1"]}, ["epsilons has '0'; leave it out"]),
    "unknown dataset": ({"models": {"normal": {"dataset": "mnist"}}}, ["models.normal.dataset is 'mnist'", "cifar10"]),
    "negative steps": ({"accuracy": {"steps": -5}}, ["accuracy.steps is -5; write 1 or more"]),
    "steps as text": ({"accuracy": {"steps": "many"}}, ["accuracy.steps is 'many'; write a whole number"]),
    "unknown norm": ({"sensitivity": {"norm": "l1"}}, ["sensitivity.norm is 'l1'; write one of linf, l2"]),
    "step size 0": ({"accuracy": {"relative_step_size": 0}}, ["accuracy.relative_step_size is 0; write"]),
    "unknown source": (
        {"datasets": {"cifar10": {"source": "web"}}},
        ["datasets.cifar10.source is 'web'; write one of"],
    ),
    "line breaks in a key": (
        {"standardization": {"mean": {"a\n\nb": None}}},
        ["standardization.mean is {? 'a b' : null}; write a list"],
    ),
    "std 0": ({"standardization": {"std": [0.2, 0, 0.2]}}, ["standardization.std.1 is 0; write a number above 0"]),
    "channels differ": ({"standardization": {"std": [0.2]}}, ["differ in length"]),
    "model name": ({"models": {"My-Net": {"dataset": "cifar10", "training": "normal"}}}, ["My-Net", "lowercase"]),
    "neither training nor weights": (
        {"models": {"mine": {"dataset": "cifar10", "weights": None}}},
        ["models.mine: the key 'training' is missing; add it as in config.yaml, or the path of its weights"],
    ),
    "name of a replicate": (
        {"models": {"net_seed1": {"dataset": "cifar10", "training": "normal"}}},
        ["models.net_seed1 is a name for replicates; write one that does not end in _seed and a number"],
    ),
    "name that a table reads as a missing number": (
        {"models": {"nan": {"dataset": "cifar10", "training": "normal"}}},
        ["models.nan is a name that tables cannot tell from a number"],
    ),
    "measures of classes alone": (
        {"measures": ["class_usefulness"]},
        ["measures has nothing but measures for each class, which explorer.html cannot draw; add sensitivity"],
    ),
    "measures that there are not": (
        {"measures": ["usefulnes", "sensitivity", "x"]},
        [
            "measures has 'usefulnes', which is no measure; write usefulness",
            "measures has 'x', which is no measure; docs",
        ],
    ),
    "a measure without brackets": (
        {"measures": "usefulness"},
        ["measures is 'usefulness'; write null for all, or a list of names of measures"],
    ),
    "one seed without brackets": ({"seeds": 1}, ["seeds is 1; write a list"]),
    "no seed": ({"seeds": []}, ["seeds is []; write at least 1"]),
    "seed twice": ({"seeds": [0, 1, 0]}, ["seeds is [0, 1, 0]; write each only once"]),
    "seed is no number": ({"seeds": [0, "one"]}, ["seeds.1 is 'one'; write a whole number"]),
    "negative seed": ({"seeds": [-1]}, ["seeds.0 is -1; write 0 or more"]),
    "key in the singular": ({"seed": 0}, ["unknown key 'seed'; write seeds"]),
    "evaluation without test images": ({"evaluation_dataset": "robust_release"}, ["which has no test images"]),
    "unknown teacher": (
        {
            "datasets": {"robust_construction": {"teacher": "me"}},
            "models": {"robust_dataset": {"dataset": "robust_construction"}},
        },
        ["datasets.robust_construction.teacher is 'me'", "normal, adversarial, robust_dataset"],
    ),
    "constructed from itself": (
        {
            "datasets": {"robust_construction": {"teacher": "robust_dataset"}},
            "models": {"robust_dataset": {"dataset": "robust_construction"}},
        },
        ["robust_construction is constructed from itself"],
    ),
    "a path in place of a model": (
        {"models": {"mine": "mine.pt"}},
        ["models.mine is 'mine.pt'; write keys and values"],
    ),
    "an empty path": (
        {"models": {"mine": {"dataset": "cifar10", "weights": ""}}},
        ["models.mine.weights is ''; write at least one character, or null"],
    ),
    "an empty path where there must be one": (
        {"datasets": {"mine": {"source": "hdf5", "path": ""}}},
        ["datasets.mine.path is ''; write at least one character"],
    ),
    "a target that shards cannot decide on": (
        {"sensitivity": {"target_relative_error": 0.1, "shards": 2}},
        ["sensitivity.target_relative_error decides on all images together; write shards: 1, or target_relative_error"],
    ),
    "an epsilon of 5,000 digits": ({"epsilons": ["0." + "1" * 5000]}, ["epsilons.0 is '0.1", "at most 20 characters"]),
    "a fraction of 5,000 digits": ({"accuracy": {"relative_step_size": "1/" + "8" * 5000}}, ["a fraction such as 1/8"]),
    "a newline at the end of a name": (
        {"models": {"normal\n": {"dataset": "cifar10", "training": "normal"}}},
        ["'normal\\n' is no name; write a name of lowercase letters"],
    ),
    "a newline at the end of an epsilon": ({"epsilons": ["0.04\n"]}, ["epsilons.0 is '0.04\\n'; write"]),
    "a whole number with a point": ({"accuracy": {"steps": 8.0}}, ["accuracy.steps is 8.0; write 8"]),
    "an exponent without a point": (
        {"training": {"learning_rate": "1e-3"}},
        ["training.learning_rate is '1e-3'; write 1.0e-3 without quotes"],
    ),
    "a number from the command line": (
        {"sensitivity": {"images": "40"}},
        ["sensitivity.images is '40'; write 40 without quotes, in a file: --configfile"],
    ),
    "null": ({"training": {"momentum": None}}, ["training.momentum is null; write a number"]),
    "true": ({"training": {"momentum": True}}, ["training.momentum is true; write a number"]),
    "no interpretation": ({"interpretation": "none.toml"}, ["interpretation is 'none.toml', which is no file"]),
    "no shares": ({"studies": {"last_layer_refit": {"shares": []}}}, ["shares is []; write at least 1"]),
    "epsilon 0 in a study": (
        {"studies": {"crossing": {"epsilons": ["0", "0.1"]}, "last_layer_refit": {"epsilon": "0.0"}}},
        [
            "studies.crossing.epsilons has '0'; leave it out",
            "studies.last_layer_refit.epsilon is 0.0; write a positive",
        ],
    ),
    "one number spelled twice in a study": (
        {"studies": {"norms": {"epsilons": ["0.5", "0.50"]}}},
        ["studies.norms.epsilons has '0.50' and '0.5', the same number; keep one"],
    ),
    "an image folder without test images": (
        {"datasets": {"mine": {"source": "image_folder", "train": "mine"}}, "evaluation_dataset": "mine"},
        ["datasets.mine has no test images, which this run needs; add test and their path"],
    ),
    "neither train nor test": (
        {"datasets": {"mine": {"source": "npz", "resize": 8}}},
        ["datasets.mine is", "write train and a path, test and a path, or both"],
    ),
    "no address": ({"datasets": {"robust_release": {"urls": []}}}, ["neither path nor urls"]),
}


@pytest.mark.parametrize(("changes", "expected"), WRONG.values(), ids=WRONG.keys())
def test_a_fault_is_named_with_what_to_write(changes: dict[str, Any], expected: list[str]):
    reported = "\n".join(faults(merged(PAPER, changes), SCHEMA))
    for part in expected:
        assert part in reported


def test_a_network_that_is_trained_already_needs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.pt").touch()
    assert faults(merged(PAPER, {"models": {"mine": {"dataset": "cifar10", "weights": "mine.pt"}}}), SCHEMA) == []
    assert faults(merged(PAPER, {"models": {"normal": {"weights": "mine.pt"}}}), SCHEMA) == []


def test_a_file_of_weights_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    config = merged(PAPER, {"models": {"mine": {"dataset": "cifar10", "weights": "mine.pt"}}})
    assert faults(config, SCHEMA) == [
        "models.mine.weights is 'mine.pt', which is no file seen from this folder; correct the path"
    ]
    Path("mine.pt").touch()
    assert faults(config, SCHEMA) == []


def test_no_datasets_at_all():
    config = merged(PAPER, {})
    config["datasets"] = {}
    assert faults(config, SCHEMA) == ["datasets is {}; write at least 1"]


def numbers(section: Mapping[str, Any], *above: Any) -> Iterator[tuple[Any, ...]]:
    """The path of every number in a configuration."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from numbers(value, *above, key)
        elif isinstance(value, list):
            yield from numbers(dict(enumerate(value)), *above, key)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*above, key)


@pytest.mark.parametrize("number", [math.nan, math.inf], ids=[".nan", ".inf"])
@pytest.mark.parametrize("path", list(numbers(PAPER)), ids=lambda path: ".".join(map(str, path)))
def test_a_number_that_is_not_finite_is_refused(path: tuple[Any, ...], number: float):
    config = merged(PAPER, {})
    *above, last = path
    functools.reduce(operator.getitem, above, config)[last] = number
    (fault,) = faults(config, SCHEMA)
    assert fault.startswith(f"{'.'.join(map(str, path))} is .")


def test_in_pixel_units_epsilons_are_fractions():
    pixel = {"epsilon_unit": "pixel", "epsilons": ["0.5/255", "8/255"]}
    assert faults(merged(PAPER, {**pixel, "adversarial_training": {"epsilon": "8/255"}}), SCHEMA) == []


def test_a_missing_key_is_named():
    config = merged(PAPER, {})
    del config["accuracy"]["steps"]
    assert faults(config, SCHEMA) == ["accuracy: the key 'steps' is missing; add it as in config.yaml"]


def test_all_faults_are_reported_at_once():
    changes = {"accuracy": {"steps": -5}, "sensitivity": {"step": 3}, "epsilons": ["big"]}
    assert len(faults(merged(PAPER, changes), SCHEMA)) == 3


def test_only_what_models_need_is_used():
    assert used_datasets(PAPER) == ["cifar10", "robust_release"]
    constructed = merged(PAPER, {"models": {"robust_dataset": {"dataset": "robust_construction"}}})
    assert used_datasets(constructed) == ["cifar10", "robust_construction"]


def test_every_key_of_the_configuration_carries_a_comment_or_stands_under_one():
    for line in (ROOT / "config.yaml").read_text().splitlines():
        section = not line.startswith((" ", "#")) and line.endswith(":")
        assert not section or line in {"network:", "training:"}, f"{line} says nothing about itself"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"architecture": "wideresnet-28-10"}, "models.mine has neither training nor weights"),
        ({"architecture": "nets.py:small_one"}, "nets.py has no function 'small_one'; write one of small"),
        ({"architecture": "net.py:small"}, "'net.py' is no file seen from this folder"),
        ({"architecture": "broken.py:small"}, "broken.py is not valid Python"),
        ({"weights": "mine.pt", "weights_sha256": 64 * "0"}, "not models.mine.weights_sha256; get the file again"),
        (
            {"architecture": "nets.py:small", "weights_key": "ema"},
            "models.mine.weights_key names weights in a file, but",
        ),
        ({"weights": "{seed}.pt"}, "but there is no file '0.pt'; correct the path, or seeds"),
        ({"weights": "mine{seed}.pt", "weights_sha256": 64 * "0"}, "which cannot all have models.mine.weights_sha256"),
        ({"weights": "mine.pt", "standardization": {"mean": [0], "std": [1]}}, "needs 3 numbers in mean and in std"),
        (
            {"weights": "mine.pt", "positions": "row 3"},
            "models.mine.positions is 'row 3'; write null, mean, class, all",
        ),
    ],
)
def test_a_model_of_its_own_that_cannot_be_is_reported(
    entry: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.pt", "mine0.pt"):
        Path(name).write_bytes(b"weights")
    Path("nets.py").write_text("def small(): ...\n")
    Path("broken.py").write_text("def small(\n")
    found = faults(merged(PAPER, {"models": {"mine": {"dataset": "cifar10", **entry}}}), SCHEMA)
    assert len(found) == 1
    assert message in found[0]


def test_a_function_of_the_user_needs_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text("def small(): ...\n")
    entry = {"dataset": "cifar10", "architecture": {"name": "nets.py:small", "channels": 3}}
    assert faults(merged(PAPER, {"models": {"mine": entry}}), SCHEMA) == []
