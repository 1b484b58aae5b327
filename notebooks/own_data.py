# %% [markdown]
# # Your own data: from a CSV file to a trained, exported model
#
# After this notebook you can
#
# - read texts with labels from a CSV file and keep a part aside for the test;
# - train a model around LSTM_C6 that takes plain strings;
# - save it, load it again and get the same predictions;
# - export it as a TensorFlow SavedModel, which runs without slim-keras;
# - do the same with time series;
# - write that model as C, for a microcontroller beside the sensors.
#
# The notebook runs in about a minute on two cores. It needs Keras' TensorFlow backend,
# as only TensorFlow handles strings. To run it yourself, in a checkout:
# `pip install -c constraints.txt -e ".[notebooks]"`.

# %%
import csv
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from slim_keras import LSTM_C6

tf.get_logger().setLevel("WARNING")  # no word of every file that it writes
keras.utils.set_random_seed(1)
folder = Path("runs/own_data")
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## The file
#
# Two columns, `text` and `label`, one row for each text. If you have such a file, skip
# this cell and set `path` to it. Here the file is made of the synthetic film reviews
# that the experiments fall back on. They are short, and built so that only the order
# of the words tells a good one from a bad one: a model that counts words is right
# about one half of them.

# %%
from experiments.datasets.imdb import sample

path = folder / "reviews.csv"
reviews, more_reviews = sample.generate()
with path.open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["text", "label"])
    writer.writerows(reviews + more_reviews)

print(*path.read_text().splitlines()[:3], sep="\n")

# %% [markdown]
# ## Reading it, and keeping a test set
#
# Look at the size and at the labels before anything else: if nine texts of ten had one
# label, an accuracy of 0.9 would mean nothing. The rows are shuffled once, with a fixed
# seed, and a fifth of them is put aside. Nothing is learnt from that part, not even the
# vocabulary.

