"""Paths of files, and which of them a job takes."""

import os
import sys
from functools import cache
from itertools import chain
from pathlib import Path

from feature_sensitivity.config.epsilons import spelling
from feature_sensitivity.config.models import model_of
from feature_sensitivity.config.units import as_file_name
from feature_sensitivity.config.units import exact
from feature_sensitivity.config.units import from_file_name
from feature_sensitivity.config.user_code import code_files
from feature_sensitivity.runtime import code_closure


def results():
    """Return the results folder of this run, for paths that Snakemake does not manage."""
    return Path(config.get("pathvars", {}).get("results", "results"))


def stop_at_read_only_results():
    """End where the results folder cannot be written; Snakemake would fail at the first file that it replaces."""
    folder = next(path for path in (results(), *results().parents) if path.exists())
    if not os.access(folder, os.W_OK):
        sys.exit(
            f"{folder} cannot be written; make it writable, or name another folder in the config, under pathvars: results"
        )


if not workflow.dryrun:
    stop_at_read_only_results()


def unfinished(pattern):
    """Return the path of what a job saves until it is finished, as a function of its wildcards."""
    return lambda wildcards: str(results() / "unfinished" / pattern.format(**wildcards))


def any_of(names):
    """Return a wildcard constraint that matches these names only."""
    return "|".join(names) or "(?!)"


def in_file_names(epsilons):
    """Return epsilons as they stand in file names."""
    return [as_file_name(epsilon) for epsilon in epsilons]


def epsilon_of(wildcards):
    """Return the epsilon of a file as the config spells it."""
    return from_file_name(wildcards.eps)


@cache
def code_of(script):
    """Return a hash of a script and the package files on which its results depend: a change in one reruns the rule.

    It is a parameter of the rule, since code is no data that a job without a shared file system would have to fetch.
    """
    return code_closure.digest_of_code(BASE / f"workflow_scripts/{script}.py")


def code_of_study(script, module):
    """Return hashes of a script and of the study's own module that it runs, as a function of the study."""
    folder = "feature_sensitivity/studies"
    return lambda wildcards: [
        code_of(script),
        code_of(f"{folder}/{wildcards.study}/{module}"),
    ]


CHECKPOINTS = expand("<results>/models/{model}.pt", model=REPLICATES)
FIRST_CHECKPOINTS = expand("<results>/models/{model}.pt", model=MODELS)
HISTORIES = expand("<results>/models/{model}.history.csv", model=TRAINED)
ACCURACIES = expand("<results>/accuracy/{model}.csv", model=REPLICATES)
CORRECT = expand("<results>/accuracy/{model}.correct.h5", model=REPLICATES)
CHECKS = expand("<results>/accuracy/{model}.checks.csv", model=REPLICATES)
SENSITIVITIES = expand(
    "<results>/sens/{model}_{eps}.h5", model=REPLICATES, eps=in_file_names(EPSILONS)
)
ATTACKED = expand("<results>/attacked/{model}.h5", model=REPLICATES)
# Studies rest on the first seed's models.
FIRST_ACCURACIES = expand("<results>/accuracy/{model}.csv", model=MODELS)
FIRST_SENSITIVITIES = expand(
    "<results>/sens/{model}_{eps}.h5", model=MODELS, eps=in_file_names(EPSILONS)
)


def made_from(*tables):
    """Return the files beside tables that record what these were made from."""
    return [f"{table}.json" for table in tables]


def local_copy(wildcards):
    """Return a dataset's local files if the config names some: when one changes, the dataset is made again."""
    settings = dataset_settings(wildcards)
    paths = [settings.get(key) for key in ("path", "train", "test")]
    return [path for path in paths if path and Path(path).is_file()]


def original_of(wildcards):
    """Return the file with the images whose labels a constructed dataset keeps."""
    return f"<results>/data/{dataset_settings(wildcards)['original']}.h5"


def teacher_of(wildcards):
    """Return the model from which a dataset is constructed."""
    return f"<results>/models/{dataset_settings(wildcards)['teacher']}.pt"


def parts_of(wildcards):
    """Return the files with the parts of a constructed dataset, in order."""
    n_parts = dataset_settings(wildcards)["shards"]
    return [
        f"<results>/data/{wildcards.dataset}/part_{part}.h5"
        for part in range(1, n_parts + 1)
    ]


def training_data_of(model):
    """Return the file with a model's training images."""
    return f"<results>/data/{model_settings(model).get('dataset')}.h5"


def evaluation_dataset():
    """Return the file with the test images that measure every model."""
    return f"<results>/data/{EVALUATION_DATA}.h5"


def architecture_files(wildcards):
    """Return the files of the user's code that makes a model's network: a change there makes the model again."""
    name = architecture(wildcards)["name"]
    return [os.path.relpath(file) for file in code_files(name)]


def features_to_check(replicate):
    """Return what says that a model has the features asked for; nothing for the default, which every network has."""
    chosen = [value for value in chosen_features(replicate).values() if value]
    name = model_of(replicate)
    return [f"<results>/models/{name}.features.txt"] if chosen else []


def stop_at_other_spelling(wildcards):
    """End where a target spells its epsilon in another way than the config, or asks for epsilon 0."""
    epsilon = epsilon_of(wildcards)
    right = spelling(epsilon, config)
    name = f"{wildcards.model}_{wildcards.eps}"
    if exact(epsilon) == 0:
        sys.exit(
            f"The target {name}: at epsilon 0 nothing moves; name a positive epsilon"
        )
    if right != epsilon:
        sys.exit(
            f"The target {name}: this epsilon is spelled {right}; name {wildcards.model}_{as_file_name(right)}"
        )


def measured_model(wildcards):
    """Return the model whose features are measured."""
    stop_at_other_spelling(wildcards)
    return f"<results>/models/{wildcards.model}.pt"


def table_behind_a_claim():
    """Return the table of a study on which a claim rests, where the study needs nothing that `all` lacks."""
    return [
        f"<results>/studies/{plan.name}.csv"
        for plan in PLANS.values()
        if plan.behind_a_claim
        and plan.name in POSSIBLE_STUDIES
        and {*chain(*plan.own_epsilons(config).values())} <= {*EPSILONS}
        and model_settings(plan.trains_on)["dataset"]
        in [EVALUATION_DATA, *TRAINING_DATA]
    ]
