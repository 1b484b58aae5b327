"""What the layers and cells accept, and how they refuse the rest."""

import doctest
import inspect
import json
import re

import keras
import numpy as np
import pytest

import slim_keras
from slim_keras import _signature
from tests.slim_keras import support

COMMON = {
    "units",
    "activation",
    "use_bias",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
    "seed",
}
SEQUENCE = {
    "activity_regularizer",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
    "engine",
}
GATES = {"recurrent_activation"}
CONSTANT = {"forget"}
BIASED = {"unit_forget_bias"}
MATRICES = {f"recurrent_{k}" for k in ("initializer", "regularizer", "constraint")}
VECTORS = {
    f"recurrent_vector_{k}" for k in ("initializer", "regularizer", "constraint")
}
OWN = {
    "lstm": GATES | MATRICES | BIASED,
    "lstm1": GATES | MATRICES | BIASED,
    "lstm2": GATES | MATRICES,
    "lstm3": GATES | MATRICES | BIASED,
    "lstm4": GATES | MATRICES | VECTORS,
    "lstm4a": GATES | MATRICES | VECTORS | CONSTANT,
    "lstm5": GATES | MATRICES | VECTORS | BIASED,
    "lstm5a": GATES | MATRICES | VECTORS | CONSTANT,
    "lstm6": MATRICES | CONSTANT,
    "lstm10": GATES | VECTORS,
    "lstm11": GATES | VECTORS | BIASED,
    "lstm_c6": VECTORS | CONSTANT,
    "indylstm": GATES | VECTORS | BIASED,
    "indrnn": VECTORS,
}


def defaults(cls):
    """Arguments by name, without `**kwargs`."""
    found = inspect.signature(cls).parameters.values()
    return {
        p.name: p.default
        for p in found
        if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    }


@pytest.mark.parametrize("key", support.KEYS)
def test_a_variant_takes_what_means_something(key):
    layer = slim_keras.get(key)
    assert set(defaults(layer)) == COMMON | SEQUENCE | OWN[key]
    assert set(defaults(layer.cell_class)) == COMMON | OWN[key]


def test_lstm_takes_what_keras_lstm_takes():
    theirs = defaults(keras.layers.LSTM)
    ours = defaults(slim_keras.LSTM)
    assert set(ours) == set(theirs) - {"use_cudnn"} | {"engine", "zero_output_for_mask"}
    assert all(ours[name] == theirs[name] for name in set(ours) & set(theirs))
    theirs = defaults(keras.layers.LSTMCell)
    assert defaults(slim_keras.LSTMCell) == theirs


def test_defaults():
    for key, forget in (
        ("lstm4a", 0.96),
        ("lstm5a", 0.96),
        ("lstm6", 0.4),
        ("lstm_c6", 0.4),
    ):
        assert slim_keras.get(key)(3).forget == forget
    assert slim_keras.IndRNN(3).activation is keras.activations.relu
    assert slim_keras.LSTM6(3).activation is keras.activations.tanh
    assert slim_keras.LSTM11(3).recurrent_activation is keras.activations.sigmoid


@pytest.mark.parametrize("name", ["LSTM4a", "LSTM4aCell"])
def test_numbers_of_numpy(name):
    given = {"forget": 0.5, "dropout": 0.25, "recurrent_dropout": 0.125}
    for number in np.float32, np.float64:
        values = {n: number(value) for n, value in given.items()}
        layer = getattr(slim_keras, name)(np.int64(5), **values)
        config = json.loads(json.dumps(layer.get_config()))
        assert given.items() <= config.items()
        assert all(getattr(layer, n) == value for n, value in given.items())


@pytest.mark.parametrize("name", ["LSTM", "LSTMCell", "LSTM4a", "LSTM4aCell"])
def test_positional_arguments(name):
    layer = getattr(slim_keras, name)(8, "relu", "hard_sigmoid", False)
    assert layer.units == 8
    assert layer.activation is keras.activations.relu
    assert layer.recurrent_activation is keras.activations.hard_sigmoid
    assert layer.use_bias is False


BAD = [
    *[({"units": n}, "`units` must be a positive integer") for n in (0, -1, 2.5)],
    *[({"units": n}, "`units` must be a positive integer") for n in ("8", None, True)],
    *[
        ({"forget": f}, r"`forget` .*\|forget\| < 1.*BIBO.*Received: forget=")
        for f in (1, 1.0, -1.0, 1.5, float("nan"), "0.5", None)
    ],
    *[({"dropout": p}, "`dropout` must be in") for p in (-0.1, 1.0, 2, None, "0.5")],
    *[({"recurrent_dropout": p}, "`recurrent_dropout` must be in") for p in (-1, 1)],
    ({"bias_initializer": None}, "`bias_initializer` must be .* Received: bias_init"),
    (
        {"recurrent_vector_initializer": None},
        "`recurrent_vector_initializer` must be .* Received: recurrent_vec",
    ),
    ({"use_cudnn": True}, "slim_keras does not call cuDNN.*use_cudnn=True"),
]


