"""The recurrences as the papers print them, in float64, to test against.

Written down a second time on purpose: nothing here imports the library. Gradients
come from complex steps, which are exact to rounding.
"""

from types import SimpleNamespace

import numpy as np


def _clip(x):
    """A clip to [0, 1] that complex steps pass through."""
    return np.where(x.real <= 0, 0, np.where(x.real >= 1, 1, x))


ACTIVATIONS = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.where(x.real > 0, x, 0),
    "hard_sigmoid": lambda x: _clip(x / 6 + 0.5),
    "hard_sigmoid_keras2": lambda x: _clip(x / 5 + 0.5),
}


def lstm(w, g, s, f, x, h, c):
    i = s(x @ w.W_i + h @ w.U_i + w.b_i)
    f = s(x @ w.W_f + h @ w.U_f + w.b_f)
    o = s(x @ w.W_o + h @ w.U_o + w.b_o)
    c = f * c + i * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return o * g(c), c


def lstm1(w, g, s, f, x, h, c):
    i, f, o = s(h @ w.U_i + w.b_i), s(h @ w.U_f + w.b_f), s(h @ w.U_o + w.b_o)
    c = f * c + i * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return o * g(c), c


def lstm2(w, g, s, f, x, h, c):
    i, f, o = s(h @ w.U_i), s(h @ w.U_f), s(h @ w.U_o)
    c = f * c + i * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return o * g(c), c


def lstm3(w, g, s, f, x, h, c):
    i, f, o = s(w.b_i), s(w.b_f), s(w.b_o)
    c = f * c + i * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return o * g(c), c


def lstm4(w, g, s, f, x, h, c):
    i, f, o = s(w.u_i * h), s(w.u_f * h), s(w.u_o * h)
    c = f * c + i * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return o * g(c), c


def lstm4a(w, g, s, f, x, h, c):
    c = f * c + s(w.u_i * h) * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return g(c), c


def lstm5(w, g, s, f, x, h, c):
    i, f, o = s(w.u_i * h + w.b_i), s(w.u_f * h + w.b_f), s(w.u_o * h + w.b_o)
    c = f * c + i * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return o * g(c), c


def lstm5a(w, g, s, f, x, h, c):
    c = f * c + s(w.u_i * h + w.b_i) * g(x @ w.W_c + h @ w.U_c + w.b_c)
    return g(c), c


def lstm6(w, g, s, f, x, h, c):
    c = f * c + g(x @ w.W_c + h @ w.U_c + w.b_c)
    return g(c), c


def lstm10(w, g, s, f, x, h, c):
    i, f, o = s(w.u_i * h), s(w.u_f * h), s(w.u_o * h)
    c = f * c + i * g(x @ w.W_c + w.u_c * h + w.b_c)
    return o * g(c), c


def lstm11(w, g, s, f, x, h, c):
    i, f, o = s(w.u_i * h + w.b_i), s(w.u_f * h + w.b_f), s(w.u_o * h + w.b_o)
    c = f * c + i * g(x @ w.W_c + w.u_c * h + w.b_c)
    return o * g(c), c


def lstm_c6(w, g, s, f, x, h, c):
    c = f * c + g(x @ w.W_c + w.u_c * h + w.b_c)
    return g(c), c


def indylstm(w, g, s, f, x, h, c):
    i = s(x @ w.W_i + w.u_i * h + w.b_i)
    f = s(x @ w.W_f + w.u_f * h + w.b_f)
    o = s(x @ w.W_o + w.u_o * h + w.b_o)
    c = f * c + i * g(x @ w.W_c + w.u_c * h + w.b_c)
    return o * g(c), c


def indrnn(w, g, s, f, x, h, c):
    return g(x @ w.W_c + w.u_c * h + w.b_c), None


# Step; blocks of kernel W, matrices U, vectors u and bias b as stacked; forget;
# activation.
VARIANTS = {
    "lstm": (lstm, "ifco", "ifco", "", "ifco", None, "tanh"),
    "lstm1": (lstm1, "c", "ifco", "", "ifco", None, "tanh"),
    "lstm2": (lstm2, "c", "ifco", "", "c", None, "tanh"),
    "lstm3": (lstm3, "c", "c", "", "ifco", None, "tanh"),
    "lstm4": (lstm4, "c", "c", "ifo", "c", None, "tanh"),
    "lstm4a": (lstm4a, "c", "c", "i", "c", 0.96, "tanh"),
    "lstm5": (lstm5, "c", "c", "ifo", "ifco", None, "tanh"),
    "lstm5a": (lstm5a, "c", "c", "i", "ic", 0.96, "tanh"),
    "lstm6": (lstm6, "c", "c", "", "c", 0.4, "tanh"),
    "lstm10": (lstm10, "c", "", "ifco", "c", None, "tanh"),
    "lstm11": (lstm11, "c", "", "ifco", "ifco", None, "tanh"),
    "lstm_c6": (lstm_c6, "c", "", "c", "c", 0.4, "tanh"),
    "indylstm": (indylstm, "ifco", "", "ifco", "ifco", None, "tanh"),
    "indrnn": (indrnn, "c", "", "c", "c", None, "relu"),
}


