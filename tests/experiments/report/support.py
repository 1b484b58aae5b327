"""Result folders as the experiments leave them, with numbers that the tests choose."""

import json
from pathlib import Path
from typing import Any

from slim_keras.variants import VARIANTS

IMDB = {
    "experiment": "imdb",
    "epochs": 4,
    "batch_size": 32,
    "validation_split": 0.1,
    "seed": 3,
    "backend": "tensorflow",
    "variant": "lstm",
    "eta": 1e-3,
    "units": 100,
    "forget": None,
    "activation": "sigmoid",
    "gate_activation": "sigmoid",
    "initialisation": "keras",
    "dropout": 0.0,
    "engine": "auto",
    "words": 5000,
    "length": 500,
    "embedding_dim": 32,
    "train_embedding": True,
    "data": "imdb",
    "data_checksum": "1" * 64,
}
CONV = IMDB | {
    "experiment": "imdb_conv",
    "epochs": 2,
    "batch_size": 30,
    "units": 70,
    "activation": "tanh",
    "words": 20_000,
    "length": 100,
    "embedding_dim": 128,
}
CONV.pop("train_embedding")
NEWS = CONV | {
    "experiment": "newsgroups",
    "epochs": 4,
    "batch_size": 128,
    "units": 128,
    "classes": 20,
    "strip": "headers",
    "split": "random",
    "length": 1000,
    "embedding_dim": None,
    "data": "newsgroups",
    "vectors": "glove.txt",
    "vectors_checksum": "2" * 64,
    "words_without_vector": 7,
}

PIXELS = {
    "experiment": "pixel_mnist",
    "epochs": 4,
    "batch_size": 32,
    "validation_split": 0.05,
    "seed": 3,
    "backend": "tensorflow",
    "variant": "indrnn",
    "eta": 2e-4,
    "units": 128,
    "forget": None,
    "activation": "relu",
    "gate_activation": None,
    "initialisation": "keras",
    "dropout": 0.1,
    "engine": "auto",
    "stack": "plain",
    "layers": 6,
    "blocks": "8,6,4",
    "growth": 16,
    "permuted": False,
    "gamma": 5.0,
    "long_memory": True,
    "normalization": "after",
    "dense_dropout": 0.2,
    "weight_decay": 1e-4,
    "data": "mnist",
    "data_checksum": "3" * 64,
}
ADDING = {
    "experiment": "adding",
    "batch_size": 32,
    "seed": 3,
    "backend": "tensorflow",
    "variant": "indrnn",
    "length": 1000,
    "units": 128,
    "gamma": 2.0,
    "eta": 2e-4,
    "decay_steps": 20_000,
    "steps": 400,
    "data": "generated",
    "data_checksum": None,
}

HAND = {
    "experiment": "handwriting",
    "epochs": 4,
    "batch_size": 32,
    "validation_split": 0.25,
    "seed": 3,
    "backend": "tensorflow",
    "variant": "indylstm",
    "eta": 3e-3,
    "units": 64,
    "layers": 2,
    "forget": None,
    "activation": "tanh",
    "gate_activation": "sigmoid",
    "initialisation": "keras",
    "dropout": 0.0,
    "engine": "auto",
    "words": 4_096,
    "alphabet": "Latin",
    "data": "omniglot",
}


def handwriting_row(rate: float, **changes: Any) -> dict[str, Any]:
    """A row whose error rate on test words is the one given, in all epochs."""
    made = row(HAND | changes)
    scored = {"epoch": 4, "test_cer": rate, "train_cer": rate / 2, "test_loss": 1.0}
    return made | {
        **dict.fromkeys(("paper", "clean", "train_accuracy")),
        **dict.fromkeys(("lowest", "last"), scored),
        "best": scored | {"test_cer_beam": rate - 0.01},
        "weights_bytes": 1_000,
        "drawn_checksum": f"of seed {made['seed']}",
    }


def adding_row(loss: float, **changes: Any) -> dict[str, Any]:
    """A row of the adding problem whose best error, in its last test, is the one given.

    The tests before it fall from 1 by equal factors.
    """
    tests = ADDING["steps"] // 100
    made = row(ADDING | changes | {"epochs": tests})
    del made["epochs"]
    tested = {"test_loss": loss, "epoch": tests}
    no_classes = dict.fromkeys(("paper", "clean", "train_accuracy"))
    return made | no_classes | {"best": tested, "last": tested}


def row(base: dict[str, Any], accuracy: float = 0.8, **changes: Any) -> dict[str, Any]:
    """A row whose best test accuracy, in its last epoch, is the one given."""
    settings = base | changes
    variant = VARIANTS.get(settings["variant"], VARIANTS["lstm"])
    if variant.constant_forget and settings["forget"] is None:
        settings["forget"] = variant.f
    name = "-".join(str(settings[n]) for n in settings if n != "data_checksum")
    tested = {"test_accuracy": accuracy, "epoch": settings["epochs"]}
    return {
        "run": name.replace("/", "_"),
        "status": "finished",
        "reason": None,
        **settings,
        "data_origin": "the test",
        "started": "2026-01-01T00:00:00+00:00",
        "recurrent_parameters": variant.parameters(32, settings["units"]),
        "model_parameters": 200_000,
        "paper": tested,
        "clean": {**tested, "test_accuracy": accuracy - 0.01},
        "train_accuracy": accuracy + 0.05,
        "epochs_finished": settings["epochs"],
        "seconds_per_epoch": 10.0,
        "versions": {"keras": "3"},
        "processor": "a processor",
        "commit": "0" * 40,
        "dirty": False,
        "finished": "2026-01-01T00:01:00+00:00",
    }


def epochs(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A history that rises to the accuracies of its row."""
    number = row["epochs_finished"]
    if row["experiment"] == "handwriting":
        return [{"epoch": epoch, "seconds": 10.0} for epoch in range(1, number + 1)]
    if "best" in row:
        factor = row["best"]["test_loss"] ** (1 / number)
        return [
            {"epoch": epoch, "test_loss": factor**epoch, "seconds": 10.0}
            for epoch in range(1, number + 1)
        ]
    return [
        {
            "epoch": epoch,
            "accuracy": 0.5 + (row["train_accuracy"] - 0.5) * epoch / number,
            "test_accuracy": 0.5
            + (row["paper"]["test_accuracy"] - 0.5) * epoch / number,
            "seconds": 10.0,
        }
        for epoch in range(1, number + 1)
    ]


def speed(layer: str, step_ms: float, **changes: Any) -> dict[str, Any]:
    """A row of `experiments.speed`."""
    base = {"experiment": "speed", "backend": "jax", "processor": "p", "model": "imdb"}
    base |= {"masked": False, "B": 32, "m": 32, "T": 500, "n": 100, "engine": "auto"}
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
        append(folder / f"{row['experiment']}.jsonl", row)
        if row["experiment"] != "speed":
            path = folder / "histories" / f"{row['run']}.json"
            path.write_text(json.dumps(epochs(row)))
    return folder


def runs(folder: Path, *rows: dict[str, Any]) -> Path:
    """The rows and epochs as `--output` of an experiment holds them."""
    for row in rows:
        (folder / row["run"]).mkdir(parents=True, exist_ok=True)
        (folder / row["run"] / "history.json").write_text(json.dumps(epochs(row)))
        append(folder / "results.jsonl", row)
    return folder
