"""Omniglot's pen strokes: characters of eight alphabets, each by 20 people.

The two small background sets hold ten alphabets, Latin and Greek twice. A file is one
drawing, `x,y,t` a line with t in milliseconds; its name ends in the number of who drew
it. Within an alphabet a number is one person, which the clock ticks of the files show
too; across alphabets it is not. Characters are numbered as the alphabet has them: Latin
01 to 26 are a to z.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.choose import Declared
from experiments.datasets.disk import Source
from experiments.datasets.handwriting import sample
from experiments.datasets.handwriting.ink import Ink
from experiments.datasets.handwriting.words import Drawing, Hand

URL = (
    "https://raw.githubusercontent.com/brendenlake/omniglot/"
    "057f034baf2ecb8530bc5710e5a23584d2a519cc/python/"
)
ARCHIVES = {  # with their SHA-256
    "strokes_background_small1.zip": (
        "8cb3960fb6cf4ccf5f064ad83169f828c36c36782a0f6e7faacb7ecfae4468a2"
    ),
    "strokes_background_small2.zip": (
        "345bf2141efbea062833dbb2828abbc23d9e07825e46f2afdd4daecddfed6e78"
    ),
}
LICENCE = "MIT licence, B. Lake 2015"
ALPHABETS = (
    "Balinese",
    "Early_Aramaic",
    "Greek",
    "Japanese_(katakana)",
    "Korean",
    "Latin",
    "Sanskrit",
    "Tagalog",
)
WRITERS = 20
Hands = dict[int, list[Hand]]  # by the number of the writer

_FILE = re.compile(r"[^/]+/([^/]+)/character(\d+)/\d+_(\d+)\.txt")


def find(folder: Path, alphabet: str) -> Source[Hands] | None:
    """The two archives, each in a folder or its sub-folder `handwriting`.

    Args:
        alphabet: One of `ALPHABETS`; or `"all"`, for which a number has as many hands.
    """
    places = (folder, folder / "handwriting")
    found = {name: disk.existing(places, [name]) for name in ARCHIVES}
    paths = {name: path for name, path in found.items() if path}
    if len(paths) < len(ARCHIVES):
        return None
    files = list(paths.values())
    origin = f"Omniglot, {alphabet} ({LICENCE})"
    return Source(files[0].parent, origin, files, partial(_read, paths, alphabet))


def declared(alphabet: str) -> Declared[Hands]:
    """One alphabet, or `"all"`."""
    return Declared(
        name="omniglot",
        title="Omniglot",
        find=partial(find, alphabet=alphabet),
        holds=f"{' and '.join(ARCHIVES)} from {URL}",
        downloads={URL + name: sha256 for name, sha256 in ARCHIVES.items()},
        examples="strokes",
        sample=sample.generate,
    )


def _read(paths: dict[str, Path], alphabet: str) -> Hands:
    hands: dict[tuple[str, int], dict[str, Drawing]] = {}
    for archive, path in paths.items():
        disk.published(path, ARCHIVES[archive], URL + archive)
        for match, where, content in disk.files(path, _FILE):
            name, character, writer = match.groups()
            if name in ALPHABETS and alphabet in (name, "all"):
                label = f"{name} {character}"
                hand = hands.setdefault((name, int(writer)), {})
                hand[label] = Drawing(label, parse(content, where))
    if not hands:
        places = " or ".join(map(str, paths.values()))
        raise UserError(f"alphabet {alphabet} is not in {places}")
    by_writer: Hands = {}
    for (_, writer), hand in sorted(hands.items()):
        by_writer.setdefault(writer, []).append([hand[key] for key in sorted(hand)])
    return by_writer


def parse(content: bytes, where: object) -> Ink:
    """The ink in one file of strokes, y turned downward.

    Raises:
        UserError: A line is not a point.
    """
    strokes: list[list[list[float]]] = [[]]
    for number, line in enumerate(content.decode("ascii", "replace").split("\n"), 1):
        line = line.strip()
        if line == "BREAK":
            strokes.append([])
        elif line and line != "START":
            strokes[-1].append(_point(line, f"{where}, line {number}"))
    if not any(strokes):
        raise UserError(f"{where} has no point: download the data again")
    return [np.array(stroke) * [1, -1, 1] for stroke in strokes if stroke]


def _point(line: str, where: str) -> list[float]:
    try:
        point = [float(value) for value in line.split(",")]
    except ValueError:
        point = []
    if len(point) != 3 or not np.isfinite(point).all():
        raise UserError(f"{where} is {line!r}: it must be x,y,t, START or BREAK")
    return point
