"""Docstrings for the reference: lists and examples that the parser does not know."""

import re

import griffe

_LIST = re.compile(r"^(Weights.*|Call arguments):\n((?:    .*\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w+): ", re.MULTILINE)


class Sections(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_) -> None:
        if obj.docstring:
            text = _LIST.sub(_listed, obj.docstring.value)
            obj.docstring.value = text.replace("\nExample:\n", "\nExamples:\n")


def _listed(match: re.Match) -> str:
    return f"**{match[1]}:**\n\n" + _ITEM.sub(r"- `\1`: ", match[2])
