"""The error that a user can correct."""

CHANGES_NO_RESULT = True


class UserError(Exception):
    """A mistake of the user, in one sentence: what is wrong, where, and what to do."""
