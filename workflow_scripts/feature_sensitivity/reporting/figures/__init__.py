"""The figures, a file each: numbers in, a matplotlib figure out.

Everywhere ``models`` are in the order of their colours or rows, ``epsilons`` is each epsilon as spelled in the config
to its title in both units, ``sensitivities`` is (replicate, epsilon) to values [n_features], and ``caption`` states the
settings.
"""
