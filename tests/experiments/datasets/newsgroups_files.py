"""Small sets of newsgroup articles, in every layout that the loader reads."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

from experiments.datasets.newsgroups import sources
from experiments.datasets.newsgroups.sources import GROUPS

# As many articles as folders of these names hold of every group.
SIZES = {
    "random": {"20_newsgroup": 5},
    "bydate": {"20news-bydate-train": 3, "20news-bydate-test": 2},
}
ARCHIVES = {"random": "20_newsgroup.tar.gz", "bydate": "20news-bydate.tar.gz"}


def make_small(monkeypatch) -> None:
    """Lets the loader expect the small sets."""
    for split, layout in sources.LAYOUTS.items():
        sizes = {
            part: dict.fromkeys(GROUPS, size)
            for part, size in zip(layout.sizes, SIZES[split].values(), strict=True)
        }
        small = replace(layout, sizes=sizes)
        monkeypatch.setitem(sources.LAYOUTS, split, small)


def members(split: str) -> dict[str, bytes]:
    """Content of every file, by its path; groups differ in words and in lengths."""
    return {
        f"{top}/{group}/{number}": (
            f"From: me@{top}\nNewsgroups: {group}\n\n"
            f"In article <{number}> you wrote:\n> An old \xe9\n"
            f"{'The word, ' * (1 + place % 4)}\tof {group} is N{number}!\n\n--\nme\n"
        ).encode("latin-1")
        for top, size in SIZES[split].items()
        for place, group in enumerate(GROUPS)
        for number in range(98, 98 + size)  # 100 sorts before 98, as text
    }


def write_folder(place: Path, split: str = "random", changes=None) -> Path:
    for name, content in (members(split) | (changes or {})).items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (place / next(iter(SIZES[split])) / GROUPS[0] / ".DS_Store").write_bytes(b"\0")
    return place


def write_archive(
    place: Path, split: str = "random", changes=None, name="", top="", only=None
) -> Path:
    """With `top` the folder in the archive of the random split is called so."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / (name or ARCHIVES[split])
    with tarfile.open(path, "w:gz") as archive:
        for member, content in (only or members(split) | (changes or {})).items():
            folder, _, rest = member.partition("/")
            info = tarfile.TarInfo(f"{top or folder}/{rest}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path
