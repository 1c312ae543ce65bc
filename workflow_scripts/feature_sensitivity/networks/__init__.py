"""Classifiers, the files that hold them, and copies made ready for attacks; nothing is trained or attacked."""
