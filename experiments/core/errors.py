"""The one kind of error that a command line shows without a traceback."""


class UserError(Exception):
    """Something the user can mend: one line that names the thing and the remedy."""
