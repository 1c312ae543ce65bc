"""What the page of features holds: measures, weights and pictures, as plain lists that ``page.js`` reads.

A feature's name, such as ``normal 017``, is its model and its number, padded so that no name is a part of another's.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from feature_sensitivity.config.measures import CLASS_MEASURES
from feature_sensitivity.config.models import model_of
from feature_sensitivity.evaluation.extremal_file import ExtremalImages
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.reporting.pictures import Picture, extremal_pictures
from feature_sensitivity.reporting.style import COLORS

SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")
"""As many as there are colours; a colour and a shape together are different for up to 49 models."""

MOST_WEIGHTS = 20
"""Weights that are shown of a feature; where there are more classes, they are those farthest from 0."""


@dataclass(frozen=True)
class ExplorerData:
    """Everything that the page shows.

    ``shown`` is what the page reads when it is opened, and ``pictures`` what it reads when it is asked for: the
    pictures of each model that has some, by its number.
    """

    shown: Mapping[str, Any]
    pictures: Mapping[int, Mapping[str, Any]]


def explorer_data(
    table: pd.DataFrame,
    *,
    measured: Mapping[tuple[str, str], SensitivityFile],
    extremal: Mapping[str, ExtremalImages],
    epsilons: Mapping[str, str],
) -> ExplorerData:
    """Return what the page holds.

    ``table`` is ``results/features.csv``, with ``epsilon`` as spelled in the config; the measures for each class are
    left out, since they would be most of the page. ``measured``: (replicate, epsilon as spelled in the config) to its
    file, for the weights. ``extremal``: replicate to its extremal images. ``epsilons``: as spelled in the config to
    text in both units.
    """
    table = table[~table["measure"].str.startswith(tuple(f"{name}_" for name in CLASS_MEASURES))]
    measures = table["measure"].unique().tolist()
    width = len(str(table["feature"].max()))
    first = {model: file for (model, _), file in reversed(list(measured.items()))}
    models: list[dict[str, Any]] = []
    for number, model in enumerate(dict.fromkeys(model for model, _ in measured)):
        rows = table[table["model"] == model]
        wide = rows.pivot(index=["epsilon", "measure"], columns="feature", values="value")
        values = wide.reindex(pd.MultiIndex.from_product([epsilons, measures])).to_numpy()
        index = [int(feature) for feature in wide.columns]
        kept = extremal[model].feature_index.tolist() if model in extremal else []
        models.append(
            {
                "name": model,
                "base": model_of(model),
                "color": COLORS[number % len(COLORS)],
                "shape": SHAPES[(number + number // len(COLORS)) % len(SHAPES)],
                "index": index,
                "names": [f"{model} {feature:0{width}d}" for feature in index],
                "values": [
                    [_rounded(row) for row in rows_at] for rows_at in values.reshape(len(epsilons), len(measures), -1)
                ],
                "weights": _weights(first[model], index),
                "pictured": [index.index(feature) for feature in kept],
            }
        )
    everything = [name for model in models for name in model["names"]]
    pictured = [model["names"][place] for model in models for place in model["pictured"]]
    axes = [
        wanted if wanted in measures else measures[min(place, len(measures) - 1)]
        for place, wanted in enumerate(("sensitivity", "robust_usefulness"))
    ]
    numbers = {epsilon: float(file.attributes["epsilon"]) for (_, epsilon), file in measured.items()}
    return ExplorerData(
        shown={
            "models": models,
            "measures": measures,
            "epsilons": list(epsilons.values()),
            "numbers": [numbers[epsilon] for epsilon in epsilons],
            "first": {"name": [*pictured, *everything][0], "x": axes[0], "y": axes[1]},
        },
        pictures={
            number: _pictures(extremal[model["name"]], [model["names"][place] for place in model["pictured"]])
            for number, model in enumerate(models)
            if model["pictured"]
        },
    )


def _rounded(values: NDArray[np.floating]) -> list[float | None]:
    """Return numbers with six digits; None where a measure is not defined."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def _weights(file: SensitivityFile, index: Sequence[int]) -> dict[str, list[Any]] | None:
    """Return, for each feature, the classes whose weights are farthest from 0, and these weights; None without any."""
    if len(file.weight) == 0:
        return None
    order = np.sort(np.argsort(-np.abs(file.weight), axis=0, kind="stable")[:MOST_WEIGHTS], axis=0)
    weights = np.take_along_axis(file.weight, order, axis=0)
    columns = [file.feature_index.tolist().index(feature) for feature in index]
    return {"classes": order.T[columns].tolist(), "values": [_rounded(weights[:, column]) for column in columns]}


def _pictures(images: ExtremalImages, names: Sequence[str]) -> dict[str, Any]:
    """Return the pictures of a model's features.

    ``features`` has for each name, epsilon and image the five cells of :func:`extremal_pictures`. A cell is the number
    of a picture in ``sources``, since an image stands beside many features, and the text below it.
    """
    numbers: dict[str, int] = {}

    def cells(place: int, row: int, column: int) -> list[tuple[int, str]]:
        pictures = extremal_pictures(images, place=place, row=row, column=column, digits=4)
        return [(numbers.setdefault(_data_uri(picture), len(numbers)), text) for picture, text in pictures]

    features = {
        name: [[cells(place, row, column) for row in range(len(images.image))] for place in range(len(images.epsilon))]
        for column, name in enumerate(names)
    }
    labels = zip(images.image_index.tolist(), images.label.tolist(), strict=True)
    return {
        "images": [f"image {index}, class {label}" for index, label in labels],
        "features": features,
        "sources": list(numbers),
    }


def _data_uri(picture: Picture) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="WEBP", lossless=True)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
