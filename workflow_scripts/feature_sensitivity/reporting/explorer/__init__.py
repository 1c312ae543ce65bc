"""A page on which to look at the features of all models."""
