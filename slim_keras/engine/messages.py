"""What the engine says on several backends."""

FIRST_ORDER = (
    "A second gradient was asked for, and that of `engine='scan'` is of first order: "
    "build the layer with `engine='loop'`."
)
