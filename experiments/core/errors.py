"""The error that a command line shows in one line, without a traceback."""


class UserError(Exception):
    """A fault that the user can mend: one line that names it and the remedy."""
