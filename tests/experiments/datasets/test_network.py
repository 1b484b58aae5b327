"""Downloads arrive whole or not at all; a server of our own is the network."""

import http.server
import socket
import threading

import pytest

from experiments.datasets import disk, network

from .newsgroups_files import write_archive

_CONNECT = socket.create_connection  # conftest.py takes it away


class _Handler(http.server.BaseHTTPRequestHandler):
    """Sends what the server holds, announced as `announced` bytes."""

    def do_HEAD(self):
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.announced))
        self.end_headers()

    def do_GET(self):
        self.server.asked += 1
        self.do_HEAD()
        self.wfile.write(self.server.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(socket, "create_connection", _CONNECT)
    with http.server.HTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.content = write_archive(tmp_path / "original").read_bytes()
        server.announced, server.status, server.asked = len(server.content), 200, 0
        server.url = f"http://127.0.0.1:{server.server_port}/data/set.tar.gz"
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def look(folder):
    path = folder / "set.tar.gz"
    return path.read_bytes() if path.exists() else None


def find(server, tmp_path):
    return network.find(look, None, tmp_path / "cache", server.url)


def test_a_file_is_downloaded_once(server, tmp_path, capsys):
    assert find(server, tmp_path) == server.content
    assert server.url in capsys.readouterr().err.replace("\n", "")
    assert find(server, tmp_path) == server.content
    assert server.asked == 1


def test_a_named_folder_is_never_added_to(server, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(disk.NotFoundError, match=r"none in .*mine"):
        network.find(look, tmp_path / "mine", tmp_path / "cache", server.url)
    assert server.asked == 0
    assert not list((tmp_path / "mine").iterdir())


def visible(folder):
    return [path for path in folder.iterdir() if path.name[0] != "."]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"announced": 10**6}, "only .* of 1,000,000 bytes came"),
        ({"content": b"<html>log in</html>", "announced": 19}, "is no archive"),
        ({"content": b"", "announced": 0}, "is no archive"),
    ],
    ids=["cut", "page", "empty"],
)
def test_what_does_not_arrive_whole_is_not_kept(server, tmp_path, change, match):
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(disk.NotFoundError, match=f"download of .* failed .*{match}"):
        find(server, tmp_path)
    assert not visible(tmp_path / "cache" / "downloads")


def test_an_interrupted_download_leaves_nothing(server, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(network.shutil, "copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        find(server, tmp_path)
    assert not visible(tmp_path / "cache" / "downloads")


def test_a_server_that_refuses_is_no_network(server, tmp_path):
    server.status = 404
    with pytest.raises(disk.NotFoundError, match="no network"):
        find(server, tmp_path)
    assert server.asked == 0


def test_a_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(disk.NotFoundError, match=r"download of .* failed"):
        find(server, tmp_path)
