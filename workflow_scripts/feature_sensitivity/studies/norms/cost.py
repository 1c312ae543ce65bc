"""What the study of the norms costs. Needs no torch."""

from feature_sensitivity.config.costs import Job, accuracy_steps, measure_sensitivity


def measure_accuracy_l2(job: Job) -> float:
    """Return the cost of the attacks on the classifier at every l2 epsilon, Auto-PGD left out."""
    accuracy = {**job.config["accuracy"], "stronger_attack": None}
    n_steps = accuracy_steps(Job(wildcards=job.wildcards, config={**job.config, "accuracy": accuracy}))
    return len(job.config["studies"]["norms"]["epsilons"]) * n_steps * job.attack_step


def measure_sensitivity_l2(job: Job) -> float:
    """Return the cost of the protocol's attacks on features, on the study's images in one shard."""
    changed = {**job.config["sensitivity"], "images": job.config["studies"]["norms"]["images"], "shards": 1}
    return measure_sensitivity(Job(wildcards=job.wildcards, config={**job.config, "sensitivity": changed}))
