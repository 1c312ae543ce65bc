"""Constants and functions of the rules."""

import copy
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict
from functools import cache
from itertools import product
from pathlib import Path

import yaml
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

# Of this file, also where the workflow is a module of another one, whose folder workflow.basedir is.
BASE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
HOME = Path(os.path.relpath(BASE))
sys.path.insert(0, str(BASE / "workflow_scripts"))

from feature_sensitivity.config.check import faults
from feature_sensitivity.config.costs import GPU
from feature_sensitivity.config.differences import differences
from feature_sensitivity.config.epsilon_spelling import spelling
from feature_sensitivity.config.measures import MEASURES
from feature_sensitivity.config.models import OWN_SENSITIVITY_KEYS
from feature_sensitivity.config.models import TAKES_WIDTH
from feature_sensitivity.config.models import architecture_of
from feature_sensitivity.config.models import is_imported
from feature_sensitivity.config.models import own_sensitivity_settings
from feature_sensitivity.config.models import sensitivity_settings_of
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.protocols import with_protocols
from feature_sensitivity.config.replicates import has_replicates
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.config.replicates import replicate_names
from feature_sensitivity.config.replicates import seed_of
from feature_sensitivity.config.replicates import with_seed
from feature_sensitivity.config.study_faults import study_faults
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.config.units import as_file_name
from feature_sensitivity.config.units import exact
from feature_sensitivity.config.units import from_file_name
from feature_sensitivity.config.units import sections_with_unit
from feature_sensitivity.config.used_datasets import used_datasets
from feature_sensitivity.config.user_code import code_files
from feature_sensitivity.config.user_code import sha256_of_code
from feature_sensitivity.runtime import code_closure
from feature_sensitivity.runtime import run_lock
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.studies.costs import job_flop
from feature_sensitivity.studies.costs import job_seconds


def stop_at_config_faults():
    """End with every fault of the configuration, before any job."""
    schema = yaml.safe_load((HOME / "rules/config.schema.yaml").read_text())
    stop_at(faults(config, schema))


def stop_at(found):
    """End with these faults, if there are any."""
    found = list(found)
    if found:
        sys.exit(
            "The configuration has faults; nothing was started:\n"
            + "\n".join(f"  - {fault}" for fault in found)
        )


def stop_without_conda():
    """End where --use-conda finds no conda, with the way to go without."""
    methods = {method.name for method in workflow.deployment_settings.deployment_method}
    if "CONDA" in methods and workflow.is_main_process and not shutil.which("conda"):
        sys.exit(
            "--use-conda needs conda 24.7.1 or newer as `conda` on the PATH (mamba alone is not enough); install it, "
            "or go without: make demo, once, then .venv/bin/snakemake --cores 8 all"
        )


stop_without_conda()

# A module reads no configfile: what the outer workflow gives comes on top of the protocol, as with --configfile.
protocol_config = load_configfile(str(HOME / "config.yaml"))
whole_config = copy.deepcopy(protocol_config)
update_config(whole_config, config)
config.update(whole_config)
# So a config on top can leave models out.
config["models"] = {
    model: entry for model, entry in config["models"].items() if entry is not None
}

RUN_LOCK = Path(".snakemake/run.lock")


def remove_lock_of_a_dead_run():
    """Remove Snakemake's lock on this folder where the run that left it was killed, with all of its jobs."""
    locks = list(Path(".snakemake/locks").glob("*.lock"))
    if run_lock.hold(RUN_LOCK) and locks and workflow.is_main_process:
        for lock in locks:
            lock.unlink(missing_ok=True)
        print(
            "An earlier run was killed; its lock is removed, and this run continues from what it saved.",
            file=sys.stderr,
        )


# In a workflow that takes this one as a module, the prefix would stand before the commands of its own rules, too.
if Path(workflow.main_snakefile).resolve() == (BASE / "Snakefile").resolve():
    if not workflow.dryrun:
        remove_lock_of_a_dead_run()
    START_JOB = [sys.executable, str(BASE / "rules/start_job.py"), str(RUN_LOCK)]
    shell.prefix(f"set -euo pipefail; {shlex.join(START_JOB)} ")

# What follows relies on a configuration without faults.
stop_at_config_faults()
CHANGED = differences(config, protocol_config)
config.update(with_protocols(config))
config.update(sections_with_unit(config))

# Of all that is random, except the training of further replicates.
SEED = config["seeds"][0]
EPSILONS = config["epsilons"]
N_SHARDS = config["sensitivity"]["shards"]
STUDY = config["studies"]
STUDIES = [
    "definitions",
    "error_bounds",
    "convergence",
    "attack_strength",
    "last_layer_refit",
    "norms",
    "crossing",
]

