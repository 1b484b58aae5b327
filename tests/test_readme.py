"""What the README says runs, on every backend."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_its_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks[0].strip().splitlines()) <= 12
    code = "".join(blocks)
    names = {}
    exec(code.replace("model.fit(", "history = model.fit("), names)  # noqa: S102
    losses = names["history"].history["loss"]
    assert losses[-1] < losses[0]
