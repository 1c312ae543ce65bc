# From CIFAR-10 to the paper's two figures and its summary: `snakemake --cores 8 --use-conda all`.

import os

from snakemake.utils import min_version

min_version("9.19")


# Beside this file, from whatever folder the workflow is run.
configfile:
    os.path.relpath(
        f"{workflow.current_basedir.get_path_or_uri(secret_free=True)}/config.yaml"
    )


report: "rules/captions/workflow.rst"


pathvars:
    results="results",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


include: "rules/start.smk"
include: "rules/config.smk"
include: "rules/paths.smk"
include: "rules/settings.smk"
include: "rules/expected.smk"
include: "rules/resources.smk"
include: "rules/banner.smk"


wildcard_constraints:
    model=any_of(REPLICATES),
    eps=r"\d+(\.\d+)?(-[1-9]\d*)?",
    shard=r"\d+",


include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/accuracy.smk"
include: "rules/sensitivity.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/study_files.smk"
include: "rules/studies.smk"
include: "rules/reference.smk"


localrules:
    all,
    data,
    models,
    studies,
    reference,
    tabulate_benchmarks,
    benchmarks,


rule all:
    default_target: True
    input:
        "<results>/figures/figure1_accuracy.svg",
        "<results>/figures/figure2_sensitivity.svg",
        ["<results>/figures/learning_curves.svg"] if TRAINED else [],
        "<results>/figures/sensitivity_quantiles.svg",
        "<results>/figures/accuracy_against_sensitivity.svg",
        "<results>/figures/useful_features.svg",
        expand(
            "<results>/figures/extremal_{model}_{eps}.svg",
            model=MODELS,
            eps=in_file_names(EPSILONS),
        ),
        "<results>/explorer.html",
        "<results>/summary.csv",
        "<results>/claims.md",
        "<results>/overview.html",
        expand(
            "<results>/figures/construction_{dataset}.svg",
            dataset=[name for name in CONSTRUCTED if name in TRAINING_DATA],
        ),
    message:
        "Done: figures, summary, verdicts and everything they rest on."


rule data:
    input:
        expand("<results>/data/{dataset}.h5", dataset=FETCHED),
    message:
        "Done: every dataset that is not constructed from a model."


rule models:
    input:
        expand("<results>/models/{model}.pt", model=REPLICATES),
    message:
        "Done: every model is trained or imported."


onstart:
    run_lock.sign(RUN_LOCK)
    count_networks_of_this_run()
    run_a_job_per_gpu()
    print_start_banner()


onsuccess:
    print_end_banner()


onerror:
    print_how_to_continue_at_the_end()
