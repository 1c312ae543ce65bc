"""How much can a small perturbation of the input move each single feature of a network?

The package is built in floors, lowest first: runtime, config, data, networks, attacks, training, evaluation,
analysis, reporting, studies. A floor imports only from lower ones.
"""

__version__ = "0.1.0"
CHANGES_NO_RESULT = True
