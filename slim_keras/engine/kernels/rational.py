"""tanh as a rational function, for kernels in languages without a vector library.

tanh x = x P(x^2) / Q(x^2) for |x| <= END, where tanh rounds to 1 in float32: the best
rational function of degrees 4 and 4, found by iteratively reweighted least squares.
Computed in float32, it is within `ERROR` of tanh, and 1/2 + 1/2 tanh(x / 2) within
`ERROR` of the sigmoid.
"""

P = (0.9999999067, 0.1337318186, 3.486561863e-3, 2.047146442e-5, 1.318366799e-8)
Q = (1.0, 0.4670647881, 2.584190598e-2, 3.271350908e-4, 7.7024453e-7)
END = 9.0
ERROR = 4e-7
