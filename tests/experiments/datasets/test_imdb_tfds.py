"""The download through tensorflow-datasets, with a proxy of our own as the network."""

import http.server
import socket
import threading

import pytest

from experiments.core.errors import UserError
from experiments.datasets import imdb
from experiments.datasets.imdb import tfds_reader

_CONNECT = socket.create_connection  # conftest.py takes it away


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Says that the archive is there, and sends something else."""

    def do_HEAD(self):
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(b"no archive")

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy(monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), _Proxy) as server:
        server.asked, server.status = [], 200
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        monkeypatch.setattr(socket, "create_connection", _CONNECT)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        yield server
        server.shutdown()
        thread.join()


def test_a_proxy_is_a_network(proxy):
    assert tfds_reader.reachable()
    assert proxy.asked == [tfds_reader.SOURCE]


def test_a_proxy_that_refuses_is_none(proxy):
    proxy.status = 403
    assert not tfds_reader.reachable()
    assert proxy.asked == [tfds_reader.SOURCE]


def test_a_download_of_something_else_is_refused(proxy, capfd):
    with pytest.raises(UserError, match=r"the download to .* failed"):
        imdb.load("imdb")
    assert proxy.asked[-1] == tfds_reader.SOURCE
    said = capfd.readouterr().err
    assert "NonMatchingChecksumError" in said
    assert "Traceback" not in said
    assert not (tfds_reader.default_folder() / tfds_reader.PREPARED).exists()
