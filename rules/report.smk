ACCURACIES = expand("<results>/accuracy/{model}.csv", model=MODELS)
SENSITIVITIES = expand(
    "<results>/sens/{model}_{eps}.h5", model=MODELS, eps=config["epsilons"]
)


rule plot_accuracy:
    input:
        code=source_files("plot_accuracy"),
        accuracy=ACCURACIES,
    output:
        multiext("<results>/figures/figure1_accuracy", ".svg", ".png", ".csv"),
    log:
        "<results>/logs/plot_accuracy.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        models=MODELS,
        settings=config["accuracy"],
    message:
        "Figure 1: accuracy against epsilon."
    script:
        "../workflow_scripts/plot_accuracy.py"


rule plot_sensitivity:
    input:
        code=source_files("plot_sensitivity"),
        sensitivity=SENSITIVITIES,
    output:
        multiext("<results>/figures/figure2_sensitivity", ".svg", ".png", ".csv"),
    log:
        "<results>/logs/plot_sensitivity.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        models=MODELS,
        epsilons=config["epsilons"],
        std=config["standardization"]["std"],
    message:
        "Figure 2: histograms of the features' sensitivities."
    script:
        "../workflow_scripts/plot_sensitivity.py"


rule summarize_results:
    input:
        code=source_files("summarize_results"),
        accuracy=ACCURACIES,
        sensitivity=SENSITIVITIES,
    output:
        csv="<results>/summary.csv",
        markdown="<results>/summary.md",
        text="<results>/summary.txt",
    log:
        "<results>/logs/summarize_results.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        models=MODELS,
        epsilons=config["epsilons"],
        std=config["standardization"]["std"],
    message:
        "Summary: accuracy and sensitivity of each model at each epsilon."
    script:
        "../workflow_scripts/summarize_results.py"


rule judge_claims:
    input:
        code=package_files("judge_claims"),
        accuracy=ACCURACIES,
        sensitivity=SENSITIVITIES,
        relinear=relinear_table,
    output:
        csv="<results>/claims.csv",
        markdown="<results>/claims.md",
    log:
        "<results>/logs/judge_claims.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        definition=config["sensitivity"]["definition"],
        normalization=config["sensitivity"]["weight_normalization"],
    message:
        "Claims: a verdict on each."
    script:
        "../workflow_scripts/judge_claims.py"
