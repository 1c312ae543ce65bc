from feature_sensitivity.studies.attack_strength.settings import WEAKEST
from feature_sensitivity.studies.attack_strength.settings import accuracy_changes
from feature_sensitivity.studies.attack_strength.settings import sensitivity_changes

# What the study of norms changes in the settings of sensitivities.
L2 = {"norm": "l2", "images": STUDY["norms"]["images"]}
# And in those of accuracies; it has no place for those under Auto-PGD.
ACCURACY_L2 = {"norm": "l2", "stronger_attack": None}
CROSSING = ["normal", "robust_dataset"]
# What the study of convergence takes from the settings of sensitivities; attacks, images and features are its own.
OF_CONVERGENCE = (
    "norm",
    "epsilon_unit",
    "iterate",
    "clip_to_pixel_box",
    "layer",
    "positions",
    "channels",
    "definition",
    "search_dtype",
    "batch_size",
    "seed",
)
BY_PROTOCOL = "<results>/studies/attack_strength/{protocol}"


rule compare_definitions:
    input:
        accuracy=FIRST_ACCURACIES,
        sensitivity=FIRST_SENSITIVITIES,
        models=FIRST_CHECKPOINTS,
    output:
        "<results>/studies/definitions.csv",
    log:
        "<logs>/compare_definitions.log",
    benchmark:
        "<benchmarks>/compare_definitions.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        code=code_of("compare_definitions"),
        accuracy=expected_accuracy(MODELS, EPSILONS),
        sensitivity=expected_sensitivity(MODELS, EPSILONS),
    message:
        "Study definitions: the claims by every definition of sensitivity."
    script:
        "../workflow_scripts/compare_definitions.py"


rule bound_errors:
    input:
        model="<results>/models/{model}.pt",
        evaluation=evaluation_dataset(),
        sensitivity="<results>/sens/{model}_{eps}.h5",
    output:
        "<results>/studies/error_bounds/{model}_{eps}.csv",
    log:
        "<logs>/bound_errors/{model}_{eps}.log",
    benchmark:
        "<benchmarks>/bound_errors/{model}_{eps}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("bound_errors"),
        gpu=1,
    params:
        code=code_of("bound_errors"),
        expected=expected_of_inputs,
        epsilon=epsilon_of,
        attack=lambda wildcards: attack_on_the_class(
            wildcards.model, iterate="any", restarts=STUDY["error_bounds"]["restarts"]
        ).as_parameters(),
        settings=lambda wildcards: measurement_settings(wildcards.model),
    message:
        "Study error_bounds: bounds of the error of {wildcards.model} at epsilon {params.epsilon}, and an attack."
    script:
        "../workflow_scripts/bound_errors.py"


rule measure_convergence:
    input:
        model=measured_model,
        evaluation=evaluation_dataset(),
    output:
        "<results>/studies/convergence/{model}_{eps}.csv",
    log:
        "<logs>/measure_convergence/{model}_{eps}.log",
    benchmark:
        "<benchmarks>/measure_convergence/{model}_{eps}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_convergence"),
        gpu=1,
    params:
        code=code_of("measure_convergence"),
        expected=expected_of_inputs,
        epsilon=epsilon_of,
        study=STUDY["convergence"],
        settings=lambda wildcards: chosen_settings(wildcards.model, OF_CONVERGENCE),
    message:
        "Study convergence: many attacks on a sample of {wildcards.model}'s features at epsilon {params.epsilon}."
    script:
        "../workflow_scripts/measure_convergence.py"


