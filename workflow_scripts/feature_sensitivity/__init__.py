"""How much can a small perturbation of the input move each single feature of a network?

Begin with :mod:`feature_sensitivity.library`: a network and images in, sensitivities out.

The package is built in layers, lowest first: runtime, config, data, networks, attacks, training, evaluation,
analysis, reporting, studies. A layer imports only from lower ones; ``library`` stands on top.
"""

__version__ = "0.1.0"
CHANGES_NO_RESULT = True
