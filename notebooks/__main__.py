"""Runs the notebooks and writes them with their outputs.

    python -m notebooks [NAME ...]

People edit and review the source `NAME.py`, in jupytext's percent format. This command
makes `NAME.ipynb` from it; nobody edits that by hand.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import jupytext
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbformat import NotebookNode
except ModuleNotFoundError as error:
    print(
        f"error: {error.name} is not installed: pip install -e '.[notebooks]' in the "
        "folder of this checkout",
        file=sys.stderr,
    )
    sys.exit(2)

from experiments.core.results import replacing

FOLDER = Path(__file__).parent
NAMES = ("slim_layers", "learning_rate_grid", "own_data")
_METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
_CELL_SECONDS = 900  # a cell that takes longer hangs


def read(name: str) -> NotebookNode:
    """The cells of a source, without outputs.

    Args:
        name: One of `NAMES`.
    """
    notebook = jupytext.read(FOLDER / f"{name}.py")
    notebook.metadata = nbformat.from_dict(_METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # else it is drawn at random
        cell.metadata = NotebookNode()
    return notebook


def execute(notebook: NotebookNode) -> NotebookNode:
    """Runs a notebook in a new kernel of this Python, in an empty folder.

    Args:
        notebook: What `read` returns.

    Returns:
        The same notebook with its outputs, without anything that differs from machine
        to machine.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        manager = AsyncKernelManager(
            # The python3 that a user has installed may be another one.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport="ipc",  # sockets in the folder, no ports
            connection_file=f"{folder}/kernel.json",
        )
        client = NotebookClient(
            notebook,
            km=manager,
            # TensorFlow greets on the file descriptor while it loads. Python's
            # warnings take another way and stay in the outputs.
            extra_arguments=["--IPKernelApp.capture_fd_output=False"],
            timeout=_CELL_SECONDS,
            coalesce_streams=True,
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        # Left alone, the client keeps the kernel of a manager that it did not make.
        client.execute(
            cleanup_kc=True, env=_environment(folder), stderr=subprocess.DEVNULL
        )
    notebook.metadata = nbformat.from_dict(_METADATA)  # the kernel adds its versions
    return notebook


def _environment(folder: str) -> dict[str, str]:
    root = str(FOLDER.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        "IPYTHONDIR": f"{folder}/.ipython",  # no settings or history of the user's
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def main(names: list[str]) -> int:
    if set(names) & {"-h", "--help"}:
        print(__doc__, f"NAME is one of {', '.join(NAMES)}; all by default.", sep="\n")
        return 0
    if unknown := [name for name in names if name not in NAMES]:
        print(
            f"error: there is no notebook {unknown[0]!r}; known: {', '.join(NAMES)}",
            file=sys.stderr,
        )
        return 2
    for name in names or NAMES:
        print(name, flush=True)
        with replacing(FOLDER / f"{name}.ipynb") as path:
            nbformat.write(execute(read(name)), path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
