"""What `experiments.speed.device` needs of JAX."""

from typing import Any

import jax

wait = jax.block_until_ready


def random(shape: tuple[int, ...], seed: int) -> Any:
    return jax.random.normal(jax.random.key(seed), shape)


@jax.jit
def double(x: Any) -> Any:
    return 2 * x


def weights(layer: Any) -> list[Any]:
    return [weight.value for weight in layer.trainable_variables]


def functions(layer: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    layer.build(shape)
    fixed = [variable.value for variable in layer.non_trainable_variables]

    def forward(weights, x):
        return layer.stateless_call(weights, fixed, x)[0]

    def step(weights, x, gradient):
        outputs, pull = jax.vjp(forward, weights, x)
        return outputs, pull(gradient)

    return jax.jit(forward), jax.jit(step)