# Of a rule that is used again, new resources replace all of its own, so each is given again.
use rule measure_accuracy as measure_accuracy_by_protocol with:
    output:
        accuracy=f"{BY_PROTOCOL}/{{model}}.csv",
        checks=f"{BY_PROTOCOL}/{{model}}.checks.csv",
        images=f"{BY_PROTOCOL}/{{model}}.correct.h5",
    log:
        "<logs>/measure_accuracy_by_protocol/{protocol}/{model}.log",
    benchmark:
        "<benchmarks>/measure_accuracy_by_protocol/{protocol}/{model}.tsv"
    wildcard_constraints:
        protocol=any_of(PROTOCOLS),
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_accuracy_by_protocol"),
        gpu=1,
    params:
        code=code_of("measure_accuracy"),
        expected=expected_of_inputs,
        epsilons=EPSILONS,
        settings=lambda wildcards: accuracy_settings(
            **accuracy_changes(config, wildcards.protocol)
        ).as_parameters(),
    message:
        "Study attack_strength: accuracy of {wildcards.model} under the protocol {wildcards.protocol}."


use rule measure_sensitivity as measure_sensitivity_by_protocol with:
    output:
        f"{BY_PROTOCOL}/{{model}}_{{eps}}.h5",
    log:
        "<logs>/measure_sensitivity_by_protocol/{protocol}/{model}_{eps}.log",
    benchmark:
        "<benchmarks>/measure_sensitivity_by_protocol/{protocol}/{model}_{eps}.tsv"
    wildcard_constraints:
        protocol=any_of(PROTOCOLS),
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_sensitivity_by_protocol"),
        gpu=1,
    params:
        code=code_of("measure_sensitivity"),
        expected=expected_of_inputs,
        epsilon=epsilon_of,
        settings=lambda wildcards: measurement_settings(
            wildcards.model, **sensitivity_changes(config, wildcards.protocol)
        ),
        unfinished_folder=unfinished(
            "measure_sensitivity_by_protocol/{protocol}/{model}_{eps}"
        ),
    message:
        "Study attack_strength: sensitivity of {wildcards.model} at epsilon {params.epsilon} under the protocol {wildcards.protocol}."


use rule plot_accuracy as plot_accuracy_by_protocol with:
    input:
        accuracy=expand(
            f"{BY_PROTOCOL}/{{model}}.csv", model=MODELS, allow_missing=True
        ),
    output:
        report(
            f"{BY_PROTOCOL}/figure1_accuracy.svg",
            caption="captions/accuracy.rst",
            category="6 Open questions",
            labels={"study": "attack_strength", "shows": "Figure 1 under {protocol}"},
        ),
        multiext(f"{BY_PROTOCOL}/figure1_accuracy", ".png", ".csv"),
    log:
        "<logs>/plot_accuracy_by_protocol/{protocol}.log",
    benchmark:
        "<benchmarks>/plot_accuracy_by_protocol/{protocol}.tsv"
    wildcard_constraints:
        protocol=any_of(PROTOCOLS),
    params:
        code=code_of("plot_accuracy"),
        accuracy=lambda wildcards: expected_accuracy(
            MODELS, EPSILONS, **accuracy_changes(config, wildcards.protocol)
        ),
        models=MODELS,
        protocol=lambda wildcards: accuracy_settings(
            **accuracy_changes(config, wildcards.protocol)
        ).sentence(),
        bars=protocol.accuracy_bars("", MODELS),
    message:
        "Study attack_strength: Figure 1 under the protocol {wildcards.protocol}."


use rule plot_sensitivity as plot_sensitivity_by_protocol with:
    input:
        sensitivity=expand(
            f"{BY_PROTOCOL}/{{model}}_{{eps}}.h5",
            model=MODELS,
            eps=in_file_names(EPSILONS),
            allow_missing=True,
        ),
        models=FIRST_CHECKPOINTS,
    output:
        report(
            f"{BY_PROTOCOL}/figure2_sensitivity.svg",
            caption="captions/sensitivity.rst",
            category="6 Open questions",
            labels={"study": "attack_strength", "shows": "Figure 2 under {protocol}"},
        ),
        multiext(f"{BY_PROTOCOL}/figure2_sensitivity", ".png", ".csv"),
    log:
        "<logs>/plot_sensitivity_by_protocol/{protocol}.log",
    benchmark:
        "<benchmarks>/plot_sensitivity_by_protocol/{protocol}.tsv"
    wildcard_constraints:
        protocol=any_of(PROTOCOLS),
    params:
        code=code_of("plot_sensitivity"),
        sensitivity=lambda wildcards: expected_sensitivity(
            MODELS, EPSILONS, **sensitivity_changes(config, wildcards.protocol)
        ),
        models=MODELS,
        derivation=derivation_settings(),
        protocol=lambda wildcards: protocol.sensitivity_attack(
            {
                **config["sensitivity"],
                **sensitivity_changes(config, wildcards.protocol),
            }
        ),
        spread="",
        pooled="",
    message:
        "Study attack_strength: Figure 2 under the protocol {wildcards.protocol}."


