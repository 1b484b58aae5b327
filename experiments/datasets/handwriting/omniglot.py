"""Omniglot's pen strokes: characters of eight alphabets, each by 20 people.

The two small background sets hold ten alphabets, Latin and Greek twice. A file is one
drawing, `x,y,t` a line with t in milliseconds; its name ends in the number of who drew
it. Within an alphabet a number is one person, which the clock ticks of the files show
too; across alphabets it is not. Characters are numbered as the alphabet has them: Latin
01 to 26 are a to z.
"""

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import network
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

_FILE = re.compile(r"[^/]+/([^/]+)/character(\d+)/\d+_(\d+)\.txt")


def find(
    data_dir: str | os.PathLike[str] | None, cache_dir: str | os.PathLike[str] | None
) -> list[Path]:
    """The archives, downloaded where no folder is named and the cache has none.

    Raises:
        NotFoundError: There is one of them nowhere, and no network.
        UserError: There is no such folder, or an archive is not the published one.
    """
    return [_find(name, data_dir, cache_dir) for name in ARCHIVES]


def _find(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
) -> Path:
    def look(folder: Path) -> Path | None:
        places = (folder / name, folder / "handwriting" / name)
        return next(filter(Path.is_file, places), None)

    path = network.find(look, data_dir, cache_dir, URL + name)
    if hashlib.sha256(path.read_bytes()).hexdigest() != ARCHIVES[name]:
        raise UserError(
            f"{path} is not the published file: delete it and get {URL}{name}"
        )
    return path


def read(paths: list[Path], alphabet: str) -> dict[int, list[Hand]]:
    """The hands of all writers, by their numbers.

    Args:
        paths: The archives.
        alphabet: One of `ALPHABETS`, or `"all"`: then a number has as many hands.

    Raises:
        UserError: A file is damaged, or the alphabet is not there.
    """
    hands: dict[tuple[str, int], dict[str, Drawing]] = {}
    for path in paths:
        for match, content in _members(path):
            name, character, writer = match.groups()
            if alphabet in (name, "all"):
                label = f"{name} {character}"
                ink = parse(content, f"{path}: {match[0]}")
                hand = hands.setdefault((name, int(writer)), {})
                hand[label] = Drawing(label, ink)
    if not hands:
        raise UserError(f"alphabet {alphabet} is not in {' or '.join(map(str, paths))}")
    by_writer: dict[int, list[Hand]] = {}
    for (_, writer), hand in sorted(hands.items()):
        by_writer.setdefault(writer, []).append([hand[key] for key in sorted(hand)])
    return by_writer


def _members(path: Path) -> Iterator[tuple[re.Match, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                match = _FILE.fullmatch(name)
                if match and match[1] in ALPHABETS:
                    yield match, archive.read(name)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}): get it again") from None


def parse(content: bytes, where: object) -> Ink:
    """The ink in one file of strokes, y turned downward.

    Args:
        content: The file.
        where: Its name, for the message of an error.

    Raises:
        UserError: A line is no point.
    """
    strokes: list[list[list[float]]] = [[]]
    for number, line in enumerate(content.decode("ascii", "replace").split("\n"), 1):
        line = line.strip()
        if line == "BREAK":
            strokes.append([])
        elif line and line != "START":
            strokes[-1].append(_point(line, f"{where}, line {number}"))
    if not any(strokes):
        raise UserError(f"{where} has no point: get the data again")
    return [np.array(stroke) * [1, -1, 1] for stroke in strokes if stroke]


def _point(line: str, where: str) -> list[float]:
    try:
        point = [float(value) for value in line.split(",")]
    except ValueError:
        point = []
    if len(point) != 3 or not np.isfinite(point).all():
        raise UserError(f"{where} is {line!r}: it must be x,y,t, START or BREAK")
    return point
