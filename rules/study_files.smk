"""The studies: the files that each takes. What a study is stands in its plan."""

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
