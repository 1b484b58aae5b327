"""The benchmark's rows; what it measures is never tested."""

import importlib.util
import json
import subprocess
import tomllib
from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest

from experiments.core import environment
from experiments.core.command import main
from experiments.core.errors import UserError
from experiments.report import speed as report_speed
from experiments.report.speed import engine_tables
from experiments.speed import command as speed, contenders, gpu
from experiments.speed.models import MODELS

# Other tests of the process set the variable that is the default.
BACKEND = [f"--backend={keras.config.backend()}"]
TINY = ["--variants=lstm_c6", "--steps=4", "--units=3", "--batch-size=2", "--rounds=1"]


def measured(tmp_path, *options):
    """The rows of a benchmark on the backend in use."""
    output = tmp_path / "speed.jsonl"
    arguments = [*BACKEND, *options, f"--output={output}"]
    assert main(speed.Settings, speed.run, arguments) == 0
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_rows(tmp_path):
    rows = measured(tmp_path, *TINY)
    layers = [contenders.BASELINE, "lstm_c6", contenders.NATIVE]
    assert [row["layer"] for row in rows] == layers
    for row in rows:
        ratio = rows[0]["step_ms"] / row["step_ms"]
        assert row["step_over_baseline"] == pytest.approx(ratio)
        assert (row["floor_ms"] is not None) == (row["layer"] == "lstm_c6")
        assert row["masked"] is False


def test_rows_of_layers_alone_with_a_mask(tmp_path):
    options = ["--model=layer", "--masked", "--variants=lstm3", "--steps=4,5"]
    rows = measured(tmp_path, *TINY, *options)
    names = (contenders.BASELINE, "lstm3")
    assert [(row["T"], row["layer"]) for row in rows] == [*product((4, 5), names)]
    assert {row["masked"] for row in rows} == {True}
    for row in rows:  # against the one of the same length
        baseline = next(other for other in rows if other["T"] == row["T"])
        ratio = baseline["step_ms"] / row["step_ms"]
        assert row["step_over_baseline"] == pytest.approx(ratio)


def test_stacks_on_the_adding_problem(tmp_path):
    options = ["--variants=indrnn", "--model=adding", "--features=2", "--layers=1,2"]
    rows = measured(tmp_path, *TINY, *options, "--no-keras")
    layers = [row["layer"] for row in rows]
    assert layers == ["indrnn", "indrnn x2", contenders.NATIVE]
    assert [row["engine"] for row in rows] == ["auto", "auto", None]
    assert {row["device"] for row in rows} == {"cpu"}
    assert {(row["model"], row["m"]) for row in rows} == {("adding", 2)}
    assert [row["floor_ms"] is None for row in rows] == [False, True, True]
    assert {row["step_over_baseline"] for row in rows} == {None}


@pytest.mark.parametrize("around", MODELS.values(), ids=list(MODELS))
def test_a_mask_is_in_the_data_and_the_model(around):
    x, _ = around.batch((50, 7, 2), masked=False)
    masked, _ = around.batch((50, 7, 2), masked=True)
    left = (masked == x).reshape(50, 7, -1).all(axis=-1)
    assert not left.all()
    # From some step on nothing is left but zeros.
    assert (np.diff(left.astype(int), axis=1) <= 0).all()
    assert not masked[~left].any()
    # The first layer of the model tells the others where.
    for asked, mask in ((False, None), (True, left)):
        layer = contenders.build(contenders.Contender("lstm_c6", "auto"), 3)
        first, *_ = around.model(layer, 7, 2, asked).layers
        np.testing.assert_array_equal(first.compute_mask(masked, None), mask)


def test_torchs_lstm_runs_over_the_steps_of_each_sequence():
    from experiments.speed import torch_lstm

    x = np.random.default_rng(0).normal(size=(4, 7, 2)).astype("float32")
    model = torch_lstm.Model(None, 2, 3)
    alone = [model.forward(one[None])[0] for one in x]
    np.testing.assert_allclose(model.forward(x), alone, atol=1e-6)


jax_alone = pytest.mark.skipif(keras.config.backend() != "jax", reason="JAX's")
on_a_device = pytest.mark.skipif(
    keras.config.backend() == "tensorflow", reason="JAX' and PyTorch's"
)


