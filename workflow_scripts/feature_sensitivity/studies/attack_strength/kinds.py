"""What the rows of the study's table are: its column ``kind``."""

CLAIM = "claim"

ACCURACY = "accuracy"

SENSITIVITY = "mean sensitivity"

RATIO = "ratio of mean sensitivities"

MOVEMENT = "mean sensitivity / paper's"
