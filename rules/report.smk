from feature_sensitivity.reporting import protocol


rule plot_accuracy:
    input:
        code=code_of("plot_accuracy"),
        accuracy=ACCURACIES,
    output:
        report(
            "<results>/figures/figure1_accuracy.svg",
            caption="captions/accuracy.rst",
            category="2 Accuracy",
            labels={"result": "Figure 1: accuracy against epsilon"},
        ),
        multiext("<results>/figures/figure1_accuracy", ".png", ".csv"),
    log:
        "<logs>/plot_accuracy.log",
    benchmark:
        "<benchmarks>/plot_accuracy.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        accuracy=expected_accuracy(REPLICATES, EPSILONS),
        models=MODELS,
        protocol=protocol.accuracy_attack(config["accuracy"]),
        bars=protocol.accuracy_bars(several_seeds(), single_networks()),
    message:
        "Figure 1: accuracy against epsilon."
    script:
        "../workflow_scripts/plot_accuracy.py"


rule plot_sensitivity:
    input:
        code=code_of("plot_sensitivity"),
        sensitivity=SENSITIVITIES,
        models=CHECKPOINTS,
    output:
        report(
            "<results>/figures/figure2_sensitivity.svg",
            caption="captions/sensitivity.rst",
            category="3 Sensitivity of features",
            labels={"result": "Figure 2: histograms of sensitivities"},
        ),
        multiext("<results>/figures/figure2_sensitivity", ".png", ".csv"),
    log:
        "<logs>/plot_sensitivity.log",
    benchmark:
        "<benchmarks>/plot_sensitivity.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        models=MODELS,
        derivation=derivation_settings(),
        protocol=protocol.sensitivity_attack(config["sensitivity"]),
        spread=protocol.spread("lines, with bands and bars", several_seeds()),
        pooled=protocol.pooled(several_seeds()),
    message:
        "Figure 2: histograms of the features' sensitivities."
    script:
        "../workflow_scripts/plot_sensitivity.py"


rule plot_construction:
    input:
        code=code_of("plot_construction"),
        dataset="<results>/data/{dataset}.h5",
        original=original_of,
    output:
        report(
            "<results>/figures/construction_{dataset}.svg",
            caption="captions/construction.rst",
            category="1 Models",
            labels={"result": "Constructed images of {dataset}"},
        ),
        "<results>/figures/construction_{dataset}.png",
    log:
        "<logs>/plot_construction/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_construction/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(CONSTRUCTED),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        expected=expected_of_inputs,
        source=dataset_settings,
        seed=SEED,
    message:
        "Contact sheet: original, start and result in {wildcards.dataset}."
    script:
        "../workflow_scripts/plot_construction.py"


rule plot_extremal_images:
    input:
        code=code_of("plot_extremal_images"),
        sensitivity=FIRST_SENSITIVITIES,
        models=FIRST_CHECKPOINTS,
        extremal=expand("<results>/extremal/{model}.h5", model=MODELS),
    output:
        svg=[
            report(
                f"<results>/figures/extremal_{model}_{as_file_name(epsilon)}.svg",
                caption="captions/extremal.rst",
                category="7 Single features",
                labels={
                    "result": "Extremal images",
                    "model": model,
                    "epsilon": epsilon,
                },
            )
            for model in MODELS
            for epsilon in EPSILONS
        ],
        png=expand(
            "<results>/figures/extremal_{model}_{eps}.png",
            model=MODELS,
            eps=in_file_names(EPSILONS),
        ),
    log:
        "<logs>/plot_extremal_images.log",
    benchmark:
        "<benchmarks>/plot_extremal_images.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        sensitivity=expected_sensitivity(MODELS, EPSILONS),
        derivation=derivation_settings(),
        protocol=protocol.sensitivity_attack(config["sensitivity"]),
    message:
        "Contact sheets: images at which features attain their extrema."
    script:
        "../workflow_scripts/plot_extremal_images.py"


rule draw_explorer:
    input:
        code=code_of("draw_explorer"),
        features="<results>/features.csv",
        sensitivity=SENSITIVITIES,
        models=CHECKPOINTS,
        extremal=expand("<results>/extremal/{model}.h5", model=REPLICATES),
    output:
        report(
            "<results>/explorer.html",
            caption="captions/explorer.rst",
            category="7 Single features",
            labels={"result": "Explorer", "model": "all", "epsilon": "all"},
        ),
    log:
        "<logs>/draw_explorer.log",
    benchmark:
        "<benchmarks>/draw_explorer.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(4),
        runtime=10,
    params:
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        protocol=protocol.sensitivity_attack(config["sensitivity"]),
    message:
        "Explorer: a page on which to look at every feature."
    script:
        "../workflow_scripts/draw_explorer.py"


