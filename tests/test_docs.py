"""README and documentation: short, built without a warning, and true."""

import io
import json
import logging
import re
import runpy
import statistics
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from slim_keras.export.c import compiler
from slim_keras.variants import VARIANTS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS = [README, ROOT / "CONTRIBUTING.md", *PAGES]
NOT_RUN = "<!-- not run: "  # the line before a block that takes long, with the reason
SENSOR = "void read_sensor(float *); void act_on(const float *);"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror"]


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks_of(page, language):
    """The blocks of code that are to run, each at the line where it stands."""
    text = text_of(page)
    for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.M):
        before = text[: match.start()].splitlines()
        if not (before and before[-1].startswith(NOT_RUN)):
            yield "\n" * len(before) + "\n" + match[1]


def named(pages):
    return {"argvalues": pages, "ids": [str(p.relative_to(ROOT)) for p in pages]}


def test_readme_is_read_in_a_few_minutes():
    assert len(text_of(README).split()) <= 900


def test_site_is_built_without_a_warning(tmp_path):
    """`--strict`: among others, each link and each anchor exists."""
    # mkdocs sets handlers and levels for its command line.
    logging.getLogger("mkdocs").setLevel(logging.WARNING)
    config = load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(tmp_path))
    build(config)
    page = (tmp_path / "reference/layers/index.html").read_text(encoding="utf-8")
    for row in VARIANTS.values():
        assert f'id="slim_keras.{row.name}"' in page
    notebook = (tmp_path / "notebooks/slim_layers/index.html").read_text("utf-8")
    assert "<math" in notebook
    assert "arithmatex" not in notebook
    assert not re.search(r"\\(frac|odot|tilde)", notebook.split("<math")[0])


