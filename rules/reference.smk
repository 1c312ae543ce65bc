# By its caption, or by the name of the study with which it stands.
REFERENCE_FIGURES = {
    "Figure 1: accuracy against epsilon": "<results>/figures/figure1_accuracy.png",
    "Figure 2: histograms of the features' sensitivities": "<results>/figures/figure2_sensitivity.png",
    "Accuracy against sensitivity": "<results>/figures/accuracy_against_sensitivity.png",
    **({"Learning curves": "<results>/figures/learning_curves.png"} if TRAINED else {}),
    **{study: f"<results>/studies/{study}.png" for study in POSSIBLE_STUDIES},
}


rule write_reference:
    input:
        code=code_of("write_reference"),
        sensitivity=SENSITIVITIES,
        summary="<results>/summary.csv",
        summary_page="<results>/summary.md",
        claims="<results>/claims.csv",
        studies=expand("<results>/studies/{study}.md", study=POSSIBLE_STUDIES),
        figures=list(REFERENCE_FIGURES.values()),
        interpretation=config["interpretation"] or [],
    output:
        page="<results>/reference/reference.md",
        figures=[
            f"<results>/reference/figures/reference_{Path(figure).name}"
            for figure in REFERENCE_FIGURES.values()
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
        title=f"Reference run: {results().name}",
        changed=changed_in_protocol(),
        studies=POSSIBLE_STUDIES,
        captions=list(REFERENCE_FIGURES),
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
