"""One training on many devices: every batch is shared among them."""

from typing import Any

from experiments.core.errors import UserError


def share(backend: str, count: int) -> None:
    """Shares the batches of all models that are built from now on.

    Args:
        count: How many devices; 1 changes nothing.

    Raises:
        UserError: The backend cannot share, or has fewer devices.
    """
    if count == 1:
        return
    if backend == "torch":
        raise UserError(f"--devices {count}: torch takes one; choose jax or tensorflow")
    import keras

    found = keras.distribution.list_devices()
    if len(found) < count:
        raise UserError(
            f"--devices {count}: {backend} sees {len(found)} here: {', '.join(found)}"
        )
    chosen = found[:count]
    if backend == "jax":
        parallel = keras.distribution.DataParallel(devices=chosen)
        keras.distribution.set_distribution(parallel)
    else:
        import tensorflow as tf

        tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy(chosen))


def check_clipping(backend: str, count: int, model: Any) -> None:
    """Refuses a training whose numbers would depend on the number of devices.

    TensorFlow's strategy clips the gradients of each device before it adds them up.

    Raises:
        UserError: The optimizer clips gradients, and TensorFlow would clip others.
    """
    optimizer = model.optimizer
    clips = (optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm)
    if backend == "tensorflow" and count > 1 and any(clips):
        raise UserError(
            f"--devices {count}: tensorflow would clip the gradients of each device "
            "separately, which changes the training; choose jax"
        )


def check_shares(count: int, batch_size: int, examples: dict[str, int]) -> None:
    """Refuses batches that devices cannot share equally.

    Raises:
        UserError: A number is not a multiple of `count`.
    """
    for name, number in {"batch-size": batch_size, **examples}.items():
        if number % count:
            raise UserError(
                f"--devices {count}: {name} {number} is not a multiple of {count}; "
                "change --devices, --batch-size or --validation-split"
            )