rule summarize_results:
    input:
        code=code_of("summarize_results"),
        accuracy=ACCURACIES,
        checks=expand("<results>/accuracy/{model}.checks.csv", model=REPLICATES),
        histories=HISTORIES,
        sensitivity=SENSITIVITIES,
        models=CHECKPOINTS,
    output:
        csv="<results>/summary.csv",
        markdown="<results>/summary.md",
        page=report(
            "<results>/summary.html",
            caption="captions/summary.rst",
            category="4 Sensitivity and accuracy",
            labels={"result": "Table: accuracy and sensitivity of each model"},
        ),
        text="<results>/summary.txt",
    log:
        "<logs>/summarize_results.log",
    benchmark:
        "<benchmarks>/summarize_results.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        accuracy=expected_accuracy(REPLICATES, EPSILONS),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        trained=TRAINED,
        epochs=config["training"]["epochs"],
        adversarial=ADVERSARIAL,
        derivation=derivation_settings(),
        accuracy_protocol=protocol.accuracy_attack(config["accuracy"]),
        sensitivity_protocol=protocol.sensitivity_attack(config["sensitivity"]),
        spread=protocol.summary_spread(several_seeds(), single_networks()),
    message:
        "Summary: accuracy and sensitivity of each model at each epsilon."
    script:
        "../workflow_scripts/summarize_results.py"


rule judge_claims:
    input:
        code=code_of("judge_claims"),
        accuracy=ACCURACIES,
        sensitivity=SENSITIVITIES,
        models=CHECKPOINTS,
        feature_counts="<results>/feature_counts.csv",
        last_layer_refit=last_layer_refit(),
    output:
        csv="<results>/claims.csv",
        markdown="<results>/claims.md",
        page=report(
            "<results>/claims.html",
            caption="captions/claims.rst",
            category="5 Claims",
            labels={"result": "Verdicts: A1-A5, S1-S6, U1"},
        ),
    log:
        "<logs>/judge_claims.log",
    benchmark:
        "<benchmarks>/judge_claims.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        accuracy=expected_accuracy(REPLICATES, EPSILONS),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        definition=config["sensitivity"]["definition"],
        normalization=config["sensitivity"]["weight_normalization"],
        seeds=several_seeds(),
    message:
        "Claims: a verdict on each."
    script:
        "../workflow_scripts/judge_claims.py"


rule derive_measures:
    input:
        code=code_of("derive_measures"),
        sensitivity=SENSITIVITIES,
        attacked=ATTACKED,
        models=CHECKPOINTS,
    output:
        features="<results>/features.csv",
        counts="<results>/feature_counts.csv",
        markdown="<results>/feature_counts.md",
        page=report(
            "<results>/feature_counts.html",
            caption="captions/feature_counts.rst",
            category="3 Sensitivity of features",
            labels={"result": "Table: useful and robust features"},
        ),
    log:
        "<logs>/derive_measures.log",
    benchmark:
        "<benchmarks>/derive_measures.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        attacked=expected_attacked(REPLICATES),
        measures=config["measures"],
        derivation=derivation_settings(),
        protocol=protocol.feature_attack(config["sensitivity"]),
        spread=protocol.counts_spread(several_seeds()),
    message:
        "Measures of every feature."
    script:
        "../workflow_scripts/derive_measures.py"


rule plot_measures:
    input:
        code=code_of("plot_measures"),
        counts="<results>/feature_counts.csv",
        features="<results>/features.csv",
    output:
        report(
            "<results>/figures/useful_features.svg",
            caption="captions/feature_counts.rst",
            category="3 Sensitivity of features",
            labels={"result": "Useful and robust features (U1)"},
        ),
        *[
            report(
                f"<results>/figures/{measure}.svg",
                caption=f"captions/{measure}.rst",
                category="3 Sensitivity of features",
                labels={"result": DRAWN_MEASURES[measure]},
            )
            for measure in DRAWN
        ],
        expand(
            "<results>/figures/{figure}.{suffix}",
            figure=["useful_features", *DRAWN],
            suffix=["png", "csv"],
        ),
    log:
        "<logs>/plot_measures.log",
    benchmark:
        "<benchmarks>/plot_measures.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        svgs=lambda wildcards, output: output[: 1 + len(DRAWN)],
        drawn=DRAWN,
        models=MODELS,
        measurements=[(model, epsilon) for model in REPLICATES for epsilon in EPSILONS],
        protocols={
            "features": protocol.feature_attack(config["sensitivity"]),
            "class": protocol.accuracy_attack(attack_on_the_class()),
        },
        spread=protocol.counts_spread(several_seeds()),
        pooled=protocol.pooled(several_seeds()),
    message:
        "Useful and robust features, and measures of all features."
    script:
        "../workflow_scripts/plot_measures.py"