rule compare_attacks:
    input:
        accuracy=expand(
            f"{BY_PROTOCOL}/{{model}}.csv", protocol=PROTOCOLS, model=MODELS
        ),
        checks=expand(
            f"{BY_PROTOCOL}/{{model}}.checks.csv", protocol=WEAKEST, model=MODELS
        ),
        sensitivity=expand(
            f"{BY_PROTOCOL}/{{model}}_{{eps}}.h5",
            protocol=PROTOCOLS,
            model=MODELS,
            eps=in_file_names(EPSILONS),
        ),
        models=FIRST_CHECKPOINTS,
    output:
        "<results>/studies/attack_strength.csv",
    log:
        "<logs>/compare_attacks.log",
    benchmark:
        "<benchmarks>/compare_attacks.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(4),
        runtime=10,
    params:
        code=code_of("compare_attacks"),
        accuracy={
            name: expected_accuracy(MODELS, EPSILONS, **accuracy_changes(config, name))
            for name in PROTOCOLS
        },
        sensitivity={
            name: expected_sensitivity(
                MODELS, EPSILONS, **sensitivity_changes(config, name)
            )
            for name in PROTOCOLS
        },
        derivation=derivation_settings(),
    message:
        "Study attack_strength: claims and numbers under every protocol."
    script:
        "../workflow_scripts/compare_attacks.py"


rule refit_last_layer:
    input:
        model="<results>/models/normal.pt",
        adversarial="<results>/models/adversarial.pt",
        dataset=training_data_of("normal"),
        test=evaluation_dataset(),
        sensitivity=f"<results>/sens/normal_{as_file_name(STUDY['last_layer_refit']['epsilon'])}.h5",
    output:
        "<results>/studies/last_layer_refit.csv",
    log:
        "<logs>/refit_last_layer.log",
    benchmark:
        "<benchmarks>/refit_last_layer.tsv"
    conda:
        "../envs/compute.yaml"
    threads: compute_threads()
    resources:
        mem_mb=memory(8),
        runtime=runtime("refit_last_layer"),
        gpu=1,
    params:
        code=code_of("refit_last_layer"),
        expected=expected_of_inputs,
        study=STUDY["last_layer_refit"],
        settings=sensitivity_settings("normal").as_parameters(),
        accuracy=accuracy_settings().as_parameters(),
        training=config["adversarial_training"],
    message:
        "Study last_layer_refit: new linear layers on the features of normal, and attacks on them."
    script:
        "../workflow_scripts/refit_last_layer.py"


use rule measure_accuracy as measure_accuracy_l2 with:
    output:
        accuracy="<results>/studies/norms/{model}.csv",
        checks="<results>/studies/norms/{model}.checks.csv",
        images="<results>/studies/norms/{model}.correct.h5",
    log:
        "<logs>/measure_accuracy_l2/{model}.log",
    benchmark:
        "<benchmarks>/measure_accuracy_l2/{model}.tsv"
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_accuracy_l2"),
        gpu=1,
    params:
        code=code_of("measure_accuracy"),
        expected=expected_of_inputs,
        epsilons=STUDY["norms"]["epsilons"],
        settings=accuracy_settings(**ACCURACY_L2).as_parameters(),
    message:
        "Study norms: accuracy of {wildcards.model} under l2."