# Those for which the run has what they need.
POSSIBLE_STUDIES = [study for study in STUDIES if not list(study_faults(study, config))]

MODELS = list(config["models"])
REPLICATES = replicate_names(config["models"], config["seeds"])
IMPORTED = [
    replicate
    for replicate in REPLICATES
    if is_imported(config["models"][model_of(replicate)])
]
TRAINED = [replicate for replicate in REPLICATES if replicate not in IMPORTED]

EVALUATION_DATA = config["evaluation_dataset"]
TRAINING_DATA = [config["models"][model_of(model)]["dataset"] for model in TRAINED]
ADVERSARIAL = [
    replicate
    for replicate in TRAINED
    if config["models"][model_of(replicate)]["training"] == "adversarial"
]
CONSTRUCTED = [
    dataset
    for dataset in used_datasets(config)
    if config["datasets"][dataset]["source"] == "construction"
]
FETCHED = [dataset for dataset in used_datasets(config) if dataset not in CONSTRUCTED]

# Measures with a figure of their own, and its title.
DRAWN_MEASURES = {
    "used_share": "What an attack on the classifier uses of each feature",
    "linearity": "How linear each feature is in the ball",
}
DRAWN = [name for name in DRAWN_MEASURES if name in (config["measures"] or MEASURES)]

# What the page at a glance links to; `all` makes each.
OVERVIEW_LINKS = {
    "What each verdict rests on": "claims.html",
    "Accuracy and sensitivity of each model": "summary.html",
    "Useful and robust features": "feature_counts.html",
    **{DRAWN_MEASURES[name]: f"figures/{name}.svg" for name in DRAWN},
    "Accuracy against sensitivity": "figures/accuracy_against_sensitivity.svg",
    "Every feature, to look at": "explorer.html",
    "Every measure of every feature": "features.csv",
}

CHECKPOINTS = expand("<results>/models/{model}.pt", model=REPLICATES)
FIRST_CHECKPOINTS = expand("<results>/models/{model}.pt", model=MODELS)


def in_file_names(epsilons):
    """Return epsilons as they stand in file names."""
    return [as_file_name(epsilon) for epsilon in epsilons]


def epsilon_of(wildcards):
    """Return the epsilon of a file as the config spells it."""
    return from_file_name(wildcards.eps)


HISTORIES = expand("<results>/models/{model}.history.csv", model=TRAINED)
ACCURACIES = expand("<results>/accuracy/{model}.csv", model=REPLICATES)
SENSITIVITIES = expand(
    "<results>/sens/{model}_{eps}.h5", model=REPLICATES, eps=in_file_names(EPSILONS)
)
ATTACKED = expand("<results>/attacked/{model}.h5", model=REPLICATES)
# Studies rest on the first seed's models.
FIRST_ACCURACIES = expand("<results>/accuracy/{model}.csv", model=MODELS)
FIRST_SENSITIVITIES = expand(
    "<results>/sens/{model}_{eps}.h5", model=MODELS, eps=in_file_names(EPSILONS)
)


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


def code_of(script):
    """Return a script and the package files on which its results depend: a change in one reruns the rule."""
    path = BASE / f"workflow_scripts/{script}.py"
    return [os.path.relpath(file) for file in code_closure.source_files(path)]


def model_settings(replicate):
    """Return what the config says of a model; its replicates differ in the seed alone."""
    entry = config["models"].get(model_of(replicate), {})
    return with_seed(entry, seed_of(replicate, config["seeds"]))


def training_attack(wildcards):
    """Return the attack of adversarial training; None for a model that is trained normally."""
    adversarial = model_settings(wildcards.model)["training"] == "adversarial"
    return config["adversarial_training"] if adversarial else None


DERIVATION = ("definition", "weight_normalization")


def measurement_settings(replicate, **changes):
    """Return what the attack on a model's features depends on; what is derived from extrema needs no new attack.

    ``changes`` replace settings of all models; what a model has of its own stands.
    """
    changed = {**config, "sensitivity": {**config["sensitivity"], **changes}}
    settings = sensitivity_settings_of(changed, model_of(replicate))
    return {key: value for key, value in settings.items() if key not in DERIVATION}


# In which ball, on which images and at which features the attack on a model's decision is measured.
OF_ATTACKED_FEATURES = (
    "norm",
    "epsilon_unit",
    "clip_to_pixel_box",
    "images",
    "layer",
    "positions",
    "features",
    "batch_size",
)


def chosen_settings(replicate, names):
    """Return the settings of sensitivities with these names, as they hold for a model."""
    settings = sensitivity_settings_of(config, model_of(replicate))
    return {name: settings[name] for name in names}


