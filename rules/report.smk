ACCURACIES = expand("<results>/accuracy/{model}.csv", model=MODELS)
SENSITIVITIES = expand("<results>/sens/{model}_{eps}.h5", model=MODELS, eps=config["epsilons"])


rule plot_accuracy:
    message:
        "Figure 1: accuracy against epsilon."
    input:
        code=package_files("plot_accuracy"),
        accuracy=ACCURACIES,
    output:
        multiext("<results>/figures/figure1_accuracy", ".svg", ".png", ".csv"),
    log:
        "<results>/logs/plot_accuracy.log",
    params:
        models=MODELS,
        settings=config["accuracy"],
    resources:
        mem_mb=memory(2),
        runtime=10,
    conda:
        "../envs/report.yaml"
    script:
        "../workflow_scripts/plot_accuracy.py"


rule plot_sensitivity:
    message:
        "Figure 2: histograms of the features' sensitivities."
    input:
        code=package_files("plot_sensitivity"),
        sensitivity=SENSITIVITIES,
    output:
        multiext("<results>/figures/figure2_sensitivity", ".svg", ".png", ".csv"),
    log:
        "<results>/logs/plot_sensitivity.log",
    params:
        models=MODELS,
        epsilons=config["epsilons"],
        std=config["standardization"]["std"],
    resources:
        mem_mb=memory(2),
        runtime=10,
    conda:
        "../envs/report.yaml"
    script:
        "../workflow_scripts/plot_sensitivity.py"


rule summarize_results:
    message:
        "Summary: accuracy and sensitivity of each model at each epsilon."
    input:
        code=package_files("summarize_results"),
        accuracy=ACCURACIES,
        sensitivity=SENSITIVITIES,
    output:
        csv="<results>/summary.csv",
        markdown="<results>/summary.md",
        text="<results>/summary.txt",
    log:
        "<results>/logs/summarize_results.log",
    params:
        models=MODELS,
        epsilons=config["epsilons"],
        std=config["standardization"]["std"],
    resources:
        mem_mb=memory(2),
        runtime=10,
    conda:
        "../envs/report.yaml"
    script:
        "../workflow_scripts/summarize_results.py"
