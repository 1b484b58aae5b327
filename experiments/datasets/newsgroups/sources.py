"""Where the 20 Newsgroups can lie in a folder, and how each kind is read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from experiments.core.errors import UserError
from experiments.datasets import disk
from experiments.datasets.disk import Source

# Documents for training and for testing in the edition by date.
_BY_DATE = {
    "alt.atheism": (480, 319),
    "comp.graphics": (584, 389),
    "comp.os.ms-windows.misc": (591, 394),
    "comp.sys.ibm.pc.hardware": (590, 392),
    "comp.sys.mac.hardware": (578, 385),
    "comp.windows.x": (593, 395),
    "misc.forsale": (585, 390),
    "rec.autos": (594, 396),
    "rec.motorcycles": (598, 398),
    "rec.sport.baseball": (597, 397),
    "rec.sport.hockey": (600, 399),
    "sci.crypt": (595, 396),
    "sci.electronics": (591, 393),
    "sci.med": (594, 396),
    "sci.space": (593, 394),
    "soc.religion.christian": (599, 398),
    "talk.politics.guns": (546, 364),
    "talk.politics.mideast": (564, 376),
    "talk.politics.misc": (465, 310),
    "talk.religion.misc": (377, 251),
}
GROUPS = tuple(_BY_DATE)


class Document(NamedTuple):
    """One article: its group, its number there, and its whole text."""

    group: str
    number: str
    text: str


Documents = dict[str, list[Document]]  # by part: "all", or "train" and "test"


@dataclass(frozen=True)
class Layout:
    """One edition of the data set."""

    url: str  # where it is kept
    archives: tuple[str, ...]  # what its archive can be called
    # The folders of its parts, each with all the names it can have.
    parts: dict[str, tuple[str, ...]]
    sizes: dict[str, dict[str, int]]  # how many documents every group has, by part

    @property
    def names(self) -> str:
        """What a folder must hold, for messages."""
        folders = " and ".join(f"{names[0]}/" for names in self.parts.values())
        return f"{folders} or {' or '.join(self.archives)}"


# By the split that each is for.
LAYOUTS = {
    "random": Layout(
        url="http://www.cs.cmu.edu/afs/cs.cmu.edu/project/theo-20/www/data/news20.tar.gz",
        archives=(
            "news20.tar.gz",
            "20_newsgroup.tar.gz",
            "20_newsgroups.tar.gz",
            "20news-19997.tar.gz",
        ),
        parts={"all": ("20_newsgroup", "20_newsgroups", "20news-19997")},
        sizes={"all": dict.fromkeys(GROUPS, 1000) | {"soc.religion.christian": 997}},
    ),
    "bydate": Layout(
        url="http://qwone.com/~jason/20Newsgroups/20news-bydate.tar.gz",
        archives=("20news-bydate.tar.gz",),
        parts={"train": ("20news-bydate-train",), "test": ("20news-bydate-test",)},
        sizes={
            "train": {group: size for group, (size, _) in _BY_DATE.items()},
            "test": {group: size for group, (_, size) in _BY_DATE.items()},
        },
    ),
}


def find(folder: Path, split: str) -> Source[Documents] | None:
    """The edition for a split, in a folder or its sub-folder `20news`.

    Unpacked folders come before archives.
    """
    looks = [partial(look, layout=LAYOUTS[split]) for look in (_folders, _archive)]
    return disk.first(looks, [folder, folder / "20news"])


def _folders(place: Path, layout: Layout) -> Source[Documents] | None:
    found = {
        part: path
        for part, names in layout.parts.items()
        for path in (place, *(place / name for name in names))
        if path.name in names and path.is_dir()
    }
    if not found:
        return None
    missing = [names[0] for part, names in layout.parts.items() if part not in found]
    if missing:
        raise UserError(f"{place} has no folder {missing[0]}: download the data again")
    pattern = _pattern(layout)
    files = [file for path in found.values() for file in disk.below(path, pattern)]
    origin = "folder " + ", ".join(path.name for path in found.values())
    read = partial(_collect, place, layout, list(found.values()))
    return Source(place, origin, files, read)


def _archive(place: Path, layout: Layout) -> Source[Documents] | None:
    path = disk.existing([place], layout.archives)
    if path is None:
        return None
    read = partial(_collect, path, layout, [path])
    return Source(path, f"archive {path.name}", [path], read)


def _pattern(layout: Layout) -> re.Pattern[str]:
    """Matches the name of a document: its part's folder, its group, its number."""
    names = [name for part in layout.parts.values() for name in part]
    folders, groups = ("|".join(map(re.escape, some)) for some in (names, GROUPS))
    return re.compile(rf"({folders})/({groups})/([^/.][^/]*)")


def _collect(path: Path, layout: Layout, sources: Iterable[Path]) -> Documents:
    """The documents in folders or an archive, complete and in a fixed order."""
    part_of = {name: part for part, names in layout.parts.items() for name in names}
    documents: Documents = {part: [] for part in layout.parts}
    pattern = _pattern(layout)
    for match, where, content in chain.from_iterable(
        disk.files(source, pattern) for source in sources
    ):
        folder, group, number = match.groups()
        if not number.isdigit():
            raise UserError(
                f"{where} is not a document (its name must be a number): move it away"
            )
        if not content:
            raise UserError(f"{where} is empty: download the data again")
        # As Python reads a text file; a few documents have other ends of lines.
        text = content.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
        documents[part_of[folder]].append(Document(group, number, text))
    for part, sizes in layout.sizes.items():
        for group, size in sizes.items():
            held = sum(document.group == group for document in documents[part])
            if held != size:
                raise UserError(
                    f"{path} holds {held:,} documents of {group} in {part} where the "
                    f"data set has {size:,}: download the data again"
                )
    return {part: sorted(found) for part, found in documents.items()}
