"""What fits weights or images: training, construction of robust datasets, re-fit of the last layer; no measurements."""
