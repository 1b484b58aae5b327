"""The functions of C that files hold, as far as they use them."""

import math
import re
from collections.abc import Iterable

from slim_keras.engine.kernels import rational
from slim_keras.export.c.numbers import literal
from slim_keras.export.c.printer import indented


def _polynomial(name: str, x: str, coefficients: Iterable[float]) -> str:
    """Defines a polynomial in x by Horner's rule."""
    text, *others = map(literal, reversed(tuple(coefficients)))
    for count, coefficient in enumerate(others, start=1):
        text = f"{text} * {x} + {coefficient}"
        if count < len(others):
            text = f"({text})"
    return "\n".join(indented([f"const float {name} = {text};"]))


_END = literal(rational.END)
_EXPONENTIAL = [1 / math.factorial(n) for n in range(8)]

# In an order in which each stands behind those that it calls.
FUNCTIONS = {
    "dot": """\
static float dot(const float *w, const float *x, int n)
{
    float sum = 0.0f;
    for (int k = 0; k < n; k++)
        sum += w[k] * x[k];
    return sum;
}
""",
    "dot8": """\
static float dot8(const int8_t *w, const float *x, int n)
{
    float sum = 0.0f;
    for (int k = 0; k < n; k++)
        sum += (float)w[k] * x[k];
    return sum;
}
""",
    "rational_tanh": f"""\
/* tanh(x) within {rational.ERROR:.0e}. NaN passes, as comparisons with it are false. */
static float rational_tanh(float x)
{{
    x = x > {_END} ? {_END} : x;
    x = x < -{_END} ? -{_END} : x;
    const float z = x * x;
{_polynomial("p", "z", rational.P)}
{_polynomial("q", "z", rational.Q)}
    return x * p / q;
}}
""",
    "rational_sigmoid": f"""\
/* 1 / (1 + e^-x) within {rational.ERROR:.0e}. */
static float rational_sigmoid(float x)
{{
    return 0.5f + 0.5f * rational_tanh(0.5f * x);
}}
""",
    "relu": """\
/* max(x, 0); NaN passes. */
static float relu(float x)
{
    return x < 0.0f ? 0.0f : x;
}
""",
    "unit_clip": """\
/* x, cut to [0, 1]; NaN passes. */
static float unit_clip(float x)
{
    return x < 0.0f ? 0.0f : (x > 1.0f ? 1.0f : x);
}
""",
    "exponential": f"""\
/* e^x for x <= 0 as 2^k e^r, within 3e-7 of its size. NaN passes. */
static float exponential(float x)
{{
    union {{ float number; uint32_t bits; }} power;
    if (!(x > -87.0f))
        return x < 0.0f ? 0.0f : x;
    const int k = x < 0.0f ? (int)(x * 1.442695041f - 0.5f) : 0;
    const float r = x - (float)k * 0.693359375f + (float)k * 2.12194440e-4f;
{_polynomial("root", "r", _EXPONENTIAL)}
    power.bits = (uint32_t)(k + 127) << 23;
    return root * power.number;
}}
""",
    "softmax": """\
static void softmax(float *y, int n)
{
    float largest = y[0], sum = 0.0f;
    for (int k = 1; k < n; k++)
        largest = y[k] > largest ? y[k] : largest;
    for (int k = 0; k < n; k++) {
        y[k] = exponential(y[k] - largest);
        sum += y[k];
    }
    for (int k = 0; k < n; k++)
        y[k] /= sum;
}
""",
    "inverse_root": """\
/* 1 / sqrt(x) for x > 0, within 3e-7 of its size: by Newton's method. */
static float inverse_root(float x)
{
    union { float number; uint32_t bits; } y = { x };
    y.bits = 0x5f375a86u - (y.bits >> 1);
    for (int n = 0; n < 4; n++)
        y.number *= 1.5f - 0.5f * x * y.number * y.number;
    return y.number;
}
""",
}


def used(text: str) -> list[str]:
    """The definitions of the functions that a text calls, and of those they call."""
    found: list[str] = []
    for name, definition in reversed(FUNCTIONS.items()):
        if any(re.search(rf"\b{name}\(", other) for other in (text, *found)):
            found.insert(0, definition)
    return found
