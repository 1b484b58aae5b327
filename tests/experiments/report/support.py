"""Result folders as the experiments leave them, with numbers that the tests choose."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from experiments.core.experiment import find
from experiments.core.settings import identity
from experiments.report.rows import read
from slim_keras.variants import VARIANTS

_REVIEWS = {"variant": "lstm", "data": "imdb"}
_STACK = {"stack": "plain", "layers": 6, "activation": "relu", "gamma": 5.0}
# What the runs of an experiment have in the tests, besides its defaults.
_SETTINGS = {
    "imdb": _REVIEWS | {"epochs": 4},
    "imdb_conv": _REVIEWS,
    "newsgroups": {"variant": "lstm", "epochs": 4, "data": "newsgroups"},
    "pixel_mnist": {"variant": "indrnn", "epochs": 4, "data": "mnist"} | _STACK,
    "adding": {"length": 1000, "eta": 2e-4, "steps": 400, "data": "generated"},
    "handwriting": {"epochs": 4, "data": "omniglot"},
}


@cache
def _declared(experiment: str) -> dict[str, Any]:
    found = identity(find(experiment).settings(backend="tensorflow"))
    return {"experiment": experiment} | found | _SETTINGS[experiment]


def row(experiment: str = "imdb", score: float = 0.8, **changes: Any) -> dict[str, Any]:
    """A row whose figure on the test set is the one given, at its last epoch.

    The figure is the accuracy; of handwriting the error rate, of adding the loss.
    """
    made = _declared(experiment) | changes
    epochs = made["steps"] // 100 if "steps" in made else made["epochs"]
    variant = VARIANTS.get(made["variant"], VARIANTS["lstm"])
    if variant.constant_forget and made["forget"] is None:
        made["forget"] = variant.f
    made |= {
        "run": "-".join(map(str, made.values())).replace("/", "_"),
        **dict.fromkeys(("reason", "paper", "clean", "train_accuracy")),
        "status": "finished",
        "data_origin": "the test",
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        "recurrent_parameters": variant.parameters(32, made["units"]),
        "model_parameters": 200_000,
        "epochs_finished": epochs,
        "seconds_per_epoch": 10.0,
        "versions": {"keras": "3"},
        "processor": "a processor",
        "commit": "0" * 40,
        "dirty": False,
    }
    if experiment == "adding":
        tested = {"test_loss": score, "epoch": epochs}
        return made | {"best": tested, "last": tested}
    if experiment == "handwriting":
        tested = {"test_cer": score, "train_cer": score / 2, "epoch": epochs}
        best = tested | {"test_cer_beam": score - 0.01}
        drawn = {"drawn_checksum": f"of seed {made['seed']}"}
        return made | {"lowest": tested, "last": tested, "best": best} | drawn
    tested = {"test_accuracy": score, "epoch": epochs}
    clean = tested | {"test_accuracy": score - 0.01}
    return made | {"paper": tested, "clean": clean, "train_accuracy": score + 0.05}


def epochs(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A history that goes evenly to the figures of its row.

    The loss falls from 1 by equal factors, the accuracies rise from 0.5. The validation
    accuracy at the last epoch is the row's `validated`.
    """
    number = row["epochs_finished"]
    made = [{"epoch": epoch, "seconds": 10.0} for epoch in range(1, number + 1)]
    for entry in made:
        part = entry["epoch"] / number
        if row["experiment"] == "adding":
            entry["test_loss"] = row["best"]["test_loss"] ** part
        elif row["paper"]:
            final = row["paper"]["test_accuracy"]
            entry["test_accuracy"] = 0.5 + (final - 0.5) * part
            entry["val_accuracy"] = row.get("validated", 0.7) if part == 1 else 1.0
    return made


def speed(layer: str, step_ms: float, **changes: Any) -> dict[str, Any]:
    """A row of `experiments.speed`."""
    base = {"experiment": "speed", "backend": "jax", "processor": "p", "model": "imdb"}
    base |= {"masked": False, "B": 32, "m": 32, "T": 500, "n": 100, "engine": "auto"}
    base |= {"commit": "0" * 40}
    return base | {"layer": layer, "step_ms": step_ms, "forward_ms": 2.0} | changes


def cells(text: str, *start: str) -> list[list[str]]:
    """The cells of the rows of Markdown tables that start with some cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[c.strip() for c in x.split("|")[1:-1]] for x in lines]
    return [row[len(start) :] for row in rows if tuple(row[: len(start)]) == start]


def append(path: Path, row: dict[str, Any]) -> None:
    """A line more in a JSONL file."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def results(folder: Path, *rows: dict[str, Any]) -> Path:
    """The rows and epochs as the committed results hold them; returns the folder."""
    (folder / "histories").mkdir(parents=True, exist_ok=True)
    for row in rows:
        shown = {name: value for name, value in row.items() if name != "validated"}
        append(folder / f"{row['experiment']}.jsonl", shown)
        if row["experiment"] != "speed":
            path = folder / "histories" / f"{row['run']}.json"
            path.write_text(json.dumps(epochs(row)))
    return folder


def lines(folder: Path, *rows: dict[str, Any]) -> list[Any]:
    """The lines of the one experiment that the rows are of."""
    (found,) = read(results(folder, *rows)).lines.values()
    return found


def runs(folder: Path, *rows: dict[str, Any]) -> Path:
    """The rows and epochs as `--output` of an experiment holds them."""
    for row in rows:
        (folder / row["run"]).mkdir(parents=True, exist_ok=True)
        (folder / row["run"] / "history.json").write_text(json.dumps(epochs(row)))
        append(folder / "results.jsonl", row)
    return folder
