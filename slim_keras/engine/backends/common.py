"""Operations that read the same on several backends; `Backend` documents them."""


def tanh_pull(x, y, dy):
    return dy * (1 - y * y)


def sigmoid_pull(x, y, dy):
    return dy * (y * (1 - y))


def outer(x, y):
    return x.reshape(-1, x.shape[-1]).T @ y.reshape(-1, y.shape[-1])


def product(x, matrix):
    return x @ matrix


def length(steps):
    return steps


def steps(x):
    return x.shape[0]


def shaped(x, shape):
    return x


def tensor(x):
    return x


def opaque(function):
    return function