@pytest.mark.parametrize("name", ["LSTM4a", "LSTM4aCell"])
@pytest.mark.parametrize(("arguments", "message"), BAD, ids=str)
def test_bad_values(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(slim_keras, name)(**{"units": 3} | arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "fast"}, "must be one of auto, kernel, scan, loop.*'fast'"),
        ({"engine": None}, "`engine` must be one of"),
        ({"engine": "scan", "unroll": True}, "serves engine='loop'.*unroll=True"),
        ({"engine": "kernel", "unroll": True}, "serves engine='loop'.*unroll=True"),
        ({"unroll": 0}, "integer of at least 1. Received: unroll=0"),
        ({"unroll": 2.5}, "integer of at least 1. Received: unroll=2.5"),
        ({"engine": "loop", "unroll": 4}, "unroll=4, engine='loop'"),
        ({"engine": "kernel", "unroll": 4}, "unroll=4, engine='kernel'"),
    ],
)
def test_bad_engines(arguments, message):
    with pytest.raises(ValueError, match=message):
        slim_keras.LSTM6(3, **arguments)


@pytest.mark.parametrize("cls", [slim_keras.LSTM, slim_keras.LSTM_C6Cell])
def test_what_changes_no_number_in_keras_lstm_changes_none_here(cls):
    """Code for `keras.layers.LSTM` of Keras 2 and 3 passes these about."""
    config = cls(3, name="mine").get_config()
    for given in (
        {"use_cudnn": "auto"},
        {"use_cudnn": False},
        {"implementation": 0},
        {"implementation": 1, "use_cudnn": False},
    ):
        assert cls(3, name="mine", **given).get_config() == config
        assert cls.from_config(config | given).get_config() == config


def test_signatures_are_made_once(monkeypatch):
    """With the classes, not with each of their objects."""
    monkeypatch.delattr(_signature, "cell_defaults")
    monkeypatch.delattr(_signature, "ClassSignature")
    assert slim_keras.LSTM6(3).units == slim_keras.LSTM6Cell(3).units == 3


@pytest.mark.parametrize("unroll", [False, True, 1, 4])
def test_unroll_can_be_read_back(unroll):
    layer = slim_keras.LSTM6(3, unroll=unroll)
    for each in layer, slim_keras.LSTM6.from_config(layer.get_config()):
        assert each.unroll == unroll
        assert isinstance(each.unroll, bool) == isinstance(unroll, bool)
        assert type(each.get_config()["unroll"]) is type(unroll)


@pytest.mark.parametrize("key", support.KEYS)
def test_what_means_nothing_is_refused(key):
    layer = slim_keras.get(key)
    every = set().union(*OWN.values())
    for name in every - OWN[key]:
        for cls in layer, layer.cell_class:
            with pytest.raises(
                ValueError, match=f"no argument `{name}`, because it.*units"
            ):
                cls(3, **{name: "relu"})


def test_lstm3_is_nothing_without_bias():
    with pytest.raises(
        ValueError, match=r"`use_bias` must be True, .*; `LSTM6`.*Received"
    ):
        slim_keras.LSTM3(3, use_bias=False)


@pytest.mark.parametrize("name", ["LSTM6", "LSTM6Cell"])
def test_calls_that_no_signature_allows(name):
    cls = getattr(slim_keras, name)
    with pytest.raises(TypeError, match=f"`{name}`.*units"):
        cls()
    with pytest.raises(TypeError, match=f"`{name}`.*units"):
        cls(3, units=3)
    with pytest.raises(ValueError, match="nonsense"):
        cls(3, nonsense=1)


def test_a_cell_takes_no_arguments_of_sequences():
    for name in ("engine", "return_sequences"):
        with pytest.raises(ValueError, match=name):
            slim_keras.LSTM6Cell(3, **{name: "auto"})


@pytest.mark.parametrize("key", support.KEYS)
def test_documentation(key):
    """Equation, every argument with its default, errors, paper: in both docstrings."""
    layer = slim_keras.get(key)
    for cls in layer, layer.cell_class:
        text = inspect.getdoc(cls)
        assert "h_t = " in text.split("```")[1]
        assert "arXiv" in text
        for section in ("Args:", "Call arguments:", "Returns:", "Raises:", "Example:"):
            assert f"\n{section}\n" in text
        listed = text.split("\nArgs:\n")[1].split("\n\nCall arguments:\n")[0]
        entries = [" ".join(e.split()) for e in re.split(r"\n(?=    \w)", listed)]
        described = dict(entry.split(": ", 1) for entry in entries)
        arguments = defaults(cls)
        assert list(described) == list(arguments)
        del arguments["units"]
        for name, default in arguments.items():
            assert described[name].endswith(f" Default: `{default!r}`.")


def public():
    """What `slim_keras` offers, by name."""
    found = {n: value for n, value in vars(slim_keras).items() if callable(value)}
    found |= vars(slim_keras.activations)
    return {
        name: value
        for name, value in found.items()
        if getattr(value, "__module__", "").startswith("slim_keras")
    }


def test_all_public_names_are_documented():
    names = set(public())
    assert len(names) >= 35
    for name in names - {"SlimLayer"}:
        text = inspect.getdoc(public()[name])
        assert "Args:" in text, name
        assert "Example:" in text, name
        assert "Raises:" in text or name == "hard_sigmoid_keras2", name


@pytest.mark.parametrize("name", sorted(set(public()) - {"SlimLayer"}))
def test_examples(name):
    """With nothing imported but what the example imports."""
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(public()[name], name, globs={})
    assert example.examples
    result = doctest.DocTestRunner(verbose=False).run(example)
    assert result.failed == 0
