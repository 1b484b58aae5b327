"""The named cells: their equations in words, their row by its key.

m is the size of the input, n = `units`; `*` is the Hadamard product, g the
`activation`, s the `recurrent_activation`. Arguments, defaults, paper and errors are
added to the docstrings by `arguments.document`.
"""

from typing import Any, ClassVar

from slim_keras import constraints, initializers  # noqa: F401  (registered names)
from slim_keras.cell import SlimCell


def _named(class_name: str, **config) -> dict[str, Any]:
    """A default that Keras makes anew for every cell."""
    return {"class_name": class_name, "config": config}


class LSTMCell(SlimCell, key="lstm"):
    """The standard LSTM, with the weight layout of `keras.layers.LSTM`.

    ```
    i_t = s(W_i x_t + U_i h_{t-1} + b_i)
    f_t = s(W_f x_t + U_f h_{t-1} + b_f)
    o_t = s(W_o x_t + U_o h_{t-1} + b_o)
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: 4 (n m + n^2 + n).
    """


class LSTM1Cell(SlimCell, key="lstm1"):
    """SLIM LSTM 1: the gates do not see the input.

    ```
    k_t = s(U_k h_{t-1} + b_k)                        for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 4 n^2 + 4 n.

    Also defined in arXiv 1701.03441.
    """


class LSTM2Cell(SlimCell, key="lstm2"):
    """SLIM LSTM 2: the gates see the last output alone.

    ```
    k_t = s(U_k h_{t-1})                              for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 4 n^2 + n.

    Also defined in arXiv 1701.03441.
    """


class LSTM3Cell(SlimCell, key="lstm3"):
    """SLIM LSTM 3: the gates are trained constants.

    ```
    k   = s(b_k)                                      for the gates k = i, f, o
    c_t = f * c_{t-1} + i * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o * g(c_t)
    ```

    Trainable parameters: n m + n^2 + 4 n.

    Also defined in arXiv 1701.03441.
    """


class LSTM4Cell(SlimCell, key="lstm4"):
    """SLIM LSTM 4: the gates see the last output through a Hadamard product.

    ```
    k_t = s(u_k * h_{t-1})                            for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + n^2 + 4 n.
    """


class LSTM4aCell(SlimCell, key="lstm4a"):
    """SLIM LSTM 4a: LSTM4 with constant forget and output gates.

    ```
    i_t = s(u_i * h_{t-1})
    c_t = forget * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + n^2 + 2 n.
    """


class LSTM5Cell(SlimCell, key="lstm5"):
    """SLIM LSTM 5: LSTM4 with gate biases.

    ```
    k_t = s(u_k * h_{t-1} + b_k)                      for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + n^2 + 7 n.
    """


class LSTM5aCell(SlimCell, key="lstm5a"):
    """SLIM LSTM 5a: LSTM5 with constant forget and output gates.

    ```
    i_t = s(u_i * h_{t-1} + b_i)
    c_t = forget * c_{t-1} + i_t * g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + n^2 + 3 n.
    """


class LSTM6Cell(SlimCell, key="lstm6"):
    """SLIM LSTM 6: all gates are constants, i = o = 1 and f = `forget`.

    ```
    c_t = forget * c_{t-1} + g(W_c x_t + U_c h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + n^2 + n.

    No gate holds the recurrence back: a step multiplies a small change of c_{t-1} by
    forget I + g'(z_t) U_c g'(c_{t-1}), with z_t = W_c x_t + U_c h_{t-1} + b_c and
    g' as diagonal matrices. With tanh and an orthogonal U_c that is up to 1 + forget
    where both are near zero, and over hundreds of steps a small change grows. With
    sigmoid, as in the paper, c settles near g(z) / (1 - forget), where for a large
    forget g is flat: forget is left.
    """


class LSTM10Cell(SlimCell, key="lstm10"):
    """SLIM LSTM 10: LSTM4 with a Hadamard product in the body too.

    ```
    k_t = s(u_k * h_{t-1})                            for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 5 n.
    """


class LSTM11Cell(SlimCell, key="lstm11"):
    """SLIM LSTM 11: LSTM5 with a Hadamard product in the body too.

    ```
    k_t = s(u_k * h_{t-1} + b_k)                      for the gates k = i, f, o
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: n m + 8 n.
    """


class LSTM_C6Cell(SlimCell, key="lstm_c6"):
    """SLIM LSTM C6: constant gates as in LSTM6 and a Hadamard product in the body.

    ```
    c_t = forget * c_{t-1} + g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = g(c_t)
    ```

    Trainable parameters: n m + 2 n.
    """


class IndyLSTMCell(SlimCell, key="indylstm"):
    """The LSTM with diagonal recurrent matrices: every unit sees itself alone.

    ```
    i_t = s(W_i x_t + u_i * h_{t-1} + b_i)
    f_t = s(W_f x_t + u_f * h_{t-1} + b_f)
    o_t = s(W_o x_t + u_o * h_{t-1} + b_o)
    c_t = f_t * c_{t-1} + i_t * g(W_c x_t + u_c * h_{t-1} + b_c)
    h_t = o_t * g(c_t)
    ```

    Trainable parameters: 4 n m + 8 n.

    The paper adds 1 to the forget gate at run time; here `unit_forget_bias` starts
    b_f at 1, and the vectors start in U(-1, 1) as in the paper.
    """

    defaults: ClassVar[dict[str, Any]] = {
        "recurrent_vector_initializer": _named("RandomUniform", minval=-1.0, maxval=1.0)
    }


class IndRNNCell(SlimCell, key="indrnn"):
    """The independently recurrent network: one vector of recurrent weights.

    ```
    h_t = g(W x_t + u * h_{t-1} + b)
    ```

    Trainable parameters: n m + 2 n.

    u starts in U(0, 1) and is held to |u| <= 1. For sequences of a known length T pass
    `BoundedUniform(gamma, T)` and `BoundedRecurrence(gamma, T)`, which bound by
    gamma^(1/T).
    """

    defaults: ClassVar[dict[str, Any]] = {
        "activation": "relu",
        "recurrent_vector_initializer": _named("slim_keras>BoundedUniform"),
        "recurrent_vector_constraint": _named("slim_keras>BoundedRecurrence"),
    }
