"""Tiny Shakespeare: found, or fetched from a server of our own on the loopback, or refused."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from weft.data import open_corpus
from weft.data import shakespeare as module
from weft.errors import DataError


class Replies(http.server.BaseHTTPRequestHandler):
    content = b""
    status = 200
    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        self.send_response(self.status)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has read enough
            self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[tuple[str, type[Replies]]]:
    monkeypatch.setenv("no_proxy", "*")

    class Handler(Replies):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/input.txt", Handler
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch, tmp_path: Path, shakespeare: Path) -> None:
    monkeypatch.delenv("WEFT_DATA", raising=False)
    monkeypatch.setenv("WEFT_HOME", str(tmp_path / "home"))


def test_fetched_once(server, tmp_path: Path, shakespeare: Path) -> None:
    url, handler = server
    handler.content = shakespeare.read_bytes()
    path = module.find(tmp_path / "cache", url)
    assert path.read_bytes() == handler.content
    assert module.find(tmp_path / "cache", url) == path
    assert handler.requests == 1
    path.write_bytes(b"damaged")
    assert module.find(tmp_path / "cache", url).read_bytes() == handler.content
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["tinyshakespeare.txt"]


@pytest.mark.parametrize(
    ("content", "status"), [(b"another text", 200), (b"x" * 3_000_000, 200), (b"gone", 404)]
)
def test_anything_else_is_refused(server, tmp_path: Path, content: bytes, status: int) -> None:
    url, handler = server
    handler.content, handler.status = content, status
    with pytest.raises(DataError) as caught:
        module.find(tmp_path / "cache", url)
    assert "WEFT_DATA" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_no_network(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataError, match=r"no network.*put tinyshakespeare\.txt into a folder"):
        module.find(tmp_path, "http://127.0.0.1:9/")
    with pytest.raises(DataError, match="no network"):
        module.find(tmp_path, "no-url")


def test_taken_from_the_data_folder(shakespeare: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEFT_DATA", str(shakespeare.parent))
    corpus = open_corpus("shakespeare")
    assert corpus.size == module.SIZE and corpus.name == "shakespeare"
    (tmp_path / "tinyshakespeare.txt").write_text("no")
    monkeypatch.setenv("WEFT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="SHA-256 differs"):
        open_corpus("shakespeare")


def test_cache_that_cannot_be_written(server, tmp_path: Path, shakespeare: Path) -> None:
    url, handler = server
    handler.content = shakespeare.read_bytes()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="WEFT_HOME"):
        module.find(tmp_path / "file", url)
