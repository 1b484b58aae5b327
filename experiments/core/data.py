"""Data to train and test on: arrays, or batches that are made when needed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from experiments.datasets import Dataset, Parts, kept_of

EVALUATION_BATCH = 250  # divides IMDB's splits, so XLA compiles one shape only
SPLIT_SEED = 0  # runs with different seeds keep the same validation split

Split = tuple[np.ndarray, np.ndarray]


class Data(Protocol):
    """What an experiment's function `data` returns."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Its entries in a row: `data`, the name, and checksums and whatever else the
        numbers depend on."""

    @property
    def origin(self) -> str:
        """One line that says where it comes from."""

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of examples in each part that devices must share."""

    @property
    def evaluation_batch(self) -> int:
        """Examples in a step of an evaluation."""

    def feed(self, batch_size: int, seed: int) -> Any:
        """The training batches: a `keras.utils.PyDataset` with `begin(epoch)`.

        `begin` chooses the batches of an epoch, counted from 0, before it starts.
        (Keras calls the data set's own hook, `on_epoch_end`, more often than once an
        epoch.)
        """

    def evaluated(self, epoch: int) -> Mapping[str, Split]:
        """The parts that are evaluated after an epoch, counted from 0."""


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """Data in arrays."""

    facts: Mapping[str, Any]
    origin: str
    train: Split  # the training examples
    parts: Mapping[str, Split]  # the parts that are evaluated after every epoch
    evaluation_batch: int = EVALUATION_BATCH  # examples in a step of an evaluation

    @classmethod
    def of(cls, data: Dataset, validation_split: float, **more: Any) -> Self:
        """A data set, with a part of its training examples kept for validation.

        Args:
            validation_split: The part; with 0 there is no part `val`.
            more: Further fields of the class. `facts` joins those of the data set.

        Raises:
            UserError: No example is left to train on.
        """
        train, validation = split(data.x_train, data.y_train, validation_split)
        parts = {"val": validation} if len(validation[0]) else {}
        facts = {"data": data.name, "data_checksum": data.checksum}
        return cls(
            facts=facts | more.pop("facts", {}),
            origin=data.origin,
            train=train,
            parts={**parts, "test": (data.x_test, data.y_test)},
            **more,
        )

    @classmethod
    def of_parts(cls, data: Parts) -> Self:
        """A data set with fixed parts; all parts but `train` are evaluated."""
        parts = dict(data.parts)
        return cls(
            facts={"data": data.name, "data_checksum": data.checksum},
            origin=data.origin,
            train=parts.pop("train"),
            parts=parts,
        )

    @property
    def counts(self) -> Mapping[str, int]:
        every = {"train": self.train, **self.parts}
        return {name: len(x) for name, (x, _) in every.items()}

    def feed(self, batch_size: int, seed: int) -> Any:
        """The training examples, in another order in every epoch."""
        return batches(self.train, batch_size, seed)

    def evaluated(self, epoch: int) -> Mapping[str, Split]:
        return self.parts


def split(x: np.ndarray, y: np.ndarray, part: float) -> tuple[Split, Split]:
    """Training and validation examples, drawn at random but always the same.

    Raises:
        UserError: No example is left to train on.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    kept, drawn = np.split(order, [kept_of(len(x), part, "examples")])
    return (x[kept], y[kept]), (x[drawn], y[drawn])


def batches(examples: Split, size: int, seed: int) -> Any:
    """The examples as `Data.feed` returns them; the last batch may be smaller."""
    import keras

    x, y = examples

    class Batches(keras.utils.PyDataset):
        def begin(self, epoch: int) -> None:
            self._order = order(len(x), seed, epoch)

        def __len__(self) -> int:
            return math.ceil(len(x) / size)

        def __getitem__(self, index: int) -> Split:
            chosen = self._order[index * size : (index + 1) * size]
            return x[chosen], y[chosen]

    return Batches()


def order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the examples in an epoch; only the arguments determine it."""
    return np.random.default_rng([seed, epoch]).permutation(count)
