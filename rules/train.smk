MODELS = list(config["models"])
REPLICATES = replicate_names(MODELS, config["seeds"])


rule train_model:
    input:
        code=source_files("train_model"),
        dataset=dataset_of,
        evaluation=evaluation_dataset(),
    output:
        model="<results>/models/{model}.pt",
        history="<results>/models/{model}.history.csv",
    log:
        "<results>/logs/train_model/{model}.log",
    benchmark:
        "<results>/benchmarks/train_model/{model}.tsv"
    conda:
        compute_environment()
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("train_model"),
        gpu=1,
    params:
        network=config["network"],
        training=training_settings,
        dataset=lambda wildcards: model_settings(wildcards.model)["dataset"],
        seed=lambda wildcards: seed_of(wildcards.model, config["seeds"]),
        side_checkpoint=lambda wildcards: str(
            results() / f"unfinished/train_model/{wildcards.model}.pt"
        ),
    message:
        "Model {wildcards.model}: training."
    script:
        "../workflow_scripts/train_model.py"
