"""Roughly what a job of the protocol costs, before it starts. Plain arithmetic: needs no torch.

What a forward pass of a network costs is given (``config/network_costs.py``); the number of passes follows here.
A forward pass is 2 operations per multiply-accumulate; so is each of the two halves of a backward pass, and an
attack needs only the half that leads to the input.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from feature_sensitivity.config.models import model_of, sensitivity_settings_of
from feature_sensitivity.config.network_costs import RUN, PassCost


@dataclass(frozen=True)
class Machine:
    """What computes a job, by what it takes.

    Attributes:
        flop_per_second: of convolutions in float32.
        values_per_second: that layers write.
        seconds_per_image: of a forward pass, whatever the network.
        seconds_per_job: until Python has imported all that a job needs.
    """

    flop_per_second: float
    values_per_second: float
    seconds_per_image: float
    seconds_per_job: float

    def forward_seconds(self, flop: float, values: float) -> float:
        """Return the time of one image's forward pass, by its operations and by the values that its layers write."""
        return flop / self.flop_per_second + values / self.values_per_second + self.seconds_per_image


CORE = Machine(flop_per_second=2.0e11, values_per_second=1.0e9, seconds_per_image=4.3e-5, seconds_per_job=3)
"""One of two cores of an AMD EPYC, between a fast and a slow hour (docs/scaling.md)."""

GPU = Machine(flop_per_second=1.5e13, values_per_second=2.5e11, seconds_per_image=0, seconds_per_job=10)
"""A data-center GPU, by what is published of its rates; not measured."""

SHARE_AFTER_DROPPING = 0.75
"""Share of the attack steps that are left when rows with a zero gradient are dropped, as only those without momentum
are."""

IMAGES = {"cifar10": (50_000, 10_000), "digits": (1_437, 360)}
"""Training and test images by source; other sources are taken to be of CIFAR-10's size."""


@dataclass(frozen=True)
class Job:
    """A job with its wildcards, the configuration, and the cost of one forward pass of each model's network."""

    wildcards: Mapping[str, str]
    config: Mapping[str, Any]
    pass_costs: Mapping[str, PassCost]

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """The settings of the dataset whose test images measure every model."""
        return self.config["datasets"][self.config["evaluation_dataset"]]

    @property
    def n_train(self) -> int:
        """Training images."""
        return IMAGES.get(self.evaluation["source"], IMAGES["cifar10"])[0]

    @property
    def n_test(self) -> int:
        """Test images."""
        return IMAGES.get(self.evaluation["source"], IMAGES["cifar10"])[1]

    @property
    def network(self) -> PassCost:
        """The cost of the job's network; that of the run's architecture where a job is not about one model."""
        return self.pass_costs.get(model_of(self.wildcards.get("model", "")), self.pass_costs[RUN])

    @property
    def attack_step(self) -> float:
        """Floating-point operations of one step of an attack on one image."""
        return 2 * self.network.flop


def train_model(job: Job) -> float:
    """Return the cost of training: three forward passes' worth for each image and epoch, and the attack."""
    adversarial = job.config["models"][model_of(job.wildcards["model"])]["training"] == "adversarial"
    attack = job.config["adversarial_training"]["steps"] * job.attack_step if adversarial else 0.0
    return job.config["training"]["epochs"] * job.n_train * (3 * job.network.flop + attack)


def construct_dataset(job: Job) -> float:
    """Return the cost of one part of a constructed dataset."""
    settings = job.config["datasets"][job.wildcards["dataset"]]
    return (settings["images"] or job.n_train) * settings["steps"] * job.attack_step / settings["shards"]


def measure_accuracy(job: Job) -> float:
    """Return the cost of the attacks on the classifier at every epsilon."""
    return len(job.config["epsilons"]) * accuracy_steps(job) * job.attack_step


def accuracy_steps(job: Job) -> float:
    """Return the steps of the attacks on the classifier at one epsilon, over all images.

    Auto-PGD, the stronger attack, takes 100 steps for each of two losses, each with one forward pass more.
    """
    settings = job.config["accuracy"]
    stronger = 2 * 100 * 1.5 if settings["stronger_attack"] else 0.0
    return (settings["images"] or job.n_test) * (settings["steps"] * settings["restarts"] + stronger)


def measure_sensitivity(job: Job) -> float:
    """Return the cost of the attacks on every feature, up and down, at one epsilon, on the images of one shard."""
    settings = sensitivity_settings_of(job.config, model_of(job.wildcards.get("model", "")))
    rows = settings["images"] * n_measured(job, settings["features"]) * 2 * settings["restarts"]
    share = 1.0 if settings["momentum"] else SHARE_AFTER_DROPPING
    return rows * settings["steps"] * job.attack_step * share / settings["shards"]


def measure_attacked_features(job: Job) -> float:
    """Return the cost of the attacks on the classifier on the images of the sensitivities, and of one gradient each."""
    settings, attack = sensitivity_settings_of(job.config, model_of(job.wildcards["model"])), job.config["accuracy"]
    steps = len(job.config["epsilons"]) * attack["steps"] * attack["restarts"]
    return settings["images"] * (steps + n_measured(job, settings["features"])) * job.attack_step


def n_measured(job: Job, features: int | list[int] | None) -> int:
    """Return how many features ``features``, as in the config, asks for."""
    wanted = len(features) if isinstance(features, list) else features
    return min(wanted or job.network.n_features, job.network.n_features)


def keep_extremal_images(job: Job) -> float:
    """Return the cost of the attacks on the features and images that are kept, once more at every epsilon."""
    settings = sensitivity_settings_of(job.config, model_of(job.wildcards["model"]))
    kept = job.config["extremal_images"]
    rows = 2 * kept["features"] * kept["images"] * 2 * settings["restarts"]
    return len(job.config["epsilons"]) * rows * settings["steps"] * job.attack_step


Cost = Callable[[Job], float]

PROTOCOL_COSTS: Mapping[str, Cost] = {
    "train_model": train_model,
    "construct_dataset": construct_dataset,
    "measure_accuracy": measure_accuracy,
    "measure_sensitivity": measure_sensitivity,
    "measure_attacked_features": measure_attacked_features,
    "keep_extremal_images": keep_extremal_images,
}
"""By rule, the floating-point operations of one job."""


def seconds(job: Job, flop: float, machine: Machine) -> float:
    """Return how long a machine takes for so many operations of a job's network."""
    network = job.network
    return machine.seconds_per_job + flop / network.flop * machine.forward_seconds(network.flop, network.values)


def duration(seconds: float) -> str:
    """Return a rounded duration such as ``3 minutes``."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}s"
    return "a minute"
