from feature_sensitivity.reporting import protocol

# What the page at a glance links to; `all` makes each.
OVERVIEW_LINKS = {
    "What each verdict rests on": "claims.html",
    "Accuracy and sensitivity of each model": "summary.html",
    "Useful and robust features": "feature_counts.html",
    **{DRAWN_MEASURES[name]: f"figures/{name}.svg" for name in DRAWN},
    "Accuracy against sensitivity": "figures/accuracy_against_sensitivity.svg",
    "Every feature, to look at": "explorer.html",
    "Every measure of every feature": "features.csv",
}


rule derive_measures:
    input:
        sensitivity=SENSITIVITIES,
        attacked=ATTACKED,
        models=CHECKPOINTS,
    output:
        features="<results>/features.csv",
        counts="<results>/feature_counts.csv",
        made_from=made_from("<results>/features.csv", "<results>/feature_counts.csv"),
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
        code=code_of("derive_measures"),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        attacked=accuracy_settings().as_parameters(),
        measures=config["measures"],
        protocol=sensitivity_settings().attack_sentence(),
        spread=protocol.counts_spread(several_seeds()),
    message:
        "Measures of every feature."
    script:
        "../workflow_scripts/derive_measures.py"


rule summarize_results:
    input:
        accuracy=ACCURACIES,
        images=CORRECT,
        checks=CHECKS,
        histories=HISTORIES,
        made_from=made_from(*ACCURACIES, *CHECKS, *HISTORIES),
        sensitivity=SENSITIVITIES,
        models=CHECKPOINTS,
    output:
        csv="<results>/summary.csv",
        made_from=made_from("<results>/summary.csv"),
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
        code=code_of("summarize_results"),
        accuracy=expected_accuracy(REPLICATES, EPSILONS),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        histories=expected_histories(),
        accuracy_protocol=accuracy_settings().sentence(),
        sensitivity_protocol=sensitivity_settings().sentence(),
        spread=protocol.summary_spread(several_seeds(), single_networks()),
    message:
        "Summary: accuracy and sensitivity of each model at each epsilon."
    script:
        "../workflow_scripts/summarize_results.py"


rule judge_claims:
    input:
        accuracy=ACCURACIES,
        images=CORRECT,
        sensitivity=SENSITIVITIES,
        attacked=ATTACKED,
        models=CHECKPOINTS,
        feature_counts="<results>/feature_counts.csv",
        made_from=made_from(
            *ACCURACIES, "<results>/feature_counts.csv", *table_behind_a_claim()
        ),
        refits=table_behind_a_claim(),
    output:
        csv="<results>/claims.csv",
        made_from=made_from("<results>/claims.csv"),
        markdown="<results>/claims.md",
        page=report(
            "<results>/claims.html",
            caption="captions/claims.rst",
            category="5 Claims",
            labels={"result": "Verdicts: A1-A5, S1-S6, C1, U1"},
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
        code=code_of("judge_claims"),
        accuracy=expected_accuracy(REPLICATES, EPSILONS),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        attacked=accuracy_settings().as_parameters(),
        seeds=several_seeds(),
    message:
        "Claims: a verdict on each."
    script:
        "../workflow_scripts/judge_claims.py"


rule draw_explorer:
    input:
        features="<results>/features.csv",
        made_from=made_from("<results>/features.csv"),
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
        code=code_of("draw_explorer"),
        sensitivity=expected_sensitivity(REPLICATES, EPSILONS),
        protocol=sensitivity_settings().sentence(),
    message:
        "Explorer: a page on which to look at every feature."
    script:
        "../workflow_scripts/draw_explorer.py"


rule write_overview:
    input:
        claims="<results>/claims.csv",
        made_from=made_from("<results>/claims.csv"),
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
        code=code_of("write_overview"),
        expected=expected_of_run(),
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
