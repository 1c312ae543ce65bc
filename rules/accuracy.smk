rule measure_accuracy:
    message:
        "Model {wildcards.model}: accuracy without attack and at every epsilon."
    input:
        code=package_files("measure_accuracy"),
        model="<results>/models/{model}.pt",
        evaluation=evaluation_dataset(),
    output:
        "<results>/accuracy/{model}.csv",
    log:
        "<results>/logs/measure_accuracy/{model}.log",
    benchmark:
        "<results>/benchmarks/measure_accuracy/{model}.tsv"
    params:
        epsilons=config["epsilons"],
        settings=config["accuracy"],
        seed=config["seed"],
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_accuracy"),
        gpu=1,
    conda:
        "../envs/compute.yaml"
    script:
        "../workflow_scripts/measure_accuracy.py"
