"""Gradient ascent in a ball, on any objective, for one batch or for a queue of rows; no measured quantities."""
