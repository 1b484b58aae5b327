"""The native contender of the benchmark: `torch.nn.LSTM` in plain PyTorch."""

import numpy as np
import torch


class Model:
    """Embedding (of words), `torch.nn.LSTM`, one unit, Adam.

    Args:
        words: Size of the vocabulary; `None` if the inputs are vectors already.
        regression: Whether the unit is a number, instead of a probability.
    """

    def __init__(
        self, words: int | None, features: int, units: int, *, regression: bool = False
    ):
        parts = {
            "lstm": torch.nn.LSTM(features, units, batch_first=True),
            "dense": torch.nn.Linear(units, 1),
        }
        if words is not None:
            parts["embedding"] = torch.nn.Embedding(words, features)
        self._parts = torch.nn.ModuleDict(parts)
        self._optimizer = torch.optim.Adam(self._parts.parameters())
        self._loss = torch.nn.MSELoss() if regression else torch.nn.BCEWithLogitsLoss()

    def _logits(self, x: np.ndarray) -> torch.Tensor:
        inputs = torch.from_numpy(x)
        if "embedding" in self._parts:
            inputs = self._parts["embedding"](inputs)
        outputs, _ = self._parts["lstm"](inputs)
        return self._parts["dense"](outputs[:, -1])

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """One training step; the loss."""
        self._optimizer.zero_grad()
        loss = self._loss(self._logits(x), torch.from_numpy(y))
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The outputs of a batch."""
        with torch.no_grad():
            return self._logits(x).numpy()
