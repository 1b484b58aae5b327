"""`python -m studies`: the page about the studies, from the committed rows."""

from pathlib import Path

from experiments.core.results import read_rows, replacing
from experiments.report.speed import engine_tables, studied

ROOT = Path(__file__).parents[1]

PAGE = """\
# Studies

Ideas that were tried and became no part of the library.

## All steps at once

`studies.parallel` computes all states of a pointwise layer at once, on JAX, instead
of one step after the other: `parallel` by Newton steps and associative scans,
`parallel-back` only the gradients, `linear-back` the gradients by the same linear
system, solved step by step. On two cores of a CPU and for one sequence, Newton steps
were slower than the loop except for LSTM_C6 with 8 units, and the linear system was
solved no faster in parallel than step by step. No layer of the library runs so.

The tables hold milliseconds of a training step / of a forward pass, and the number of
Newton steps. `python -m studies` makes this page from the rows of the study in
`results/speed.jsonl`; `python -m studies.parallel --steps 1000,16384 --units 8,64`
times the study anew.

{tables}
"""


def page(rows: Path) -> str:
    """The page, from the rows of `experiments.speed`."""
    own = [row for row in read_rows(rows, torn=False) if studied(row)]
    return PAGE.format(tables=engine_tables(own))


if __name__ == "__main__":
    path = ROOT / "studies" / "README.md"
    with replacing(path) as beside:
        beside.write_text(page(ROOT / "results" / "speed.jsonl"), encoding="utf-8")
    print(path)
