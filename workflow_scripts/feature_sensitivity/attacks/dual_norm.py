"""The norm that says how much a linear function can grow in a ball."""

from torch import Tensor

from feature_sensitivity.attacks.projection import row_norms


def dual_norms(gradient: Tensor, norm: str) -> Tensor:
    """Return the norm of each row [n, ...] that is dual to ``norm``, as [n]: l1 for ``linf``, l2 for ``l2``.

    A linear function with this gradient grows by at most epsilon times it in the ball of radius epsilon (Hoelder).
    """
    return gradient.flatten(1).abs().sum(dim=1) if norm == "linf" else row_norms(gradient)
