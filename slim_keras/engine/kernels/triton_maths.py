"""Functions of one number for Triton, interpreted or compiled; see `rational`.

NaN goes through: a comparison with it is false.
"""

import triton
import triton.language as tl

from slim_keras.engine.kernels import rational

_P0, _P1, _P2, _P3, _P4 = map(tl.constexpr, rational.P)
_Q0, _Q1, _Q2, _Q3, _Q4 = map(tl.constexpr, rational.Q)
_END = tl.constexpr(rational.END)


@triton.jit
def tanh32(x):
    x = tl.where(x > _END, _END, x)
    x = tl.where(x < -_END, -_END, x)
    z = x * x
    p = (((_P4 * z + _P3) * z + _P2) * z + _P1) * z + _P0
    q = (((_Q4 * z + _Q3) * z + _Q2) * z + _Q1) * z + _Q0
    return x * p / q


@triton.jit
def sigmoid32(x):
    return 0.5 + 0.5 * tanh32(0.5 * x)


@triton.jit
def sigmoid64(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def tanh64(x):
    return 2.0 * sigmoid64(2.0 * x) - 1.0
