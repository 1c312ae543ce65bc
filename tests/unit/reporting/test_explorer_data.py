"""The data behind the page of features."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from explorer_cases import MEASURES, MODELS, extremal, files, made_up, measures
from feature_sensitivity.reporting.explorer.controls import first_shown, styles
from feature_sensitivity.reporting.explorer.data import MOST_WEIGHTS, explorer_data
from feature_sensitivity.reporting.image_pictures import amplified_picture, picture_of

DATA = made_up()


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(DATA.tables[name]))


def test_every_number_of_the_table_is_there():
    features = table("features")
    assert len(features) == sum(MODELS.values()) * 2
    for row in measures().query("measure in @MEASURES").itertuples():
        name = f"{row.model} {row.feature:02d}"
        (value,) = features.loc[(features.name == name) & (features.epsilon == float(row.epsilon)), row.measure]
        assert value == pytest.approx(row.value, rel=1e-5, nan_ok=True)


def test_measures_for_each_class_are_left_to_the_table():
    assert list(DATA.measures) == list(MEASURES)
    assert "class" not in DATA.tables["features"]


def test_names_are_padded_and_in_the_order_of_the_models():
    assert DATA.names[:7] == [*(f"normal {n:02d}" for n in range(6)), "normal_seed1 00"]
    assert DATA.names[-1] == "wide 11"
    assert DATA.pictured[:3] == ["normal 04", "normal 01", "normal 03"]
    assert set(table("features").query("pictures == 1").name) == set(DATA.pictured)
    assert set(table("features").query("model == 'normal_seed1'").base) == {"normal"}


def test_weights_are_those_of_the_linear_layer():
    weights = table("weights")
    weight = files()["wide", "0.2"].weight
    for feature in (0, 11):
        got = weights[weights.name == f"wide {feature:02d}"]
        assert got["class"].tolist() == [0, 1, 2]
        assert got.weight.tolist() == pytest.approx(weight[:, feature].tolist(), rel=1e-5)


def test_of_many_classes_the_largest_weights_are_shown_and_of_none_none():
    rng = np.random.default_rng(0)
    for n_classes in (50, 0):
        weight = rng.normal(size=(n_classes, 6)).astype(np.float32)
        key = ("normal", "0.2")
        changed = {key: files()[key].__class__(**{**vars(files()[key]), "weight": weight})}
        data = explorer_data(
            measures().query("model == 'normal' and epsilon == '0.2'"),
            measured=changed,
            extremal={"normal": extremal()["normal"]},
            epsilons={"0.2": "0.2"},
        )
        weights = pd.read_csv(io.StringIO(data.tables["weights"]))
        assert len(weights) == min(n_classes, MOST_WEIGHTS) * 6
        assert data.unweighted == ([] if n_classes else ["normal"])
        if n_classes:
            shown = weights[weights.name == "normal 3"]
            largest = np.sort(np.argsort(-np.abs(weight[:, 3]))[:MOST_WEIGHTS])
            assert shown["class"].tolist() == largest.tolist()


def decoded(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB"))


def test_each_picture_is_that_of_its_feature_image_epsilon_and_kind():
    sources = {row["picture"]: row["source"] for row in DATA.tables["sources"]}
    rows = {(row["name"], row["step"], row["image"], row["kind"]): row for row in DATA.tables["pictures"]}
    assert len(rows) == len(MODELS) * 3 * 2 * 2 * 5
    images = extremal()["normal_seed1"]
    column, image, step = 1, 1, 0
    expected = {
        "clean": (picture_of(images.image[image]), images.clean[image, column]),
        "maximum": (picture_of(images.maximizing[step, image, column]), images.maximum[step, image, column]),
        "minimum": (picture_of(images.minimizing[step, image, column]), images.minimum[step, image, column]),
    }
    for kind, (picture, value) in expected.items():
        row = rows["normal_seed1 01", step, "image 10", kind]
        assert np.array_equal(decoded(sources[row["picture"]]), picture)
        assert float(row["text"]) == pytest.approx(value, rel=1e-3)
        assert row["label"] == "class 1"
    change = images.minimizing[step, image, column] - images.image[image]
    down = rows["normal_seed1 01", step, "image 10", "down"]
    assert np.array_equal(decoded(sources[down["picture"]]), amplified_picture(change))
    assert len(sources) == len({row["picture"] for row in DATA.tables["pictures"]}) < len(rows), "equal ones are shared"


def test_no_two_models_look_the_same():
    colors, shapes = styles([f"model_{number}" for number in range(30)])
    assert len(set(zip(colors, shapes, strict=True))) == 30


def test_what_is_shown_first_where_measures_are_missing():
    assert first_shown(DATA) == {"search": "normal 04", "step": 1, "x": "sensitivity", "y": "robust_usefulness"}
    one = explorer_data(
        measures().query("measure == 'usefulness'"),
        measured=files(),
        extremal=extremal(),
        epsilons={"0.04": "0.04", "0.2": "0.2"},
    )
    assert (first_shown(one)["x"], first_shown(one)["y"]) == ("usefulness", "usefulness")