@on_a_device
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_engines(device, tmp_path, monkeypatch, capsys):
    # Without a GPU everything but cuDNN runs here as well.
    monkeypatch.setattr(environment, "check_device", lambda *_: None)
    asked, lstm = [], keras.layers.LSTM

    def without_cudnn(units, use_cudnn, **arguments):
        asked.append(use_cudnn)
        return lstm(units, **arguments)

    monkeypatch.setattr(keras.layers, "LSTM", without_cudnn)
    monkeypatch.setenv("COLUMNS", "80")
    arguments = [*TINY, "--variants=indylstm", "--model=layer"]
    scan = "scan:2" if keras.config.backend() == "jax" else "scan:1"
    native = keras.config.backend() == "torch" and device == "gpu"
    arguments += [f"--engines={scan},kernel", "--native" if native else "--no-native"]
    rows = measured(tmp_path, *arguments, f"--device={device}")
    gpu = device == "gpu"
    assert asked == [True if gpu else "auto"]
    cudnn = "cudnn" if gpu else None
    others = [contenders.BASELINE, *([contenders.NATIVE] if native else [])]
    names = [*others, "indylstm", "indylstm"]
    assert [row["layer"] for row in rows] == names
    assert [row["engine"] for row in rows] == [cudnn for _ in others] + [scan, "kernel"]
    none = [None for _ in others]
    assert [row["ran"] for row in rows] == [*none, "scan", "kernel"]
    assert [row["at_once"] for row in rows] == [*none, int(scan[-1]), None]
    assert f"({scan})" in capsys.readouterr().out
    shown = engine_tables(rows)  # all rows of a GPU
    assert all(report_speed.layer_title(name) in shown for name in names) or not gpu
    for row in rows:
        assert row["device"] == device
        assert ("copy_gb_s" in row) == (device == "gpu")
        if device == "gpu":
            numbers = row["B"] * row["T"] * (row["m"] + row["n"])
            # Float32, both ways, and back again with the gradients.
            assert row["step_gb_s"] * row["step_ms"] * 1e6 == pytest.approx(8 * numbers)
            assert row["forward_gb_s"] * row["forward_ms"] * 1e6 == pytest.approx(
                4 * numbers
            )
            assert row["floor_ms"] == pytest.approx(
                8 * numbers / row["copy_gb_s"] / 1e6
            )


