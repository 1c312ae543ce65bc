from feature_sensitivity.config.measures import MEASURES
from feature_sensitivity.reporting import protocol

# Measures with a figure of their own, and its title.
DRAWN_MEASURES = {
    "used_share": "What an attack on the classifier uses of each feature",
    "linearity": "How linear each feature is in the ball",
}
DRAWN = [name for name in DRAWN_MEASURES if name in (config["measures"] or MEASURES)]


rule plot_accuracy:
    input:
        accuracy=ACCURACIES,
        images=CORRECT,
        made_from=made_from(*ACCURACIES),
        models=CHECKPOINTS,
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
        code=code_of("plot_accuracy"),
        accuracy=expected_accuracy(REPLICATES, EPSILONS),
        models=MODELS,
        protocol=accuracy_settings().sentence(),
        bars=protocol.accuracy_bars(several_seeds(), single_networks()),
    message:
        "Figure 1: accuracy against epsilon."
    script:
        "../workflow_scripts/plot_accuracy.py"


rule plot_sensitivity:
    input:
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
        code=code_of("plot_sensitivity"),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        models=MODELS,
        protocol=sensitivity_settings().sentence(),
        spread=protocol.spread("lines, with bands", several_seeds()),
        pooled=protocol.pooled(several_seeds()),
    message:
        "Figure 2: histograms of the features' sensitivities."
    script:
        "../workflow_scripts/plot_sensitivity.py"


rule plot_quantiles:
    input:
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
        code=code_of("plot_quantiles"),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        models=MODELS,
        protocol=sensitivity_settings().sentence(),
        spread=protocol.spread("points and bands", several_seeds()),
    message:
        "Quantiles of the sensitivities against a normal distribution."
    script:
        "../workflow_scripts/plot_quantiles.py"


rule plot_tradeoff:
    input:
        summary="<results>/summary.csv",
        made_from=made_from("<results>/summary.csv"),
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
        code=code_of("plot_tradeoff"),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        models=MODELS,
        accuracy_protocol=accuracy_settings().sentence(),
        sensitivity_protocol=sensitivity_settings().sentence(),
        bars=protocol.accuracy_bars(several_seeds(), single_networks()),
    message:
        "Accuracy against sensitivity."
    script:
        "../workflow_scripts/plot_tradeoff.py"


rule plot_learning:
    input:
        histories=HISTORIES,
        made_from=made_from(*HISTORIES),
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
        code=code_of("plot_learning"),
        expected=expected_histories(),
        protocol=protocol.training(config["training"], config["adversarial_training"]),
        seeds=protocol.spread("lines and bands", several_seeds()) or f"seed {SEED}",
    message:
        "Learning curves."
    script:
        "../workflow_scripts/plot_learning.py"


rule plot_measures:
    input:
        counts="<results>/feature_counts.csv",
        features="<results>/features.csv",
        made_from=made_from("<results>/feature_counts.csv", "<results>/features.csv"),
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
        code=code_of("plot_measures"),
        svgs=lambda wildcards, output: output[: 1 + len(DRAWN)],
        drawn=DRAWN,
        models=MODELS,
        epsilons=EPSILONS,
        expected={"sensitivity": expected_of_run()["sensitivity"]},
        protocols={
            "features": sensitivity_settings().attack_sentence(),
            "class": attack_on_the_class(MODELS[0]).sentence(),
        },
        spread=protocol.counts_spread(several_seeds()),
        pooled=protocol.pooled(several_seeds()),
    message:
        "Useful and robust features, and measures of all features."
    script:
        "../workflow_scripts/plot_measures.py"


rule plot_extremal_images:
    input:
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
        code=code_of("plot_extremal_images"),
        sensitivity=expected_sensitivity(MODELS, EPSILONS),
        protocol=sensitivity_settings().sentence(),
    message:
        "Contact sheets: images at which features attain their extrema."
    script:
        "../workflow_scripts/plot_extremal_images.py"


rule plot_construction:
    input:
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
        code=code_of("plot_construction"),
        expected=expected_of_inputs,
        source=dataset_settings,
        seed=SEED,
    message:
        "Contact sheet: original, start and result in {wildcards.dataset}."
    script:
        "../workflow_scripts/plot_construction.py"
