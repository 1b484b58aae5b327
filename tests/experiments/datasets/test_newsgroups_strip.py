"""Headers, signatures and quotes, by the rules of scikit-learn, which it is not."""

import pytest

from experiments.datasets.newsgroups import strip as parts

ARTICLE = """From: anna@north.edu
Newsgroups: sci.med

In article <1@x> boris@y writes:
> Is it catching?
| No.
It is not.   He said: it is.
This is a line > with a mark inside

Nor is this.
--
Anna, dept. of mirth
"""


def test_headers_end_at_the_first_empty_line():
    assert parts.without_headers("A: b\nC: d\n\none\n\ntwo\n") == "one\n\ntwo\n"
    assert parts.without_headers("\n\none") == "one"
    assert parts.without_headers("A: b\n \none\n") == ""
    assert parts.without_headers("") == ""


@pytest.mark.parametrize(
    ("document", "rest"),
    [
        ("one\ntwo\n--\nme\n", "one\ntwo"),
        ("one\n\ntwo\n\nme\nhere\n\n\n", "one\n\ntwo"),
        ("one\n  ----  \nme", "one"),
        ("one\ntwo\n", "one\ntwo\n"),
        ("--\none\n", "--\none\n"),
        ("\n\none\n", "\n\none\n"),
        ("one\n-- me\ntwo", "one\n-- me\ntwo"),
        ("", ""),
    ],
)
def test_a_footer_begins_at_the_last_blank_or_hyphens(document, rest):
    assert parts.without_footer(document) == rest


@pytest.mark.parametrize(
    "line",
    [
        "> quoted",
        "| quoted",
        ">",
        "In article <1> you",
        "Quoted from me",
        "anna writes:",
        "he wrote: this",
        "she says: that",
        "they said:",
        "anna writes in the paper",
    ],
)
def test_quotes_and_what_announces_them_go(line):
    assert parts.without_quotes(f"one\n{line}\ntwo") == "one\ntwo"


@pytest.mark.parametrize(
    "line", ["a > b", " > a", "as in article 5", "he wrote it", "she says that", ""]
)
def test_other_lines_stay(line):
    assert parts.without_quotes(f"one\n{line}\ntwo") == f"one\n{line}\ntwo"


def test_all_of_it_leaves_what_the_author_wrote():
    assert parts.strip(ARTICLE, ("quotes", "headers", "footers")) == (
        "This is a line > with a mark inside\n\nNor is this."
    )
    assert parts.strip(ARTICLE, ()) == ARTICLE
    assert parts.strip(ARTICLE, ["footers"]) == ARTICLE[: ARTICLE.index("\n--")]
