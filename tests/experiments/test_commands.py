"""Commands that end before Keras starts, in a process of their own."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def ended(python, *arguments):
    """A command, which a module that stands in for Keras stops."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [python, "-m", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )


def test_missing_packages_are_named_with_their_remedy(tmp_path):
    venv.create(tmp_path)
    finished = ended(tmp_path / "bin" / "python", "experiments.imdb", "--help")
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: not installed: click, ")
    assert finished.stderr.endswith(
        'pip install -c constraints.txt -e ".[experiments]"\n'
    )
    assert finished.stderr.count("\n") == 1


def test_settings_are_refused_before_keras_starts(tmp_path, monkeypatch):
    (tmp_path / "keras.py").write_text("raise SystemExit('Keras started')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    grid = ["experiments.grid", str(ROOT / "configs" / "imdb_eta.toml"), "--set"]
    for command in (
        ["experiments.imdb", "--variant=lstm7"],
        ["experiments.adding", "--variant=lstm7"],
        [*grid, "variant=lstm7"],
    ):
        finished = ended(sys.executable, *command)
        assert finished.returncode == 2
        assert "variant 'lstm7' is unknown; known: lstm, lstm1" in finished.stderr
        assert finished.stderr.count("\n") == 1
    finished = ended(sys.executable, "experiments.imdb", "--variant=lstm")
    assert "Keras started" in finished.stderr
