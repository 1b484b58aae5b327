"""Slim recurrent layers for Keras 3: IndyLSTM, the SLIM LSTM family, IndRNN."""

from slim_keras import activations as activations
from slim_keras.bounds import (
    BoundedRecurrence as BoundedRecurrence,
    BoundedUniform as BoundedUniform,
    JointOrthogonal as JointOrthogonal,
)
from slim_keras.cells import (
    IndRNNCell as IndRNNCell,
    IndyLSTMCell as IndyLSTMCell,
    LSTM1Cell as LSTM1Cell,
    LSTM2Cell as LSTM2Cell,
    LSTM3Cell as LSTM3Cell,
    LSTM4aCell as LSTM4aCell,
    LSTM4Cell as LSTM4Cell,
    LSTM5aCell as LSTM5aCell,
    LSTM5Cell as LSTM5Cell,
    LSTM6Cell as LSTM6Cell,
    LSTM10Cell as LSTM10Cell,
    LSTM11Cell as LSTM11Cell,
    LSTM_C6Cell as LSTM_C6Cell,
    LSTMCell as LSTMCell,
)
from slim_keras.layers import (
    LSTM as LSTM,
    LSTM1 as LSTM1,
    LSTM2 as LSTM2,
    LSTM3 as LSTM3,
    LSTM4 as LSTM4,
    LSTM5 as LSTM5,
    LSTM6 as LSTM6,
    LSTM10 as LSTM10,
    LSTM11 as LSTM11,
    LSTM_C6 as LSTM_C6,
    IndRNN as IndRNN,
    IndyLSTM as IndyLSTM,
    LSTM4a as LSTM4a,
    LSTM5a as LSTM5a,
    SlimLayer,
)
from slim_keras.stacks import (
    DenseStack as DenseStack,
    PlainStack as PlainStack,
    ResidualStack as ResidualStack,
)
from slim_keras.variants import VARIANTS

__version__ = "0.2.0"


def get(key: str) -> type[SlimLayer]:
    """The layer class of a variant, by its key.

    Args:
        key: A key of `slim_keras.variants.VARIANTS`, such as `"lstm6"`.

    Returns:
        The class, `slim_keras.LSTM6` for `"lstm6"`.

    Raises:
        ValueError: The key is unknown.

    Example:
        >>> import slim_keras
        >>> slim_keras.get("lstm6") is slim_keras.LSTM6
        True
    """
    if key not in VARIANTS:
        raise ValueError(
            f"`key` must be one of {', '.join(VARIANTS)}. Received: key={key!r}"
        )
    return globals()[VARIANTS[key].name]
