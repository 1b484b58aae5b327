"""What the tests of the experiments share."""

import json
from pathlib import Path

import keras

from experiments.core import command
from experiments.core.runner import main


def start(experiment, *args):
    """The exit status of an experiment on the backend in use."""
    return main(experiment, [f"--backend={keras.config.backend()}", *args])


def row(output):
    """The one row of an output folder."""
    (line,) = (Path(output) / "results.jsonl").read_text().splitlines()
    return json.loads(line)


def history(output):
    """The epochs of the one run in an output folder, without their seconds."""
    (path,) = Path(output).glob("*/history.json")
    entries = json.loads(path.read_text())
    for entry in entries:
        assert entry.pop("seconds") > 0
    return entries


def parsed(config_class, *args):
    """What the command line makes of some arguments."""
    seen = []
    assert command.main(config_class, lambda c: seen.append(c) or 0, args) == 0
    return seen[0]


def check_refusal(capsys, status, *hints):
    """A command has ended with one line on stderr that holds all hints; returns it."""
    assert status == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert [hint for hint in hints if hint not in err] == []
    return err