# %%
with path.open(newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
texts = np.array([row["text"] for row in rows])
labels = np.array([float(row["label"]) for row in rows])

order = np.random.default_rng(0).permutation(len(rows))
test, train = np.split(order, [len(rows) // 5])
x_train, x_test = tf.constant(texts[train]), tf.constant(texts[test])
y_train, y_test = labels[train], labels[test]

words = np.array([len(text.split()) for text in texts[train]])
print(f"{len(train)} texts to train on, {len(test)} to test on")
print(f"label 1: {y_train.mean():.1%} to train on, {y_test.mean():.1%} to test on")
print(f"words in a text: median {np.median(words):.0f}, longest {words.max()}")

# %% [markdown]
# ## The model
#
# `TextVectorization` turns a string into word numbers. It is a layer, so the vocabulary
# is saved with the model and nobody has to carry a second file. Its `adapt` reads the
# training texts. `VOCABULARY` and `LENGTH` are the two numbers to fit to your data: a
# few thousand words or more for natural text, and a length that few texts exceed. What
# is longer is cut at its end, and in these reviews the verdict often stands there.
#
# Shorter texts are padded with zeros at the end. `mask_zero=True` tells the layer to
# stop there; without it the last thing it would see of a short text is a run of zeros.
# LSTM_C6 stands where `keras.layers.LSTM(32)` would. With `forget=0.96` a tenth of a
# word's trace is left after 56 words.

# %%
VOCABULARY, LENGTH = 500, 150

vectorise = keras.layers.TextVectorization(
    max_tokens=VOCABULARY, output_sequence_length=LENGTH
)
vectorise.adapt(x_train)

model = keras.Sequential(
    [
        keras.Input((), dtype="string"),
        vectorise,
        keras.layers.Embedding(VOCABULARY, 16, mask_zero=True),
        LSTM_C6(32, forget=0.96),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
for layer in model.layers:
    print(f"{layer.name:20} {layer.count_params():6,} weights")

# %% [markdown]
# ## Training
#
# A tenth of the training texts shows after each epoch how the model does on texts that
# it was not trained on. When that line no longer rises, more epochs are of no use. The
# slim layers often want another learning rate than an LSTM; the notebook
# `learning_rate_grid` is about that.

# %%
history = model.fit(
    x_train, y_train, validation_split=0.1, epochs=6, batch_size=32, verbose=0
).history

print("epoch   loss  accuracy  validation")
for epoch, values in enumerate(
    zip(history["loss"], history["accuracy"], history["val_accuracy"], strict=True), 1
):
    print(f"{epoch:5} {values[0]:6.3f} {values[1]:9.3f} {values[2]:11.3f}")

# %% [markdown]
# The test set is for one look, at the end:

# %%
_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy: {accuracy:.3f}")

said = model.predict(x_test, verbose=0)[:, 0]
for number in range(3):
    shown = texts[test][number][-62:]
    print(f"label {y_test[number]:.0f}, model {said[number]:.3f}: ... {shown}")

# %% [markdown]
# ## Saving and loading
#
# One file holds the layers, the weights, the vocabulary and the state of the optimiser.
# To load it, `slim_keras` must be imported: that registers the layer.

# %%
model.save(folder / "reviews.keras")
loaded = keras.models.load_model(folder / "reviews.keras")

np.testing.assert_array_equal(loaded.predict(x_test, verbose=0)[:, 0], said)
print(f"reviews.keras: {(folder / 'reviews.keras').stat().st_size / 1000:.0f} kB")

# %% [markdown]
# ## Exporting
#
# A SavedModel is a TensorFlow program with its weights. What serves it needs TensorFlow
# and not this package. Strings go in, probabilities come out.

# %%
model.export(folder / "reviews", verbose=False)
served = tf.saved_model.load(folder / "reviews")

probability = served.serve(
    tf.constant(
        [
            "at first i found the story dull . in the end it was brilliant .",
            "at first i found the story brilliant . in the end it was dull .",
        ]
    )
)
print(probability.numpy().round(3))
np.testing.assert_allclose(served.serve(x_test).numpy()[:, 0], said, atol=1e-5)

# %% [markdown]
# ## If your CSV file holds time series
#
# Then a row is often one moment of one series: which series, when, what the sensors
# say, and the label of the series. Only the reading and the first layer change. Here
# is a small file of that kind, made up: two sensors, and in the series with label 1 the
# second follows the first five steps later.

# %%
path = folder / "sensors.csv"
rng = np.random.default_rng(3)
with path.open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["series", "time", "sensor1", "sensor2", "label"])
    for series in range(600):
        signal = 20 + 5 * rng.normal(size=45)
        other = signal[:40] if series % 2 else 20 + 5 * rng.normal(size=40)
        for moment in range(40):
            values = signal[moment + 5], other[moment]
            writer.writerow([series, moment, *np.round(values, 2), series % 2])

print(*path.read_text().splitlines()[:3], sep="\n")

# %% [markdown]
# The layer wants one array, (series, steps, sensors). The rows of a series are brought
# into the order of time; all series have the same length here. Sensors have units, and
# a layer learns badly from values around 20: `Normalization` learns mean and spread
# from the training part and, like the vocabulary above, goes with the model.

# %%
by_series = {}
with path.open(newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        by_series.setdefault(row["series"], []).append(row)

x, y = [], []
for rows in by_series.values():
    rows.sort(key=lambda row: float(row["time"]))
    x.append([[float(row["sensor1"]), float(row["sensor2"])] for row in rows])
    y.append(float(rows[0]["label"]))
x, y = np.array(x, "float32"), np.array(y)
order = np.random.default_rng(0).permutation(len(x))
test, train = np.split(order, [len(x) // 5])
print("training array:", x[train].shape)

normalise = keras.layers.Normalization()
normalise.adapt(x[train])
model = keras.Sequential(
    [
        keras.Input(x.shape[1:]),
        normalise,
        LSTM_C6(32, forget=0.8, return_sequences=True),
        LSTM_C6(32, forget=0.96),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
model.fit(x[train], y[train], epochs=25, verbose=0)
_, accuracy = model.evaluate(x[test], y[test], verbose=0)
print(f"test accuracy: {accuracy:.3f}")

# %% [markdown]
# Saving, loading and exporting are the same as above.
#
# ## On a microcontroller
#
# A microcontroller beside the sensors sees one moment after the other. `streaming`
# makes a model of one moment with the same weights, and `to_c` writes it as C. Both
# compare what they made with the model. The firmware compiles `sensors.c` and calls
# `sensors_step` with each moment; `docs/microcontroller.md` has the rest.

# %%
from slim_keras import export

live = export.streaming(model)
print(export.to_c(live, folder / "sensors.c"))
lines = (folder / "sensors.h").read_text().splitlines()
print(*[line for line in lines if line.startswith("void")], sep="\n")

# %% [markdown]
# ## To take along
#
# - Put vocabulary or normalisation into the model as a layer, learnt from the training
#   part alone. Then one file is the whole model.
# - Pad at the end only with a mask.
# - The files of this notebook lie in `runs/own_data`; look at them.
