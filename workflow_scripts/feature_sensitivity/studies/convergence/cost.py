"""What the study of the attack's convergence costs. Needs no torch."""

from feature_sensitivity.config.costs import SHARE_AFTER_DROPPING, Job


def measure_convergence(job: Job) -> float:
    """Return the cost of attacks with every number of steps, and of the single runs from other starts."""
    study = job.config["studies"]["convergence"]
    rows = study["images"] * min(study["features"], job.n_features) * 2 * SHARE_AFTER_DROPPING
    steps = sum(study["steps"]) + study["starts"] * job.config["sensitivity"]["steps"]
    return job.attack_step * rows * steps
