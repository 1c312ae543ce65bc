"""How long each step of an attack is."""

from math import cos, pi


def step_sizes(first: float, *, steps: int, schedule: str) -> list[float]:
    """Return the lengths of all steps, the first of which is ``first``.

    ``schedule``: ``constant``, or ``cosine``, which falls to 0 along half a period (Loshchilov and Hutter 2017).
    """
    if schedule == "constant":
        return [first] * steps
    return [first * (1 + cos(pi * i / steps)) / 2 for i in range(steps)]
