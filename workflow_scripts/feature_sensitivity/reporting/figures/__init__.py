"""The figures, a file each: numbers in, a matplotlib figure out."""
