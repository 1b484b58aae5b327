"""The model around a timed layer, and a batch for it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

WORDS = 5000  # of the vocabulary


@dataclass(frozen=True)
class Setting:
    """The surroundings of a layer."""

    # Whether inputs are word numbers, and an embedding stands in front.
    words: bool = False
    # Whether the last unit is linear, instead of a probability.
    regression: bool = False
    features: int | None = None  # the only number of input features, if there is one

    def batch(
        self, shape: tuple[int, int, int], masked: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets.

        Args:
            shape: Sequences, steps and features.
            masked: Whether a random part at the end of each sequence is padding.
        """
        rng = np.random.default_rng(0)
        count, steps, _ = shape
        if self.words:
            x = rng.integers(1, WORDS, (count, steps)).astype("int32")
        else:
            x = rng.normal(size=shape).astype("float32")
        y = rng.integers(0, 2, (count, 1)).astype("float32")
        if masked:
            lengths = rng.integers(1, steps + 1, (count, 1))
            x[np.arange(steps)[None, :] >= lengths] = 0
        return x, y

    def model(self, layer: Any, steps: int, features: int, masked: bool) -> Any:
        """The compiled model around a layer."""
        import keras

        if self.words:
            inputs = [
                keras.Input((steps,), dtype="int32"),
                keras.layers.Embedding(WORDS, features, mask_zero=masked),
            ]
        else:
            inputs = [keras.Input((steps, features))]
            inputs += [keras.layers.Masking()] if masked else []
        last = keras.layers.Dense(1, None if self.regression else "sigmoid")
        model = keras.Sequential([*inputs, layer, last])
        if self.regression:
            model.compile("adam", "mean_squared_error")
        else:
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model


# By their names in rows; two are named after the experiment with such a model.
MODELS = {
    "imdb": Setting(words=True),
    "layer": Setting(),
    "adding": Setting(regression=True, features=2),
}