rule plot_learning:
    input:
        code=code_of("plot_learning"),
        histories=HISTORIES,
    output:
        report(
            "<results>/figures/learning_curves.svg",
            caption="captions/learning.rst",
            category="1 Models",
            labels={"result": "Learning curves"},
        ),
        "<results>/figures/learning_curves.png",
    log:
        "<logs>/plot_learning.log",
    benchmark:
        "<benchmarks>/plot_learning.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        replicates=TRAINED,
        epochs=config["training"]["epochs"],
        adversarial=ADVERSARIAL,
        protocol=protocol.training(config["training"], config["adversarial_training"]),
        seeds=protocol.spread("lines and bands", several_seeds()) or f"seed {SEED}",
    message:
        "Learning curves."
    script:
        "../workflow_scripts/plot_learning.py"


rule plot_quantiles:
    input:
        code=code_of("plot_quantiles"),
        sensitivity=SENSITIVITIES,
        models=CHECKPOINTS,
    output:
        report(
            "<results>/figures/sensitivity_quantiles.svg",
            caption="captions/quantiles.rst",
            category="3 Sensitivity of features",
            labels={"result": "Quantiles against a normal distribution (S1)"},
        ),
        multiext("<results>/figures/sensitivity_quantiles", ".png", ".csv"),
    log:
        "<logs>/plot_quantiles.log",
    benchmark:
        "<benchmarks>/plot_quantiles.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        models=MODELS,
        derivation=derivation_settings(),
        protocol=protocol.sensitivity_attack(config["sensitivity"]),
        spread=protocol.spread("points and bands", several_seeds()),
    message:
        "Quantiles of the sensitivities against a normal distribution."
    script:
        "../workflow_scripts/plot_quantiles.py"


rule plot_tradeoff:
    input:
        code=code_of("plot_tradeoff"),
        summary="<results>/summary.csv",
        sensitivity=SENSITIVITIES,
        models=CHECKPOINTS,
    output:
        report(
            "<results>/figures/accuracy_against_sensitivity.svg",
            caption="captions/tradeoff.rst",
            category="4 Sensitivity and accuracy",
            labels={"result": "Accuracy against sensitivity (S5)"},
        ),
        "<results>/figures/accuracy_against_sensitivity.png",
    log:
        "<logs>/plot_tradeoff.log",
    benchmark:
        "<benchmarks>/plot_tradeoff.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        models=MODELS,
        accuracy_protocol=protocol.accuracy_attack(config["accuracy"]),
        sensitivity_protocol=protocol.sensitivity_attack(config["sensitivity"]),
        bars=protocol.accuracy_bars(several_seeds(), single_networks()),
    message:
        "Accuracy against sensitivity."
    script:
        "../workflow_scripts/plot_tradeoff.py"


rule write_overview:
    input:
        code=code_of("write_overview"),
        claims="<results>/claims.csv",
        figure1="<results>/figures/figure1_accuracy.png",
        figure2="<results>/figures/figure2_sensitivity.png",
    output:
        report(
            "<results>/overview.html",
            caption="captions/overview.rst",
            category="0 At a glance",
            labels={"result": "Question, figures, verdicts"},
        ),
    log:
        "<logs>/write_overview.log",
    benchmark:
        "<benchmarks>/write_overview.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        measured=protocol.measured(config),
        links=OVERVIEW_LINKS,
    message:
        "The run at a glance."
    script:
        "../workflow_scripts/write_overview.py"


# Without inputs or outputs: it tabulates what is there, whenever it is asked for, and makes nothing run.
rule tabulate_benchmarks:
    log:
        "<logs>/tabulate_benchmarks.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1),
        runtime=10,
    params:
        folder=str(results() / "benchmarks"),
        table=str(results() / "benchmarks.csv"),
    message:
        "Time and memory of each rule's jobs so far."
    script:
        "../workflow_scripts/tabulate_benchmarks.py"


use rule tabulate_benchmarks as benchmarks
