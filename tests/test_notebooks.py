"""The notebooks are what their sources say, and run."""

import nbformat
import psutil
import pytest

from notebooks import __main__ as notebooks

named = pytest.mark.parametrize("name", notebooks.NAMES)
# What trains for long: here every cell has to run, not to reach its figures.
SHORTER = {
    "slim_layers": {
        "2500": "250",
        "(3000, 50, 4)": "(300, 50, 4)",
        "epochs=6": "epochs=1",
        '    "IndyLSTM": IndyLSTM(24),\n': "",
        '    "LSTM6, f=0.8": LSTM6(24, forget=0.8),\n': "",
        '    "LSTM6, f=0.96": LSTM6(24, forget=0.96),\n': "",
        '    "LSTM_C6, f=0.4": LSTM_C6(24, forget=0.4),\n': "",
        "batch, steps = 32, 200": "batch, steps = 32, 20",
        '    "LSTM6, loop": LSTM6(n, engine="loop"),\n': "",
        '    "LSTM6, scan": LSTM6(n, engine="scan"),\n': "",
        "for _ in range(15)": "for _ in range(1)",
    },
    "learning_rate_grid": {
        '["lstm", "lstm6", "lstm_c6"]\n': '["lstm_c6"]\n',
        "eta = [1e-3, 1e-2, 1e-1]\n": "eta = [1e-2]\n",
        "epochs = 8\n": "epochs = 1\n",
        "x_train[:500], data.y_train[:500]": "x_train[:100], data.y_train[:100]",
        "LAYERS += [(key, f) for key": "LAYERS = [(key, f) for key",
        '("lstm6", "lstm_c6") for f in (0.4, 0.8, 0.96)': '["lstm_c6"] for f in [0.4]',
        "(0.4, 0.8, 0.96):\n        panel": "(0.4,):\n        panel",
    },
    "own_data": {
        "epochs=6": "epochs=1",
        "range(600)": "range(60)",
        "epochs=25": "epochs=1",
    },
}


def of_type(notebook, cell_type):
    return [cell for cell in notebook.cells if cell.cell_type == cell_type]


def check_outputs(notebook):
    """Every code cell ran, in order, and there is no error and no warning."""
    code = of_type(notebook, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert len(outputs) > 5
    assert {output.output_type for output in outputs} <= {"stream", "display_data"}
    streams = [output for output in outputs if output.output_type == "stream"]
    assert [output.text for output in streams if output.name != "stdout"] == []


@named
def test_what_is_shipped_is_the_source_with_outputs(name):
    text = (notebooks.FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    shipped = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(shipped)
    check_outputs(shipped)
    assert str(notebooks.FOLDER.parent) not in text
    for cell in of_type(shipped, "code"):
        cell.outputs, cell.execution_count = [], None
    assert shipped == notebooks.read(name), f"run python -m notebooks {name}"


@named
def test_source_begins_with_a_title_and_explains_every_cell(name):
    cells = notebooks.read(name).cells
    assert cells[0].source.startswith("# ")
    kinds = [cell.cell_type for cell in cells]
    assert set(kinds) == {"markdown", "code"}
    assert kinds[-1] == "markdown"
    assert kinds.count("markdown") >= kinds.count("code") - 1


@named
def test_runs_in_a_fresh_kernel_that_ends(name, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)  # as a user runs it
    before = psutil.Process().children()
    notebook = notebooks.read(name)
    for long, short in SHORTER[name].items():
        (cell,) = (cell for cell in notebook.cells if long in cell.source + "\n")
        cell.source = cell.source.replace(long, short)
    check_outputs(notebooks.execute(notebook))
    assert psutil.Process().children() == before


def test_the_command_line(capsys):
    assert notebooks.main(["--help"]) == 0
    assert "own_data" in capsys.readouterr().out
    assert notebooks.main(["own_dater"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no notebook 'own_dater'")
