"""The bounded recurrence of IndRNN (arXiv 1803.04831, 1910.06251)."""

import keras
from keras import ops


def recurrence_bound(gamma: float, steps: int | None) -> float:
    """The bound gamma^(1/T) on |u|; 1, its limit, where T is not given.

    Over T steps a recurrent weight u scales a gradient by u^T, so that this bound
    keeps the scale at or below gamma.

    Args:
        gamma: The largest growth allowed over `steps` steps, at least 1.
        steps: Sequence length T, or `None` for sequences of any length.

    Returns:
        The bound, a float.

    Raises:
        ValueError: `gamma` is below 1 or `steps` is not positive.
    """
    if not gamma >= 1:
        raise ValueError(f"`gamma` must be 1 or more. Received: gamma={gamma}")
    if steps is None:
        return 1.0
    if steps <= 0:
        raise ValueError(
            f"`steps` must be a positive integer or None. Received: steps={steps}"
        )
    return float(gamma ** (1.0 / steps))


@keras.saving.register_keras_serializable(package="slim_keras")
class BoundedRecurrence(keras.constraints.Constraint):
    """Clips recurrent weights to |u| <= gamma^(1/T).

    Args:
        gamma: The largest growth of a gradient allowed over T steps: 2 in the
            papers' adding problem, 5 in the authors' pixel MNIST. Default: 2.
        steps: The sequence length T. Default: `None`, for sequences of any length,
            bounds by 1.

    Raises:
        ValueError: `gamma` is below 1 or `steps` is not positive.

    Reference: arXiv 1910.06251, section III.
    """

    def __init__(self, gamma=2.0, steps=None):
        self.gamma = gamma
        self.steps = steps
        self.bound = recurrence_bound(gamma, steps)

    def __call__(self, w):
        return ops.clip(w, -self.bound, self.bound)

    def get_config(self):
        return {"gamma": self.gamma, "steps": self.steps}
