"""The data behind the page of features."""

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from explorer_cases import MEASURES, MODELS, extremal, files, made_up, measures
from extremal_cases import EPSILONS
from feature_sensitivity.reporting.explorer.data import MOST_WEIGHTS, explorer_data
from feature_sensitivity.reporting.pictures import amplified_picture, picture_of

DATA = made_up()
NAMES = list(MODELS)


def model(name: str) -> dict[str, Any]:
    return DATA.shown["models"][NAMES.index(name)]


def test_every_number_of_the_table_is_there():
    for row in measures().query("measure in @MEASURES").itertuples():
        step = [f"{epsilon}" for epsilon in EPSILONS].index(row.epsilon)
        value = model(row.model)["values"][step][MEASURES.index(row.measure)][row.feature]
        assert (value is None) == np.isnan(row.value)
        assert value is None or value == pytest.approx(row.value, rel=1e-5)
    assert DATA.shown["numbers"] == list(EPSILONS)


def test_measures_for_each_class_are_left_to_the_table():
    assert DATA.shown["measures"] == list(MEASURES)


def test_names_are_padded_and_in_the_order_of_the_models():
    assert [one["name"] for one in DATA.shown["models"]] == NAMES
    assert [len(one["names"]) for one in DATA.shown["models"]] == list(MODELS.values())
    assert model("normal")["names"][:2] == ["normal 00", "normal 01"]
    assert model("wide")["names"][-1] == "wide 11"
    assert model("normal")["pictured"][:3] == [4, 1, 3], "the most sensitive ones first"
    assert model("normal_seed1")["base"] == "normal"


def test_weights_are_those_of_the_linear_layer():
    weight = files()["wide", "0.2"].weight
    for feature in (0, 11):
        assert model("wide")["weights"]["classes"][feature] == [0, 1, 2]
        assert model("wide")["weights"]["values"][feature] == pytest.approx(weight[:, feature].tolist(), rel=1e-5)


def test_of_many_classes_the_largest_weights_are_shown_and_of_none_none():
    rng = np.random.default_rng(0)
    for n_classes in (50, 0):
        weight = rng.normal(size=(n_classes, 6)).astype(np.float32)
        key = ("normal", "0.2")
        data = explorer_data(
            measures().query("model == 'normal' and epsilon == '0.2'"),
            measured={key: replace(files()[key], weight=weight)},
            extremal={"normal": extremal()["normal"]},
            epsilons={"0.2": "0.2"},
        )
        (only,) = data.shown["models"]
        if n_classes:
            largest = np.sort(np.argsort(-np.abs(weight[:, 3]))[:MOST_WEIGHTS])
            assert only["weights"]["classes"][3] == largest.tolist()
            assert only["weights"]["values"][3] == pytest.approx(weight[largest, 3].tolist(), rel=1e-5)
        else:
            assert only["weights"] is None


def decoded(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB"))


def test_each_picture_is_that_of_its_feature_image_epsilon_and_kind():
    assert list(DATA.pictures) == [0, 1, 2]
    kept = DATA.pictures[NAMES.index("normal_seed1")]
    images = extremal()["normal_seed1"]
    column, image, step = 1, 1, 0
    assert kept["images"][image] == "image 10, class 1"
    cells = kept["features"]["normal_seed1 01"][step][image]
    assert np.array_equal(images.feature_index[column], 1)
    clean, maximum, minimum = (
        images.image[image],
        images.maximizing[step, image, column],
        images.minimizing[step, image, column],
    )
    pictures = [
        picture_of(clean),
        picture_of(maximum),
        amplified_picture(maximum - clean),
        picture_of(minimum),
        amplified_picture(minimum - clean),
    ]
    for (source, _), picture in zip(cells, pictures, strict=True):
        assert np.array_equal(decoded(kept["sources"][source]), picture)
    values = [images.clean[image, column], images.maximum[step, image, column], images.minimum[step, image, column]]
    assert [float(cells[place][1]) for place in (0, 1, 3)] == pytest.approx(values, rel=1e-3)
    shown = [cell for steps in kept["features"].values() for rows in steps for row in rows for cell in row]
    assert len(shown) == 3 * 2 * 2 * 5
    assert len(kept["sources"]) == len({source for source, _ in shown}) < len(shown), "equal ones are shared"


def test_no_two_models_look_the_same():
    key = ("normal", "0.2")
    names = [f"model_{number}" for number in range(30)]
    rows = measures().query("model == 'normal' and epsilon == '0.2' and measure == 'sensitivity'")
    data = explorer_data(
        pd.concat(rows.assign(model=name) for name in names),
        measured={(name, "0.2"): files()[key] for name in names},
        extremal={},
        epsilons={"0.2": "0.2"},
    )
    assert len({(one["color"], one["shape"]) for one in data.shown["models"]}) == 30
    assert data.shown["first"] == {"name": "model_0 0", "x": "sensitivity", "y": "sensitivity"}
    assert data.pictures == {}


def test_what_is_shown_first():
    assert DATA.shown["first"] == {"name": "normal 04", "x": "sensitivity", "y": "robust_usefulness"}
