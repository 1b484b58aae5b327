"""What the tests of the experiments share."""

import json
from pathlib import Path


def row(output):
    """The one row of an output folder."""
    (line,) = (Path(output) / "results.jsonl").read_text().splitlines()
    return json.loads(line)
