"""Experiments beyond the paper's protocol, a folder each: what it computes, what it costs, how it is reported."""
