"""What the robust error bounds cost. Needs no torch."""

from feature_sensitivity.config.costs import Job


def bound_errors(job: Job) -> float:
    """Return the cost of the attack on the classifier at one epsilon, on the images of the sensitivities."""
    images, restarts = job.config["sensitivity"]["images"], job.config["studies"]["error_bounds"]["restarts"]
    return job.attack_step * images * job.config["accuracy"]["steps"] * restarts