def row(i, f, c, o, linear_body=False):
    """An entry of `VARIANTS` for any row: blocks are letters of terms, or constants."""
    blocks = {"i": i, "f": f, "c": c, "o": o}
    having = [
        "".join(
            k for k, terms in blocks.items() if isinstance(terms, str) and t in terms
        )
        for t in "WUub"
    ]
    memory = f != 0.0

    def step(w, g, s, forget, x, h, c_before):
        def value(k, squash):
            terms = blocks[k]
            if not isinstance(terms, str):
                return forget if k == "f" else terms
            total = np.zeros_like(h)
            for term in terms:
                weight = getattr(w, f"{term}_{k}")
                seen = {"W": x, "U": h, "u": h, "b": 1.0}[term]
                total = total + (seen @ weight if term in "WU" else seen * weight)
            return squash(total)

        body = value("i", s) * value("c", (lambda z: z) if linear_body else g)
        new = value("f", s) * c_before + body if memory else body
        return value("o", s) * g(new), new if memory else None

    return (step, *having, None if isinstance(f, str) else f, "tanh")


def _named(key, weights, units):
    """The weights by the papers' names; biases are zero where none is given."""
    _, *stacked, _, _ = VARIANTS[key]
    given = iter(weights)
    named = dict.fromkeys([f"b_{k}" for k in stacked[3]], np.zeros(units))
    for letter, blocks in zip("WUub", stacked, strict=True):
        if blocks and (array := next(given, None)) is not None:
            parts = np.split(array, len(blocks), axis=-1)
            named |= {f"{letter}_{k}": p for k, p in zip(blocks, parts, strict=True)}
    return SimpleNamespace(**named)


def run(
    key,
    weights,
    x,
    states=(),
    *,
    mask=None,
    starts_with_zeros=False,
    activation=None,
    recurrent_activation="sigmoid",
    forget=None,
    return_sequences=False,
    go_backwards=False,
    zero_output_for_mask=False,
):
    """The output and the last states, a list, for weights in the layers' order.

    `starts_with_zeros`: put out zeros, not h_0, up to the first step that counts.
    """
    step, *_, constant, default = VARIANTS[key]
    batch, steps, _ = x.shape
    units = weights[0].shape[-1] // len(VARIANTS[key][1])
    w = _named(key, weights, units)
    g = ACTIVATIONS[activation or default]
    s = ACTIVATIONS[recurrent_activation]
    f = constant if forget is None else forget
    zeros = np.zeros((batch, units))
    h, c = [*states, zeros, zeros][:2] if len(states) != 1 else (states[0], zeros)
    y = zeros if starts_with_zeros else h
    outputs = []
    for t in reversed(range(steps)) if go_backwards else range(steps):
        new_h, new_c = step(w, g, s, f, x[:, t], h, c)
        counts = np.full((batch, 1), True) if mask is None else mask[:, t, None]
        y = np.where(counts, new_h, zeros if zero_output_for_mask else y)
        h = np.where(counts, new_h, h)
        c = None if new_c is None else np.where(counts, new_c, c)
        outputs.append(y)
    output = np.stack(outputs, axis=1) if return_sequences else y
    return [output, h] if c is None else [output, h, c]


def gradients(function, arrays, dy):
    """Gradients of sum(outputs * dy) by every element of every array.

    Args:
        function: From a list of arrays to a list of outputs.
        arrays: The point, a list of real arrays.
        dy: One array per output.
    """
    step = 1e-30
    found = []
    for k, array in enumerate(arrays):
        gradient = np.empty(array.shape)
        for index in np.ndindex(*array.shape):
            moved = array.astype(complex)
            moved[index] += 1j * step
            outputs = function([*arrays[:k], moved, *arrays[k + 1 :]])
            total = sum(np.sum(y * d) for y, d in zip(outputs, dy, strict=True))
            gradient[index] = np.imag(total) / step
        found.append(gradient)
    return found
