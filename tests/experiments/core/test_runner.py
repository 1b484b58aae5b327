"""A tiny model trained through the runner: rows, resume at any point, refusals."""

import json
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from filelock import FileLock

from experiments.core import checkpoint, environment
from experiments.core.data import Arrays
from experiments.core.errors import UserError
from experiments.core.experiment import (
    ACCURACY,
    Experiment,
    Score,
    Training,
    find,
)
from experiments.core.progress import Display
from experiments.core.runner import hold, train
from experiments.core.settings import Settings
from experiments.datasets import Dataset

SETTINGS = Settings(
    epochs=2, batch_size=16, backend=keras.config.backend(), validation_split=0.2
)


TINY = Experiment(
    name="tiny",
    summary="Trains a tiny model.",
    settings=Settings,
    complete=lambda config: config,
    title=lambda config: "tiny",
    data=lambda config: None,
    model=lambda config, data: model(),
    scores=ACCURACY,
)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, (90, 4), dtype="int32")
    y = (x[:, -1] > 9).astype("int32")
    return Dataset("sample", x[:50], y[:50], x[50:], y[50:], origin="made up")


def model(eta=0.05):
    keras.utils.set_random_seed(3)
    layers = [
        keras.Input((4,), dtype="int32"),
        keras.layers.Embedding(20, 4),
        keras.layers.Dropout(0.2),
        keras.layers.SimpleRNN(3, dropout=0.2, name="recurrent"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    built = keras.Sequential(layers)
    # Eagerly, as tracing takes longer than these few steps.
    optimizer = keras.optimizers.Adam(eta)
    built.compile(
        optimizer, "binary_crossentropy", metrics=["accuracy"], run_eagerly=True
    )
    optimizer.build(built.trainable_variables)
    return built


def training(settings, model, data):
    arrays = Arrays.of(data, settings.validation_split)
    return Training(experiment=TINY, config=settings, data=arrays, model=model)


@pytest.fixture
def run(tmp_path, data):
    """Trains in `tmp_path`; returns the exit status."""

    def start(settings=SETTINGS, data=data, eta=0.05, output=tmp_path):
        settings = replace(settings, output=str(output))
        return train(training(settings, model(eta), data))

    return start


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, data):
    """The output folder of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("undisturbed")
    settings = replace(SETTINGS, output=str(output))
    assert train(training(settings, model(), data)) == 0
    return output


@pytest.fixture
def done(undisturbed, tmp_path):
    """Puts this run into `tmp_path`."""
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)


def rows(output):
    return [json.loads(x) for x in (output / "results.jsonl").read_text().splitlines()]


def folder(output):
    (found,) = output.glob("tiny-*")
    return found


def history(output):
    entries = json.loads((folder(output) / "history.json").read_text())
    for entry in entries:
        assert entry.pop("seconds") > 0
    return entries


def numbers(output):
    """All of a run that must not depend on when and how often it was started."""
    weights = []
    for name in ("best", "last"):
        built = model()
        built.load_weights(folder(output) / f"{name}.weights.h5")
        variables = [*built.variables, *built.optimizer.variables]
        weights += [keras.ops.convert_to_numpy(v).tolist() for v in variables]
    (row,) = rows(output)
    for key in ("started", "finished", "seconds_per_epoch", "commit", "dirty"):
        del row[key]
    return row, history(output), weights


def test_row_says_what_was_trained_and_how_well(undisturbed, data):
    (row,) = rows(undisturbed)
    epochs = history(undisturbed)
    paper = max(epochs, key=lambda e: (e["test_accuracy"], -e["epoch"]))
    clean = max(epochs, key=lambda e: (e["val_accuracy"], -e["epoch"]))
    expected = {
        "run": folder(undisturbed).name,
        "status": "finished",
        "reason": None,
        "experiment": "tiny",
        "epochs": 2,
        "batch_size": 16,
        "validation_split": 0.2,
        "seed": 3,
        "backend": keras.config.backend(),
        "data": "sample",
        "data_checksum": data.checksum,
        "data_origin": "made up",
        "recurrent_parameters": 3 * (4 + 3 + 1),
        "model_parameters": 20 * 4 + 3 * (4 + 3 + 1) + 4,
        "paper": {"test_accuracy": paper["test_accuracy"], "epoch": paper["epoch"]},
        "clean": {"test_accuracy": clean["test_accuracy"], "epoch": clean["epoch"]},
        "train_accuracy": max(e["accuracy"] for e in epochs),
        "epochs_finished": 2,
    }
    assert {key: row[key] for key in expected} == expected
    versions = row["versions"]
    libraries = {"python", "keras", "numpy", "slim_keras", keras.config.backend()}
    assert set(versions) == libraries
    assert versions["keras"] == keras.version()
    assert row["processor"]
    assert {"commit", "dirty"} <= set(row)
    assert str(undisturbed) not in json.dumps(row)


def test_best_weights_are_those_of_the_chosen_epoch(undisturbed, data):
    (row,) = rows(undisturbed)
    built = model()
    built.load_weights(folder(undisturbed) / "best.weights.h5")
    _, accuracy = built.evaluate(data.x_test, data.y_test, verbose=0)
    assert accuracy == pytest.approx(row["clean"]["test_accuracy"])


def test_same_seed_same_numbers_other_seed_others(undisturbed, run, tmp_path):
    run(output=tmp_path / "same")
    assert numbers(tmp_path / "same") == numbers(undisturbed)
    run(replace(SETTINGS, seed=4), output=tmp_path / "other")
    assert history(tmp_path / "other") != history(undisturbed)


def test_killed_before_any_file_it_ends_in_the_same(
    undisturbed, run, tmp_path, monkeypatch
):
    """Each start ends before the first file that none has ended before."""
    killed = set()

    def replace_or_die(self, target, replace=Path.replace):
        name = Path(target).name
        if name not in killed:
            killed.add(name)
            raise Killed
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_or_die)
    status = None
    while status is None:
        with suppress(Killed):
            status = run()
    assert status == 0
    assert numbers(tmp_path) == numbers(undisturbed)
    assert killed == {p.name for p in folder(tmp_path).iterdir()} - {".lock"}


def test_row_names_all_that_a_run_was_started_on(run, tmp_path, monkeypatch):
    """As a run may move to another machine, or the code to another commit."""

    def start(processor, commit="b", dirty=False):
        with monkeypatch.context() as patch:
            patch.setattr(environment, "processor", lambda backend: processor)
            facts = {"commit": commit, "dirty": dirty}
            patch.setattr(environment, "commit", lambda: facts)
            return run()

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", die)
        with pytest.raises(Killed):
            start("a GPU", "a", dirty=True)
    assert start("a CPU") == 0
    assert start("a third one") == 0  # which finds it done
    (row,) = rows(tmp_path)
    assert row["processor"] == "a GPU and a CPU"
    assert (row["commit"], row["dirty"]) == ("a and b", True)
    assert row["versions"]["keras"] == keras.version()
    assert row["seconds_per_epoch"] is None
    assert "starts" not in row
    config = json.loads((folder(tmp_path) / "config.json").read_text())
    assert [start["processor"] for start in config["starts"]] == ["a GPU", "a CPU"]


def test_joined_facts_name_what_changed_in_order():
    one = {"versions": {"a": "1", "b": "1"}, "processor": "p", "commit": None}
    two = {"versions": {"a": "2", "c": "1"}, "processor": "p", "commit": "x"}
    assert environment.joined([one | {"dirty": None}, two | {"dirty": False}]) == {
        "versions": {"a": "1 and 2", "b": "1", "c": "1"},
        "processor": "p",
        "commit": "x",
        "dirty": False,
    }


def test_code_is_dirty_that_differs_from_its_commit(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # set in a hook
        monkeypatch.delenv(name, raising=False)
    code = tmp_path / "experiments" / "core" / "code.py"
    code.parent.mkdir(parents=True)
    code.write_text("as committed")
    monkeypatch.setattr(environment, "__file__", str(code))
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=no"]
    for task in (["init"], ["add", "."], ["commit", "--message=all"]):
        subprocess.run(["git", "-C", tmp_path, *who, *task], check=True)
    (tmp_path / "results.jsonl").touch()  # no code
    look = environment.commit.__wrapped__  # which remembers nothing
    assert look()["dirty"] is False
    code.write_text("edited")
    assert look()["dirty"] is True


def test_seconds_per_epoch_are_not_those_of_the_first_which_compiles(tmp_path, data):
    settings = replace(SETTINGS, output=str(tmp_path))
    figures = {"accuracy": 0.5, "val_accuracy": 0.5, "test_accuracy": 0.5, "epoch": 1}
    display = Display(TINY, quiet=True)
    with hold(training(settings, model(), data)) as place:
        place.begin()
        epochs = [figures | {"seconds": each} for each in (90.0, 2.0, 1.0)]
        place.finish(epochs, None, display)
        assert place.publish()["seconds_per_epoch"] == 2


def test_seconds_of_an_epoch_leave_evaluations_out(run, tmp_path, monkeypatch):
    evaluated = []

    def evaluate(*args, **options):
        evaluated.append(args)
        return {"loss": 0.7, "accuracy": 0.5}

    monkeypatch.setattr(keras.Sequential, "evaluate", evaluate)
    clock = SimpleNamespace(perf_counter=lambda: len(evaluated))  # nothing else takes
    monkeypatch.setattr("experiments.core.training.time", clock)
    assert run(replace(SETTINGS, epochs=1)) == 0
    (entry,) = json.loads((folder(tmp_path) / "history.json").read_text())
    assert (len(evaluated), entry["seconds"]) == (2, 0)


def test_killed_before_its_row_is_appended_it_appends_it(done, run, tmp_path):
    (tmp_path / "results.jsonl").unlink()
    before = (folder(tmp_path) / "row.json").read_text()
    assert run() == 0
    assert rows(tmp_path) == [json.loads(before)]


def test_a_finished_run_is_not_trained_again(done, run, tmp_path, capsys, monkeypatch):
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    monkeypatch.setattr("experiments.core.runner.fit", None)
    assert run() == 0
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    out = capsys.readouterr().out
    assert "is finished; delete it" in out
    assert f"{rows(tmp_path)[0]['paper']['test_accuracy']:.4f}" in out


def test_a_longer_run_goes_on_from_a_shorter_one(
    run, tmp_path, undisturbed, monkeypatch
):
    monkeypatch.setattr(environment, "processor", lambda backend: "a GPU")
    assert run(replace(SETTINGS, epochs=1)) == 0
    monkeypatch.setattr(environment, "processor", lambda backend: "a CPU")
    assert run() == 0
    short, long = rows(tmp_path)
    assert long["continues"] == short["run"]
    assert long["processor"] == "a GPU and a CPU"
    assert (short["epochs_finished"], long["epochs_finished"]) == (1, 2)
    trained = json.loads((tmp_path / long["run"] / "history.json").read_text())
    first = json.loads((tmp_path / short["run"] / "history.json").read_text())
    assert trained[:1] == first  # its seconds too: it was not trained again
    (whole,) = rows(undisturbed)
    unlike = {"started", "finished", "seconds_per_epoch", "commit", "dirty"}
    unlike |= {"processor"}
    assert {k: v for k, v in long.items() if k not in {*unlike, "continues"}} == {
        k: v for k, v in whole.items() if k not in unlike
    }
    # Another seed is no shorter run of it, and a longer one is none either.
    assert run(replace(SETTINGS, seed=4)) == run(replace(SETTINGS, epochs=1)) == 0
    assert ["continues" in row for row in rows(tmp_path)] == [False, True, False]


def test_a_full_disk_is_an_error_that_names_the_file(run, tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename == str(folder(tmp_path) / "best.weights.h5")
    names = {path.name for path in folder(tmp_path).iterdir()}
    assert names == {".lock", "config.json"}
    assert run() == 0


@pytest.mark.parametrize(
    ("score", "rule", "epoch"),
    [
        (Score("a", "test_cer", "CER", by="val_cer", lower=True), "validation", 2),
        (Score("a", "test_cer", "CER", by="test_cer", lower=True), "lowest test", 1),
        (Score("a", "test_cer", "CER", by="test_cer"), "highest test CER", 2),
        (Score("a", "test_cer", "CER", beside=("loss",)), "last epoch", 3),
    ],
)
def test_a_score_is_of_the_earliest_best_epoch(score, rule, epoch):
    history = [
        {"epoch": e, "val_cer": v, "test_cer": t, "loss": 1.0}
        for e, v, t in [(1, 0.7, 0.1), (2, 0.5, 0.3), (3, 0.5, 0.3)]
    ]
    found = score.of(history)
    assert found["epoch"] == epoch
    assert ("loss" in found) == (score.beside == ("loss",))
    assert rule in score.rule
    assert score.of([]) is None
    assert replace(score, by="other").of(history) is None


def test_nothing_shared_knows_an_experiment():
    """Adding one is one file."""
    root = Path(environment.__file__).parents[1]
    shared = [p for part in ("core", "grid") for p in (root / part).glob("*.py")]
    names = {path.stem for path in root.glob("*.py")} - {"__init__"}
    assert {find(name).name for name in names} == names
    text = "".join(path.read_text() for path in shared)
    assert [name for name in names - {"adding"} if name in text] == []


def test_without_validation_there_is_no_clean_protocol(run, tmp_path):
    assert run(replace(SETTINGS, validation_split=0.0, epochs=1)) == 0
    (row,) = rows(tmp_path)
    assert row["clean"] is None
    assert row["paper"]["epoch"] == 1
    assert (folder(tmp_path) / "best.weights.h5").exists()
    assert not any(key.startswith("val_") for key in history(tmp_path)[0])


def test_a_loss_that_is_not_finite_stops_the_run(run, tmp_path, capsys):
    for _ in range(2):  # the second time it is known already
        assert run(eta=1e38) == 1
        assert "diverged: " in capsys.readouterr().err
    (row,) = rows(tmp_path)
    assert row["status"] == "diverged"
    assert "after step" in row["reason"]
    assert row["paper"] is None
    assert row["epochs_finished"] == 0


@pytest.mark.parametrize("weight", [0.0, np.nan])
def test_what_the_backend_raises_is_divergence_where_there_are_no_numbers(
    weight, tmp_path, data, monkeypatch
):
    """Torch's cross-entropy raises it on NaN; of other causes it stays an error."""

    def fit(*args, **options):
        raise RuntimeError("all elements of input should be between 0 and 1")

    monkeypatch.setattr(keras.Sequential, "fit", fit)
    built = model()
    built.set_weights([np.full_like(w, weight) for w in built.get_weights()])
    begun = training(replace(SETTINGS, output=str(tmp_path)), built, data)
    if np.isfinite(weight):
        with pytest.raises(RuntimeError, match="all elements"):
            train(begun)
        return
    assert train(begun) == 1
    (row,) = rows(tmp_path)
    assert row["status"] == "diverged"
    assert row["reason"] == "the output is not finite after step 0 of epoch 1"


def test_other_settings_and_other_data_are_other_runs(run, tmp_path, data):
    settings = replace(SETTINGS, epochs=1)
    run(settings)
    run(replace(settings, quiet=True))  # not another one
    run(replace(settings, batch_size=25))
    run(settings, data=replace(data, y_test=1 - data.y_test))
    assert len(rows(tmp_path)) == 3
    assert len(list(tmp_path.glob("tiny-*"))) == 3


def damage_end(file):
    file.write_bytes(file.read_bytes()[:-500])


def damage_start(file):
    file.write_bytes(b"\0" * 64 + file.read_bytes()[64:])


def damage_value(file, name):
    with h5py.File(file, "a") as content:
        content[name][...] += 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_of_a_checkpoint_is_named_or_harmless(seed, damageable):
    """Whatever HDF5 makes of it: parts of the file are padding."""
    path, whole = damageable
    rng = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    place = int(rng.integers(len(content) - 64))
    content[place : place + 64] = rng.bytes(64)
    damaged = path.with_name(f"{seed}-{path.name}")
    damaged.write_bytes(content)
    try:
        found = checkpoint.load(model(), damaged)
    except UserError:
        return  # that it is damaged
    assert found == whole


@pytest.fixture(scope="module")
def damageable(undisturbed, tmp_path_factory):
    """A checkpoint, elsewhere, and the history in it."""
    path = tmp_path_factory.mktemp("damaged") / "last.weights.h5"
    path.write_bytes((folder(undisturbed) / path.name).read_bytes())
    return path, checkpoint.load(model(), path)


@pytest.mark.parametrize(
    "damage",
    [
        damage_end,
        damage_start,
        partial(damage_value, name="layers/dense/vars/0"),
        partial(damage_value, name="optimizer/vars/2"),
    ],
)
def test_a_damaged_checkpoint_is_named(damage, done, run, tmp_path, undisturbed):
    (folder(tmp_path) / "row.json").unlink()
    (tmp_path / "results.jsonl").unlink()
    damage(folder(tmp_path) / "last.weights.h5")
    with pytest.raises(UserError, match=r"last\.weights\.h5 is damaged; delete it"):
        run()
    (folder(tmp_path) / "last.weights.h5").unlink()
    assert run() == 0
    assert numbers(tmp_path) == numbers(undisturbed)


def test_a_folder_of_another_run_is_refused(done, run, tmp_path):
    path = folder(tmp_path) / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"data_checksum": "0"}))
    with pytest.raises(UserError, match=r"another run \(data_checksum\)"):
        run()
    path.write_text("{")
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        run()
    assert len(rows(tmp_path)) == 1


