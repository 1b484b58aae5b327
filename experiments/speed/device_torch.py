"""What `experiments.speed.device` needs of PyTorch.

Products are made in TF32, as cuDNN's LSTM and JAX make them by default.
"""

from typing import Any

import torch

torch.backends.cuda.matmul.fp32_precision = "tf32"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def wait(result: Any) -> Any:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result


def random(shape: tuple[int, ...], seed: int) -> Any:
    numbers = torch.Generator(DEVICE).manual_seed(seed)
    return torch.randn(shape, generator=numbers, device=DEVICE)


def double(x: Any) -> Any:
    return 2 * x


class Native(torch.nn.Module):
    """`torch.nn.LSTM` that returns the outputs of all steps."""

    def __init__(self, features: int, units: int):
        super().__init__()
        self.lstm = torch.nn.LSTM(features, units, batch_first=True, device=DEVICE)

    def forward(self, x):
        return self.lstm(x)[0]


def weights(layer: Any) -> list[Any]:
    if isinstance(layer, Native):
        return list(layer.parameters())
    return [weight.value for weight in layer.trainable_variables]


def functions(layer: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    if not isinstance(layer, Native):
        layer.build(shape)

    def forward(weights, x):
        with torch.no_grad():
            return layer(x)

    def step(weights, x, gradient):
        x = x.detach().requires_grad_()
        outputs = layer(x)
        if getattr(layer, "use_cudnn", None) is True and not _by_cudnn(outputs):
            raise RuntimeError("Keras took PyTorch's operators in the place of cuDNN")
        return outputs, torch.autograd.grad(outputs, [*weights, x], gradient)

    return forward, step


def _by_cudnn(outputs: torch.Tensor) -> bool:
    """Whether cuDNN's LSTM made them; Keras falls back without a word."""
    nodes: list[Any] = [outputs.grad_fn]
    for _ in range(3):  # views of what it made
        nodes += [n for node in nodes for n, _ in node.next_functions if n is not None]
    return any("Cudnn" in node.name() for node in nodes)
