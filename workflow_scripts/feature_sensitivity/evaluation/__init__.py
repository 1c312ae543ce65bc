"""What is measured of a trained network: accuracy under attack, feature extrema, sensitivity; no interpretation."""
