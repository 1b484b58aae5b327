# %% [markdown]
# # The slim layers: equations, sizes, speed and memory
#
# After this notebook you can
#
# - tell what IndyLSTM, LSTM6 and LSTM_C6 leave out of the LSTM, in equations and in
#   code;
# - count the weights of each layer by hand;
# - put a slim layer into a model in the place of `keras.layers.LSTM`;
# - see which engine runs a layer, and measure what it gains;
# - choose the constant forget gate `f` by the memory that a task needs.
#
# An LSTM layer decides at every step what to let in, what to forget and what to show,
# and each of these decisions has matrices. The slim layers ask how much of that is
# needed.
#
# The notebook runs in about a minute on two cores. To run it yourself, in a checkout:
# `pip install -c constraints.txt -e ".[notebooks]"`.

# %%
import logging
import statistics
import time

import keras
import matplotlib.pyplot as plt
import numpy as np

import slim_keras
from slim_keras import LSTM6, LSTM_C6, IndyLSTM
from slim_keras.variants import VARIANTS

# Many small models in one process look to TensorFlow like one that is traced again.
logging.getLogger("tensorflow").setLevel("ERROR")
keras.utils.set_random_seed(1)

# %% [markdown]
# ## The LSTM and what is left of it
#
# The input at step $t$ is $x_t$, with $m$ numbers. The layer has $n$ units; its output
# is $h_t$ and its memory $c_t$. $\odot$ is the product of vectors element by element,
# $\sigma$ the gate activation and $g$ the activation. The standard LSTM is
#
# $$
# \begin{aligned}
# i_t &= \sigma(W_i x_t + U_i h_{t-1} + b_i) &&\text{input gate}\\
# f_t &= \sigma(W_f x_t + U_f h_{t-1} + b_f) &&\text{forget gate}\\
# o_t &= \sigma(W_o x_t + U_o h_{t-1} + b_o) &&\text{output gate}\\
# \tilde c_t &= g(W_c x_t + U_c h_{t-1} + b_c) &&\text{cell body}\\
# c_t &= f_t \odot c_{t-1} + i_t \odot \tilde c_t\\
# h_t &= o_t \odot g(c_t)
# \end{aligned}
# $$
#
# Each of the four blocks $i, f, c, o$ has a matrix $W$ of $n m$ numbers, a matrix $U$
# of $n^2$ and a bias $b$ of $n$. In this package a layer is one row that says what each
# block sees: `W` and `U` for the matrices, `u` for a vector in the place of $U$, `b`
# for the bias, or a number for a gate that is a constant.

# %%
print("layer       i      f      c      o")
for key in ("lstm", "indylstm", "lstm6", "lstm_c6"):
    row = VARIANTS[key]
    print(f"{row.name:9}", *(f"{getattr(row, block)!s:>6}" for block in "ifco"))

# %% [markdown]
# Read the rows from top to bottom and watch the layer shrink.
#
# **IndyLSTM** keeps all gates but replaces every matrix $U$ by a vector $u$. A unit
# then sees its own last output and nobody else's:
#
# $$ i_t = \sigma(W_i x_t + u_i \odot h_{t-1} + b_i), \quad\text{and so on.} $$
#
# **LSTM6** keeps the matrix $U_c$ but has no gates. What comes in always counts in
# full, $i = 1$; what is in the memory is always shown, $o = 1$; and the same part $f$
# of the memory stays at every step. You choose $f$; it is not trained:
#
# $$ c_t = f c_{t-1} + g(W_c x_t + U_c h_{t-1} + b_c), \qquad h_t = g(c_t). $$
#
# **LSTM_C6** does both. It is the smallest of them:
#
# $$ c_t = f c_{t-1} + g(W_c x_t + u_c \odot h_{t-1} + b_c), \qquad h_t = g(c_t). $$
#
# That last line is so short that we can check the layer against it. The loop below is
# the equation, in NumPy, with the layer's own weights. (`help(slim_keras.LSTM_C6)`
# prints the equations and all arguments of a layer.)

# %%
layer = LSTM_C6(5, forget=0.8)
x = np.random.default_rng(0).normal(size=(1, 20, 3)).astype("float32")
from_layer = keras.ops.convert_to_numpy(layer(x))[0]

