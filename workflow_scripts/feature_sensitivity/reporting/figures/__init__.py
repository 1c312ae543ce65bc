"""The figures, one file each: data frames in, a matplotlib figure out."""
