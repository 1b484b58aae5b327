"""Runs of committed rows go on: their folders are still called the same."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path

import pytest

from experiments.core.experiment import find
from experiments.core.results import read_rows
from experiments.core.runner import scores
from experiments.core.settings import identity
from experiments.report.rows import BENCHMARKS

RESULTS = Path(__file__).parents[3] / "results"
NAMES = {path.stem for path in RESULTS.glob("*.jsonl")} - {*BENCHMARKS}
FACTS = ["data", "data_checksum", "drawn_checksum"]
FACTS += ["vectors", "vectors_checksum", "words_without_vector"]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_row_names_the_folder_of_its_run(name):
    experiment = find(name)
    (*_, row) = read_rows(RESULTS / f"{name}.jsonl")
    known = {field.name for field in fields(experiment.settings)} - {"data"}
    config = experiment.settings(**{n: row[n] for n in known if n in row})
    own = {"experiment": name, **identity(config)}
    own |= {fact: row[fact] for fact in FACTS if fact in row}
    checksum = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
    title = f"{name}-{experiment.title(config)}-seed{config.seed}"
    assert row["run"] == f"{title}-{checksum[:8]}"
    assert set(scores(experiment, [])) <= set(row)