W, u_c, b_c = layer.get_weights()
c = h = np.zeros(5)
for x_t in x[0]:
    c = 0.8 * c + np.tanh(x_t @ W + u_c * h + b_c)
    h = np.tanh(c)

print("layer   ", from_layer.round(4))
print("equation", h.round(4))
np.testing.assert_allclose(from_layer, h, atol=1e-5)

# %% [markdown]
# ## Counting weights
#
# Count the letters of a row: each `W` costs $nm$ weights, each `U` $n^2$, each `u` and
# each `b` $n$. LSTM_C6 has one `W`, one `u` and one `b`, so $nm + 2n$. For the sizes of
# the IMDB experiment of [arXiv 1901.06401](https://arxiv.org/abs/1901.06401), $m = 32$
# and $n = 100$, that is $3200 + 200 = 3400$. The column "formula" below comes from the
# letters alone, the column "built" from Keras after building the layer.

# %%
m, n = 32, 100
price = {"W": n * m, "U": n * n, "u": n, "b": n}

print("layer     formula   built  part of the LSTM")
for key, row in VARIANTS.items():
    letters = "".join(
        block for block in (row.i, row.f, row.c, row.o) if isinstance(block, str)
    )
    formula = sum(price[letter] for letter in letters)
    built = slim_keras.get(key)(n)
    built.build((None, None, m))
    assert built.count_params() == formula
    part = formula / VARIANTS["lstm"].parameters(m, n)
    print(f"{row.name:9} {formula:7,} {built.count_params():7,}  {part:6.1%}")

# %% [markdown]
# Where $n$ is larger than $m$ the matrices $U$ are most of an LSTM. LSTM6 has one of
# four, so it is a quarter of the LSTM. The layers without any `U` grow with $n$ and no
# longer with $n^2$.
#
# ## Swapping the layer of a model
#
# A slim layer takes the arguments of `keras.layers.LSTM` and stands where it stood. To
# see it work we need a task with some memory in it: a signal of 50 noisy steps with
# four channels, of which only the first one matters. Is its mean above zero?

# %%
rng = np.random.default_rng(2)
x = rng.normal(size=(3000, 50, 4)).astype("float32")
y = (x[:, :, 0].mean(axis=1) > 0).astype("float32")
x_train, y_train, x_test, y_test = x[:2500], y[:2500], x[2500:], y[2500:]

