"""IMDB reviews as arrays: 25,000 to train on and 25,000 to test, two classes.

The numbers are those of `keras.datasets.imdb`, start 1, unknown 2, rank + 3, with one
difference: the alphabet ranks equally frequent words, where Keras' file keeps the order
in which its author's run met them. So the frequent words have Keras' numbers, and the
words of a tie may have each other's. Keras' own file is decoded into words and numbered
here like every other source; all sources give the same arrays.
"""

from experiments.datasets import Dataset, text
from experiments.datasets.choose import Declared, Folder, cached, choose
from experiments.datasets.imdb import sample, sources

ENCODING = 1  # raise it when the same source begins to give other arrays
URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"

REVIEWS = Declared(
    name="imdb",
    title="IMDB reviews",
    find=sources.find,
    holds=f"aclImdb/ or aclImdb_v1.tar.gz ({URL}), with imdb_reviews as "
    "tensorflow-datasets prepares it, or with Keras' imdb.npz and imdb_word_index.json",
    downloads={URL: "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"},
    examples="reviews",
    sample=lambda: dict(zip(("train", "test"), sample.generate(), strict=True)),
)


def load(
    data: str = "auto",
    data_dir: Folder = None,
    num_words: int = 5000,
    length: int = 500,
) -> Dataset:
    """IMDB reviews, or the synthetic sample, as rows of word numbers.

    Args:
        data: `"imdb"`, `"sample"` or `"auto"`; see `choose`.
        data_dir: Folder with the reviews; see `choose` and `sources.find`.
        num_words: Word numbers stay below this one; rarer words become 2.
        length: Words in a row; longer reviews are cut and shorter ones padded in front.
    """
    name, source = choose(data, [REVIEWS], data_dir)

    def build() -> Dataset:
        reviews = source.read()
        arrays = text.to_arrays(reviews["train"], reviews["test"], num_words, length)
        return Dataset(name, *arrays, origin=source.origin)

    options = [num_words, length]
    return cached(source, [ENCODING], options, build, Dataset)
