"""Files appear whole or not at all; rows survive other writers and kills."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.core.errors import UserError
from experiments.core.results import append_row, replacing, write_json

ROOT = Path(__file__).parents[3]


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "kept.json"
    write_json(path, {"old": 1})

    def fail():
        with replacing(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_not_there_before_it_is_whole(tmp_path):
    path = tmp_path / "weights.h5"
    with replacing(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
        assert beside.name.endswith("weights.h5")
    assert path.read_text() == "whole"


def test_json_without_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_rows_are_appended_once(tmp_path):
    path = tmp_path / "results.jsonl"
    for row in ({"run": 1}, {"run": 2}, {"run": 1}):
        append_row(path, row)
    assert rows(path) == [{"run": 1}, {"run": 2}]


@pytest.mark.parametrize("torn", ['{"run": 2, "sta', "{"])
def test_a_torn_last_line_goes(tmp_path, torn):
    path = tmp_path / "results.jsonl"
    append_row(path, {"run": 1})
    with path.open("a") as file:
        file.write(torn)
    append_row(path, {"run": 3})
    assert rows(path) == [{"run": 1}, {"run": 3}]


def test_a_whole_last_line_without_its_end_is_kept(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"run": 1}')
    append_row(path, {"run": 2})
    assert rows(path) == [{"run": 1}, {"run": 2}]


def test_a_spoilt_line_is_an_error_that_says_where(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"run": 1}\nnot json\n{"run": 2}\n')
    before = path.read_bytes()
    with pytest.raises(UserError, match="line 2"):
        append_row(path, {"run": 3})
    assert path.read_bytes() == before


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "results.jsonl"
    code = """
import sys
from pathlib import Path
from experiments.core.results import append_row
for number in range(25):
    append_row(Path(sys.argv[1]), {"writer": sys.argv[2], "number": number,
                                   "ballast": "x" * 5000})
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(k)], cwd=ROOT)
        for k in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    seen = {(row["writer"], row["number"]) for row in rows(path)}
    assert seen == {(str(k), number) for k in range(4) for number in range(25)}
    assert len(rows(path)) == 100
