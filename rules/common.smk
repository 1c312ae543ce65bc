"""All functions of the rules."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import yaml

HOME = Path(os.path.relpath(workflow.basedir))
sys.path.insert(0, str(Path(workflow.basedir) / "workflow_scripts"))

from feature_sensitivity.config.check import faults
from feature_sensitivity.config.check import used_datasets
from feature_sensitivity.config.costs import FLOP_PER_SECOND_CORE
from feature_sensitivity.config.costs import FLOP_PER_SECOND_GPU
from feature_sensitivity.config.costs import duration
from feature_sensitivity.config.costs import job_flop
from feature_sensitivity.runtime import code_closure
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.config.replicates import replicate_names
from feature_sensitivity.config.replicates import seed_of


def stop_at_config_faults():
    """End with every fault of the configuration, before any job."""
    schema = yaml.safe_load((HOME / "rules/config.schema.yaml").read_text())
    found = faults(config, schema)
    if found:
        sys.exit(
            "The configuration has faults; nothing was started:\n"
            + "\n".join(f"  - {fault}" for fault in found)
        )


def results():
    """The results folder of this run, for paths that Snakemake is not to manage."""
    return Path(config.get("pathvars", {}).get("results", "results"))


def datasets_from(*sources):
    """The datasets of this run that come from one of these sources."""
    return [
        name
        for name in used_datasets(config)
        if config["datasets"][name]["source"] in sources
    ]


def any_of(names):
    """A wildcard constraint that matches these names only."""
    return "|".join(names) or "(?!)"


def source_files(rule_name):
    """The rule's script and the package files on which its results depend: a change in one reruns the rule."""
    script = Path(workflow.basedir) / f"workflow_scripts/{rule_name}.py"
    return [os.path.relpath(file) for file in code_closure.source_files(script)]


def model_settings(replicate):
    """What the config says of a model; its replicates differ in the seed alone."""
    return config["models"].get(model_of(replicate), {})


def weights_of(wildcards):
    """The file with the weights of a model that was trained elsewhere."""
    return model_settings(wildcards.model)["weights"]


def training_data_of(model):
    """The file with a model's training images."""
    return f"<results>/data/{model_settings(model).get('dataset')}.h5"


def dataset_of(wildcards):
    """The same, for a wildcard."""
    return training_data_of(wildcards.model)


def evaluation_dataset():
    """The file with the test images that measure every model."""
    return f"<results>/data/{config['evaluation_dataset']}.h5"


def relinear_table(wildcards):
    """The study that claim S6 rests on, once it was made; from then on it is kept up to date."""
    table = results() / "studies/relinear.csv"
    return [str(table)] if table.exists() else []


def study_tables(wildcards):
    """The tables on which the report of a study rests."""
    models = list(config["models"])
    if wildcards.study == "theorem":
        return expand(
            "<results>/studies/theorem/{model}_{eps}.csv",
            model=models,
            eps=config["epsilons"],
        )
    if wildcards.study == "convergence":
        return expand("<results>/studies/convergence/{model}.csv", model=models)
    return [f"<results>/studies/{wildcards.study}.csv"]


def study_settings(wildcards):
    """The settings of a study and of the protocol's attacks, which its report states."""
    return {
        "models": list(config["models"]),
        "study": config["studies"].get(wildcards.study, {}),
        "accuracy": config["accuracy"],
        "sensitivity": config["sensitivity"],
        "seed": SEED,
        "std": config["standardization"]["std"],
    }


def several_seeds():
    """What a mean over replicates is over, for people; nothing where no model has any."""
    seeds = config["seeds"]
    told = f"n = {len(seeds)} training seeds ({', '.join(map(str, seeds))})"
    if IMPORTED:
        told += f", except {', '.join(IMPORTED)}"
    return told if len(REPLICATES) > len(MODELS) else ""


def local_copy(wildcards):
    """A dataset's local path, if the config names one: when it changes, the dataset is made anew."""
    path = config["datasets"][wildcards.dataset].get("path")
    return [path] if path and Path(path).is_file() else []


def original_of(wildcards):
    """The file with the images whose labels a constructed dataset keeps."""
    return f"<results>/data/{config['datasets'][wildcards.dataset]['original']}.h5"


def teacher_of(wildcards):
    """The model from which a dataset is constructed."""
    return f"<results>/models/{config['datasets'][wildcards.dataset]['teacher']}.pt"


