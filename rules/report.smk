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
        bars=protocol.accuracy_bars(several_seeds()),
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
        spread=protocol.summary_spread(several_seeds()),
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
        last_layer_refit=last_layer_refit(),
    output:
        csv="<results>/claims.csv",
        markdown="<results>/claims.md",
        page=report(
            "<results>/claims.html",
            caption="captions/claims.rst",
            category="5 Claims",
            labels={"result": "Verdicts: A1-A5, S1-S6"},
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
        bars=protocol.accuracy_bars(several_seeds()),
    message:
        "Accuracy against sensitivity."
    script:
        "../workflow_scripts/plot_tradeoff.py"


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
