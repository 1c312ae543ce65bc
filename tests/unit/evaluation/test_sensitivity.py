from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.evaluation import sensitivity
from feature_sensitivity.evaluation.chosen_features import feature_attributes
from feature_sensitivity.evaluation.default_definition import mean_over_images
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, rederived, weight_factor
from feature_sensitivity.evaluation.sensitivity_file import DIMENSIONS, read_sensitivity, write_sensitivity
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.code_closure import source_files
from feature_sensitivity.runtime.errors import UserError
from gather_sensitivity import gather_sensitivity
from snakemake_runs import ROOT

CLEAN = np.array([[1.0, 0.0], [3.0, 2.0]], np.float32)
MAXIMUM = np.array([[2.0, 0.0], [3.5, 5.0]], np.float32)
MINIMUM = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
GIVEN = set(DIMENSIONS) - {"sensitivity", "sensitivity_raw", "standard_error"}
WEIGHT = np.array([[3.0, -1.0], [-4.0, 2.0]], np.float32)


def test_definitions_by_hand():
    # Image 1: feature 1 moves by 1 up and 1 down; image 2: by 0.5 up and 2 down. Feature 2: 0; then 3 up, 1 down.
    assert mean_over_images(DEFINITIONS["max_abs"](CLEAN, MAXIMUM, MINIMUM)).tolist() == [1.5, 1.5]
    assert mean_over_images(DEFINITIONS["range"](CLEAN, MAXIMUM, MINIMUM)).tolist() == [2.25, 2.0]


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [("max_abs", [4, 2]), ("l1", [7, 3]), ("l2", [5, 5**0.5]), ("range", [7, 3]), ("none", [1, 1])],
)
def test_weight_factors_by_hand(normalization: str, expected: list[float]):
    np.testing.assert_allclose(weight_factor(WEIGHT, normalization=normalization), expected, rtol=1e-6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "normal_0.08.h5"
    write_sensitivity(
        path,
        clean=CLEAN,
        maximum=MAXIMUM,
        minimum=MINIMUM,
        zero_gradient=np.array([0.5, 0.0], np.float32),
        weight=WEIGHT,
        image_index=np.array([4, 9]),
        label=np.array([0, 1]),
        feature_index=np.array([0, 1]),
        attributes={"iterate": "best", "epsilon": 0.08, "steps": 20, "clip_to_pixel_box": True, "batch_size": 64},
    )
    return path


def test_a_file_gives_back_what_was_written(path: Path):
    file = read_sensitivity(path)
    assert np.array_equal(file.maximum, MAXIMUM)
    assert file.sensitivity.tolist() == [6.0, 3.0]
    assert file.sensitivity_raw.tolist() == [1.5, 1.5]
    assert file.zero_gradient.tolist() == [0.5, 0.0]
    assert file.attributes["epsilon"] == 0.08


def test_settings_are_plain_numbers_and_strings_in_h5py_too(path: Path):
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
        assert file["maximum"].compression == "gzip"
        assert [dimension.label or dimension[0].name for dimension in file["weight"].dims] == ["/class", "/feature"]
    assert attributes["iterate"] == "best"
    for name, value in (("epsilon", 0.08), ("steps", 20), ("clip_to_pixel_box", 1)):
        assert attributes[name] == value
        assert np.isscalar(attributes[name])
    assert bool(read_sensitivity(path).attributes["clip_to_pixel_box"]) is True


def test_one_image_has_an_infinite_standard_error(path: Path, tmp_path: Path):
    part_of(path, np.array([1]), tmp_path / "one.h5")
    assert read_sensitivity(tmp_path / "one.h5").standard_error.tolist() == [np.inf, np.inf]


def test_without_a_linear_layer_sensitivities_are_unweighted(path: Path, tmp_path: Path):
    arrays = {name: getattr(read_sensitivity(path), name) for name in sorted(GIVEN - {"weight"})}
    write_sensitivity(tmp_path / "map_0.08.h5", **arrays, weight=np.empty((0, 2), np.float32), attributes={})
    file = read_sensitivity(tmp_path / "map_0.08.h5")
    assert file.attributes["weight_normalization"] == "none"
    assert np.array_equal(file.sensitivity, file.sensitivity_raw)
    other = rederived(file, definition="range", normalization="l2")
    assert other.sensitivity.tolist() == [2.25, 2.0]
    assert other.attributes["weight_normalization"] == "none"


def part_of(path: Path, rows: np.ndarray, part: Path, **attributes: int) -> None:
    """Write some images of a file, as a shard has them; the first one is without a gradient in feature 0."""
    file = read_sensitivity(path)
    write_sensitivity(
        part,
        clean=file.clean[rows],
        maximum=file.maximum[rows],
        minimum=file.minimum[rows],
        zero_gradient=np.array([np.mean(rows == 0), 0], np.float32),
        weight=file.weight,
        image_index=file.image_index[rows],
        label=file.label[rows],
        feature_index=file.feature_index,
        attributes={**file.attributes, **attributes},
    )


def test_gathered_shards_are_the_whole_file(path: Path, tmp_path: Path):
    shards = [tmp_path / "2.h5", tmp_path / "1.h5"]
    part_of(path, np.array([1]), shards[0], batch_size=64)
    part_of(path, np.array([0]), shards[1], batch_size=32)
    gather_sensitivity(shards, tmp_path / "gathered.h5")
    whole, gathered = read_sensitivity(path), read_sensitivity(tmp_path / "gathered.h5")
    for name in DIMENSIONS:
        assert getattr(whole, name).dtype == getattr(gathered, name).dtype
        assert np.array_equal(getattr(whole, name), getattr(gathered, name)), name
    same = {**whole.attributes, "batch_size": 32, "content_sha256": gathered.attributes["content_sha256"]}
    assert gathered.attributes == same


def test_a_new_definition_or_normalization_repeats_no_attack():
    assert Path(sensitivity.__file__) not in source_files(ROOT / "workflow_scripts/measure_sensitivity.py")


def test_another_definition_needs_no_new_attack(path: Path):
    file = rederived(read_sensitivity(path), definition="range", normalization="l1")
    assert file.sensitivity_raw.tolist() == [2.25, 2.0]
    assert file.sensitivity.tolist() == [2.25 * 7, 2.0 * 3]
    assert file.attributes["definition"] == "range"
    assert np.array_equal(file.maximum, MAXIMUM)


def test_a_file_opens_in_xarray_with_named_dimensions(path: Path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        assert data.maximum.dims == ("image", "feature")
        assert data.weight.dims == ("class", "feature")
        assert data.sensitivity.dims == ("feature",)
        assert set(data.variables) == set(read_sensitivity(path).__dict__) - {"attributes"}


def replace_member(path: Path, name: str, values: np.ndarray) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, data=values)


def test_what_is_wrong_with_a_file_is_said(path: Path):
    with h5py.File(path, "r+") as file:
        del file["minimum"]
    with pytest.raises(UserError, match=r"normal_0\.08\.h5 lacks minimum; delete it"):
        read_sensitivity(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("maximum", MAXIMUM[:1]),
        ("maximum", MAXIMUM.astype(np.float64)),
        ("maximum", MAXIMUM + np.array([1, 0], np.float32)),
        ("minimum", MAXIMUM + 1),
        ("clean", np.full((2, 2), np.nan, np.float32)),
        ("clean", CLEAN[0]),
        ("sensitivity", np.ones(2, np.float32)),
        ("weight", np.float32(3)),
        ("label", np.array([0, -1])),
        ("image_index", np.int64(3)),
        ("image_index", np.array([4, 4])),
        ("zero_gradient", np.array([0.5, 1.5], np.float32)),
    ],
)
def test_a_member_that_was_changed_is_noticed(path: Path, name: str, values: np.ndarray):
    replace_member(path, name, values)
    with pytest.raises(UserError, match=r"normal_0.08.h5 is not as it was written"):
        read_sensitivity(path)