def parts_of(wildcards):
    """The files with the parts of a constructed dataset, in order."""
    n_parts = config["datasets"][wildcards.dataset]["shards"]
    return [
        f"<results>/data/{wildcards.dataset}/part_{part}.h5"
        for part in range(1, n_parts + 1)
    ]


def training_attack(wildcards):
    """Return the attack of adversarial training; None for a model that is trained normally."""
    adversarial = model_settings(wildcards.model)["training"] == "adversarial"
    return config["adversarial_training"] if adversarial else None


DERIVATION = ("definition", "weight_normalization")


def measurement_settings():
    """What the attack on features depends on; what is derived from its extremes needs no new attack."""
    return {
        key: value
        for key, value in config["sensitivity"].items()
        if key not in DERIVATION
    }


def derivation_settings():
    """How sensitivities are derived from the extremes."""
    return {
        "definition": config["sensitivity"]["definition"],
        "normalization": config["sensitivity"]["weight_normalization"],
    }


@cache
def count_gpus():
    """How many CUDA devices this machine shows."""
    if not shutil.which("nvidia-smi"):
        return 0
    listing = subprocess.run(
        ["nvidia-smi", "--list-gpus"], capture_output=True, text=True
    )
    return len(listing.stdout.splitlines()) if listing.returncode == 0 else 0


def compute_threads():
    """Threads of a job that computes: beside a GPU it needs few; without one, what --cores allows, up to 8."""
    return 2 if count_gpus() else 8


def compute_environment():
    """The conda environment of the rules that compute, with the build of PyTorch that the config asks for."""
    build = config["pytorch"]
    return f"../envs/compute{'' if build == 'auto' else f'_{build}'}.yaml"


def memory(gigabytes):
    """Memory in MB, half as much again after each failure."""
    return lambda wildcards, attempt: int(1000 * gigabytes * 1.5 ** (attempt - 1))


def runtime(rule_name):
    """Minutes that a job may take on a GPU: four times its estimate and ten more, doubled after each failure."""

    def minutes(wildcards, attempt):
        seconds = job_flop(rule_name, dict(wildcards), config) / FLOP_PER_SECOND_GPU
        return int((10 + 4 * seconds / 60) * 2 ** (attempt - 1))

    return minutes


def print_start_banner():
    """Say where it runs, what there is to do, and roughly how long that takes."""
    jobs, work = Counter(), 0.0
    for job in workflow.dag.needrun_jobs():
        jobs[job.rule.name] += 1
        work += job_flop(job.rule.name, dict(job.wildcards), config)
    gpus = count_gpus()
    if workflow.non_local_exec:
        place, rate = (
            "jobs go to the cluster; the estimate is for one GPU",
            FLOP_PER_SECOND_GPU,
        )
    elif gpus:
        place, rate = (
            f"{gpus} GPU{'s' * (gpus > 1)}; the estimate is for one",
            FLOP_PER_SECOND_GPU,
        )
    else:
        place, rate = (
            f"CPU, {workflow.cores} cores",
            workflow.cores * FLOP_PER_SECOND_CORE,
        )
    say("Features' sensitivity (Hu et al. 2022)")
    say(f"  device    {place}")
    say(
        f"  to do     {', '.join(f'{count} {rule}' for rule, count in jobs.items() if count and rule != 'all')}"
    )
    say(
        f"  cost      {work:.1e} floating-point operations, roughly {duration(work / rate)}"
    )
    say(f"  results   {results()}/")
    if work / rate > 86_400 and not gpus and not workflow.non_local_exec:
        say(
            "This is long for a CPU. For the whole paper in minutes on small images, type: make demo"
        )
        say(
            "For real CIFAR-10 at reduced scale: snakemake --cores all --profile profiles/cifar10_cpu all"
        )
        say("For a cluster with GPUs: snakemake --profile profiles/slurm all")


def print_end_banner():
    """Show the summary and say where things are."""
    summary = results() / "summary.txt"
    if summary.exists():
        say(summary.read_text().rstrip())
    for name in (
        "figures/figure1_accuracy.png",
        "figures/figure2_sensitivity.png",
        "summary.md",
        "claims.md",
    ):
        if (results() / name).exists():
            say(f"  {results() / name}")


def say(line):
    """Print to the terminal, beside Snakemake's own messages."""
    print(line, file=sys.stderr)
