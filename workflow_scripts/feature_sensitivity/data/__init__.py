"""Images and labels: their common file, where they come from, how they are standardized and sampled; no networks."""
