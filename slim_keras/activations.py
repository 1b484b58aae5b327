"""Activations that the papers use and Keras 3 no longer has."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="slim_keras")
def hard_sigmoid_keras2(x):
    """The hard sigmoid of Keras 1 and 2, `clip(0.2 x + 0.5, 0, 1)`.

    The gates of 1901.06401 and of the SLIM LSTM authors' code use it; Keras 3's
    `hard_sigmoid` has slope 1/6.

    Args:
        x: Input tensor.

    Returns:
        A tensor of the shape of `x`, in [0, 1].

    Example:
        >>> import slim_keras
        >>> layer = slim_keras.LSTM1(
        ...     16, recurrent_activation=slim_keras.activations.hard_sigmoid_keras2
        ... )
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