def steps_of_accuracy():
    """Return the steps of the attack of accuracy, which another rule takes in another ball."""
    names = ("epsilon_unit", "steps", "relative_step_size", "schedule", "momentum")
    return {name: config["accuracy"][name] for name in names}


def attack_on_the_class():
    """Return the attack of features at attacked images: that of accuracy, to its last step, in the features' ball."""
    ball = {key: config["sensitivity"][key] for key in ("norm", "clip_to_pixel_box")}
    return {**config["accuracy"], **ball, "iterate": "last"}


def chosen_features(replicate):
    """Return where a model's features are, and which of them are measured."""
    return chosen_settings(replicate, OWN_SENSITIVITY_KEYS)


def features_to_check(replicate):
    """Return what says that a model has the features asked for; nothing for the default, which every network has."""
    chosen = [value for value in chosen_features(replicate).values() if value]
    name = model_of(replicate)
    return [f"<results>/models/{name}.features.txt"] if chosen else []


def derivation_settings():
    """Return how sensitivities are derived from the extrema."""
    return {
        "definition": config["sensitivity"]["definition"],
        "normalization": config["sensitivity"]["weight_normalization"],
    }


def own_settings(models):
    """Return what each model has of its own in place of the run's section ``sensitivity``."""
    return {
        model: own_sensitivity_settings(config, model_of(model)) for model in models
    }


def expected_sensitivity(models, epsilons, **changes):
    """Return what the sensitivity files of these models and epsilons have to say of themselves."""
    section = {**config["sensitivity"], **changes}
    return {
        "models": models,
        "epsilons": epsilons,
        "section": {
            key: value for key, value in section.items() if key not in DERIVATION
        },
        "seed": SEED,
        "own": own_settings(models),
    }


def expected_accuracy(models, epsilons, **changes):
    """Return what the accuracy tables of these models have to say of themselves."""
    section = {**config["accuracy"], **changes}
    return {"models": models, "epsilons": epsilons, "section": section, "seed": SEED}


def expected_attacked(models):
    """Return what the files of features at attacked images have to say of themselves."""
    return {
        "models": models,
        "epsilons": EPSILONS,
        "accuracy": config["accuracy"],
        "sensitivity": config["sensitivity"],
        "seed": SEED,
        "own": own_settings(models),
    }


def dataset_identity(dataset):
    """Return what the configuration says of a dataset, as its file keeps it."""
    entry = {"name": dataset, **config["datasets"][dataset]}
    return {**entry, "standardization": config["standardization"]}


def checkpoint_identity(replicate):
    """Return what the file of a model has to say of itself."""
    settings = model_settings(replicate)
    architecture = architecture_of(config, model_of(replicate))
    found = {"dataset": settings["dataset"], "architecture": architecture}
    if code := sha256_of_code(architecture["name"]):
        found["code_sha256"] = code
    if own := settings.get("standardization"):
        found |= {key: [float(number) for number in own[key]] for key in own}
    if replicate in IMPORTED:
        weights = settings.get("weights")
        return {**found, "weights": {"file": weights} if weights else None}
    attack = config["adversarial_training"] if replicate in ADVERSARIAL else None
    training = TrainingSettings.from_config(
        config["training"], attack, seed=seed_of(replicate, config["seeds"])
    )
    if architecture["name"] in TAKES_WIDTH:
        architecture.setdefault("width", config["network"]["width"])
    return {**found, "training": asdict(training)}


def expected_of_inputs(wildcards, input):
    """Return what the datasets and models among a job's inputs have to say of themselves, by path."""
    identities = {
        **{
            results() / f"data/{name}.h5": dataset_identity
            for name in used_datasets(config)
        },
        **{results() / f"models/{name}.pt": checkpoint_identity for name in REPLICATES},
    }
    return {
        path: identities[Path(path)](Path(path).stem)
        for path in input
        if Path(path) in identities
    }


def single_networks():
    """Return the models without replicates."""
    return [name for name in MODELS if not has_replicates(config["models"][name])]


def several_seeds():
    """Return a text that says over which seeds a mean is taken; empty where no model has replicates."""
    if len(REPLICATES) == len(MODELS):
        return ""
    seeds, single = config["seeds"], single_networks()
    text = f"n = {len(seeds)} training seeds ({', '.join(map(str, seeds))})"
    return f"{text}, except {', '.join(single)}" if single else text


def dataset_settings(wildcards):
    """Return what the config says of a dataset."""
    return config["datasets"][wildcards.dataset]


def weights_of(wildcards):
    """Return the file with the weights of a model that was trained elsewhere; None if they come with its architecture."""
    return model_settings(wildcards.model).get("weights")


