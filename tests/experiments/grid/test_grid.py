"""Grids: from file to runs, what is done already, and the plain loop itself."""

import json
import os
import platform
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from filelock import FileLock

from experiments.core import command
from experiments.grid import command as grid, definition, runs as grid_run
from experiments.grid.display import Display
from experiments.grid.runs import Outcome
from tests.experiments.grid.support import (
    BACKEND,
    alone,
    histories,
    rows,
    start,
    write_grid,
)
from tests.experiments.support import check_refusal

ROOT = Path(__file__).parents[3]
GRIDS = [
    path
    for path in sorted((ROOT / "configs").glob("*.toml"))
    if "experiment" in command.read_table(path)
]


@pytest.fixture
def write(tmp_path):
    """Writes a small grid with some more lines; returns its path."""
    return lambda text: write_grid(tmp_path, text)


def read(path, *changes):
    return [r.config for r in definition.read(path, [BACKEND, *changes], "runs")]


def check_refused(capsys, path, *args, hints):
    """A grid is refused with one line before anything starts."""
    output = path.parent / "runs"
    check_refusal(capsys, start(path, output, *args), *hints)
    assert not output.exists()


def test_a_grid_is_the_product_of_its_lists(write):
    text = 'variant = ["lstm", "indylstm"]\neta = [1e-4, 1e-3]\nepochs = 5\n'
    path = write(text.replace("variant", "units = 9\nvariant"))
    path.write_text(path.read_text().replace("[3]", "[4, 3]"))
    configs = read(path)
    points = [(c.seed, c.variant, c.eta) for c in configs]
    assert points == [
        (seed, variant, eta)
        for seed in (4, 3)
        for variant in ("lstm", "indylstm")
        for eta in (1e-4, 1e-3)
    ]
    assert {(c.units, c.epochs, c.length, c.data) for c in configs} == {
        (9, 5, 12, "sample")
    }


def test_every_table_of_runs_is_a_product_and_no_run_comes_twice(write):
    path = write(
        """
        [[runs]]
        variant = ["lstm", "lstm4"]
        gate_activation = "hard_sigmoid_keras2"
        [[runs]]
        variant = "lstm6"
        forget = [0.4, 0.56]
        [[runs]]
        variant = "lstm6"
        """
    )
    assert [(c.variant, c.gate_activation, c.forget) for c in read(path)] == [
        ("lstm", "hard_sigmoid_keras2", None),
        ("lstm4", "hard_sigmoid_keras2", None),
        ("lstm6", "sigmoid", 0.4),
        ("lstm6", "sigmoid", 0.56),
    ]


def test_seed_is_the_base_files_where_the_grid_has_none(write):
    path = write("")
    path.write_text(path.read_text().replace("seeds = [3]", ""))
    assert [c.seed for c in read(path)] == [7]


def test_set_goes_before_the_file(write):
    path = write("eta = [1e-4, 1e-3]\nunits = [4, 5]\n")
    configs = read(path, "eta=0.5", "data-dir=/x=y", "seed=1")
    assert [(c.eta, c.units) for c in configs] == [(0.5, 4), (0.5, 5)]
    assert {(c.data_dir, c.seed) for c in configs} == {("/x=y", 1)}


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("unit = [3]", ["'unit'", "units"]),
        ("units = [3, 0]", ["units", "x>=1"]),
        ("units = []", ["units", "empty"]),
        ("units = [[3]]", ["units", "[3]"]),
        ("seed = 3", ["seed", "seeds"]),
        ("output = 'x'", ["output", "--output"]),
        ("runs = 3", ["[[runs]]"]),
        ("runs = [3]", ["[[runs]]"]),
        ("runs = []", ["[[runs]]"]),
        ("quiet = [true, false]", ["quiet", "one value"]),
        ("[[runs]]\ndevices = 1\n[[runs]]\ndevices = 2", ["devices", "one value"]),
        ("[runs]\nunits = 3", ["[[runs]]"]),
        ("[[runs]]\nunit = 3", ["'unit'"]),
        ("variant = ['lstm6', 'lstm7']", ["'lstm7'"]),
        ("variant = ['lstm6', 'lstm']\nforget = 0.5", ["forget 0.5", "lstm"]),
        ("units =", ["not valid TOML"]),
    ],
)
def test_bad_grid_is_one_line_that_names_the_file(capsys, write, text, hints):
    check_refused(capsys, write(text), hints=["grid.toml", *hints])


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ('"imdb"', '"mnist"', "'mnist'"),
        ('"imdb"', '"runner"', "'runner'"),
        ('"imdb"', '"os.path"', "'os.path'"),
        ('"imdb"', "3", "experiment"),
        ("small.toml", "none.toml", "none.toml"),
        ('"small.toml"', "3", "Received: 3"),
        ('"sample"', '"auto"', "data"),
        ('data = "sample"', "", "data"),
    ],
)
def test_bad_head_is_one_line(capsys, write, old, new, hint):
    path = write("")
    path.write_text(path.read_text().replace(old, new))
    check_refused(capsys, path, hints=[hint])


