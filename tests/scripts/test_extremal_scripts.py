"""Extremal images are compared with the measurement; sheets and page show those of their model and epsilon."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from draw_explorer import draw_explorer
from explorer_cases import unpacked
from extremal_cases import extremal_images, measured
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.extremal_file import write_extremal
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.identity import derived_from
from keep_extremal_images import compare
from plot_extremal_images import plot_extremal_images
from report_cases import EPSILONS, MODELS, Files, text_of

INDEX, FEATURES = np.array([10, 40]), np.array([5, 2])


def points(**changes: float) -> FeatureExtrema:
    """What was measured at epsilon 0.2, with numbers added."""
    file, at = measured()[1], np.ix_([1, 4], FEATURES)
    values = {name: getattr(file, name)[at] + changes.get(name, 0) for name in ("clean", "maximum", "minimum")}
    nothing = np.zeros((2, 2, 3, 4, 4), np.float32)
    flags = np.zeros((2, 2), bool)
    return FeatureExtrema(**values, zero_gradient=flags, batch_size=16, upward=nothing, downward=nothing)


def test_equal_bits_other_extrema_and_another_network(caplog: pytest.LogCaptureFixture):
    arguments = {"file": measured()[1], "index": INDEX, "features": FEATURES, "path": Path("normal_0.2.h5")}
    caplog.set_level(logging.INFO)
    compare(points(), **arguments)
    assert "all 8 extrema are those in normal_0.2.h5, bit by bit" in caplog.text
    compare(points(minimum=0.25), **arguments)
    assert "4 of 8 extrema differ from those in normal_0.2.h5, by at most 0.25" in caplog.text


def kept_of(files: Files, folder: Path) -> dict[str, Path]:
    """Extremal images of every model of a run, by the model's name."""
    extremal = {}
    for model in MODELS:
        kept = replace(extremal_images(), image_index=np.array([0, 3]))
        sensitivity = [file for (name, _), file in files.sensitivity.read().items() if name == model]
        extremal[model] = folder / f"{model}.h5"
        write_extremal(extremal[model], kept, measured=sensitivity)
    return extremal


def test_draw_explorer(tmp_path: Path):
    files = Files(tmp_path / "run")
    extremal = kept_of(files, tmp_path)
    names = {"measure": "sensitivity", "epsilon_255": 1.0}
    rows = [
        {"model": model, "epsilon": epsilon, "feature": feature, **names, "value": 0.1234 + feature}
        for model in MODELS
        for epsilon in EPSILONS
        for feature in range(24)
    ]
    write_table(tmp_path / "features.csv", pd.DataFrame(rows), made_from=derived_from(files.sensitivity))
    arguments = {"features": tmp_path / "features.csv", "sensitivity": files.sensitivity, "protocol": "PROTOCOL"}
    draw_explorer(extremal=extremal, **arguments, page=tmp_path / "explorer.html")
    page = (tmp_path / "explorer.html").read_text(encoding="utf-8")
    assert "<h1>Features of 3 networks</h1>" in page
    assert "PROTOCOL; 5 test images, 24 features, seed 0" in page
    data = json.loads(unpacked(page, "data"))
    assert data["epsilons"] == ["0.04 (2.0/255)", "0.2 (10.0/255)"]
    adversarial = data["models"][list(MODELS).index("adversarial")]
    assert adversarial["values"][1][0][23] == 23.1234
    swapped = {**extremal, "normal": extremal["adversarial"]}
    with pytest.raises(UserError, match=r"adversarial.h5 is not the one .*: model is adversarial, expected normal"):
        draw_explorer(extremal=swapped, **arguments, page=tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()


def test_plot_extremal_images(tmp_path: Path):
    files = Files(tmp_path / "run")
    extremal = kept_of(files, tmp_path)
    svgs = {(model, epsilon): tmp_path / f"{model}_{epsilon}.svg" for model in MODELS for epsilon in EPSILONS}
    arguments = {"sensitivity": files.derived(definition="range", weight_normalization="none"), "svgs": svgs}
    plot_extremal_images(extremal=extremal, **arguments, protocol="PROTOCOL")
    text = text_of(svgs["adversarial", "0.2"])
    sensitivity = files.sensitivity.read()["adversarial", "0.2"]
    value = (sensitivity.maximum - sensitivity.minimum).mean(axis=0)[4]
    for part in ("adversarial, epsilon 0.2 (10.0/255)", "PROTOCOL; sensitivities over 5", "feature 4", f"{value:.3g}"):
        assert part in text
    assert all(svg.with_suffix(".png").stat().st_size > 1000 for svg in svgs.values())
    swapped = {"normal": extremal["adversarial"], "adversarial": extremal["normal"]}
    with pytest.raises(UserError, match=r"adversarial.h5 is not the one .*: model is adversarial, expected normal"):
        plot_extremal_images(extremal=swapped, **arguments, protocol="PROTOCOL")