recurrent_layers = {
    "keras LSTM": keras.layers.LSTM(24),
    "IndyLSTM": IndyLSTM(24),
    "LSTM6, f=0.8": LSTM6(24, forget=0.8),
    "LSTM6, f=0.96": LSTM6(24, forget=0.96),
    "LSTM_C6, f=0.96": LSTM_C6(24, forget=0.96),
    "LSTM_C6, f=0.4": LSTM_C6(24, forget=0.4),
}
print("layer            weights  test accuracy")
for name, layer in recurrent_layers.items():
    model = keras.Sequential(
        [
            keras.Input((None, 4)),
            layer,
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"]
    )
    model.fit(x_train, y_train, epochs=6, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{name:16} {layer.count_params():7,}  {accuracy:.3f}")

# %% [markdown]
# Nothing but the line with the layer changed. The two rows of LSTM_C6 have the same
# weights and differ in the constant $f$ alone, and $f$ decides; the last section shows
# what it does. LSTM6 did not gain from the larger $f$ here. The notebook
# `learning_rate_grid` measures why it is the more delicate one: through its matrix $U$
# every output goes back to all units. One run with one seed on a made-up task ranks
# nothing; the page "What the papers say and what we measured" of the documentation
# has comparisons on real data.
#
# ## The engine
#
# A recurrent layer is slow because step $t$ must wait for step $t - 1$. But only the
# part with $h_{t-1}$ has to wait. $W x_t$ does not, so the engine called `scan`
# multiplies all inputs of the sequence at once, runs the smallest possible loop over
# the rest, and has its own gradient for that loop. The engine called `loop` is Keras'
# own loop, which calls the cell step by step; it is the reference that `scan` is
# tested against. `engine="auto"`, the default, chooses; `resolved_engine` tells.

# %%
for requested in ("auto", "loop"):
    print(f"engine={requested!r:7}->", LSTM_C6(24, engine=requested).resolved_engine)

# %% [markdown]
# What does it buy? Below is one training step, the median of 15, with the contenders
# taking turns, so that whatever else the machine does falls on all of them alike.

# %%
batch, steps = 32, 200
x = rng.normal(size=(batch, steps, m)).astype("float32")
y = rng.integers(0, 2, (batch, 1)).astype("float32")

contenders = {
    "keras LSTM": keras.layers.LSTM(n),
    "LSTM6, loop": LSTM6(n, engine="loop"),
    "LSTM6, scan": LSTM6(n, engine="scan"),
    "LSTM_C6, loop": LSTM_C6(n, engine="loop"),
    "LSTM_C6, scan": LSTM_C6(n, engine="scan"),
}
models = {}
for name, layer in contenders.items():
    model = keras.Sequential([keras.Input((steps, m)), layer, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    for _ in range(2):  # compiles, and warms caches
        model.train_on_batch(x, y)
    models[name] = model

seconds = {name: [] for name in models}
for _ in range(15):
    for name, model in models.items():
        started = time.perf_counter()
        model.train_on_batch(x, y)
        seconds[name].append(time.perf_counter() - started)

print(f"one training step, batch {batch}, {steps} steps, m={m}, n={n},")
print(f"Keras {keras.version()} on {keras.config.backend()}, CPU")
for name, values in seconds.items():
    print(f"  {name:14} {1000 * statistics.median(values):6.1f} ms")

# %% [markdown]
# Your figures will differ: they depend on the machine, on what else it does, and on the
# sizes. `python -m experiments.speed` measures this with care, for all backends and
# many sizes, against `torch.nn.LSTM` too; the page "Engines and speed" of the
# documentation has the table and `results/speed.jsonl` the rows.
#
# ## What f does to memory
#
# Without gates a memory is a leaking bucket. Of what comes in at one step, $f^t$ is
# left $t$ steps later. Two numbers help to choose $f$: after how many steps only a
# tenth is left, $\ln 0.1 / \ln f$, and how many times its constant input the bucket
# holds in the end, $1 + f + f^2 + \dots = 1 / (1 - f)$.

# %%
print("   f   a tenth left after   holds")
for f in (0.4, 0.8, 0.96):
    print(f"{f:4}   {np.log(0.1) / np.log(f):12.1f} steps   {1 / (1 - f):4.1f} inputs")

# %% [markdown]
# The right panel below asks the layer itself. One unit of LSTM6 with $W = 1$ and
# $U = b = 0$ gets a single 1 at step 0 and zeros after it. What does it put out?

# %%
impulse = np.zeros((1, 80, 1), "float32")
impulse[0, 0, 0] = 1.0
lags = np.arange(80)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for f in (0.4, 0.8, 0.96):
    layer = LSTM6(1, forget=f, return_sequences=True)
    layer.build(impulse.shape)
    layer.set_weights([np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1)])
    response = keras.ops.convert_to_numpy(layer(impulse))[0, :, 0]
    np.testing.assert_allclose(response, np.tanh(np.tanh(1.0) * f**lags), atol=1e-6)
    left.plot(lags, f**lags, label=f"f = {f}")
    right.plot(lags, response, label=f"f = {f}")
left.axhline(0.1, color="grey", linewidth=0.8, linestyle=":")
left.set(title="what is left of the memory: $f^t$", xlabel="steps t")
right.set(title="LSTM6: output h after an impulse", xlabel="steps t")
left.set_ylabel("value")
right.legend()
figure.tight_layout()

# %% [markdown]
# With $f = 0.4$ the impulse is gone after three steps; with $f = 0.96$ it
# takes 56 steps until a tenth is left. So on the task above, where all 50 steps count
# the same, LSTM_C6 needed the large $f$. There is a price: a bucket that leaks
# slowly also fills up, 25 inputs for $f = 0.96$. What this means for training is part
# of the notebook `learning_rate_grid`.
#
# ## To take along
#
# - A slim layer is an LSTM with parts left out, one row of `slim_keras.variants`.
# - Without the matrices $U$ the weights grow with $n$, no longer with $n^2$.
# - It goes where `keras.layers.LSTM` stood, under the same argument names.
# - `engine="auto"` takes the fast engine; `resolved_engine` says so.
# - $f$ is the length of the memory. Choose it by how far back the input matters.
