"""What the study of the attack's strength costs. Needs no torch."""

from feature_sensitivity.config.costs import Job, measure_accuracy, measure_sensitivity
from feature_sensitivity.studies.attack_strength.settings import accuracy_changes, sensitivity_changes


def measure_accuracy_by_protocol(job: Job) -> float:
    """Return the cost of a protocol's attacks on the classifier at every epsilon."""
    changed = {**job.config["accuracy"], **accuracy_changes(job.config, job.wildcards["protocol"])}
    return measure_accuracy(Job(wildcards=job.wildcards, config={**job.config, "accuracy": changed}))


def measure_sensitivity_by_protocol(job: Job) -> float:
    """Return the cost of a protocol's attacks on features at one epsilon."""
    changed = {**job.config["sensitivity"], **sensitivity_changes(job.config, job.wildcards["protocol"])}
    return measure_sensitivity(Job(wildcards=job.wildcards, config={**job.config, "sensitivity": changed}))
