"""How much can a small perturbation of the input move each single feature of a network?

Data flows one way, and a module imports only from those before it, in the order that CONTRIBUTING.md gives.
"""

__version__ = "0.1.0"
