"""What a configuration asks for beyond what there is: images, features, memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.config.architectures import built_in_features
from feature_sensitivity.config.costs import IMAGES
from feature_sensitivity.config.models import architecture_of, is_imported, sensitivity_settings_of

Config = Mapping[str, Any]

TWO_PATHS = ("npz", "image_folder")
"""Sources of datasets that have a path for training and one for test images."""

LARGEST_MEMORY = 1e12
"""Bytes; more than any machine has for one job."""


def size_faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each number that asks for more than there is; what is not known yet is left to the jobs.

    The configuration is otherwise free of faults.
    """
    n_train, n_test = split_sizes(config["datasets"][config["evaluation_dataset"]])
    yield from too_many(config, "accuracy.images", n_test, "test images")
    yield from too_many(config, "sensitivity.images", n_test, "test images")
    yield from too_many(config, "extremal_images.images", n_test, "test images")
    fewest = fewest_features(config)
    yield from too_many(config, "extremal_images.features", fewest, "features of network.width")
    if not isinstance(config["sensitivity"]["features"], list):
        yield from too_many(config, "sensitivity.features", fewest, "features of network.width")
    for name, settings in config["datasets"].items():
        if settings["source"] == "construction" and settings["original"] in config["datasets"]:
            yield from _construction_faults(name, settings, config["datasets"][settings["original"]])
    yield from _memory_faults(config, n_train or 10**6)


def fewest_features(config: Config) -> int | None:
    """Return how many features the model with the fewest has; None where that is known of none."""
    return min((n for model in config["models"] if (n := _penultimate_features(config, model))), default=None)


def _penultimate_features(config: Config, model: str) -> int | None:
    """Return how many features a model that is trained here has; None where its network or its layer decides."""
    architecture, entry = architecture_of(config, model), config["models"][model]
    if is_imported(entry) or sensitivity_settings_of(config, model)["layer"]:
        return None
    return built_in_features(architecture, config["network"]["width"])


def split_sizes(dataset: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return how many training and test images a dataset of the config has, each None where it is not known yet."""
    if dataset["source"] == "hdf5":
        return _sizes_in_file(Path(dataset["path"]))
    return IMAGES.get(dataset["source"], (None, None))


def lacks_training_images(dataset: Mapping[str, Any]) -> bool:
    """Return whether a dataset of the config is known to have test images only."""
    if dataset["source"] in TWO_PATHS:
        return not dataset.get("train")
    n_train, n_test = split_sizes(dataset)
    return n_train is None and n_test is not None


def _sizes_in_file(path: Path) -> tuple[int | None, int | None]:
    try:
        # Snakemake's own environment may lack it, and loading it takes time that every other run would lose.
        import h5py

        with h5py.File(path, "r") as file:
            sizes = [len(file[f"{part}/labels"]) if f"{part}/labels" in file else None for part in ("train", "test")]
    except (ImportError, OSError, TypeError):  # what is wrong with a file, the rule that fetches it says
        return None, None
    return sizes[0], sizes[1]


def too_many(config: Config, key: str, available: int | None, what: str) -> Iterator[str]:
    """Yield a sentence if the number at a dotted key is above what is available."""
    value: Any = config
    for part in key.split("."):
        value = value[part]
    if value is not None and available is not None and value > available:
        yield f"{key} is {value}, but there are {available} {what}; write {available} or less"


def _construction_faults(name: str, settings: Mapping[str, Any], original: Mapping[str, Any]) -> Iterator[str]:
    n_train, _ = split_sizes(original)
    n_images = min(settings["images"] or n_train or 0, n_train or settings["images"] or 0)
    n_batches = -(-n_images // settings["batch_size"])
    if n_batches and settings["shards"] > n_batches:
        yield (
            f"datasets.{name}.shards is {settings['shards']}, but {n_images} images make only {n_batches} batches of "
            f"{settings['batch_size']}; write {n_batches} or less, or a smaller batch_size"
        )


def _memory_faults(config: Config, n_train: int) -> Iterator[str]:
    """Estimate what a training holds: float32 weights with gradients and momentum, and one batch's activations."""
    width, dataset = config["network"]["width"], config["datasets"][config["evaluation_dataset"]]
    # 11.2 million weights at width 64, and a copy of them for the attack.
    weights = 4 * 4 * 11.2e6 * (width / 64) ** 2
    if weights > LARGEST_MEMORY:
        yield (
            f"network.width is {width}, whose weights take about {_terabytes(weights)} of memory while they are "
            f"trained; write {int(64 * (LARGEST_MEMORY / (4 * 4 * 11.2e6)) ** 0.5)} or less"
        )
        return
    # Each group halves the activations of the one before; about 8 tensors of each are held for the gradient.
    activations = 4 * 8 * 2 * width * dataset.get("size", 32) ** 2
    batches = {"training.batch_size": min(config["training"]["batch_size"], n_train)}
    rows = config["sensitivity"]["images"] * 8 * width
    batches["sensitivity.batch_size"] = min(config["sensitivity"]["batch_size"] or 1, rows)
    for key, images in batches.items():
        if images * activations > LARGEST_MEMORY:
            yield (
                f"{key} makes batches of {images} images, which take about {_terabytes(images * activations)} of "
                f"memory at network.width {width}; write {max(int(LARGEST_MEMORY / activations), 1)} or less, "
                "or smaller networks or images"
            )


def _terabytes(size: float) -> str:
    return f"{size / 1e12:,.0f} TB"
