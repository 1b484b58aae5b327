"""Dataclass, command line and TOML file describe the same settings."""

import dataclasses
import json
from functools import partial

import click
import pytest
from hypothesis import given, settings, strategies as st

from experiments.core import command
from experiments.imdb import Config
from tests.experiments.support import check_refusal, parsed

finite = {"allow_nan": False, "allow_infinity": False}
words = st.text("abcXYZ09_./", min_size=1, max_size=8)
configs = st.builds(
    Config,
    variant=words,
    eta=st.floats(min_value=0, exclude_min=True, **finite),
    units=st.integers(min_value=1),
    forget=st.none() | st.floats(-1, 1, exclude_min=True, exclude_max=True),
    activation=st.sampled_from(["sigmoid", "tanh", "relu"]),
    initialisation=st.sampled_from(["keras", "authors"]),
    train_embedding=st.booleans(),
    validation_split=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**32 - 1),
    backend=st.sampled_from(["tensorflow", "jax", "torch"]),
    data_dir=st.none() | words,
    quiet=st.booleans(),
)


parse = partial(parsed, Config)


def given_values(config: Config) -> dict:
    values = dataclasses.asdict(config).items()
    return {name: value for name, value in values if value is not None}


def as_toml(config: Config) -> str:
    # JSON writes strings, numbers and booleans as TOML does.
    lines = (f"{k} = {json.dumps(v)}" for k, v in given_values(config).items())
    return "\n".join(lines)


def refusal(capsys, *args: str, hints=()) -> str:
    """The one line on stderr with which some arguments are refused."""

    def run(config: Config) -> int:
        raise AssertionError("bad arguments were accepted")

    return check_refusal(capsys, command.main(Config, run, args), *hints)


@given(configs)
@settings(deadline=None, max_examples=30)
def test_options_say_the_whole_config(config):
    assert parse(*command.arguments(config)) == config


@given(configs)
@settings(deadline=None, max_examples=30)
def test_toml_says_the_whole_config(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("toml") / "config.toml"
    path.write_text(as_toml(config))
    assert parse("--config", str(path)) == config


def test_arguments_leave_out_the_defaults_that_are_the_same_everywhere():
    config = Config(units=7, train_embedding=False, backend="jax")
    options = ["--backend=jax", "--units=7", "--no-train-embedding"]
    assert sorted(command.arguments(config)) == sorted(options)
    assert parse() == Config()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """Settings of a command with an argument and an option for many values."""

    name: str = command.setting(command.REQUIRED, click.STRING, "What it is called.")
    tags: tuple[str, ...] = command.setting((), click.STRING, "What it is like.")


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["x"], Named(name="x")),
        (["--tags=a", "x", "--tags", "b"], Named(name="x", tags=("a", "b"))),
    ],
)
def test_required_setting_is_an_argument_and_a_tuple_takes_many(args, named):
    assert parsed(Named, *args) == named


def test_a_tuple_takes_a_list_of_a_file(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('tags = ["a", "b"]')
    assert command.read_toml(Named, file) == {"tags": ["a", "b"]}


def test_missing_argument_is_one_line(capsys):
    assert command.main(Named, lambda named: 0, []) == 2
    err = capsys.readouterr().err
    assert "NAME" in err
    assert err.count("\n") == 1
    assert command.main(Named, lambda named: 0, ["--help"]) == 0
    out = capsys.readouterr().out
    assert "What it is called." in out
    assert "--config" not in out


def test_options_go_before_the_file(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("units = 7\neta = 1e-4\ntrain_embedding = false\n")
    config = parse("--units=9", "--config", str(path), "--train-embedding")
    assert config == Config(units=9, eta=1e-4, train_embedding=True)


def test_backend_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert parse().backend == "jax"
    assert parse("--backend=torch").backend == "torch"
    monkeypatch.delenv("KERAS_BACKEND")
    assert parse().backend == "tensorflow"


def test_help_names_every_setting(capsys):
    assert command.main(Config, lambda config: 1, ["--help"]) == 0
    text = capsys.readouterr().out
    for field in dataclasses.fields(Config):
        assert f"--{field.name.replace('_', '-')}" in text


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("units", "0", "x>=1"),
        ("units", "ten", "integer"),
        ("units", "2.5", "integer"),
        ("eta", "0", "x>0"),
        ("eta", "-0.1", "x>0"),
        ("eta", "nan", "finite"),
        ("eta", "inf", "finite"),
        ("eta", "fast", "number"),
        ("forget", "1", "-1<x<1"),
        ("forget", "-1", "-1<x<1"),
        ("forget", "nan", "finite"),
        ("epochs", "0", "x>=1"),
        ("batch-size", "0", "x>=1"),
        ("embedding-dim", "0", "x>=1"),
        ("words", "4", "x>=5"),
        ("length", "0", "x>=1"),
        ("dropout", "1", "0<=x<1"),
        ("validation-split", "1", "0<=x<1"),
        ("seed", "-1", "0<=x"),
        ("activation", "cube", "'sigmoid', 'tanh', 'relu'"),
        ("gate-activation", "cube", "'sigmoid', 'hard_sigmoid_keras2'"),
        ("initialisation", "zeros", "'keras', 'authors'"),
        ("data", "mnist", "'auto', 'imdb', 'sample'"),
        ("backend", "theano", "'tensorflow', 'jax', 'torch'"),
        ("config", "missing.toml", "does not exist"),
        ("output", "", "empty"),
    ],
)
def test_bad_option_is_one_line(capsys, option, value, hint):
    refusal(capsys, f"--{option}={value}", hints=[f"--{option}", value, hint])


def test_unknown_option_is_one_line(capsys):
    refusal(capsys, "--unitz", "3", hints=["--unit"])


def test_bad_backend_in_the_environment_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert "KERAS_BACKEND: 'theano' is not one of" in refusal(capsys)
    assert "KERAS_BACKEND" not in refusal(capsys, "--backend=theano")


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("unit = 3", ["'unit'", "units"]),
        ("units = 0", ["units", "x>=1"]),
        ("units = 100.7", ["units", "100.7"]),
        ("eta = nan", ["eta", "finite"]),
        ('eta = "fast"', ["eta", "fast"]),
        ("train_embedding = 3", ["train_embedding", "3"]),
        ("units =", ["not valid TOML"]),
        ("\xff\xfe\0", ["not valid TOML"]),
        ("units = 3\nunits = 4", ["not valid TOML"]),
        ("[units]\nx = 3", ["units"]),
    ],
)
def test_bad_toml_is_one_line_that_names_the_file(capsys, tmp_path, text, hints):
    path = tmp_path / "bad.toml"
    path.write_bytes(text.encode("latin-1"))
    refusal(capsys, "--config", str(path), hints=["bad.toml", *hints])


@pytest.mark.parametrize(
    ("error", "is_known"),
    [
        (MemoryError(), True),
        (ValueError("RESOURCE_EXHAUSTED: Out of memory allocating 4 bytes"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("something else"), False),
    ],
)
def test_no_memory_is_one_line(error, is_known, capsys):
    def run(config: Config) -> int:
        raise error

    if not is_known:
        with pytest.raises(RuntimeError):
            command.main(Config, run, [])
        return
    assert command.main(Config, run, []) == 2
    assert "error: out of memory; choose smaller sizes" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(capsys):
    def run(config: Config) -> int:
        raise KeyboardInterrupt

    assert command.main(Config, run, []) == 130
    assert "same command" in capsys.readouterr().err
    assert command.main(Config, run, [], resumes=False) == 130
    assert capsys.readouterr().err.strip() == "error: interrupted"
