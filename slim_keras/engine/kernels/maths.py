"""Functions of one number for numba, which has no vector library.

Rational functions, which LLVM turns into vector instructions, where a call of libm for
each number would be left; `rational` has their coefficients. NaN goes through: a
comparison with it is false.
"""

import math

import numba
import numpy as np

from slim_keras.engine.kernels import rational

_INLINE = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
F = np.float32
_P0, _P1, _P2, _P3, _P4 = map(F, rational.P)
_Q0, _Q1, _Q2, _Q3, _Q4 = map(F, rational.Q)
_END, _HALF = F(rational.END), F(0.5)


@numba.njit(**_INLINE)
def tanh32(x):
    x = _END if x > _END else x
    x = -_END if x < -_END else x
    z = x * x
    p = (((_P4 * z + _P3) * z + _P2) * z + _P1) * z + _P0
    q = (((_Q4 * z + _Q3) * z + _Q2) * z + _Q1) * z + _Q0
    return x * p / q


@numba.njit(**_INLINE)
def sigmoid32(x):
    return _HALF + _HALF * tanh32(_HALF * x)


@numba.njit(**_INLINE)
def tanh64(x):
    return math.tanh(x)


@numba.njit(**_INLINE)
def sigmoid64(x):
    return 0.5 + 0.5 * math.tanh(0.5 * x)