def test_two_processes_cannot_train_the_same_run(done, run, tmp_path):
    with (
        FileLock(folder(tmp_path) / ".lock"),
        pytest.raises(UserError, match="being trained by another process"),
    ):
        run()


def test_tensorboard_has_every_figure_of_every_epoch(run, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    assert run(replace(SETTINGS, tensorboard=True)) == 0
    shown = {}
    for part in ("train", "validation"):
        log = EventAccumulator(
            str(folder(tmp_path) / "tensorboard" / part), size_guidance={"tensors": 0}
        ).Reload()
        for tag in log.Tags()["tensors"]:
            events = log.Tensors(tag)
            assert [event.step for event in events] == [0, 1]
            shown[part, tag] = [float(make_ndarray(e.tensor_proto)) for e in events]
    epochs = history(tmp_path)
    for name, at in {
        "accuracy": ("train", "epoch_accuracy"),
        "test_accuracy": ("train", "epoch_test_accuracy"),
        "val_loss": ("validation", "epoch_loss"),
    }.items():
        assert shown[at] == pytest.approx([epoch[name] for epoch in epochs])


def test_tensorboard_that_is_missing_is_named(run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install tensorboard"):
        run(replace(SETTINGS, tensorboard=True))


def test_devices_that_would_train_something_else(tmp_path, data):
    settings = replace(
        SETTINGS, devices=2, backend="tensorflow", output=str(tmp_path / "runs")
    )
    clips = model()
    clips.optimizer.clipnorm = 1.0
    with pytest.raises(UserError, match="--devices 2: tensorflow would clip"):
        train(training(settings, clips, data))
    assert not (tmp_path / "runs").exists()
