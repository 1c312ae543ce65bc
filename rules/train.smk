rule train_model:
    input:
        dataset=lambda wildcards: training_data_of(wildcards.model),
        evaluation=evaluation_dataset(),
        architecture=architecture_files,
    output:
        model="<results>/models/{model}.pt",
        history="<results>/models/{model}.history.csv",
        made_from=made_from("<results>/models/{model}.history.csv"),
    log:
        "<logs>/train_model/{model}.log",
    benchmark:
        "<benchmarks>/train_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(TRAINED),
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("train_model"),
        gpu=1,
    params:
        code=code_of("train_model"),
        expected=expected_of_inputs,
        architecture=architecture,
        width=config["network"]["width"],
        standardization=config["standardization"],
        own_standardization=own_standardization,
        training=config["training"],
        attack=training_attack,
        dataset=lambda wildcards: model_settings(wildcards.model)["dataset"],
        seed=lambda wildcards: seed_of(wildcards.model, config["seeds"]),
        partial_result=unfinished("train_model/{model}.pt"),
    message:
        "Model {wildcards.model}: training."
    script:
        "../workflow_scripts/train_model.py"


rule import_model:
    input:
        weights=lambda wildcards: weights_of(wildcards) or [],
        evaluation=evaluation_dataset(),
        architecture=architecture_files,
    output:
        "<results>/models/{model}.pt",
    log:
        "<logs>/import_model/{model}.log",
    benchmark:
        "<benchmarks>/import_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(IMPORTED),
    # First, so that a file that does not fit is reported before anything takes long.
    priority: 1
    conda:
        "../envs/compute.yaml"
    resources:
        mem_mb=memory(4),
        runtime=10,
    params:
        code=code_of("import_model"),
        expected=expected_of_inputs,
        architecture=architecture,
        standardization=config["standardization"],
        own_standardization=own_standardization,
        weights=weights_of,
        # A file with an older date that takes its place is noticed, too.
        sha256=weights_sha256,
        dataset=lambda wildcards: model_settings(wildcards.model)["dataset"],
    message:
        "Model {wildcards.model}: taking it as it was trained elsewhere."
    script:
        "../workflow_scripts/import_model.py"
