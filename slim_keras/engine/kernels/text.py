"""What the kernels that are printed as Python's source have in common."""

from collections.abc import Iterable, Iterator

# By operation, what all of them write alike.
PRINTED = {"tanh": "tanh({0})", "sigmoid": "sigmoid({0})"} | {
    sign: f"{{0}} {sign} {{1}}" for sign in "+-*/><&"
}


def indented(lines: Iterable[str], spaces: int) -> Iterator[str]:
    """Lines that stand further to the right."""
    return (" " * spaces + line for line in lines)
