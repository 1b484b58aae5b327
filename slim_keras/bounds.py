"""The bounded recurrence of IndRNN, and how the papers start recurrent weights."""

import math

import keras
from keras import ops

from slim_keras._signature import number, positive


def recurrence_bound(gamma: float, steps: int | None) -> float:
    """The bound gamma^(1/T) on |u|; its limit 1 where T is unknown.

    Over T steps a recurrent weight u scales a gradient by u^T, so that this bound
    keeps the scale at or below gamma.

    Args:
        gamma: The largest growth allowed over `steps` steps, at least 1.
        steps: Sequence length T, or `None` for sequences of any length.

    Returns:
        The bound, a float.

    Raises:
        ValueError: `gamma` is not a number of 1 or more, or `steps` is neither a
            positive integer nor `None`.
    """
    if not 1 <= number(gamma) < math.inf:
        raise ValueError(f"`gamma` must be 1 or more. Received: gamma={gamma!r}")
    if steps is None:
        return 1.0
    return float(number(gamma) ** (1.0 / positive("steps", steps)))


@keras.saving.register_keras_serializable(package="slim_keras")
class BoundedRecurrence(keras.constraints.Constraint):
    """Clips recurrent weights to |u| <= gamma^(1/T).

    Args:
        gamma: The largest growth of a gradient allowed over T steps: 2 in the
            papers' adding problem, 5 in the authors' pixel MNIST. Default: 2.
        steps: The sequence length T, a positive integer. Default: `None`, for
            sequences of any length, which bounds by 1.

    Raises:
        ValueError: `gamma` is below 1, or `steps` is not a positive integer.

    Example:
        >>> import slim_keras
        >>> constraint = slim_keras.BoundedRecurrence(2.0, steps=100)
        >>> round(constraint.bound, 6)
        1.006956
        >>> layer = slim_keras.IndRNN(16, recurrent_vector_constraint=constraint)

    Reference: arXiv 1910.06251, section III.
    """

    def __init__(self, gamma=2.0, steps=None):
        self.bound = recurrence_bound(gamma, steps)
        self.gamma = float(gamma)
        self.steps = None if steps is None else int(steps)

    def __call__(self, w):
        return ops.clip(w, -self.bound, self.bound)

    def get_config(self):
        return {"gamma": self.gamma, "steps": self.steps}


@keras.saving.register_keras_serializable(package="slim_keras")
class BoundedUniform(keras.initializers.RandomUniform):
    """u ~ U(0, gamma^(1/T)), or U(gamma^(-1/T), gamma^(1/T)) for a last layer.

    The second form starts every neuron with a long memory: it suits the last
    recurrent layer of a model that reads only the last output.

    Args:
        gamma: As in `BoundedRecurrence`. Default: 2.
        steps: The sequence length T, a positive integer. Default: `None`, for
            sequences of any length, which starts in U(0, 1).
        long_memory: Whether to start at gamma^(-1/T) instead of 0. Needs `steps`.
            Default: `False`.
        seed: Integer, `keras.random.SeedGenerator` or `None`. Default: `None`.

    Raises:
        ValueError: `gamma` is below 1, `steps` is not a positive integer, or
            `long_memory` is true without `steps`.

    Example:
        >>> import slim_keras
        >>> start = slim_keras.BoundedUniform(2.0, steps=100, long_memory=True)
        >>> layer = slim_keras.IndRNN(16, recurrent_vector_initializer=start)
        >>> layer.build((None, 100, 8))
        >>> bool(layer.get_weights()[1].min() > 0.993)
        True

    Reference: arXiv 1910.06251, section III.
    """

    def __init__(self, gamma=2.0, steps=None, long_memory=False, seed=None):
        if long_memory and steps is None:
            raise ValueError(
                "`long_memory=True` needs the sequence length. Received: steps=None"
            )
        bound = recurrence_bound(gamma, steps)
        self.gamma = float(gamma)
        self.steps = None if steps is None else int(steps)
        self.long_memory = long_memory
        super().__init__(1.0 / bound if long_memory else 0.0, bound, seed=seed)

    def get_config(self):
        return {
            "gamma": self.gamma,
            "steps": self.steps,
            "long_memory": self.long_memory,
            "seed": super().get_config()["seed"],
        }


@keras.saving.register_keras_serializable(package="slim_keras")
class JointOrthogonal(keras.initializers.Initializer):
    """Draws all recurrent weights of a cell as one orthogonal matrix.

    The SLIM LSTM authors' code keeps full matrices and Hadamard vectors as the
    columns of one matrix `(n, matrices * n + vectors)`, which starts orthogonal.
    Here matrices and vectors are two weights: two initializers with the same `seed`
    draw the same matrix, and each takes its part of the columns.

    Args:
        matrices: Number of full-matrix blocks, `len(variant.matrix_blocks)`.
        vectors: Number of Hadamard blocks, `len(variant.vector_blocks)`.
        part: `"matrices"`, for `recurrent_initializer`, or `"vectors"`, for
            `recurrent_vector_initializer`.
        seed: Integer, the same for both parts.

    Raises:
        ValueError: `part` is unknown, or `seed` is no integer, so that each part would
            come from another matrix. A call raises it for a shape that is not the
            part's.

    Example:
        >>> import slim_keras
        >>> layer = slim_keras.LSTM4(
        ...     16,
        ...     recurrent_initializer=slim_keras.JointOrthogonal(1, 3, "matrices", 7),
        ...     recurrent_vector_initializer=slim_keras.JointOrthogonal(
        ...         1, 3, "vectors", 7
        ...     ),
        ... )
    """

    def __init__(self, matrices, vectors, part, seed):
        if part not in ("matrices", "vectors"):
            raise ValueError(
                f"`part` must be 'matrices' or 'vectors'. Received: part={part!r}"
            )
        if not hasattr(seed, "__index__"):
            raise ValueError(
                "`seed` must be an integer, the same for both parts, which are columns "
                f"of one matrix. Received: seed={seed!r}"
            )
        self.matrices = matrices
        self.vectors = vectors
        self.part = part
        self.seed = seed

    def __call__(self, shape, dtype=None):
        units, width = shape
        full = self.matrices * units
        expected = full if self.part == "matrices" else self.vectors
        if width != expected:
            raise ValueError(
                f"`JointOrthogonal(matrices={self.matrices}, vectors={self.vectors}, "
                f"part={self.part!r})` serves the shape ({units}, {expected}) for "
                f"{units} units. Received: shape={tuple(shape)}"
            )
        joint = keras.initializers.Orthogonal(seed=self.seed)(
            (units, full + self.vectors), dtype=dtype
        )
        return joint[:, :full] if self.part == "matrices" else joint[:, full:]

    def get_config(self):
        return {
            "matrices": self.matrices,
            "vectors": self.vectors,
            "part": self.part,
            "seed": self.seed,
        }
