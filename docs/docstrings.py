"""Docstrings for the reference: lists and examples that the parser does not know."""

import re
import textwrap

import griffe

_LIST = re.compile(r"^(Weights.*|Call arguments):\n((?:    .*\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w+): ", re.MULTILINE)
_RETURNS = re.compile(r"^Returns:\n((?:    .*\n)+)", re.MULTILINE)


class Sections(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_) -> None:
        if obj.docstring:
            text = _LIST.sub(_listed, obj.docstring.value)
            text = text.replace("\nExample:\n\n", "\n**Example:**\n\n")
            text = text.replace("\nExample:\n", "\nExamples:\n")
            if getattr(obj, "returns", None) is None:  # else the parser knows the type
                text = _RETURNS.sub(_returned, text)
            obj.docstring.value = text


def _listed(match: re.Match) -> str:
    return f"**{match[1]}:**\n\n" + _ITEM.sub(r"- `\1`: ", match[2])


def _returned(match: re.Match) -> str:
    return f"**Returns:**\n\n{textwrap.dedent(match[1])}"