@pytest.mark.parametrize(
    ("args", "hints"),
    [
        (["--set=units"], ["units", "NAME=VALUE"]),
        (["--set=unit=3"], ["--set", "'unit'"]),
        (["--set=units=0"], ["--set", "units"]),
        (["--set=output=x"], ["--output"]),
        (["--jobs=0"], ["--jobs"]),
        (["--address=auto"], ["--address", "loop"]),
        (["--engine=ray", "--jobs=2"], ["--jobs", "ray"]),
        (["--engine=vmap", "--address=auto"], ["--address", "vmap"]),
        (["--engine=vmap"], ["--jobs"]),
        (["--engine=vmap", "--jobs=2"], ["backend jax", "loop"]),
    ],
)
def test_bad_option_is_one_line(capsys, write, args, hints):
    check_refused(capsys, write(""), *args, hints=hints)


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_every_grid_in_configs_can_be_run(path):
    runs = definition.read(path, [BACKEND], "runs")
    assert len(runs) > 1
    assert all(getattr(run.config, "data", None) != "sample" for run in runs)
    # What differs in more than where data are and how it trains is another run.
    own = {field.name for field in fields(runs[0].config)} - runs[0].settings.keys()
    assert own - {"data", "data_dir"} == {"devices", "output", "tensorboard", "quiet"}


def a_row(run, **changes):
    """A row as a finished run leaves it, as far as the grid looks at it."""
    made = {"experiment": run.experiment, "data": run.config.data, **run.settings}
    scores = {"paper": {"test_accuracy": 0.8, "epoch": 2}, "clean": None}
    times = {"seconds_per_epoch": 60.0, "epochs_finished": 2}
    return {"run": "x", "status": "finished", **made, **scores, **times, **changes}


@pytest.fixture
def started(monkeypatch):
    """The runs that a grid starts, none of which trains: each gives a made-up row."""
    runs = []

    def loop(missing, jobs):
        for run in missing:
            runs.append(run)
            yield run, "epoch 1/2"
            yield run, Outcome(a_row(run), "")

    monkeypatch.setattr(grid, "loop", loop)
    return runs


def test_only_missing_runs_start(write, tmp_path, started, capsys):
    path = write('variant = ["lstm6", "lstm_c6"]\neta = [1e-4, 1e-3]\n')
    output = tmp_path / "runs"
    results = output / "results.jsonl"
    output.mkdir()
    first, second, third, fourth = definition.read(path, [BACKEND], str(output))
    lines = [
        a_row(first, data="imdb"),  # other data
        a_row(second, units=5),  # other settings
        a_row(third, experiment="newsgroups"),
        a_row(fourth),
    ]
    old_row = a_row(first)
    del old_row["dropout"]  # of a time before there was this setting
    results.write_text("".join(json.dumps(r) + "\n" for r in [*lines, old_row]))
    with results.open("a") as file:
        file.write(json.dumps(a_row(second))[:40])  # torn
    assert start(path, output) == 0
    assert started == [first, second, third]
    assert "4 of 4 done" in capsys.readouterr().out
    started.clear()
    assert start(path, output) == 0
    assert started == []
    assert "4 of 4 done" in capsys.readouterr().out
    assert start(path, output, "--set=units=6") == 0
    assert len(started) == 4


def test_the_row_of_a_run_is_that_of_the_data_it_was_trained_on_last(write):
    (run,) = definition.read(write(""), [BACKEND], "runs")
    before, after = (a_row(run, data_checksum=checksum) for checksum in "12")
    assert run.row([before, after, a_row(run, seed=4)]) == after


@pytest.mark.parametrize("line", ['{"torn', "5"])
def test_damaged_results_are_named_and_nothing_starts(
    line, write, tmp_path, started, capsys
):
    path = write("")
    output = tmp_path / "runs"
    output.mkdir()
    (output / "results.jsonl").write_text(line + "\n{}\n")
    assert start(path, output) == 2
    assert "results.jsonl, line 1 is not a JSON object" in capsys.readouterr().err
    assert started == []


