"""Downloads arrive whole or not at all; a server of our own is the network."""

import gc
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pooch
import pytest

from experiments.datasets import network
from experiments.datasets.disk import NotFoundError

from .support import write_archive

# pooch leaves the connection open where a server refuses.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
_LOOK_UP = socket.getaddrinfo  # conftest.py takes it away


class _Handler(http.server.BaseHTTPRequestHandler):
    """Sends what the server holds, announced as `announced` bytes."""

    def do_HEAD(self):
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.announced))
        self.end_headers()

    def do_GET(self):
        self.server.asked.append(self.path)
        self.do_HEAD()
        self.wfile.write(self.server.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", _LOOK_UP)
    gc.freeze()  # what there is costs the collection below a second
    write_archive(tmp_path / "set.tar.gz", {"top/1.txt": os.urandom(5000)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.content = (tmp_path / "set.tar.gz").read_bytes()
        server.announced, server.status, server.asked = len(server.content), 200, []
        server.url = f"http://127.0.0.1:{server.server_port}/data/set.tar.gz"
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    gc.collect()  # so that pooch's connection is closed here


def visible(folder):
    return [path.name for path in folder.iterdir() if path.name[0] != "."]


def download(server, folder, sha256=None):
    network.download({server.url: sha256}, folder)
    return (folder / "set.tar.gz").read_bytes()


@pytest.mark.parametrize("known", [True, False])
def test_a_file_is_downloaded_once(server, tmp_path, capsys, known):
    sha256 = hashlib.sha256(server.content).hexdigest() if known else None
    for _ in range(2):
        assert download(server, tmp_path / "new", sha256) == server.content
    assert server.asked == ["/data/set.tar.gz"]
    assert f"downloading {server.url} to {tmp_path / 'new'}" in capsys.readouterr().err
    assert visible(tmp_path / "new") == ["set.tar.gz"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"announced": 10**6}, "IncompleteRead"),
        ({"content": b"<html>log in</html>", "announced": 19}, "other than an archive"),
        ({"content": b"", "announced": 0}, "other than an archive"),
        ({"status": 404}, "404"),
    ],
    ids=["cut", "page", "empty", "refused"],
)
def test_what_does_not_arrive_whole_is_not_kept(server, tmp_path, change, match):
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(
        NotFoundError, match=f"download of .* failed .*{match}"
    ) as caught:
        download(server, tmp_path / "new")
    assert "\n" not in str(caught.value)
    assert not visible(tmp_path / "new")


def test_another_file_than_the_known_one_is_not_kept(server, tmp_path):
    with pytest.raises(NotFoundError, match=r"failed \(SHA256 hash of downloaded file"):
        download(server, tmp_path / "new", "0" * 64)
    assert not visible(tmp_path / "new")


def test_an_interrupted_download_leaves_nothing(server, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch, "retrieve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download(server, tmp_path / "new")
    assert not visible(tmp_path / "new")


def test_two_processes_download_it_once(server, tmp_path):
    code = (
        "import sys; from pathlib import Path; from experiments.datasets import network"
        "\nnetwork.download({sys.argv[1]: None}, Path(sys.argv[2]))"
    )
    command = [sys.executable, "-W", "error", "-c", code, server.url, tmp_path / "new"]
    root = Path(__file__).parents[3]
    children = [subprocess.Popen(command, cwd=root) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert (tmp_path / "new" / "set.tar.gz").read_bytes() == server.content
    assert server.asked == ["/data/set.tar.gz"]


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "new").write_text("in the way")
    with pytest.raises(NotFoundError, match=r"download of .* failed .*new"):
        network.download({server.url: None}, tmp_path / "new" / "below")


def test_a_network_that_never_answers_does_not_hang(tmp_path, monkeypatch):
    over, asked = threading.Event(), threading.Event()

    def hang(*_args, **_kwargs):
        asked.set()
        over.wait()
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(network, "PROBE_SECONDS", 0.2)
    try:
        with pytest.raises(NotFoundError, match="no network"):
            network.download({"http://example.org/set.zip": None}, tmp_path)
        assert asked.is_set()
    finally:
        over.set()


def test_a_proxy_is_a_network(server, monkeypatch, tmp_path):
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    url = "http://example.org/set.tar.gz"
    network.download({url: None}, tmp_path / "new")
    assert server.asked == [url]
