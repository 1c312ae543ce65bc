"""What the study of the attack's convergence costs. Needs no torch."""

from feature_sensitivity.config.costs import Job
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.units import from_file_name
from feature_sensitivity.studies.convergence.attacks import attacks, gradient_evaluations


def measure_convergence(job: Job) -> float:
    """Return the cost of every distinct run, on the sample of images and features."""
    study, section = job.config["studies"]["convergence"], job.config["sensitivity"]
    settings = SensitivitySettings.from_config(
        section, epsilon=from_file_name(job.wildcards["eps"]), seed=job.config["seeds"][0]
    )
    compared = attacks(settings, steps=study["steps"], n_starts=study["starts"])
    evaluations = sum(map(gradient_evaluations, {run for _, runs in compared for run in runs}))
    rows = study["images"] * min(study["features"], job.n_features) * 2
    return job.attack_step * rows * evaluations
