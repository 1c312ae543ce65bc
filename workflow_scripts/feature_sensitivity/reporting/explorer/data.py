"""What the page of features holds: their measures, weights and pictures, as text that Vega reads.

A feature's name, such as ``normal 017``, is its model and its number, padded so that no name is a part of another's.
"""

import base64
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from feature_sensitivity.config.measures import CLASS_MEASURES
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.evaluation.extremal_file import ExtremalImages
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.reporting.image_pictures import Picture, amplification, amplified_picture, picture_of

DIGITS = "%.6g"

MOST_WEIGHTS = 20
"""Of a feature; where there are more classes, the weights farthest from 0 are shown."""

KINDS = ("clean", "maximum", "up", "minimum", "down")
"""Of pictures: the image, where the feature has its maximum, the perturbation there, and the same for the minimum."""


@dataclass(frozen=True, kw_only=True)
class ExplorerData:
    """Everything that the page shows.

    Attributes:
        models: replicates, in the order of their colours.
        epsilons: each as text in both units, such as ``0.08 (4.1/255)``, in the order of the slider.
        numbers: the same as numbers.
        measures: names of the measures that axes may show.
        names: of all features, in the order of ``models``.
        pictured: names of the features with pictures, the most sensitive ones of each model first.
        unweighted: models behind whose features stands no linear layer.
        n_images: how many images each of them has, at most.
        tables: CSV, or rows for Vega, by name.
    """

    models: Sequence[str]
    epsilons: Sequence[str]
    numbers: Sequence[float]
    measures: Sequence[str]
    names: Sequence[str]
    pictured: Sequence[str]
    unweighted: Sequence[str]
    n_images: int
    tables: Mapping[str, str | list[dict[str, Any]]]


def explorer_data(
    table: pd.DataFrame,
    *,
    measured: Mapping[tuple[str, str], SensitivityFile],
    extremal: Mapping[str, ExtremalImages],
    epsilons: Mapping[str, str],
) -> ExplorerData:
    """Return what the page holds.

    Args:
        table: ``results/features.csv``, with ``epsilon`` as spelled in the config. What it has for each class is left
            out, since it would be most of the page.
        measured: (replicate, epsilon as spelled in the config) to its file, for the weights.
        extremal: replicate to its extremal images.
        epsilons: as spelled in the config to text in both units.
    """
    models = list(dict.fromkeys(model for model, _ in measured))
    width = len(str(table["feature"].max()))
    of_classes = tuple(f"{name}_" for name in CLASS_MEASURES)
    table = table[~table["measure"].str.startswith(of_classes)]
    measures = table["measure"].unique().tolist()
    spelled = list(epsilons)

    def name_of(model: str, feature: int) -> str:
        return f"{model} {feature:0{width}d}"

    pictured = {
        model: [name_of(model, feature) for feature in images.feature_index.tolist()]
        for model, images in extremal.items()
    }
    wide = table.pivot(index=["model", "feature", "epsilon"], columns="measure", values="value")[measures].reset_index()
    wide.insert(0, "name", [name_of(*pair) for pair in zip(wide["model"], wide["feature"], strict=True)])
    wide.insert(2, "base", wide["model"].map(model_of))
    number = {epsilon: float(file.attributes["epsilon"]) for (_, epsilon), file in measured.items()}
    wide["step"] = wide["epsilon"].map(spelled.index)
    wide["epsilon"] = wide["epsilon"].map(number)
    wide["pictures"] = wide["name"].isin([name for names in pictured.values() for name in names]).astype(int)
    pictures = Pictures()
    shown = [
        row for model, images in extremal.items() for row in _picture_rows(images, pictured[model], pictures=pictures)
    ]
    first = {model: next(file for (name, _), file in measured.items() if name == model) for model in models}
    weights = [row for model, file in first.items() for row in _weight_rows(file, partial(name_of, model))]
    return ExplorerData(
        models=models,
        epsilons=list(epsilons.values()),
        numbers=[number[epsilon] for epsilon in spelled],
        measures=measures,
        names=sorted(wide["name"].unique(), key=lambda name: (models.index(name.split()[0]), name)),
        pictured=[name for names in pictured.values() for name in names],
        unweighted=[model for model, file in first.items() if len(file.weight) == 0],
        n_images=max((len(images.image_index) for images in extremal.values()), default=0),
        tables={
            "features": wide.to_csv(index=False, float_format=DIGITS),
            "weights": pd.DataFrame(weights, columns=["name", "class", "weight"]).to_csv(
                index=False, float_format=DIGITS
            ),
            "pictures": shown,
            "sources": [{"picture": number, "source": source} for source, number in pictures.numbers.items()],
        },
    )


class Pictures:
    """Pictures as data URIs; equal ones share a number, since an image stands beside many features."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number_of(self, picture: Picture) -> int:
        """Return the number of a picture."""
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="WEBP", lossless=True)
        source = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
        return self.numbers.setdefault(source, len(self.numbers))


def _picture_rows(images: ExtremalImages, names: Sequence[str], *, pictures: Pictures) -> Iterator[dict[str, Any]]:
    """Yield a row for each picture, with what stands below it."""
    for row, (index, label) in enumerate(zip(images.image_index.tolist(), images.label.tolist(), strict=True)):
        clean = pictures.number_of(picture_of(images.image[row]))
        for column, name in enumerate(names):
            for step in range(len(images.epsilon)):
                common = {"name": name, "step": step, "image": f"image {index}", "label": f"class {label}"}
                value = f"{images.clean[row, column]:.4g}"
                yield {**common, "kind": "clean", "picture": clean, "text": value}
                for points, values, kinds in (
                    (images.maximizing, images.maximum, ("maximum", "up")),
                    (images.minimizing, images.minimum, ("minimum", "down")),
                ):
                    point = points[step, row, column]
                    value = f"{values[step, row, column]:.4g}"
                    yield {
                        **common,
                        "kind": kinds[0],
                        "picture": pictures.number_of(picture_of(point)),
                        "text": value,
                    }
                    change = point - images.image[row]
                    factor = f"\N{MULTIPLICATION SIGN} {amplification(change):.2g}" if change.any() else "none"
                    yield {
                        **common,
                        "kind": kinds[1],
                        "picture": pictures.number_of(amplified_picture(change)),
                        "text": factor,
                    }


def _weight_rows(file: SensitivityFile, name_of: Callable[[int], str]) -> Iterator[tuple[str, int, float]]:
    """Yield name, class and weight, for the weights of each feature that are farthest from 0."""
    order = np.sort(np.argsort(-np.abs(file.weight), axis=0, kind="stable")[:MOST_WEIGHTS], axis=0)
    for column, feature in enumerate(file.feature_index.tolist()):
        for label in order[:, column].tolist():
            yield name_of(feature), label, float(file.weight[label, column])