@pytest.mark.parametrize(("name", "value"), [("epsilon", 0.1), ("model", "other"), ("checkpoint_sha256", "0" * 64)])
def test_an_attribute_that_was_changed_is_noticed(path: Path, name: str, value: float | str):
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(UserError, match=r"normal_0.08.h5 is not as it was written"):
        read_sensitivity(path)


def test_a_truncated_file_is_named(path: Path):
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be read as HDF5"):
        read_sensitivity(path)


def test_a_group_in_place_of_an_array_is_named(path: Path):
    with h5py.File(path, "r+") as file:
        del file["weight"]
        file.create_group("weight")
    with pytest.raises(UserError, match=r"normal_0\.08\.h5 lacks weight; delete it"):
        read_sensitivity(path)


def test_a_link_in_place_of_an_array_is_not_followed(path: Path):
    with h5py.File(path, "r+") as file:
        del file["weight"]
        file["weight"] = h5py.ExternalLink("other.h5", "weight")
    with pytest.raises(UserError, match="has a link in place of weight"):
        read_sensitivity(path)


@pytest.mark.parametrize("attribute", ["epsilon", "model", "checkpoint_sha256"])
def test_shards_of_two_measurements_are_not_joined(path: Path, tmp_path: Path, attribute: str):
    shards = [tmp_path / "1.h5", tmp_path / "2.h5"]
    part_of(path, np.array([0]), shards[0], **{attribute: 1})
    part_of(path, np.array([1]), shards[1], **{attribute: 2})
    with pytest.raises(UserError, match=f"2.h5 does not belong to .*1.h5: {attribute} differ"):
        gather_sensitivity(shards, tmp_path / "gathered.h5")


def test_a_shard_twice_is_not_joined(path: Path, tmp_path: Path):
    part_of(path, np.array([0]), tmp_path / "1.h5")
    with pytest.raises(UserError, match="some images are in several shards"):
        gather_sensitivity([tmp_path / "1.h5"] * 2, tmp_path / "gathered.h5")


def test_what_a_network_adds_to_a_file_hides_none_of_its_settings(network: Classifier):
    settings = SensitivitySettings(epsilon="0.1").attributes()
    assert not settings.keys() & feature_attributes(network).keys()
