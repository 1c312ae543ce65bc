SHARD = "<results>/unfinished/shards/{model}_{eps}.{shard}.h5"
PART = "{model}_{eps}" if N_SHARDS == 1 else "{model}_{eps}.{shard}"


rule check_features:
    input:
        weights=lambda wildcards: weights_of(wildcards) or [],
        evaluation=evaluation_dataset(),
        architecture=architecture_files,
    output:
        "<results>/models/{model}.features.txt",
    log:
        "<logs>/check_features/{model}.log",
    benchmark:
        "<benchmarks>/check_features/{model}.tsv"
    # First and alone, so that a layer that does not exist is reported before anything takes long.
    priority: 2
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(4),
        runtime=10,
    params:
        code=code_of("check_features"),
        expected=expected_of_inputs,
        entry=lambda wildcards: model_settings(wildcards.model),
        architecture=architecture,
        width=config["network"]["width"],
        settings=lambda wildcards: chosen_features(wildcards.model),
    message:
        "Model {wildcards.model}: whether it has the features that are asked for."
    script:
        "../workflow_scripts/check_features.py"


rule measure_sensitivity:
    input:
        model=measured_model,
        # Whether a layer exists decides no number.
        checked=lambda wildcards: ancient(features_to_check(wildcards.model)),
        evaluation=evaluation_dataset(),
    output:
        "<results>/sens/{model}_{eps}.h5" if N_SHARDS == 1 else temp(SHARD),
    log:
        f"<logs>/measure_sensitivity/{PART}.log",
    benchmark:
        f"<benchmarks>/measure_sensitivity/{PART}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_sensitivity"),
        gpu=1,
    params:
        code=code_of("measure_sensitivity"),
        expected=expected_of_inputs,
        epsilon=epsilon_of,
        settings=lambda wildcards: measurement_settings(wildcards.model),
        unfinished_folder=unfinished(f"measure_sensitivity/{PART}"),
    message:
        "Model {wildcards.model}: sensitivity of its features at epsilon {params.epsilon}."
    script:
        "../workflow_scripts/measure_sensitivity.py"


if N_SHARDS > 1:

    rule gather_sensitivity:
        input:
            shards=expand(SHARD, shard=range(1, N_SHARDS + 1), allow_missing=True),
        output:
            "<results>/sens/{model}_{eps}.h5",
        log:
            "<logs>/gather_sensitivity/{model}_{eps}.log",
        benchmark:
            "<benchmarks>/gather_sensitivity/{model}_{eps}.tsv"
        conda:
            "../envs/report.yaml"
        resources:
            mem_mb=memory(4),
            runtime=20,
        params:
            code=code_of("gather_sensitivity"),
        message:
            "Model {wildcards.model}: putting the shards of epsilon {wildcards.eps} together."
        script:
            "../workflow_scripts/gather_sensitivity.py"


rule measure_attacked_features:
    input:
        model="<results>/models/{model}.pt",
        evaluation=evaluation_dataset(),
    output:
        "<results>/attacked/{model}.h5",
    log:
        "<logs>/measure_attacked_features/{model}.log",
    benchmark:
        "<benchmarks>/measure_attacked_features/{model}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_attacked_features"),
        gpu=1,
    params:
        code=code_of("measure_attacked_features"),
        expected=expected_of_inputs,
        epsilons=EPSILONS,
        attack=lambda wildcards: attack_on_the_class(wildcards.model).as_parameters(),
        features=lambda wildcards: chosen_settings(
            wildcards.model, (*OWN_SENSITIVITY_KEYS, "batch_size")
        ),
        unfinished_folder=unfinished("measure_attacked_features/{model}"),
    message:
        "Model {wildcards.model}: its features at attacked images, and their gradients."
    script:
        "../workflow_scripts/measure_attacked_features.py"


rule keep_extremal_images:
    input:
        model="<results>/models/{model}.pt",
        evaluation=evaluation_dataset(),
        sensitivity=expand(
            "<results>/sens/{model}_{eps}.h5",
            eps=in_file_names(EPSILONS),
            allow_missing=True,
        ),
    output:
        "<results>/extremal/{model}.h5",
    log:
        "<logs>/keep_extremal_images/{model}.log",
    benchmark:
        "<benchmarks>/keep_extremal_images/{model}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("keep_extremal_images"),
        gpu=1,
    params:
        code=code_of("keep_extremal_images"),
        expected=expected_of_inputs,
        sensitivity=lambda wildcards: expected_sensitivity([wildcards.model], EPSILONS),
        kept=config["extremal_images"],
    message:
        "Model {wildcards.model}: images at which its most and least sensitive features attain their extrema."
    script:
        "../workflow_scripts/keep_extremal_images.py"
