"""The names of the measures of features; docs/measures.md defines each. Needs no numpy, for a quick start."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

MEASURES = (
    "sensitivity",
    "sensitivity_standard_error",
    "sensitivity_raw",
    "sensitivity_q05",
    "sensitivity_q25",
    "sensitivity_q50",
    "sensitivity_q75",
    "sensitivity_q95",
    "relative_sensitivity",
    "local_lipschitz",
    "upward_movement",
    "downward_movement",
    "upward_share",
    "switch_on_share",
    "switch_off_share",
    "zero_gradient",
    "at_cap",
    "standard_deviation",
    "gradient_norm",
    "linearity",
    "neuron_sensitivity",
    "used_share",
    "activation_frequency",
    "activation_magnitude",
    "attacked_activation_frequency",
    "attacked_activation_magnitude",
    "usefulness",
    "usefulness_low",
    "usefulness_high",
    "useful_class",
    "robust_usefulness",
    "robust_usefulness_low",
    "robust_usefulness_high",
    "robustly_useful_class",
    "usefulness_kind",
    "balanced_usefulness",
    "balanced_robust_usefulness",
)
"""One number for each feature."""

CLASS_MEASURES = (
    "class_sensitivity",
    "class_usefulness",
    "class_robust_usefulness",
    "class_activation_frequency",
    "class_activation_magnitude",
    "class_attacked_activation_frequency",
    "class_attacked_activation_magnitude",
)
"""One number for each feature and class, written as ``class_usefulness_3`` for class 3."""

MOST_CLASSES = 20
"""With more classes, those for each class are written only if the config names them."""


def measure_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each name in ``measures`` that no measure has, and for measures of classes alone."""
    known = (*MEASURES, *CLASS_MEASURES)
    if config["measures"] and set(config["measures"]) <= set(CLASS_MEASURES):
        yield "measures has nothing but measures for each class, which explorer.html cannot draw; add sensitivity"
    for name in config["measures"] or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            advice = f"write {' or '.join(near)}" if near else "docs/measures.md lists all"
            yield f"measures has {name!r}, which is no measure; {advice}"