LINKED = [README, *sorted(ROOT.glob("C*.md")), *sorted(ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("page", **named(LINKED))
def test_links_lead_somewhere_in_a_checkout(page):
    for target, anchor in re.findall(
        r"\]\((?!http)([^)#]+)(?:#([^)]+))?\)", text_of(page)
    ):
        there = page.parent / target
        assert there.exists(), target
        if anchor and there.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", text_of(there), re.M)
            assert anchor in [re.sub(r"\W+", "-", h.lower()) for h in headings]


@pytest.mark.parametrize(
    "page", **named([p for p in PAGES if "```python" in text_of(p)])
)
def test_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks_of(page, "python"):
        exec(compile(block, str(page), "exec"), names)  # noqa: S102
    for block in blocks_of(page, "c"):  # with the files that Python has written
        Path("main.c").write_text(SENSOR + block)
        compiled = [*compiler.command(), *STRICT, "-c", "main.c", "-o", "main.o"]
        subprocess.run(compiled, check=True)


@cache
def help_of(module):
    """What `python -m` prints, in this process as that is quicker."""
    shown = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(shown),
        # It says so where a test has imported the module before.
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),
    ):
        patch.setattr(sys, "argv", [module, "--help"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert not ended.value.code
    return shown.getvalue()


@pytest.mark.parametrize(
    "page", **named([p for p in TEXTS if "experiments." in text_of(p)])
)
def test_commands_have_the_options_that_a_page_gives_them(page):
    text = text_of(page).replace("\\\n", " ")
    for module, rest in re.findall(r"-m (experiments\.[a-z_]+)([^`\n&]*)", text):
        for option in re.findall(r"--[a-z-]+", rest):
            assert re.search(rf"{option}\b", help_of(module)), f"{module} {option}"
        for file in re.findall(r"\S+\.toml", rest):
            assert (ROOT / file).exists(), file


def test_layers_page_has_each_layer_with_its_number_of_weights():
    found = re.findall(
        r"^\| `(\w+)` \|.*?\| ([\d,]+) \| \[", text_of(ROOT / "docs/layers.md"), re.M
    )
    assert dict(found) == {
        row.name: f"{row.parameters(32, 100):,}" for row in VARIANTS.values()
    }


def test_bytes_of_weights_of_the_microcontroller_page():
    cells = r" \| ([\d,]+) bytes" * 3
    page = text_of(ROOT / "docs/microcontroller.md")
    found = re.findall(rf"^\| `(\w+)`{cells}", page, re.M)
    assert len(found) == 4
    for layer, *shown in found:
        row = VARIANTS[layer.lower()]
        sizes = (1, 32), (20, 64), (32, 100)
        assert shown == [f"{4 * row.parameters(m, n):,}" for m, n in sizes]


def rows_of(experiment):
    lines = text_of(ROOT / f"results/{experiment}.jsonl").splitlines()
    return [json.loads(line) for line in lines]


BEST = {  # of configs/imdb_best.toml; seed 3 has chosen them
    "LSTM": {"backend": "jax", "activation": "tanh", "eta": 3e-3, "dropout": 0.3},
    "IndyLSTM": {"backend": "jax", "activation": "tanh", "eta": 5e-4, "dropout": 0.5},
    "LSTM6": {"backend": "tensorflow", "activation": "sigmoid", "eta": 1e-3}
    | {"forget": 0.96, "dropout": 0.0},
    "LSTM_C6": {"backend": "jax", "activation": "tanh", "eta": 5e-4}
    | {"forget": 0.96, "dropout": 0.5},
}
ACCURACY = re.compile(r"^\| `(\w+)\b.*?`.*\| (0\.\d+ ± 0\.\d+) \|", re.M)


@pytest.mark.parametrize("page", **named([README, ROOT / "docs/reproduction.md"]))
def test_best_accuracies_are_those_of_the_rows(page):
    shown = dict(
        ACCURACY.findall(text_of(page).split("\n\n![")[0].split("## Install")[0])
    )
    shared = {"units": 100, "epochs": 5, "gate_activation": "sigmoid"}
    assert set(shown) == set(BEST)
    for layer, settings in BEST.items():
        wanted = settings | shared | {"variant": layer.lower()}
        accuracies = [
            row["clean"]["test_accuracy"]
            for row in rows_of("imdb")
            if row["seed"] != 3 and all(row[k] == v for k, v in wanted.items())
        ]
        mean, spread = statistics.mean(accuracies), statistics.stdev(accuracies)
        assert shown[layer] == f"{mean:.3f} ± {spread:.3f}"


def steps():
    """Layer, ms and times as fast as Keras', by backend, of the IMDB model."""
    shape = {"B": 32, "T": 500, "m": 32, "n": 100}
    wanted = {"model": "imdb", "masked": False, "device": "cpu"} | shape
    for row in rows_of("speed"):
        times = row["step_over_baseline"]  # None if Keras' layer took no turn
        if times and all(row.get(k, v) == v for k, v in wanted.items()):
            yield row["backend"], row["layer"], f"{row['step_ms']:.1f}", f"{times:.1f}x"


def test_speed_of_the_readme_is_that_of_rows():
    shown = re.findall(
        r"^\| `(\w+)` \|.*\| ([\d.]+) ms \| ([\d.]+x) \|", text_of(README), re.M
    )
    assert len(shown) == len(BEST)
    for layer, *numbers in shown:
        assert ("tensorflow", layer.lower(), *numbers) in set(steps())


def test_instructions_are_those_of_rows():
    counted = {
        (row["layer"].split(".")[-1].lower(), row["m"]): f"{row['instructions']:,}"
        for row in rows_of("microcontroller")
        if "M4" in row["core"] and row["precision"] == "float32"
        if row["layer"] != "keras.layers.LSTM"
    }
    shown = re.findall(r"^\| `(\w+)` \|.* \| ([\d,]+) \|$", text_of(README), re.M)
    assert len(shown) == len(BEST)
    for layer, instructions in shown:
        assert instructions == counted[layer.lower(), 32]
    _, page = text_of(ROOT / "docs/microcontroller.md").split("in instructions:")
    cells = r" \| ([\d,]+)" * 3
    shown = re.findall(rf"^\| `(?:[\w.]+\.)?(\w+)`{cells} \|$", page, re.M)
    assert len(shown) == 5
    for layer, *numbers in shown:
        assert numbers == [counted[layer.lower(), m] for m in (1, 20, 32)]


def test_speed_of_the_page_is_that_of_rows():
    _, page = text_of(ROOT / "docs/engines.md").split("## On a CPU")
    page, *_ = page.split("###")
    cells = r" \| ([\d.]+) \(([\d.]+x)\)" * 3
    shown = re.findall(rf"^\| `([\w.]+)`{cells}", page, re.M)
    assert len(shown) == 7
    for layer, *numbers in shown:
        name = layer if "." in layer else layer.lower()
        for place, backend in enumerate(("tensorflow", "jax", "torch")):
            assert (backend, name, *numbers[2 * place :][:2]) in set(steps())
