"""Robust overfitting: robustness on test images falls while training continues (Rice, Wong, Kolter 2020)."""

from collections.abc import Sequence

FALL = 0.02

EPOCHS = 3
"""Robust test accuracy more than ``FALL`` below its highest, in each of the last ``EPOCHS`` epochs, is overfitting.

One epoch is not enough: at a large learning rate the accuracy goes up and down.
"""


def robust_overfitting(robust_accuracy: Sequence[float]) -> list[str]:
    """Return a sentence if the robust test accuracies of the epochs so far show overfitting, else nothing."""
    if len(robust_accuracy) <= EPOCHS:
        return []
    highest = max(robust_accuracy)
    best_epoch = list(robust_accuracy).index(highest) + 1
    if min(highest - accuracy for accuracy in robust_accuracy[-EPOCHS:]) <= FALL:
        return []
    return [
        f"robust overfitting: accuracy on attacked test images was {100 * highest:.1f} % after epoch {best_epoch} and "
        f"is {100 * robust_accuracy[-1]:.1f} % after epoch {len(robust_accuracy)}, so further training made the model "
        "less robust; write fewer training.epochs, or a larger training.weight_decay"
    ]
