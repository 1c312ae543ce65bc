MODELS = list(config["models"])


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
        dataset=lambda wildcards: config["models"][wildcards.model]["dataset"],
        seed=config["seed"],
        side_checkpoint=lambda wildcards: str(
            results() / f"unfinished/train_model/{wildcards.model}.pt"
        ),
    message:
        "Model {wildcards.model}: training."
    script:
        "../workflow_scripts/train_model.py"
