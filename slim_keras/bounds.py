"""The bounded recurrence of IndRNN, and how the papers start recurrent weights."""

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


@keras.saving.register_keras_serializable(package="slim_keras")
class BoundedUniform(keras.initializers.RandomUniform):
    """u ~ U(0, gamma^(1/T)), or U(gamma^(-1/T), gamma^(1/T)) for a last layer.

    The second form starts every neuron with a long memory: it suits the last
    recurrent layer of a model that reads only the last output.

    Args:
        gamma: As in `BoundedRecurrence`. Default: 2.
        steps: The sequence length T. Default: `None`, for sequences of any length,
            starts in U(0, 1).
        long_memory: Whether to start at gamma^(-1/T) instead of 0. Needs `steps`.
            Default: `False`.
        seed: Integer, `keras.random.SeedGenerator` or `None`.

    Raises:
        ValueError: `gamma` is below 1, `steps` is not positive, or `long_memory`
            is asked for without `steps`.

    Reference: arXiv 1910.06251, section III.
    """

    def __init__(self, gamma=2.0, steps=None, long_memory=False, seed=None):
        if long_memory and steps is None:
            raise ValueError(
                "`long_memory=True` needs the sequence length. Received: steps=None"
            )
        bound = recurrence_bound(gamma, steps)
        self.gamma = gamma
        self.steps = steps
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
    columns of one matrix `(n, matrices * n + vectors)` and starts it orthogonal.
    Here they are two weights: two initializers with the same `seed` draw that same
    matrix, and each takes its part of the columns.

    Args:
        matrices: Number of full-matrix blocks, `len(variant.matrix_blocks)`.
        vectors: Number of Hadamard blocks, `len(variant.vector_blocks)`.
        part: `"matrices"`, for `recurrent_initializer`, or `"vectors"`, for
            `recurrent_vector_initializer`.
        seed: Integer, the same for both parts.

    Raises:
        ValueError: `part` is unknown, `seed` is no integer, so that the parts would
            be of two matrices, or the shape asked for is not that part's.
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
