"""What the last-layer refit costs. Needs no torch."""

from feature_sensitivity.config.costs import Job


def refit_last_layer(job: Job) -> float:
    """Return the cost of all features (a forward pass is half an attack step), the adversarial fit, and the attacks."""
    study, accuracy = job.config["studies"]["last_layer_refit"], job.config["accuracy"]
    fit = min(study["images"], job.n_train) * study["epochs"] * job.config["adversarial_training"]["steps"]
    attacks = (accuracy["images"] or job.n_test) * accuracy["steps"] * accuracy["restarts"]
    # Beside a layer for each share: both models as trained, and the layer that is fitted adversarially.
    return job.attack_step * (job.n_train / 2 + fit + (len(study["shares"]) + 3) * attacks)
