"""The studies: the files that each takes, and their rules. What a study is stands in its plan."""

from itertools import product

from feature_sensitivity.studies.plan import Scope
from feature_sensitivity.studies.registry import variants

# Measurements with other settings, by their folder below results/studies.
VARIANTS = variants(config)
DRAWN_VARIANTS = [folder for folder, variant in VARIANTS.items() if variant.has_figures]
VARIANT = "<results>/studies/{variant}"
COMPARED = [study for study in STUDIES if PLANS[study].variants(config)]
IN_PARTS = [study for study in STUDIES if PLANS[study].in_parts]
MEASURED_WHOLE = [study for study in STUDIES if study not in [*COMPARED, *IN_PARTS]]


def expected_of_variant(models, variant):
    """Return what the accuracy tables and the sensitivity files of a variant must record."""
    accuracy, epsilons = variant.accuracy, variant.epsilons
    return {
        "accuracy": (
            None
            if accuracy is None
            else expected_accuracy(models, epsilons, **accuracy)
        ),
        "sensitivity": expected_sensitivity(models, epsilons, **variant.sensitivity),
    }


def models_of(study):
    """Return the models of a study's tables."""
    return PLANS[study].compared_models(config)


def files_of_variants(wildcards):
    """Return the files of each measurement that a study compares, by label and kind."""
    models, found = models_of(wildcards.study), {}
    for label, variant in PLANS[wildcards.study].variants(config).items():
        folder = f"<results>/studies/{variant.folder}"
        accuracy = folder if variant.folder else "<results>/accuracy"
        measured = [] if variant.accuracy is None else models
        found[f"{label}_accuracy"] = [f"{accuracy}/{model}.csv" for model in measured]
        found[f"{label}_checks"] = [
            f"{accuracy}/{model}.checks.csv" for model in measured
        ]
        found[f"{label}_images"] = [
            f"{accuracy}/{model}.correct.h5" for model in measured
        ]
        found[f"{label}_sensitivity"] = [
            f"{folder if variant.folder else '<results>/sens'}/{model}_{eps}.h5"
            for model, eps in product(models, in_file_names(variant.epsilons))
        ]
    tables = [
        path for paths in found.values() for path in paths if path.endswith(".csv")
    ]
    return {**found, "made_from": made_from(*tables)}


def inputs_of_study(wildcards):
    """Return the files from which a table of a study is measured; end where its epsilon is spelled in another way."""
    if "eps" in wildcards.keys():
        stop_at_other_spelling(wildcards)
    return {
        name: path.format(**wildcards)
        for name, path in PLANS[wildcards.study].inputs(config).items()
    }


def parts_of_study(study):
    """Return the models and epsilons of each table of a study."""
    if PLANS[study].in_parts:
        return [([model], [epsilon]) for model, epsilon in product(MODELS, EPSILONS)]
    return [(models_of(study), EPSILONS)]


def rows_of_study(wildcards):
    """Return the rows that each table of a study should have, by the columns that name them."""
    return [
        list(PLANS[wildcards.study].rows(Scope(models, epsilons, config)))
        for models, epsilons in parts_of_study(wildcards.study)
    ]


def tables_of_study(wildcards):
    """Return the tables on which the report of a study rests; end where the run lacks what the study needs."""
    study = wildcards.study
    stop_at(PLANS[study].lacks(config))
    if not PLANS[study].in_parts:
        return [f"<results>/studies/{study}.csv"]
    return expand(
        f"<results>/studies/{study}/{{model}}_{{eps}}.csv",
        model=MODELS,
        eps=in_file_names(EPSILONS),
    )


def results_of_study(study):
    """Return what the target of a study makes: its report, and the paper's figures of its variants."""
    variants = PLANS[study].variants(config).values()
    return [
        f"<results>/studies/{study}.md",
        *expand(
            f"{VARIANT}/{{figure}}.svg",
            variant=[variant.folder for variant in variants if variant.has_figures],
            figure=["figure1_accuracy", "figure2_sensitivity"],
        ),
    ]


