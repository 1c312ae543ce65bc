"""What measurements mean: estimates with intervals, seeds, verdicts on claims, error bounds; nothing is drawn."""
