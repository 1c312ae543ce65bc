"""What is wrong with a configuration: all faults at once, each with what to write instead."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.config.epsilons import epsilon_faults, unit_faults
from feature_sensitivity.config.measures import measure_faults
from feature_sensitivity.config.models import (
    SEED,
    ancestors,
    architecture_of,
    is_imported,
    model_of,
    needs_weights,
    used_datasets,
    with_seed,
)
from feature_sensitivity.config.schema_faults import schema_faults
from feature_sensitivity.config.size_faults import TWO_PATHS, size_faults
from feature_sensitivity.config.user_code import function_faults
from feature_sensitivity.runtime.files import sha256_of_file

Config = Mapping[str, Any]


def faults(config: Config, schema: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each fault: key, value, and what to write instead. Empty for a good configuration.

    Keys are compared with each other only once each is right by itself.
    """
    found = sorted(set(schema_faults(config, schema)))
    return found or [sentence for check in CHECKS for sentence in check(config)] or list(size_faults(config))


def _standardization_faults(config: Config) -> Iterator[str]:
    if len(config["standardization"]["mean"]) != len(config["standardization"]["std"]):
        yield "standardization.mean and standardization.std differ in length; write one number per channel in each"


def _sensitivity_faults(config: Config) -> Iterator[str]:
    settings = config["sensitivity"]
    if settings["shards"] > settings["images"]:
        yield (
            f"sensitivity.shards is {settings['shards']}, more than there are images; "
            f"write {settings['images']} or less"
        )
    if settings["target_relative_error"] and settings["shards"] > 1:
        yield (
            "sensitivity.target_relative_error decides on all images together; "
            "write shards: 1, or target_relative_error: null"
        )
    if settings["search_dtype"] == "bfloat16" and settings["iterate"] == "last":
        yield "sensitivity.search_dtype is 'bfloat16', which keeps the best iterate; write iterate: best, or float32"


def _path_faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each path that Snakemake reads as a pattern, or that no terminal shows as it is."""
    paths = {"interpretation": config["interpretation"]}
    paths |= {f"pathvars.{name}": path for name, path in config.get("pathvars", {}).items()}
    for name, dataset in config["datasets"].items():
        paths |= {f"datasets.{name}.{key}": dataset.get(key) for key in ("path", "train", "test")}
    for name, model in config["models"].items():
        paths[f"models.{name}.weights"] = (model.get("weights") or "").replace(SEED, "")
        paths[f"the architecture of models.{name}"] = architecture_of(config, name)["name"]
    for key, path in paths.items():
        for character in sorted(set(path or "")):
            if character in "{}<>":
                yield f"{key} has {character!r}, which Snakemake reads as part of a pattern; write a path without it"
            elif not character.isprintable():
                yield f"{key} has {character!r}, which is no character to print; write a path without it"


def _model_faults(config: Config) -> Iterator[str]:
    for model, settings in config["models"].items():
        if model in READ_AS_NUMBERS:
            yield f"models.{model} is a name that tables cannot tell from a number or a missing one; write another"
        if model_of(model) != model:
            yield f"models.{model} is a name for replicates; write one that does not end in _seed and a number"
        yield from _weights_faults(config, model)
        for fault in function_faults(architecture_of(config, model)["name"]):
            yield f"the architecture of models.{model}: {fault}"
        own = settings.get("standardization")
        if own and not len(own["mean"]) == len(own["std"]) == len(config["standardization"]["mean"]):
            n_channels = len(config["standardization"]["mean"])
            yield f"models.{model}.standardization needs {n_channels} numbers in mean and in std, one per channel"


def _interpretation_faults(config: Config) -> Iterator[str]:
    path = config["interpretation"]
    if path and not Path(path).is_file():
        yield f"interpretation is {path!r}, which is no file seen from this folder; correct the path, or write null"


def _weights_faults(config: Config, model: str) -> Iterator[str]:
    settings, key = config["models"][model], f"models.{model}"
    weights, sha256 = settings.get("weights"), settings.get("weights_sha256")
    if not weights:
        if is_imported(settings) and needs_weights(architecture_of(config, model)):
            yield f"{key} has neither training nor weights; write training: normal, or the path of its weights"
        return
    if SEED in weights:
        if sha256:
            yield f"{key}.weights names a file for each seed, which cannot all have {key}.weights_sha256; leave it out"
        for seed in config["seeds"]:
            if not Path(file := with_seed(settings, seed)["weights"]).is_file():
                yield f"{key}.weights is {weights!r}, but there is no file {file!r}; correct the path, or seeds"
    elif not Path(weights).is_file():
        yield f"{key}.weights is {weights!r}, which is no file seen from this folder; correct the path"
    elif sha256 and (found := sha256_of_file(Path(weights))) != sha256:
        yield (
            f"{key}.weights is {weights!r}, a file with the SHA-256 {found}, not {key}.weights_sha256; get the file "
            "again, or correct the number"
        )


def _dataset_faults(config: Config) -> Iterator[str]:
    datasets = config["datasets"]
    chosen = {"evaluation_dataset": config["evaluation_dataset"]}
    chosen |= {f"models.{model}.dataset": settings["dataset"] for model, settings in config["models"].items()}
    for key, name in chosen.items():
        if name not in datasets:
            yield f"{key} is {name!r}, which datasets does not define; write one of {', '.join(datasets)}"
    for name in used_datasets(config):
        settings = datasets[name]
        if settings["source"] == "release" and not settings["path"] and not settings["urls"]:
            yield f"datasets.{name} has neither path nor urls; give one of them"
        if settings["source"] == "construction":
            yield from _construction_faults(config, name)
    trained_on = {model["dataset"] for model in config["models"].values() if not is_imported(model)}
    for part, names in (("train", trained_on), ("test", {config["evaluation_dataset"]})):
        for name in names & datasets.keys():
            if datasets[name]["source"] in TWO_PATHS and not datasets[name].get(part):
                yield f"datasets.{name} has no {part} images, which this run needs; add {part} and their path"
    if datasets.get(config["evaluation_dataset"], {}).get("source") in ("release", "construction"):
        yield (
            f"evaluation_dataset is {config['evaluation_dataset']!r}, which has no test images; "
            "write a dataset that has some, such as cifar10"
        )


def _construction_faults(config: Config, name: str) -> Iterator[str]:
    datasets, models = config["datasets"], config["models"]
    original, teacher = datasets[name]["original"], datasets[name]["teacher"]
    if original not in datasets:
        known = ", ".join(other for other in datasets if other != name)
        advice = f"write one of {known}" if known else "define it"
        yield f"datasets.{name}.original is {original!r}, which datasets does not define; {advice}"
    if teacher not in models:
        known = ", ".join(models)
        yield f"datasets.{name}.teacher is {teacher!r}, which models does not define; write one of {known}"
    elif name in ancestors(config, original) | ancestors(config, models[teacher]["dataset"]):
        yield (
            f"datasets.{name} is constructed from itself, through its original or its teacher {teacher!r}; "
            "write a teacher that is trained on other data"
        )


READ_AS_NUMBERS = ("nan", "null", "inf", "infinity", "true", "false", "none", "na")

CHECKS = (
    _path_faults,
    _standardization_faults,
    epsilon_faults,
    unit_faults,
    _sensitivity_faults,
    measure_faults,
    _model_faults,
    _dataset_faults,
    _interpretation_faults,
)
