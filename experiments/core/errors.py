"""The error that a command line shows in one line, without a traceback."""


class UserError(Exception):
    """An error that the user can fix: one line with the cause and the remedy."""