# Where a rule is used again, new resources replace all that it has, so each is given again.
use rule measure_accuracy as measure_accuracy_of_variant with:
    output:
        accuracy=f"{VARIANT}/{{model}}.csv",
        checks=f"{VARIANT}/{{model}}.checks.csv",
        images=f"{VARIANT}/{{model}}.correct.h5",
        made_from=made_from(
            f"{VARIANT}/{{model}}.csv", f"{VARIANT}/{{model}}.checks.csv"
        ),
    log:
        "<logs>/measure_accuracy_of_variant/{variant}/{model}.log",
    benchmark:
        "<benchmarks>/measure_accuracy_of_variant/{variant}/{model}.tsv"
    wildcard_constraints:
        variant=any_of(VARIANTS),
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_accuracy_of_variant"),
        gpu=1,
    params:
        code=code_of("measure_accuracy"),
        expected=expected_of_inputs,
        epsilons=lambda wildcards: VARIANTS[wildcards.variant].epsilons,
        settings=lambda wildcards: accuracy_settings(
            **VARIANTS[wildcards.variant].accuracy
        ).as_parameters(),
    message:
        "Study {wildcards.variant}: accuracy of {wildcards.model}."


use rule measure_sensitivity as measure_sensitivity_of_variant with:
    output:
        f"{VARIANT}/{{model}}_{{eps}}.h5",
    log:
        "<logs>/measure_sensitivity_of_variant/{variant}/{model}_{eps}.log",
    benchmark:
        "<benchmarks>/measure_sensitivity_of_variant/{variant}/{model}_{eps}.tsv"
    wildcard_constraints:
        variant=any_of(VARIANTS),
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_sensitivity_of_variant"),
        gpu=1,
    params:
        code=code_of("measure_sensitivity"),
        expected=expected_of_inputs,
        epsilon=epsilon_of,
        settings=lambda wildcards: measurement_settings(
            wildcards.model, **VARIANTS[wildcards.variant].sensitivity
        ),
        unfinished_folder=unfinished(
            "measure_sensitivity_of_variant/{variant}/{model}_{eps}"
        ),
    message:
        "Study {wildcards.variant}: sensitivity of {wildcards.model} at epsilon {params.epsilon}."


use rule plot_accuracy as plot_accuracy_of_variant with:
    input:
        accuracy=expand(f"{VARIANT}/{{model}}.csv", model=MODELS, allow_missing=True),
        images=expand(
            f"{VARIANT}/{{model}}.correct.h5", model=MODELS, allow_missing=True
        ),
        made_from=expand(
            f"{VARIANT}/{{model}}.csv.json", model=MODELS, allow_missing=True
        ),
        models=FIRST_CHECKPOINTS,
    output:
        report(
            f"{VARIANT}/figure1_accuracy.svg",
            caption="captions/accuracy.rst",
            category="6 Open questions",
            labels={"study": "{variant}", "shows": "Figure 1"},
        ),
        multiext(f"{VARIANT}/figure1_accuracy", ".png", ".csv"),
    log:
        "<logs>/plot_accuracy_of_variant/{variant}.log",
    benchmark:
        "<benchmarks>/plot_accuracy_of_variant/{variant}.tsv"
    wildcard_constraints:
        variant=any_of(DRAWN_VARIANTS),
    params:
        code=code_of("plot_accuracy"),
        accuracy=lambda wildcards: expected_of_variant(
            MODELS, VARIANTS[wildcards.variant]
        )["accuracy"],
        models=MODELS,
        protocol=lambda wildcards: accuracy_settings(
            **VARIANTS[wildcards.variant].accuracy
        ).sentence(),
        bars=protocol.accuracy_bars("", MODELS),
    message:
        "Study {wildcards.variant}: Figure 1."


use rule plot_sensitivity as plot_sensitivity_of_variant with:
    input:
        sensitivity=lambda wildcards: expand(
            f"{VARIANT}/{{model}}_{{eps}}.h5",
            variant=wildcards.variant,
            model=MODELS,
            eps=in_file_names(VARIANTS[wildcards.variant].epsilons),
        ),
        models=FIRST_CHECKPOINTS,
    output:
        report(
            f"{VARIANT}/figure2_sensitivity.svg",
            caption="captions/sensitivity.rst",
            category="6 Open questions",
            labels={"study": "{variant}", "shows": "Figure 2"},
        ),
        multiext(f"{VARIANT}/figure2_sensitivity", ".png", ".csv"),
    log:
        "<logs>/plot_sensitivity_of_variant/{variant}.log",
    benchmark:
        "<benchmarks>/plot_sensitivity_of_variant/{variant}.tsv"
    wildcard_constraints:
        variant=any_of(DRAWN_VARIANTS),
    params:
        code=code_of("plot_sensitivity"),
        sensitivity=lambda wildcards: expected_of_variant(
            MODELS, VARIANTS[wildcards.variant]
        )["sensitivity"],
        models=MODELS,
        protocol=lambda wildcards: sensitivity_settings(
            **VARIANTS[wildcards.variant].sensitivity
        ).sentence(),
        spread="",
        pooled="",
    message:
        "Study {wildcards.variant}: Figure 2."


