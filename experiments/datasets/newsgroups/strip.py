"""What gives a newsgroup away without being what its author wrote.

Headers name the newsgroup, signatures name people and firms, quotes are words of
others. The rules are those of scikit-learn's `fetch_20newsgroups(remove=...)`, so that
results can be compared with those of others.
"""

import re
from collections.abc import Collection

_QUOTE = re.compile(
    r"^>|^\||^In article|^Quoted from|writes:|wrote:|says:|said:|writes in"
)


def strip(document: str, parts: Collection[str]) -> str:
    """A document without some of `PARTS`, which are removed in their order."""
    for part, without in PARTS.items():
        if part in parts:
            document = without(document)
    return document


def without_headers(document: str) -> str:
    """The text behind the first empty line; nothing, if no line is empty."""
    return document.partition("\n\n")[2]


def without_footer(document: str) -> str:
    """Without the last block, which should be the signature.

    It begins at the last line that is blank or of hyphens only. A document of one
    block stays as it is.
    """
    lines = document.strip().split("\n")
    for number in range(len(lines) - 1, 0, -1):
        if not lines[number].strip().strip("-"):
            return "\n".join(lines[:number])
    return document


def without_quotes(document: str) -> str:
    """Without lines that quote (`>` or `|` in front) or announce it (`writes:`)."""
    lines = document.split("\n")
    return "\n".join(line for line in lines if not _QUOTE.search(line))


PARTS = {
    "headers": without_headers,
    "footers": without_footer,
    "quotes": without_quotes,
}
