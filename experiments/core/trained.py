"""From the folder of a run to its trained model."""

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from experiments.core import checkpoint
from experiments.core.errors import UserError
from experiments.core.experiment import find
from experiments.core.runner import CONFIG
from experiments.core.training import BEST


def load(folder: str | os.PathLike[str]) -> tuple[Any, Any]:
    """See `experiments.load`."""
    import keras

    folder = Path(folder)
    weights = folder / BEST
    for path in (folder / CONFIG, weights):
        if not path.is_file():
            raise UserError(f"{folder} is not the folder of a trained run: no {path}")
    try:
        saved = json.loads((folder / CONFIG).read_text())
    except ValueError:
        raise UserError(f"{folder / CONFIG} is damaged") from None
    experiment = find(saved["experiment"])
    known = (field.name for field in fields(experiment.settings))
    config = experiment.settings(**{n: saved[n] for n in known if n in saved})
    model = experiment.model(config, lambda: experiment.data(config))
    here = keras.config.backend() == saved.get("backend")
    checkpoint.load(model, weights, exact=here)
    return model, config
