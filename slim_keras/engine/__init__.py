"""How a whole sequence is run: what decides, and what runs it."""

import keras

from slim_keras.engine.backends import BACKENDS
from slim_keras.engine.export import (
    Export as Export,
    check_recorded as check_recorded,
    current_export as current_export,
)
from slim_keras.engine.kernels import kernel as kernel_of  # noqa: F401
from slim_keras.engine.resolve import (
    Engine as Engine,
    Request as Request,
    parse as parse,
    platform_of as platform_of,
    resolved as resolved,
    steps_at_once as steps_at_once,
)

if keras.backend.backend() in BACKENDS:
    from slim_keras.engine.scan import run as run
