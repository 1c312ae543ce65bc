"""Robust overfitting: robustness on test images falls while training goes on (Rice, Wong, Kolter 2020)."""

from collections.abc import Sequence

FALL = 0.02

EPOCHS = 3
"""It has set in when robust test accuracy has been this far below its highest for as many epochs in a row.

One epoch is not enough: at a large learning rate the accuracy goes up and down.
"""


def robust_overfitting(robust_accuracy: Sequence[float]) -> list[str]:
    """A sentence if the robust test accuracies of the epochs so far show it, else none."""
    if len(robust_accuracy) <= EPOCHS:
        return []
    highest = max(robust_accuracy)
    best_epoch = list(robust_accuracy).index(highest) + 1
    if min(highest - accuracy for accuracy in robust_accuracy[-EPOCHS:]) <= FALL:
        return []
    return [
        f"robust overfitting: accuracy on attacked test images was {100 * highest:.1f} % after epoch {best_epoch} and "
        f"is {100 * robust_accuracy[-1]:.1f} % after epoch {len(robust_accuracy)}, so training on made the model less "
        "robust; write fewer training.epochs, or a larger training.weight_decay"
    ]