@on_a_device
@pytest.mark.parametrize("error", [RuntimeError("no room"), KeyboardInterrupt()])
def test_a_layer_that_fails_on_a_gpu_costs_no_other_its_row(
    error, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(environment, "check_device", lambda *_: None)
    made = speed.speed_device.calls

    def fails():
        raise error

    def calls(*arguments):
        found = made(*arguments)
        return found | {key: fails for key in found if key[0].layer == "indylstm"}

    monkeypatch.setattr(speed.speed_device, "calls", calls)
    output = tmp_path / "speed.jsonl"
    options = [*TINY, "--model=layer", "--device=gpu", "--no-keras", "--no-native"]
    options += [*BACKEND, "--variants=lstm_c6,indylstm,indrnn", f"--output={output}"]
    status = main(speed.Settings, speed.run, options)
    layers = [json.loads(line)["layer"] for line in output.read_text().splitlines()]
    if isinstance(error, KeyboardInterrupt):  # as if the process had died
        assert (status, layers) == (130, ["lstm_c6"])
        return
    assert (status, layers) == (1, ["lstm_c6", "indrnn"])
    assert (
        "indylstm failed (RuntimeError: no room), left out" in capsys.readouterr().err
    )


@pytest.mark.skipif(keras.config.backend() != "torch", reason="PyTorch's")
def test_keras_lstm_on_pytorch_is_cudnns_or_fails():
    from experiments.speed import device_torch

    cudnn = contenders.Contender(contenders.BASELINE, "cudnn")
    layer = contenders.build(cudnn, 3, return_sequences=True)
    _, step = device_torch.functions(layer, (2, 4, 3))
    x, dy = (device_torch.random((2, 4, 3), seed=k) for k in range(2))
    if device_torch.DEVICE == "cuda":
        step(device_torch.weights(layer), x, dy)
        return
    with pytest.raises(RuntimeError, match="in the place of cuDNN"):
        step(device_torch.weights(layer), x, dy)


@jax_alone
def test_functions_of_a_device_lower_for_it():
    import jax

    from experiments.speed import device_jax

    for key, engine in ("indrnn", "kernel"), ("indrnn", "scan"), ("lstm", "scan:4"):
        layer = contenders.build(
            contenders.Contender(key, engine), 5, return_sequences=True
        )
        forward, step = device_jax.functions(layer, (2, 7, 3))
        weights = device_jax.weights(layer)
        x, dy = (jax.numpy.zeros((2, 7, n)) for n in (3, 5))
        for function, arguments in ((forward, ()), (step, (dy,))):
            traced = function.trace(weights, x, *arguments)
            module = traced.lower(lowering_platforms=("cuda",)).as_text()
            assert ("triton" in module) == (engine == "kernel")


class OutOfMemoryError(Exception):
    def __str__(self):
        return "RESOURCE_EXHAUSTED: out of memory while trying to allocate"


def test_who_is_out_of_memory_is_left_out(capsys):
    def fails():
        raise OutOfMemoryError

    big, small = contenders.Contender("big"), contenders.Contender("small")
    calls = {(big, "forward"): list, (big, "step"): fails, (small, "step"): list}
    assert list(speed.medians(calls, 1, "here")) == [(small, "step")]
    assert "here: big is out of memory" in capsys.readouterr().err


def test_nobody_is_left(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(speed, "medians", lambda *_: {})
    arguments = [*TINY, *BACKEND, f"--output={tmp_path / 'speed.jsonl'}"]
    assert main(speed.Settings, speed.run, arguments) == 2
    assert "every layer is out of memory" in capsys.readouterr().err


def test_a_folder_is_no_output(tmp_path, capsys):
    assert main(speed.Settings, speed.run, [*TINY, f"--output={tmp_path}"]) == 2
    out, err = capsys.readouterr()
    assert "it is a folder; name a file" in err
    assert out == ""  # nothing was measured


@pytest.mark.parametrize(
    ("found", "backend", "device", "message"),
    [
        (None, "jax", "cpu", None),
        ("a chip", "jax", "cpu", "device cpu: jax runs on a chip; hide it"),
        ("a chip", "tensorflow", "gpu", "needs --backend jax or torch"),
        ("a chip", "torch", "gpu", None),
        (None, "torch", "gpu", "PyTorch finds none here"),
        (None, "jax", "gpu", "JAX finds none here, only cpu"),
    ],
)
def test_devices(found, backend, device, message, monkeypatch):
    import jax

    monkeypatch.setattr(environment, "_accelerator", lambda _: found)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    if message is None:
        environment.check_device(backend, device)
        return
    with pytest.raises(UserError, match=message):
        environment.check_device(backend, device)


def test_the_settings_for_a_gpu():
    path = Path(speed.__file__).parents[2] / "configs/speed_gpu.toml"
    settings = speed.Settings(**tomllib.loads(path.read_text()))
    speed._check(settings)
    assert settings.device == "gpu"
    assert len(contenders.ours(settings.variants.split(","), [1], ["auto"])) == 5


def test_the_measurements_of_a_gpu_are_settings():
    seen = []
    for run in gpu.runs(["--output=rows.jsonl"]):
        assert run.command[1:3] == ["-m", "experiments.speed"]
        assert main(speed.Settings, lambda s: seen.append(s) or 0, run.command[3:]) == 0
    for settings in seen:
        speed._check(settings)
        contenders.ours(settings.variants.split(","), [1], [])
    assert {(s.backend, s.device) for s in seen} == {("jax", "gpu"), ("torch", "gpu")}
    assert {s.output for s in seen} == {"rows.jsonl"}


@pytest.fixture
def started(monkeypatch):
    """The backends of the runs that are started, in the place of processes."""
    backends = []
    monkeypatch.setattr("sys.argv", ["gpu", "--rounds=1"])

    def run(end):
        def started_one(command, env, timeout):
            backends.append(command[command.index("--backend") + 1])
            return end(backends[-1], timeout)

        monkeypatch.setattr(subprocess, "run", started_one)
        return backends

    return run


def test_a_run_that_takes_too_long_ends_no_other(started, capsys):
    def end(backend, timeout):
        raise subprocess.TimeoutExpired(backend, timeout)

    backends = started(end)
    assert gpu.main() == 1
    assert len(backends) == len(gpu.RUNS)
    assert "this run is ended after" in capsys.readouterr().err


def test_a_backend_without_a_gpu_is_asked_once(started):
    refused = subprocess.CompletedProcess([], gpu.REFUSED)
    backends = started(lambda backend, timeout: refused)
    assert gpu.main() == 1
    assert sorted(backends) == ["jax", "torch"]


def test_no_run_starts_after_the_end(started, monkeypatch, capsys):
    clock = iter(range(0, 10**6, gpu.SECONDS // 2))
    monkeypatch.setattr(gpu.time, "monotonic", lambda: next(clock))
    backends = started(lambda *_: subprocess.CompletedProcess([], 0))
    assert gpu.main() == 1
    assert len(backends) == 1
    assert f"the {gpu.SECONDS} s are over" in capsys.readouterr().err


def test_without_torch_its_lstm_is_left_out_by_choice(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "torch" else find(n)
    )
    speed._check(speed.Settings(native=False))
    speed._check(speed.Settings(masked=True))
    with pytest.raises(UserError, match=r"torch\.nn\.LSTM: pip install torch"):
        speed._check(speed.Settings())


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="the others have kernels"
)
def test_a_kernel_on_tensorflow_is_refused(capsys):
    assert main(speed.Settings, speed.run, ["--engines=kernel", *BACKEND]) == 2
    assert "serves the backends jax and torch" in capsys.readouterr().err


def test_bad_input(capsys):
    for options, named in (
        (["--steps", "4,0"], "4,0"),
        (["--units", "many"], "many"),
        (["--variants", "lstm99"], "lstm99"),
        (["--model", "adding", "--features", "3"], "features 3"),
        (["--engines", "scan,fast"], "fast"),
        (["--engines", "scan:0"], "scan:0"),
        (["--engines", "scan:"], "scan:"),
        (["--device", "gpu"], "device gpu"),
    ):
        assert main(speed.Settings, speed.run, [*options, *BACKEND]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("error:")
        assert named in line
