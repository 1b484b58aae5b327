"""Runs a module with arguments, and ends with the process that started it.

Its standard input is a pipe that nobody writes to: the pipe closes when the other
process ends, even by `kill -9`. A training that went on alone would hold its folder.
"""

import os
import runpy
import sys
import threading

from experiments.core import environment


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)  # at once: the files of a run are whole at any moment


if __name__ == "__main__":
    environment.keep_memory()  # before there is a thread
    threading.Thread(target=_end_with_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
