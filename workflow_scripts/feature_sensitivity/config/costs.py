"""Roughly what a run costs, before it starts. Plain arithmetic: needs no torch."""

from collections.abc import Mapping
from typing import Any

from feature_sensitivity.config.replicates import model_of

FLOP_PER_SECOND_CORE = 5e10

FLOP_PER_SECOND_GPU = 1.5e13
"""Float32 rates that a current laptop core and a current data-center GPU reach on these networks."""

SHARE_AFTER_DROPPING = 0.75
"""Share of the attack steps that are left when rows with a zero gradient are dropped."""

IMAGES = {"cifar10": (50_000, 10_000), "digits": (1_437, 360)}
"""Training and test images by source; other sources are taken to be of CIFAR-10's size."""


def forward_macs(*, width: int, size: int, in_channels: int = 3, n_classes: int = 10) -> int:
    """Multiply-accumulates of one forward pass of ResNet18 on a ``size`` x ``size`` image."""
    total = 9 * in_channels * width * size**2
    channels = width
    for group in range(4):
        out_channels, size = width * 2**group, size if group == 0 else -(-size // 2)
        first = 9 * channels * out_channels + (channels * out_channels if group else 0)
        total += (first + 3 * 9 * out_channels**2) * size**2
        channels = out_channels
    return total + channels * n_classes


def job_flop(rule: str, wildcards: Mapping[str, str], config: Mapping[str, Any]) -> float:
    """Floating-point operations of one job; 0 for rules that compute little.

    A forward pass is 2 operations per multiply-accumulate; so is each of the two halves of a backward
    pass, and an attack needs only the half that leads to the input.
    """
    width = config["network"]["width"]
    evaluation = config["datasets"][config["evaluation_dataset"]]
    forward = 2.0 * forward_macs(
        width=width, size=evaluation.get("size", 32), in_channels=len(config["standardization"]["mean"])
    )
    attack_step = 2 * forward
    n_train, n_test = IMAGES.get(evaluation["source"], IMAGES["cifar10"])
    if rule == "train_model":
        adversarial = config["models"][model_of(wildcards["model"])]["training"] == "adversarial"
        attack = config["adversarial_training"]["steps"] * attack_step if adversarial else 0.0
        return config["training"]["epochs"] * n_train * (3 * forward + attack)
    if rule == "construct_dataset":
        settings = config["datasets"][wildcards["dataset"]]
        return (settings["images"] or n_train) * settings["steps"] * attack_step / settings["shards"]
    if rule == "measure_accuracy":
        settings = config["accuracy"]
        steps = len(config["epsilons"]) * (settings["steps"] * settings["restarts"] + _stronger_steps(settings))
        return (settings["images"] or n_test) * steps * attack_step
    if rule == "measure_sensitivity":
        settings = config["sensitivity"]
        rows = settings["images"] * min(settings["features"] or 8 * width, 8 * width) * 2 * settings["restarts"]
        return rows * settings["steps"] * attack_step * SHARE_AFTER_DROPPING
    return attack_step * _study_steps(rule, config, n_train, n_test)


def _stronger_steps(accuracy: Mapping[str, Any]) -> float:
    """Attack steps per image and epsilon of Auto-PGD: two losses, 100 steps, each with one forward pass more."""
    return 2 * 100 * 1.5 if accuracy["stronger_attack"] else 0.0


def _study_steps(rule: str, config: Mapping[str, Any], n_train: int, n_test: int) -> float:
    """Attack steps of one job of a study, on single images; 0 for other rules. A forward pass is half a step."""
    accuracy, sensitivity, studies = config["accuracy"], config["sensitivity"], config["studies"]
    n_features, accuracy_images = 8 * config["network"]["width"], accuracy["images"] or n_test
    attacks = accuracy_images * accuracy["steps"] * accuracy["restarts"]
    stronger = accuracy_images * _stronger_steps(accuracy)
    if rule == "bound_errors":
        return sensitivity["images"] * accuracy["steps"] * studies["theorem"]["restarts"]
    if rule == "measure_convergence":
        study = studies["convergence"]
        rows = study["images"] * min(study["features"], n_features) * 2 * SHARE_AFTER_DROPPING
        return rows * (sum(study["steps"]) + study["starts"] * sensitivity["steps"])
    if rule == "refit_last_layer":
        study = studies["relinear"]
        fit = min(study["images"], n_train) * study["epochs"] * config["adversarial_training"]["steps"]
        return n_train / 2 + fit + (len(study["shares"]) + 3) * attacks
    if rule == "measure_accuracy_l2":
        return len(studies["norms"]["epsilons"]) * (attacks + stronger)
    if rule == "measure_sensitivity_l2":
        rows = studies["norms"]["images"] * min(sensitivity["features"] or n_features, n_features) * 2
        return rows * sensitivity["restarts"] * sensitivity["steps"] * SHARE_AFTER_DROPPING
    return 0.0


def duration(seconds: float) -> str:
    """For people: ``3 minutes``."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}s"
    return "a minute"
