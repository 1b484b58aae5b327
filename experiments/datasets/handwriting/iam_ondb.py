"""IAM-OnDB: lines of English text on a whiteboard, for holders of its licence.

Its folder is read as it is published:

    trainset.txt, testset_v.txt, testset_f.txt       names of forms, `a01-000u` a line;
                                                     here or in a sub-folder `task1`
    ascii/a01/a01-000/a01-000u.txt                   the text of a form; its lines
                                                     follow the line `CSR:`
    lineStrokes/a01/a01-000/a01-000u-01.xml          the strokes of its first line

In task IAM-OnDB-t1 `testset_v` is the first validation set and `testset_f` the test
set; the second validation set, `testset_t`, is left alone. No writer is in two of them.
"""

import re
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.choose import Declared
from experiments.datasets.disk import Source
from experiments.datasets.handwriting.ink import Ink, clean

PAGE = "https://fki.tic.heia-fr.ch/databases/iam-on-line-handwriting-database"
PARTS = {"train": "trainset.txt", "val": "testset_v.txt", "test": "testset_f.txt"}

_FORM = re.compile(r"((\w+)-\d+)\w*")
_LINE = re.compile(r".*-(\d+)\.xml")

Line = tuple[Ink, list[str]]  # the characters of its text
Lines = tuple[dict[str, list[Line]], int]  # by part; how many lack strokes or text


def find(folder: Path) -> Source[Lines] | None:
    """The lines of each part, in a folder or its sub-folder `iam_ondb`."""
    for place in (folder, folder / "iam_ondb"):
        if (place / "lineStrokes").is_dir():
            return Source(place, "IAM-OnDB", [place], partial(_read, place))
    return None


DECLARED = Declared(
    name="iam_ondb",
    title="IAM-OnDB",
    find=find,
    holds="lineStrokes-all.tar.gz, ascii-all.tar.gz and the lists of task 1, unpacked; "
    f"each user must register for the licence at {PAGE}",
)


def _read(folder: Path) -> Lines:
    parts: dict[str, list[Line]] = {part: [] for part in PARTS}
    unpaired = 0
    for part, name in PARTS.items():
        for form in _forms(folder, name):
            lines, missing = _lines(folder, form)
            parts[part] += lines
            unpaired += missing
        if not parts[part]:
            raise UserError(f"{folder}: {name} names no line that has strokes and text")
    return parts, unpaired


def _forms(folder: Path, name: str) -> list[str]:
    path = disk.existing((folder, folder / "task1"), [name]) or folder / name
    forms = _text(path).split()
    for form in forms:
        if not _FORM.fullmatch(form):
            raise UserError(f"{path}: {form!r} is not the name of a form like a01-000u")
    return forms


def _lines(folder: Path, form: str) -> tuple[list[Line], int]:
    match = _FORM.fullmatch(form)
    assert match  # noqa: S101 - for mypy; _forms has checked it
    below = Path(match[2], match[1])
    text = _text(folder / "ascii" / below / f"{form}.txt")
    _, marker, transcription = text.partition("CSR:")
    if not marker:
        raise UserError(f"{folder / 'ascii' / below / form}.txt has no line CSR:")
    texts = [line.strip() for line in transcription.splitlines() if line.strip()]
    files = (folder / "lineStrokes" / below).glob(f"{form}-*.xml")
    numbered = ((_LINE.fullmatch(path.name), path) for path in files)
    strokes = {int(match[1]): path for match, path in numbered if match}
    numbers = set(strokes) & set(range(1, len(texts) + 1))
    lines = [(parse(strokes[n]), list(texts[n - 1])) for n in sorted(numbers)]
    return lines, len(set(strokes) ^ set(range(1, len(texts) + 1)))


def _text(path: Path) -> str:
    try:
        return path.read_text("latin-1")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from None


def parse(path: Path) -> Ink:
    """The ink in one file of line strokes; its times are in seconds.

    Raises:
        UserError: The file has other content or is damaged.
    """
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - of the user's own licence
    except (ET.ParseError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}): download it again") from None
    strokes = root.findall("StrokeSet/Stroke")
    if not strokes:
        raise UserError(f"{path} has no StrokeSet with a Stroke: download it again")
    return clean(
        [
            np.array([_point(point, path) for point in stroke.findall("Point")])
            for stroke in strokes
        ],
        path,
    )


def _point(point: ET.Element, path: Path) -> list[float]:
    try:
        x, y, seconds = (float(point.attrib[name]) for name in ("x", "y", "time"))
    except (KeyError, ValueError):
        shown = ET.tostring(point, "unicode").strip()
        raise UserError(
            f"{path}: {shown} has no x, y and time: download it again"
        ) from None
    return [x, y, 1000 * seconds]