def test_a_failed_run_is_reported_and_stops_no_other(
    write, tmp_path, capsys, monkeypatch
):
    path, output = write('engine = ["warp", "auto"]\n'), tmp_path / "runs"
    # Instead of Keras, which takes seconds to say no.
    (tmp_path / "keras.py").write_text("raise SystemExit('error: no such engine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bad, good = definition.read(path, [BACKEND], str(output))

    def loop(missing, jobs):
        yield from grid_run.loop([bad], jobs)  # the real one
        yield good, Outcome(a_row(good), "")

    monkeypatch.setattr(grid, "loop", loop)
    assert start(path, output) == 1
    out = capsys.readouterr().out
    assert "failed: imdb engine=warp: no such engine\n" in out
    assert out.endswith("1 of 2 done, 1 failed\n")

    tried = []

    def again(missing, jobs):
        tried.extend(missing)
        yield bad, Outcome(a_row(bad), "")

    monkeypatch.setattr(grid, "loop", again)
    assert start(path, output) == 0
    assert tried == [bad]


def test_a_grid_stops_if_its_first_runs_fail_for_the_same_reason(
    write, tmp_path, capsys, monkeypatch
):
    path = write("eta = [1e-4, 1e-3, 1e-2, 1e-1]\n")
    reasons = ["no data", "no data", "no data"]

    def loop(missing, jobs):
        for run, reason in zip(missing, [*reasons, "no data"], strict=True):
            yield run, Outcome(None, f"warning\nerror: {reason}")

    monkeypatch.setattr(grid, "loop", loop)
    assert start(path, tmp_path / "runs") == 2
    out, err = capsys.readouterr()
    assert "failed: imdb eta=0.0001: no data\n" in out
    assert "3 failed, 1 left" in out
    assert "stopped after 3 runs that failed for the same reason: no data" in err
    reasons[1] = "no memory"
    assert start(path, tmp_path / "runs") == 1
    assert "4 failed" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_long_state_leaves_the_settings_whole(width, write, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = 'variant = ["lstm", "indylstm"]\neta = [1e-4, 1e-3]\nseeds = [3, 4]\n'
    path = write(text)
    path.write_text(path.read_text().replace("seeds = [3]\n", "", 1))
    runs = definition.read(path, [BACKEND], "runs")
    display = Display(runs, {}, jobs=2)
    display.running(runs[2], "epoch 1/4  " + "loss 0.123456  " * 20)
    with display._console.capture() as shown:
        display._console.print(display._screen())
    head, line, summary = shown.get().splitlines()
    assert head.split() == ["seed", "variant", "eta", "state"]
    assert line.split()[:3] == ["3", "indylstm", "0.0001"]
    assert line.endswith("\N{HORIZONTAL ELLIPSIS}")
    assert len(line) <= width
    assert summary == "0 of 8 done, 1 running, 7 left"


def shown(written):
    """The lines that a terminal shows, by the codes that the live table uses."""
    lines, at = [""], 0
    for part in re.findall(r"\x1b\[[\d;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\n":
            at += 1
            lines += [""] * (at == len(lines))
        elif part == "\x1b[2K":
            lines[at] = ""
        elif part.startswith("\x1b") and part.endswith("A"):
            at -= int(part[2:-1])
        elif part[0] not in "\x1b\r":
            lines[at] += part
    return [line.rstrip() for line in lines if line]


def test_the_live_table_leaves_nothing_behind(write, monkeypatch, capsys):
    for name, value in {"COLUMNS": "80", "TERM": "xterm", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    runs = definition.read(write("eta = [1e-4, 1e-3, 1e-2]\n"), [BACKEND], "runs")
    threads = threading.active_count()
    with Display(runs, {}, jobs=2) as display:
        # A second one would draw while this one prints, and count other lines.
        assert threading.active_count() == threads
        display.running(runs[0], "epoch 1/2")
        display.running(runs[1], "epoch 1/2")
        display.ended(runs[0], Outcome(None, "error: " + "no luck " * 9))
        display.ended(runs[1], Outcome(a_row(runs[1]), ""))
        display.running(runs[2], "epoch 1/2")
        before = capsys.readouterr().out
    ended = ["failed: imdb eta=0.0001:" + " no luck" * 7, "no luck no luck"]
    ended += ["imdb eta=0.001: paper 0.8000 (epoch 2)"]
    *lines, head, summary = shown(before)
    assert lines == ended
    assert head.split() == ["eta", "state"]
    assert "1 of 3 done, 1 failed" in summary
    assert shown(before + capsys.readouterr().out) == ended


def test_what_libraries_log_is_no_state(write, monkeypatch):
    runs = definition.read(write(""), [BACKEND], "runs")
    popen = subprocess.Popen
    script = "import sys; print('log', file=sys.stderr, flush=True); print('epoch 1')"

    def talk(command, **options):
        return popen([sys.executable, "-c", f"{script}; input()"], **options)

    monkeypatch.setattr(grid_run.subprocess, "Popen", talk)
    with closing(grid_run.loop(runs, jobs=1)) as news:
        assert next(state for _, state in news if state) == "epoch 1"


def test_time_left_is_by_the_finished_runs_most_like_the_missing(write, capsys):
    path = write('variant = ["lstm", "lstm6"]\neta = [1e-4, 1e-3, 1e-2]\n')
    runs = definition.read(path, [BACKEND], "runs")
    slow, failed, _, fast, *_ = runs
    done = {slow: a_row(slow, seconds_per_epoch=1800.0), fast: a_row(fast)}
    Display(runs, done).ended(failed, Outcome(None, "error: no luck"))
    # One as slow as an hour, two as fast as two minutes.
    assert (
        "2 of 6 done, 1 failed, 3 left, about 1:04:00 to go" in capsys.readouterr().out
    )


# A grid that is killed, as `kill -9` does it, when its first run has ended an epoch.
KILLED = """
import os, signal, sys
from experiments.core import command
from experiments.grid import command as grid
from experiments.grid.display import Display

running = Display.running

def kill(self, run, line):
    if line.startswith("epoch 1"):
        os.kill(os.getpid(), signal.SIGKILL)
    running(self, run, line)

Display.running = kill
sys.exit(command.main(grid.Settings, grid.run, sys.argv[1:]))
"""


def test_killed_and_started_again_it_gives_the_same_rows(write, tmp_path):
    path = write("dropout = 0.3\nepochs = 3\n")
    undisturbed, output = tmp_path / "undisturbed", tmp_path / "killed"
    assert alone(path, undisturbed) == [0]

    args = [str(path), f"--set={BACKEND}", f"--output={output}"]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *args], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    (folder,) = output.glob("imdb-*/")
    with FileLock(folder / ".lock", timeout=60):  # the run ends with its grid
        before = json.loads((folder / "history.json").read_text())
    assert not (output / "results.jsonl").exists()
    assert start(path, output) == 0
    assert rows(output) == rows(undisturbed)
    assert histories(output) == histories(undisturbed)
    after = json.loads((folder / "history.json").read_text())
    assert after[: len(before)] == before  # with their seconds: it went on from there


def test_what_a_killed_process_started_ends_with_it():
    sleep = ["timeit", "-n1", "-r1", "import time; time.sleep(600)"]
    child = subprocess.Popen(
        [sys.executable, "-m", "experiments.grid.child", *sleep],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    child.stdin.close()
    assert child.wait(60) == 1


# Buffers of 48 MiB, as a training step asks for them, in threads, as XLA does.
BUFFERS = """
import ctypes, resource, threading

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
size = 48 << 20

def fill():
    buffer = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(size)))
    ctypes.memset(buffer, 1, size)
    libc.free(buffer)

def faults():
    thread = threading.Thread(target=fill)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

fill()
print(max(faults() for _ in range(6)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what glibc does")
def test_what_a_grid_starts_keeps_its_memory(tmp_path):
    (tmp_path / "buffers.py").write_text(BUFFERS)
    with subprocess.Popen(
        [sys.executable, "-m", "experiments.grid.child", "buffers"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,  # with its end the child would end
        stdout=subprocess.PIPE,
    ) as child:
        assert int(child.stdout.read()) < 100  # of 12,288 pages of 4 KiB


def test_processes_end_when_the_loop_is_left(write, monkeypatch):
    runs = definition.read(write(""), [BACKEND], "runs")
    seen = []
    popen = subprocess.Popen

    def remember(*args, **options):
        seen.append(popen(*args, **options))
        return seen[-1]

    monkeypatch.setattr(grid_run.subprocess, "Popen", remember)
    with closing(grid_run.loop(runs, jobs=1)) as news:
        assert next(news) == (runs[0], "")
        assert seen[0].poll() is None
    assert seen[0].poll() == 1


def test_a_run_that_a_signal_ends_says_so_and_the_next_one_starts(write, monkeypatch):
    runs = definition.read(write("eta = [1e-4, 1e-3]\n"), [BACKEND], "runs")
    popen = subprocess.Popen

    def kill(*args, **options):
        process = popen(*args, **options)
        process.kill()
        return process

    monkeypatch.setattr(grid_run.subprocess, "Popen", kill)
    news = grid_run.loop(runs, jobs=1)
    ended = {run: each for run, each in news if isinstance(each, Outcome)}
    assert list(ended) == runs
    for outcome in ended.values():
        assert outcome.row is None
        assert "ended by signal 9" in outcome.output
