"""20 Newsgroups as arrays: Usenet articles of 1993, 20 groups or 6 topics.

The defaults are those of Keras' example `pretrained_word_embeddings.py`: the headers
are cut off, words are cut as Keras' Tokenizer cuts them, the most frequent word is 1,
rare words are left out, 0 pads in front. Only equally frequent words can have other
numbers: they follow the alphabet here.

Two splits:

- `random`, as in the example: the last fifth of the 19,997 documents in a random order.
  Over 1,000 of them share their text with another one, as articles were posted to
  several groups. So some test documents were trained on, often under another label;
  the origin says how many.
- `bydate`, the usual one for comparisons: 11,314 older articles to train on and 7,532
  newer ones to test, without these copies and without the headers that name the group.

The example makes its vocabulary of all texts before it splits them; so does `random`.
In `bydate` the vocabulary is that of the training texts.
"""

from collections.abc import Collection
from dataclasses import asdict
from functools import partial
from pathlib import Path

from experiments.core.errors import UserError
from experiments.datasets import Dataset, disk
from experiments.datasets.choose import Declared, Folder, cached, choose
from experiments.datasets.newsgroups import arrays, sample, sources, strip as parts
from experiments.datasets.newsgroups.sources import LAYOUTS, Documents

PARTS = tuple(parts.PARTS)
ENCODING = 1  # raise it when the same source begins to give other arrays


def declared(split: str) -> Declared[Documents]:
    """The edition of the data set for a split."""
    layout = LAYOUTS[split]
    return Declared(
        name="newsgroups",
        title="20 Newsgroups",
        find=partial(sources.find, split=split),
        holds=f"{layout.names} ({layout.url})",
        downloads={layout.url: None},  # nobody has published its checksum
        examples="articles",
        sample=partial(sample.generate, split),
    )


def load(
    data: str = "auto",
    data_dir: Folder = None,
    classes: int = 20,
    strip: Collection[str] = ("headers",),
    split: str = "random",
    num_words: int = 20_000,
    length: int = 1000,
    seed: int = 1337,
) -> Dataset:
    """20 Newsgroups, or the synthetic sample, as rows of word numbers.

    Args:
        data: `"newsgroups"`, `"sample"` or `"auto"`; see `choose`.
        data_dir: Folder with the articles; see `choose` and `sources.LAYOUTS`.
        classes: 20 for the groups, 6 for the topics: see `arrays.label`.
        strip: What to remove, any of `PARTS`: headers, footers, quotes. Documents of
            which nothing is left stay in, as rows of padding.
        split: `"random"` or `"bydate"`, see above.
        num_words: Word numbers stay below this one; rarer words are left out.
        length: Words in a row; longer texts are cut and shorter ones padded in front.
        seed: Of the order of the documents, and so of the random split.

    Returns:
        The data set; its origin says how many test documents repeat a training
        document and how many documents have no word left.

    Raises:
        UserError: As `choose` raises it; the named folder has the other split's data
            only.
    """
    options = arrays.Options(classes, tuple(sorted(strip)), num_words, length, seed)
    if data != "sample":
        _check_edition(disk.named_folder(data_dir), split)
    name, source = choose(data, [declared(split)], data_dir)

    def build() -> Dataset:
        return arrays.build(name, source.read(), source.origin, options)

    edition = ["newsgroups", ENCODING]
    return cached(source, edition, [asdict(options)], build, Dataset)


def _check_edition(folder: Path | None, split: str) -> None:
    """Refuses a folder that has the documents of another split only."""
    if folder is None or sources.find(folder, split):
        return
    for other in LAYOUTS:
        if sources.find(folder, other):
            raise UserError(
                f"split is {split}, but {folder} holds only the documents of split "
                f"{other}: choose that, or put {LAYOUTS[split].names} there"
            )
