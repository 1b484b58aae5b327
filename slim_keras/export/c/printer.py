"""Recorded assignments as statements of C."""

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from slim_keras.engine.kernels.recorder import Assignment
from slim_keras.export.c.numbers import WIDTH, literal

_CALLS = {
    "tanh": "rational_tanh",
    "sigmoid": "rational_sigmoid",
    "relu": "relu",
    "unit_clip": "unit_clip",
}

Operand = str | float


def printed(
    lines: Sequence[Assignment],
    results: Sequence[Operand],
    leaves: Mapping[str, str],
    written: Callable[[list[str]], Sequence[str]],
) -> list[str]:
    """Statements that compute some operands.

    An assignment that one other reads becomes a part of that one's expression, but for
    calls, which keep lines of their own.

    Args:
        lines: The assignments.
        results: What is wanted.
        leaves: Expressions for the names that no line assigns.
        written: Statements that store the expressions of the results.
    """
    reads = Counter(x for line in lines for x in line.operands)
    reads.update(results)
    text: dict[str, str] = dict(leaves)
    loose: set[str] = set()  # whose expression needs brackets in a product
    statements: list[str] = []

    def factor(x: Operand) -> str:
        if not isinstance(x, str):
            return literal(x)
        return f"({text[x]})" if x in loose else text[x]

    def term(x: Operand) -> str:
        return text[x] if isinstance(x, str) else literal(x)

    for line in lines:
        operation, operands = line.operation, line.operands
        if operation == "*":
            expression = " * ".join(map(factor, operands))
        elif operation == "+":
            expression = " + ".join(map(term, operands))
        elif operation == "-":
            expression = f"{term(operands[0])} - {factor(operands[1])}"
        else:
            expression = f"{_CALLS[operation]}({', '.join(map(term, operands))})"
        alone = reads[line.name] == 1 and line.name not in results
        if alone and operation not in _CALLS:
            text[line.name] = expression
            if operation in "+-":
                loose.add(line.name)
            continue
        name = f"v{len(statements) + 1}"
        statements.append(f"const float {name} = {expression};")
        text[line.name] = name
    statements += written([term(x) for x in results])
    return statements


def indented(statements: Sequence[str], depth: int = 1) -> list[str]:
    """Statements on lines that are not too long."""
    first, rest = "    " * depth, "    " * (depth + 2)
    return [
        line
        for statement in statements
        for line in textwrap.wrap(
            statement,
            WIDTH,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
