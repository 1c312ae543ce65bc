"""The error that a user can correct."""

CHANGES_NO_RESULT = True


class UserError(Exception):
    """A mistake that a person can mend: one sentence with what, where, and what to do."""