use rule measure_sensitivity as measure_sensitivity_l2 with:
    output:
        "<results>/studies/norms/{model}_{eps}.h5",
    log:
        "<logs>/measure_sensitivity_l2/{model}_{eps}.log",
    benchmark:
        "<benchmarks>/measure_sensitivity_l2/{model}_{eps}.tsv"
    resources:
        mem_mb=memory(8),
        runtime=runtime("measure_sensitivity_l2"),
        gpu=1,
    params:
        code=code_of("measure_sensitivity"),
        expected=expected_of_inputs,
        epsilon=epsilon_of,
        settings=lambda wildcards: measurement_settings(wildcards.model, **L2, shards=1),
        unfinished_folder=unfinished("measure_sensitivity_l2/{model}_{eps}"),
    message:
        "Study norms: sensitivity of {wildcards.model} at l2 epsilon {params.epsilon}."


rule compare_norms:
    input:
        accuracy=FIRST_ACCURACIES,
        sensitivity=FIRST_SENSITIVITIES,
        accuracy_l2=expand("<results>/studies/norms/{model}.csv", model=MODELS),
        sensitivity_l2=expand(
            "<results>/studies/norms/{model}_{eps}.h5",
            model=MODELS,
            eps=in_file_names(STUDY["norms"]["epsilons"]),
        ),
        models=FIRST_CHECKPOINTS,
    output:
        "<results>/studies/norms.csv",
    log:
        "<logs>/compare_norms.log",
    benchmark:
        "<benchmarks>/compare_norms.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        code=code_of("compare_norms"),
        accuracy=expected_accuracy(MODELS, EPSILONS),
        sensitivity=expected_sensitivity(MODELS, EPSILONS),
        accuracy_l2=expected_accuracy(MODELS, STUDY["norms"]["epsilons"], **ACCURACY_L2),
        sensitivity_l2=expected_sensitivity(MODELS, STUDY["norms"]["epsilons"], **L2),
        derivation=derivation_settings(),
    message:
        "Study norms: both norms side by side."
    script:
        "../workflow_scripts/compare_norms.py"


rule locate_crossing:
    input:
        sensitivity=expand(
            "<results>/sens/{model}_{eps}.h5",
            model=CROSSING,
            eps=in_file_names(STUDY["crossing"]["epsilons"]),
        ),
        models=expand("<results>/models/{model}.pt", model=CROSSING),
    output:
        "<results>/studies/crossing.csv",
    log:
        "<logs>/locate_crossing.log",
    benchmark:
        "<benchmarks>/locate_crossing.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        code=code_of("locate_crossing"),
        sensitivity=expected_sensitivity(CROSSING, STUDY["crossing"]["epsilons"]),
        derivation=derivation_settings(),
    message:
        "Study crossing: sensitivities of normal and robust_dataset on a fine grid."
    script:
        "../workflow_scripts/locate_crossing.py"


rule report_study:
    input:
        tables=study_tables,
    output:
        page=report(
            "<results>/studies/{study}.html",
            caption="captions/study.rst",
            category="6 Open questions",
            labels={"study": "{study}", "shows": "table"},
        ),
        markdown="<results>/studies/{study}.md",
        svg=report(
            "<results>/studies/{study}.svg",
            caption="captions/study.rst",
            category="6 Open questions",
            labels={"study": "{study}", "shows": "figure"},
        ),
        png="<results>/studies/{study}.png",
    log:
        "<logs>/report_study/{study}.log",
    benchmark:
        "<benchmarks>/report_study/{study}.tsv"
    wildcard_constraints:
        study=any_of(STUDIES),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2),
        runtime=10,
    params:
        code=code_of("report_study"),
        models=MODELS,
        parts=study_parts,
        settings=study_settings,
        protocol=lambda wildcards: protocol.study(wildcards.study, config),
    message:
        "Study {wildcards.study}: its table and figure."
    script:
        "../workflow_scripts/report_study.py"


for study in STUDIES:

    rule:
        name:
            study
        input:
            study_results(study),
        message:
            "Done."


rule studies:
    input:
        [study_results(study) for study in STUDIES],
    message:
        "Done: every study of what the paper left open."
