# The page opens with the summary and the paper's figures; by page, the figures that stand with it, by caption.
REFERENCE_FIGURES = {
    "<results>/summary.md": {
        "Figure 1: accuracy against epsilon": "<results>/figures/figure1_accuracy.png",
        "Figure 2: histograms of the features' sensitivities": "<results>/figures/figure2_sensitivity.png",
        "Accuracy against sensitivity": "<results>/figures/accuracy_against_sensitivity.png",
        **(
            {"Learning curves": "<results>/figures/learning_curves.png"}
            if TRAINED
            else {}
        ),
    },
    "<results>/feature_counts.md": {
        "Features counted": "<results>/figures/useful_features.png",
        **{DRAWN_MEASURES[name]: f"<results>/figures/{name}.png" for name in DRAWN},
        **{
            f"Where features of {model} attain their extrema": f"<results>/figures/extremal_{model}_{as_file_name(EPSILONS[-1])}.png"
            for model in MODELS
        },
    },
    **{
        f"<results>/studies/{study}.md": {
            f"Study of {study.replace('_', ' ')}": f"<results>/studies/{study}.png"
        }
        for study in POSSIBLE_STUDIES
    },
}

DRAWN_IN_REFERENCE = [
    figure for of_page in REFERENCE_FIGURES.values() for figure in of_page.values()
]


rule write_reference:
    input:
        sensitivity=SENSITIVITIES,
        summary="<results>/summary.csv",
        claims="<results>/claims.csv",
        made_from=made_from("<results>/summary.csv", "<results>/claims.csv"),
        pages=list(REFERENCE_FIGURES),
        figures=DRAWN_IN_REFERENCE,
        interpretation=[config["interpretation"]] if config["interpretation"] else [],
    output:
        page="<results>/reference/reference.md",
        figures=[
            f"<results>/reference/figures/reference_{Path(figure).name}"
            for figure in DRAWN_IN_REFERENCE
        ],
    log:
        "<logs>/write_reference.log",
    benchmark:
        "<benchmarks>/write_reference.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        code=code_of("write_reference"),
        title="Reference run",
        expected=expected_of_run(),
        # Called for the job, since Snakemake takes the {seed} in the path of weights for a wildcard of its own.
        changed=lambda wildcards: changed_in_protocol(),
        captions=[list(of_page) for of_page in REFERENCE_FIGURES.values()],
        benchmarks=str(results() / "benchmarks"),
    message:
        "Reference page: the whole run on one page."
    script:
        "../workflow_scripts/write_reference.py"


rule reference:
    input:
        "<results>/reference/reference.md",
    message:
        "Done: the whole run on one page."
