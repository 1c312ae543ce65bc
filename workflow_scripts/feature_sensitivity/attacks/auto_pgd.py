"""Auto-PGD (Croce and Hein 2020), a stronger attack than PGD, by the Adversarial Robustness Toolbox (ART).

ART is optional: it is imported when the attack is asked for.
"""

import logging
import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from feature_sensitivity.attacks.norms import norm_named
from feature_sensitivity.attacks.projection import pixel_box
from feature_sensitivity.data.batches import Batch, in_fitting_batches
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.networks.predictions import is_correct
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.devices import is_gpu
from feature_sensitivity.runtime.errors import UserError

STEPS = 100

LOSSES = ("cross_entropy", "difference_logits_ratio")
"""The second does not saturate where the network is sure, and needs three classes at least."""


def import_art() -> tuple[Any, Any]:
    """Return ART's attack and its wrapper of a network; raise :class:`UserError` where ART is missing."""
    try:
        from art.attacks.evasion import AutoProjectedGradientDescent
        from art.estimators.classification import PyTorchClassifier
    except ImportError as error:
        raise UserError(
            "accuracy.stronger_attack is apgd, which needs the Adversarial Robustness Toolbox; type "
            f"{sys.executable} -m pip install adversarial-robustness-toolbox, or write stronger_attack: null"
        ) from error
    logging.getLogger("art").setLevel(logging.WARNING)
    return AutoProjectedGradientDescent, PyTorchClassifier


def correct_under_apgd(
    *,
    network: Classifier,
    split: Split,
    standardization: Standardization,
    norm: str,
    epsilon: float,
    clip_to_pixel_box: bool = False,
    seed: int,
    device: torch.device,
    batch_size: int = 500,
) -> NDArray[np.bool_]:
    """Return which images stay correctly classified under Auto-PGD on each of two losses, as bool [n].

    One random start for each loss, 100 steps, first step size 2 epsilon: the settings of AutoAttack. Arguments
    as in :func:`feature_sensitivity.evaluation.accuracy.correct_under_attack`.
    """
    attack_of, classifier_of = import_art()
    network = network.to(device).eval()
    with torch.no_grad():
        n_classes = network(standardization.standardize(torch.from_numpy(split.images[:1]).to(device))).shape[1]
    box = pixel_box(standardization, device) if clip_to_pixel_box else None
    classifier = classifier_of(
        model=folded_copy(network),
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=split.images.shape[1:],
        nb_classes=n_classes,
        clip_values=tuple(bound.cpu().numpy() for bound in box) if box else None,
        device_type="gpu" if is_gpu(device) else "cpu",
    )
    attacks = [
        attack_of(
            classifier,
            norm=norm_named(norm).order,
            eps=epsilon,
            eps_step=2 * epsilon,
            max_iter=STEPS,
            nb_random_init=1,
            batch_size=batch_size,
            loss_type=loss,
            verbose=False,
        )
        for loss in LOSSES[: 1 if n_classes < 3 else 2]
    ]
    np.random.seed(seed)  # ART draws its starts from NumPy's global generator

    def survivors(batch: Batch) -> NDArray[np.bool_]:
        images, labels = np.ascontiguousarray(batch.x.cpu().numpy()), batch.y.cpu().numpy()
        standing = np.ones(len(labels), dtype=bool)
        for attack in attacks:
            if standing.any():
                attacked = torch.from_numpy(attack.generate(images[standing], labels[standing])).to(device)
                standing[standing] = is_correct(network, attacked, batch.y[torch.from_numpy(standing)]).cpu().numpy()
        return standing

    correct = np.ones(len(split.labels), dtype=bool)
    with Progress(f"APGD at epsilon {epsilon:g}", total=len(correct), unit="images") as bar:
        for rows, standing in in_fitting_batches(
            survivors, split, standardization, device=device, batch_size=batch_size
        ):
            correct[rows] = standing
            bar.advance(len(rows))
    return correct
