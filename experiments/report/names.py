"""What the report calls the layers, in which order they stand, and their colours."""

# In the order of the library, then the baselines of the experiments.
COLOURS = {
    "lstm": "#000000",
    "lstm1": "#8c564b",
    "lstm2": "#e377c2",
    "lstm3": "#7f7f7f",
    "lstm4": "#bcbd22",
    "lstm4a": "#dbdb8d",
    "lstm5": "#17becf",
    "lstm5a": "#9edae5",
    "lstm6": "#1f77b4",
    "lstm10": "#ff9896",
    "lstm11": "#ff7f0e",
    "lstm_c6": "#d62728",
    "indylstm": "#2ca02c",
    "indrnn": "#9467bd",
    "rnn_tanh": "#c49c94",
    "irnn": "#c5b0d5",
    "keras_lstm": "#31a354",
    "gru": "#b8860b",
    "simple_rnn": "#636363",
}
_OTHERS = {
    "rnn_tanh": "RNN-tanh",
    "irnn": "IRNN",
    "gru": "GRU",
    "simple_rnn": "SimpleRNN",
    "keras_lstm": "Keras' LSTM",
}


def layer_name(key: str) -> str:
    """The name of a layer in the papers; an unknown layer keeps its key."""
    from slim_keras.variants import VARIANTS

    return VARIANTS[key].name if key in VARIANTS else _OTHERS.get(key, key)


def layer_place(key: str) -> int:
    """The place of a layer among all; unknown ones stand last."""
    known = list(COLOURS)
    return known.index(key) if key in known else len(known)
