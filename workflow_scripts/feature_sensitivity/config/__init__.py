"""What a configuration says: typed settings, its faults, names of replicates, units and costs; nothing is computed."""
