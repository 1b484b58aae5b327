"""The part of a page about models that are fed step by step."""

from experiments.report.lines import Line
from experiments.report.stream import draw, newest, stream_table

ROW = {
    "of": "spoken_digits",
    "data": "spoken_digits",
    "run": "a",
    "variant": "lstm_c6",
    "forget": 0.9,
    "units": 64,
    "precision": "float32",
    "bytes": 31_000,
    "step_us": 3.21,
    "flash": 40_000,
    "ram": 1_234,
    "instructions": 56_789,
    "decisions": 300,
    "other": 2,
    "other_c": 1,
    "accuracy": 0.95,
    "accuracy_whole": 0.96,
}


def test_the_last_row_of_each_file_counts():
    rows = [
        ROW | {"other": 9},
        ROW,
        ROW | {"precision": "weights"},
        ROW | {"of": "ecg"},
        ROW | {"run": "b", "data": "sample"},
        ROW | {"run": "c", "variant": "lstm"},
        ROW | {"run": "d"},
    ]
    trained = [{"run": "a", "forget": 0.9}, {"run": "c"}, {"run": "d", "forget": 0.4}]
    found = newest(rows, "spoken_digits", [Line(1, {}, trained, [])])
    assert [row["run"] for row in found] == ["c", "d", "a", "a"]
    assert [row["forget"] for row in found] == [None, 0.4, 0.9, 0.9]
    assert [row["other"] for row in found] == [2, 2, 2, 2]


def test_table_and_figure(tmp_path):
    *_, line = stream_table([ROW]).split("\n\n")[0].splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        *("LSTM_C6", "0.9", "64", "float32", "31,000", "3.2", "40,000", "1,234"),
        *("56,789", "300", "2 / 1", "0.9500", "0.9600"),
    ]
    path = tmp_path / "figure.png"
    other = ROW | {"variant": "gru", "forget": None}
    assert draw([ROW, other], path)
    assert path.stat().st_size
    assert not draw([ROW, other | {"decisions": 9}], path)
