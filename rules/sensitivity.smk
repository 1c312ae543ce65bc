rule measure_sensitivity:
    input:
        code=source_files("measure_sensitivity"),
        model="<results>/models/{model}.pt",
        evaluation=evaluation_dataset(),
    output:
        "<results>/sens/{model}_{eps}.h5",
    log:
        "<results>/logs/measure_sensitivity/{model}_{eps}.log",
    benchmark:
        "<results>/benchmarks/measure_sensitivity/{model}_{eps}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_sensitivity"),
        gpu=1,
    params:
        settings=config["sensitivity"],
        seed=config["seed"],
        side_checkpoint=lambda wildcards: str(
            results()
            / f"unfinished/measure_sensitivity/{wildcards.model}_{wildcards.eps}.pt"
        ),
    message:
        "Model {wildcards.model}: sensitivity of its features at epsilon {wildcards.eps}."
    script:
        "../workflow_scripts/measure_sensitivity.py"
