"""What the layers are called in the report, and in which order they stand."""

from experiments.adding import SIMPLE


def _names() -> dict[str, str]:
    from slim_keras.variants import VARIANTS

    return {key: variant.name for key, variant in VARIANTS.items()} | SIMPLE


def layer_name(key: str) -> str:
    """The name of a variant, as the papers write it."""
    return _names()[key]


def layer_place(key: str) -> int:
    """The place of a variant among all, as the library lists them."""
    return list(_names()).index(key)
