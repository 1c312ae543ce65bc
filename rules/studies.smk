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
