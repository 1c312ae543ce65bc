"""Keep the images at which a model's most and least sensitive features attain their extrema."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from feature_sensitivity.data.dataset_file import read_classes, read_split
from feature_sensitivity.data.standardization import to_unit_range
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.extremal_choice import extreme_features, first_of_each_class
from feature_sensitivity.evaluation.extremal_file import ExtremalImages, write_extremal
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.evaluation.sensitivity import rederived
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile, shared_images
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.identity import EVALUATION, require_identity


def keep_extremal_images(
    *,
    name: str,
    checkpoint: Path,
    evaluation: Path,
    sensitivity: SensitivityFiles,
    n_features: int,
    n_images: int,
    output: Path,
) -> None:
    """Write the clean, maximizing and minimizing images of a model's most and least sensitive features.

    The attack of ``sensitivity``, the model's files, is run again on the rows that are kept. These are of
    ``n_features`` of the most and as many of the least sensitive features, at ``n_images`` test images of
    ``evaluation``, from different classes as far as there are.
    """
    device = best_device()
    settings = sensitivity.settings[name]
    files = {
        epsilon: rederived(file, definition=settings.definition, normalization=settings.weight_normalization)
        for (_, epsilon), file in sensitivity.read().items()
    }
    first = next(iter(files.values()))
    most, least = extreme_features([file.sensitivity for file in files.values()], n_features)
    features = first.feature_index[np.concatenate([most, least])]
    # Where each epsilon's measurement stopped by itself, the images that all of them have.
    shared = np.isin(first.image_index, shared_images(files.values()))
    places = first_of_each_class(first.label[shared], n_images)
    index, label = first.image_index[shared][places], first.label[shared][places]
    loaded = load_checkpoint(checkpoint, **settings.feature_layer())
    model = with_inputs_in(settings.epsilon_unit, loaded)
    split = read_split(evaluation, "test", lazy=True)
    for key, file in files.items():
        require_identity(sensitivity.paths[name, key], file.attributes, {EVALUATION: split.identity})
    images = torch.from_numpy(split.images[index])
    names = dict(enumerate(read_classes(evaluation)))
    found = []
    for epsilon, file in files.items():
        points = measure_extrema(
            network=model.network,
            x=model.standardization.standardize(images),
            image_index=index,
            features=features,
            standardization=model.standardization,
            settings=replace(settings, epsilon=epsilon, batch_size=int(file.attributes["batch_size"])),
            device=device,
            keep_points=True,
        )
        compare(points, file, index, features, path=sensitivity.paths[name, epsilon])
        found.append(points)
    pixels = to_unit_range(images).numpy()
    # A perturbation is in the unit of epsilon; in both, it is proportional to one of pixels.
    scale = np.array(model.standardization.std, np.float32)[:, None, None]
    write_extremal(
        output,
        ExtremalImages(
            epsilon=[float(file.attributes["epsilon"]) for file in files.values()],
            feature_index=features,
            is_most_sensitive=(np.arange(len(features)) < len(most)).astype(np.int64),
            image_index=index,
            label=label,
            clean=found[0].clean,
            maximum=np.stack([points.maximum for points in found]),
            minimum=np.stack([points.minimum for points in found]),
            image=pixels,
            maximizing=np.stack([pixels[:, None] + scale * points.upward for points in found]),
            minimizing=np.stack([pixels[:, None] + scale * points.downward for points in found]),
            classes=[names.get(number, "") for number in label.tolist()] if names else (),
        ),
        measured=list(files.values()),
    )


def compare(
    points: FeatureExtrema, file: SensitivityFile, index: NDArray[np.int64], features: NDArray[np.int64], *, path: Path
) -> None:
    """Log how far reproduced extrema are from the measured ones.

    On the device and with the batch size of the measurement they are bit-equal. Elsewhere rounding differs, the sign of
    a gradient amplifies it, and an extremum may be another one (docs/method.md), which is logged.
    """
    rows = np.searchsorted(file.image_index, index)
    columns = [int(np.flatnonzero(file.feature_index == feature)[0]) for feature in features]
    at = np.ix_(rows, columns)
    pairs = ((points.maximum, file.maximum[at]), (points.minimum, file.minimum[at]))
    n_other = sum(int((mine != measured).sum()) for mine, measured in pairs)
    if n_other:
        largest = max(np.abs(mine - measured).max() for mine, measured in pairs)
        logger.warning(
            "%d of %d extrema differ from those in %s, by at most %.3g: it was measured on another device, or "
            "memory ran out there and the batch was halved",
            n_other,
            2 * len(rows) * len(columns),
            path,
            largest,
        )
    else:
        logger.info("all %d extrema are those in %s, bit by bit", 2 * len(rows) * len(columns), path)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"keep_extremal_images {snakemake.wildcards.model}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        keep_extremal_images(
            name=snakemake.wildcards.model,
            checkpoint=Path(snakemake.input.model),
            evaluation=Path(snakemake.input.evaluation),
            sensitivity=SensitivityFiles.of_rule(
                {"sensitivity": snakemake.input.sensitivity, "models": [snakemake.input.model]},
                snakemake.params.sensitivity,
            ),
            n_features=snakemake.params.kept["features"],
            n_images=snakemake.params.kept["images"],
            output=Path(snakemake.output[0]),
        )
