"""One colour for each variant, throughout the figures of the report."""

from matplotlib.colors import to_rgb

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


def shaded(variant: str, strength: float) -> tuple[float, ...]:
    """The colour of a variant, mixed with white: 1 is the full colour."""
    return tuple(strength * part + 1 - strength for part in to_rgb(COLOURS[variant]))