rule compare_study:
    input:
        unpack(files_of_variants),
        models=lambda wildcards: expand(
            "<results>/models/{model}.pt", model=models_of(wildcards.study)
        ),
    output:
        "<results>/studies/{study}.csv",
        made_from("<results>/studies/{study}.csv"),
    log:
        "<logs>/compare_study/{study}.log",
    benchmark:
        "<benchmarks>/compare_study/{study}.tsv"
    wildcard_constraints:
        study=any_of(COMPARED),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(4),
        runtime=10,
    params:
        code=code_of_study("compare_study", "measurement"),
        variants=lambda wildcards: {
            label: expected_of_variant(models_of(wildcards.study), variant)
            for label, variant in PLANS[wildcards.study].variants(config).items()
        },
    message:
        "Study {wildcards.study}: its measurements side by side."
    script:
        "../workflow_scripts/compare_study.py"


rule measure_study:
    input:
        unpack(inputs_of_study),
    output:
        "<results>/studies/{study}/{model}_{eps}.csv",
        made_from("<results>/studies/{study}/{model}_{eps}.csv"),
    log:
        "<logs>/measure_study/{study}/{model}_{eps}.log",
    benchmark:
        "<benchmarks>/measure_study/{study}/{model}_{eps}.tsv"
    wildcard_constraints:
        study=any_of(IN_PARTS),
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_study"),
        gpu=1,
    params:
        code=code_of_study("measure_study", "measurement"),
        expected=expected_of_inputs,
        files=lambda wildcards: [*PLANS[wildcards.study].inputs(config)],
        settings=lambda wildcards: PLANS[wildcards.study].settings(
            config, wildcards.model, epsilon_of(wildcards)
        ),
    message:
        "Study {wildcards.study}: {wildcards.model} at epsilon {wildcards.eps}."
    script:
        "../workflow_scripts/measure_study.py"


use rule measure_study as measure_whole_study with:
    output:
        "<results>/studies/{study}.csv",
        made_from("<results>/studies/{study}.csv"),
    log:
        "<logs>/measure_whole_study/{study}.log",
    benchmark:
        "<benchmarks>/measure_whole_study/{study}.tsv"
    wildcard_constraints:
        study=any_of(MEASURED_WHOLE),
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_whole_study"),
        gpu=1,
    params:
        code=code_of_study("measure_study", "measurement"),
        expected=expected_of_inputs,
        files=lambda wildcards: [*PLANS[wildcards.study].inputs(config)],
        settings=lambda wildcards: PLANS[wildcards.study].settings(config, "", ""),
    message:
        "Study {wildcards.study}: its measurements."


rule report_study:
    input:
        tables=tables_of_study,
        made_from=lambda wildcards: made_from(*tables_of_study(wildcards)),
        models=FIRST_CHECKPOINTS,
    output:
        page=report(
            "<results>/studies/{study}.html",
            caption="captions/study.rst",
            category="6 Open questions",
            labels={"study": "{study}", "shows": "table"},
        ),
        markdown="<results>/studies/{study}.md",
        svg=report(
            "<results>/studies/{study}.svg",
            caption="captions/study.rst",
            category="6 Open questions",
            labels={"study": "{study}", "shows": "figure"},
        ),
        png="<results>/studies/{study}.png",
    log:
        "<logs>/report_study/{study}.log",
    benchmark:
        "<benchmarks>/report_study/{study}.tsv"
    wildcard_constraints:
        study=any_of(STUDIES),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        code=code_of_study("report_study", "report"),
        models=MODELS,
        columns=lambda wildcards: PLANS[wildcards.study].columns,
        rows=rows_of_study,
        protocol=lambda wildcards: PLANS[wildcards.study].protocol(config),
    message:
        "Study {wildcards.study}: its table and figure."
    script:
        "../workflow_scripts/report_study.py"


for study in STUDIES:

    rule:
        name:
            study
        input:
            results_of_study(study),
        message:
            "Done."


rule studies:
    input:
        [results_of_study(study) for study in STUDIES],
    message:
        "Done: every study of what the paper left open."
