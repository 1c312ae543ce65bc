"""How long each step of an attack is."""

from math import cos, pi


def step_sizes(first: float, *, steps: int, schedule: str) -> list[float]:
    """Return the lengths of all steps, the first of which is ``first``.

    ``schedule``: ``constant``, or decreasing to 0: ``linear``, or ``cosine``, along half a period (Loshchilov and
    Hutter 2017).
    """
    shares = {
        "constant": [1.0] * steps,
        "linear": [1 - i / steps for i in range(steps)],
        "cosine": [(1 + cos(pi * i / steps)) / 2 for i in range(steps)],
    }
    return [first * share for share in shares[schedule]]
