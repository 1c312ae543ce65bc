rule measure_accuracy:
    input:
        model="<results>/models/{model}.pt",
        evaluation=evaluation_dataset(),
    output:
        accuracy="<results>/accuracy/{model}.csv",
        checks="<results>/accuracy/{model}.checks.csv",
        images="<results>/accuracy/{model}.correct.h5",
        made_from=made_from(
            "<results>/accuracy/{model}.csv", "<results>/accuracy/{model}.checks.csv"
        ),
    log:
        "<logs>/measure_accuracy/{model}.log",
    benchmark:
        "<benchmarks>/measure_accuracy/{model}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_accuracy"),
        gpu=1,
    params:
        code=code_of("measure_accuracy"),
        expected=expected_of_inputs,
        epsilons=EPSILONS,
        settings=accuracy_settings().as_parameters(),
    message:
        "Model {wildcards.model}: accuracy without attack and at every epsilon."
    script:
        "../workflow_scripts/measure_accuracy.py"