def weights_sha256(wildcards):
    """Return the SHA-256 of the file with a model's weights, if there is one."""
    weights = weights_of(wildcards)
    return sha256_of_file(Path(weights)) if weights else None


def architecture(wildcards):
    """Return the architecture of a model: its name, and arguments."""
    return architecture_of(config, model_of(wildcards.model))


def architecture_files(wildcards):
    """Return the files of the user's code that makes a model's network: a change there makes the model again."""
    name = architecture(wildcards)["name"]
    return [os.path.relpath(file) for file in code_files(name)]


def own_standardization(wildcards):
    """Return what standardizes a model's images, where it has constants of its own."""
    return model_settings(wildcards.model).get("standardization")


def training_data_of(model):
    """Return the file with a model's training images."""
    return f"<results>/data/{model_settings(model).get('dataset')}.h5"


def evaluation_dataset():
    """Return the file with the test images that measure every model."""
    return f"<results>/data/{EVALUATION_DATA}.h5"


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


def measured_model(wildcards):
    """Return the model whose features are measured; end where the target spells an epsilon in another way."""
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
    return f"<results>/models/{wildcards.model}.pt"


def last_layer_refit():
    """Return the table of the study on which claim S6 rests, where it needs nothing that `all` lacks."""
    is_cheap = (
        "last_layer_refit" in POSSIBLE_STUDIES
        and model_settings("normal")["dataset"] in [EVALUATION_DATA, *TRAINING_DATA]
        and STUDY["last_layer_refit"]["epsilon"] in EPSILONS
    )
    return ["<results>/studies/last_layer_refit.csv"] if is_cheap else []


def changed_in_protocol():
    """Return what the configuration of this run changes in config.yaml, as YAML, besides where files lie."""
    changed = {
        key: value
        for key, value in CHANGED.items()
        if key not in ("pathvars", "interpretation")
    }
    datasets = {
        name: {key: value for key, value in entry.items() if key != "path"}
        for name, entry in changed.pop("datasets", {}).items()
        if entry.keys() - {"path"}
    }
    if datasets:
        changed["datasets"] = datasets
    return yaml.safe_dump(changed, sort_keys=False, default_flow_style=None, width=100)


IN_PARTS = ("error_bounds", "convergence")
"""Studies with a table for each model and epsilon."""


def study_tables(wildcards):
    """Return the tables on which the report of a study rests; end where the run lacks what the study needs."""
    stop_at(study_faults(wildcards.study, config))
    if wildcards.study in IN_PARTS:
        return expand(
            f"<results>/studies/{wildcards.study}/{{model}}_{{eps}}.csv",
            model=MODELS,
            eps=in_file_names(EPSILONS),
        )
    return [f"<results>/studies/{wildcards.study}.csv"]


def study_parts(wildcards):
    """Return of which models and epsilons each table of a study is."""
    if wildcards.study in IN_PARTS:
        return [([model], [epsilon]) for model, epsilon in product(MODELS, EPSILONS)]
    return [(MODELS, EPSILONS)]


def study_settings(wildcards):
    """Return the settings on which the rows of a study's tables depend."""
    return {
        **STUDY.get(wildcards.study, {}),
        "stronger_attack": config["accuracy"]["stronger_attack"],
    }


def study_results(study):
    """Return what the target of a study makes: its report, and figures besides the report's own."""
    figures = ["figure1_accuracy.svg", "figure2_sensitivity.svg"]
    paper_figures = expand(
        "<results>/studies/attack_strength/{protocol}/{figure}",
        protocol=PROTOCOLS,
        figure=figures,
    )
    return [
        f"<results>/studies/{study}.md",
        *(paper_figures if study == "attack_strength" else []),
    ]


@cache
def count_gpus():
    """Return how many CUDA devices this machine shows."""
    if not shutil.which("nvidia-smi"):
        return 0
    listing = subprocess.run(
        ["nvidia-smi", "--list-gpus"], capture_output=True, text=True
    )
    return len(listing.stdout.splitlines()) if listing.returncode == 0 else 0


def compute_threads():
    """Return the threads of a job that computes: few beside a GPU; without one, what --cores allows, up to 8."""
    return 2 if count_gpus() else 8


def memory(gigabytes):
    """Return memory in MB, half as much again after each failure."""
    return lambda wildcards, attempt: int(1000 * gigabytes * 1.5 ** (attempt - 1))


def runtime(rule_name):
    """Return minutes that a job may take on a GPU: four times its estimate and ten more, doubled after each failure."""

    def minutes(wildcards, attempt):
        seconds = job_seconds(rule_name, dict(wildcards), config, GPU)
        return int((10 + 4 * seconds / 60) * 2 ** (attempt - 1))

    return minutes
