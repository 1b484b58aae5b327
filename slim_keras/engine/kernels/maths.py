"""Functions of one number for numba, which has no vector library.

Rational functions, which LLVM turns into vector instructions, where a call of libm for
each number would be left. In float32 they are within 4e-7 of tanh and sigmoid. NaN goes
through: a comparison with it is false.
"""

import math

import numba
import numpy as np

_INLINE = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
F = np.float32

# tanh x = x P(x^2) / Q(x^2) for |x| <= 9, where tanh rounds to 1: the best rational
# function of degrees 4 and 4, found by iteratively reweighted least squares.
_P = tuple(
    F(c)
    for c in (
        0.9999999067,
        0.1337318186,
        3.486561863e-3,
        2.047146442e-5,
        1.318366799e-8,
    )
)
_Q = tuple(
    F(c) for c in (1.0, 0.4670647881, 2.584190598e-2, 3.271350908e-4, 7.7024453e-7)
)
_P0, _P1, _P2, _P3, _P4 = _P
_Q0, _Q1, _Q2, _Q3, _Q4 = _Q
_END, _HALF, _ONE = F(9), F(0.5), F(1)


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
