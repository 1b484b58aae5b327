"""The notice that a run trains on synthetic data."""

import functools
import sys


@functools.cache  # a grid loads the data again and again, one notice is enough
def no_real_data(what: str, reason: str, ways: str) -> None:
    """Says on standard error, where nobody can miss it, that the sample is used.

    Args:
        what: What there is none of, `"reviews"` say.
        reason: Why there is none.
        ways: How to get it.
    """
    line = "!" * 78
    print(
        f"{line}\nNO REAL DATA: this run uses the built-in SAMPLE of synthetic {what}."
        f"\nNo real {what}: {reason}.\nTo get them: {ways}.\n{line}",
        file=sys.stderr,
        flush=True,
    )
