"""Nests of tuples, named tuples and dictionaries of arrays; `None` holds no array."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def flatten(tree: Any) -> list[Any]:
    """The arrays of a nest, in order."""
    if tree is None:
        return []
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if not isinstance(tree, (tuple, list)):
        return [tree]
    return [leaf for part in tree for leaf in flatten(part)]


def rebuild(like: Any, leaves: Iterable[Any]) -> Any:
    """The nest of the form of `like` with other arrays in it."""
    return _rebuild(like, iter(leaves))


def _rebuild(like: Any, leaves: Iterator[Any]) -> Any:
    if like is None:
        return None
    if isinstance(like, dict):
        return {name: _rebuild(part, leaves) for name, part in like.items()}
    if isinstance(like, (tuple, list)):
        parts = [_rebuild(part, leaves) for part in like]
        return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
    return next(leaves)


def transform(function: Callable[[Any], Any], tree: Any) -> Any:
    """The nest with a function applied to its arrays."""
    return rebuild(tree, map(function, flatten(tree)))


def on_lists(loop: Callable) -> Callable:
    """A time loop over lists of arrays as one over nests, see `Backend.iterate`."""

    @functools.wraps(loop)
    def iterate(step, carry, rows, count, reverse=False, **settings):
        form: Any = None

        def body(values, t, row):
            nonlocal form
            new, form = step(rebuild(carry, values), t, rebuild(rows, row))
            return flatten(new), flatten(form)

        arrays = flatten(carry), flatten(rows)
        last, stacks = loop(body, *arrays, count, reverse, **settings)
        return rebuild(carry, last), rebuild(form, stacks)

    return iterate
