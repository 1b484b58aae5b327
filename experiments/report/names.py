"""What the report calls the layers, in which order they stand, and their colours."""

from matplotlib.colors import to_rgb

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
}
_OTHERS = {"rnn_tanh": "RNN-tanh", "irnn": "IRNN"}


def layer_name(key: str) -> str:
    """The name of a layer, as the papers write it; an unknown one keeps its key."""
    from slim_keras.variants import VARIANTS

    return VARIANTS[key].name if key in VARIANTS else _OTHERS.get(key, key)


def layer_place(key: str) -> int:
    """The place of a layer among all; unknown ones stand last."""
    known = list(COLOURS)
    return known.index(key) if key in known else len(known)


def shade(key: str, place: int, of: int) -> tuple[float, ...]:
    """The colour of a layer, of several lines from light to dark.

    Args:
        key: The layer.
        place: The place of the line among those of the layer, from 0.
        of: How many they are.
    """
    colour = to_rgb(COLOURS.get(key, "#555555"))
    if of == 1:
        return colour
    mixed = 1.0 - 1.5 * place / (of - 1)  # from 1 to -0.5: to white, to black
    if mixed > 0:
        return tuple(part + 0.65 * mixed * (1 - part) for part in colour)
    return tuple(part * (1 + mixed) for part in colour)
