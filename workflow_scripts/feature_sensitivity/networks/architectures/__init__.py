"""Built-in networks, with small-image stems and the parameter names of the common codes."""
