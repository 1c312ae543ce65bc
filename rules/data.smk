rule fetch_dataset:
    input:
        local_copy=local_copy,
    output:
        "<results>/data/{dataset}.h5",
    log:
        "<logs>/fetch_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/fetch_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(FETCHED),
    conda:
        "../envs/compute.yaml"
    resources:
        mem_mb=memory(4),
        runtime=60,
    params:
        code=code_of("fetch_dataset"),
        source=dataset_settings,
        standardization=config["standardization"],
        settings=lambda wildcards: dataset_identity(wildcards.dataset),
        downloads=str(results() / "downloads"),
    message:
        "Dataset {wildcards.dataset}: fetching it and writing it in the common form."
    script:
        "../workflow_scripts/fetch_dataset.py"


rule construct_dataset:
    input:
        original=original_of,
        teacher=teacher_of,
    output:
        temp("<results>/data/{dataset}/part_{part}.h5"),
    log:
        "<logs>/construct_dataset/{dataset}_{part}.log",
    benchmark:
        "<benchmarks>/construct_dataset/{dataset}_{part}.tsv"
    wildcard_constraints:
        dataset=any_of(CONSTRUCTED),
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("construct_dataset"),
        gpu=1,
    params:
        code=code_of("construct_dataset"),
        expected=expected_of_inputs,
        source=dataset_settings,
        seed=SEED,
        unfinished_folder=unfinished("construct_dataset/{dataset}_{part}"),
    message:
        "Dataset {wildcards.dataset}: constructing part {wildcards.part} of {params.source[shards]} from model {params.source[teacher]}."
    script:
        "../workflow_scripts/construct_dataset.py"


rule gather_dataset:
    input:
        parts=parts_of,
        teacher=teacher_of,
    output:
        "<results>/data/{dataset}.h5",
    log:
        "<logs>/gather_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/gather_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(CONSTRUCTED),
    conda:
        "../envs/compute.yaml"
    resources:
        mem_mb=memory(4),
        runtime=20,
    params:
        code=code_of("gather_dataset"),
        source=dataset_settings,
        settings=lambda wildcards: dataset_identity(wildcards.dataset),
    message:
        "Dataset {wildcards.dataset}: putting its parts together."
    script:
        "../workflow_scripts/gather_dataset.py"
