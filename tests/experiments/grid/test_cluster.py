"""The same grid on a Ray cluster of two nodes, one of which is lost on the way."""

import signal
from contextlib import suppress

import psutil
import pytest

from experiments.core import command
from experiments.grid import cluster as grid_ray, definition
from experiments.grid.display import Display
from experiments.grid.runs import Outcome
from tests.experiments.grid.support import (
    BACKEND,
    alone,
    histories,
    rows,
    start,
    write_grid,
)

ONE = "epochs = 12\n"


@pytest.fixture(autouse=True)
def _ray():
    pytest.importorskip("ray")  # here, as it takes seconds


@pytest.fixture
def cluster(monkeypatch):
    """A head that trains nothing, and a node that trains one run at a time."""
    from ray import cluster_utils

    # Ray's own 15 would starve the training beside other tests.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    # A lost node is noticed after five of these; Ray's own are of 3 seconds.
    often = {"health_check_period_ms": 500}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": often}
    made = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def process_of(run, node):
    """The process that trains a run on a node."""
    ((raylet,),) = [node.all_processes["raylet"]]
    options = command.arguments(run.config)
    for process in psutil.Process(raylet.process.pid).children(recursive=True):
        words = process.cmdline()
        if "experiments.grid.child" in words and words[-len(options) :] == options:
            return process
    return None


def test_a_lost_node_changes_no_row(cluster, tmp_path, monkeypatch):
    path = write_grid(tmp_path, ONE)
    here, there = tmp_path / "here", tmp_path / "there"
    assert alone(path, here) == [0]

    (node,) = cluster.worker_nodes
    lost = []
    running = Display.running

    def lose(self, run, line):
        """Takes the node away in the midst of the training; another one comes."""
        running(self, run, line)
        process = None if lost else process_of(run, node)
        if process is None or not line.startswith("epoch"):
            return
        process.send_signal(signal.SIGSTOP)  # so that it cannot finish meanwhile
        (folder,) = there.glob("imdb-*/")
        if not (folder / "row.json").exists():
            cluster.remove_node(node, allow_graceful=False)
            lost.append(folder.name)
            cluster.add_node(num_cpus=1)
        with suppress(psutil.NoSuchProcess):  # it ends with its node
            process.send_signal(signal.SIGCONT)

    monkeypatch.setattr(Display, "running", lose)
    assert start(path, there, "--engine=ray", f"--address={cluster.address}") == 0
    assert len(lost) == 1
    assert rows(there) == rows(here)
    assert histories(there) == histories(here)
    assert lost[0] in rows(there)


def test_what_no_cluster_can_give_is_one_line(tmp_path, capfd, monkeypatch):
    path = write_grid(tmp_path, ONE)

    def check(option, value, shown):
        options = ["--engine=ray", f"{option}={value}"]
        assert start(path, tmp_path / "runs", *options) == 2
        err = capfd.readouterr().err
        assert err.count("\n") == 1
        assert f"{option} {shown}" in err

    check("--address", "nowhere", "nowhere")
    check("--gpus-per-run", "1000", "1000: this machine has 0")
    monkeypatch.setattr("ray.init", lambda *args, **options: None)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 2.0})
    check("--cpus-per-run", "1e9", "1e+09: this machine has 2")


def test_files_of_a_run_on_a_foreign_disk_are_kept_here(tmp_path, monkeypatch):
    output = tmp_path / "runs"
    run, *_ = definition.read(write_grid(tmp_path, ONE), [BACKEND], str(output))
    outcome = Outcome({"run": "there"}, "")
    monkeypatch.setattr("ray.get", lambda reference: reference)
    files = {"row.json": b"{}", "config.json": b"[]"}
    assert grid_ray._outcome(run, (outcome, files)) == outcome
    kept = {path.name: path.read_bytes() for path in (output / "there").iterdir()}
    assert kept == files
    grid_ray._outcome(run, (outcome, {"row.json": b"[]"}))  # the same disk
    assert (output / "there" / "row.json").read_bytes() == b"{}"
