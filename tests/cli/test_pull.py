"""`weft pull` against a server of our own: whole, cut off, lying, and hostile."""

import hashlib
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tiny_model import tiny

import weft as package
from weft.checkpoint import tensors
from weft.formats import download
from weft.formats.hugging_face_write import write_hugging_face


def git_hash(data):
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


class Hub:
    """What the server has, what it does wrong, and what it was asked."""

    def __init__(self, files):
        self.files = dict(files)  # name -> bytes
        self.listing = None  # instead of the true one
        self.cut_after = {}  # name -> bytes after which the connection breaks, each time
        self.ranges = True
        self.redirect = {}  # name -> another URL
        self.broken = {}  # name -> status
        self.asked = []  # (path, Range)

    def entries(self):
        if self.listing is not None:
            return self.listing
        return [
            self.entry(name, data) for name, data in self.files.items()
        ] + [{"type": "directory", "path": "onnx", "size": 0, "oid": "0" * 40}]  # fmt: skip

    def entry(self, name, data):
        entry = {"type": "file", "path": name, "size": len(data), "oid": git_hash(data)}
        if name.endswith(".safetensors"):
            oid = hashlib.sha256(data).hexdigest()
            entry |= {"oid": "1" * 40, "lfs": {"oid": oid, "size": len(data), "pointerSize": 134}}
        return entry


@pytest.fixture
def hub(tmp_path, monkeypatch):
    model = tiny(seed=2)
    weights = {name: p.array for name, p in model.model.named_parameters()}
    write_hugging_face(tmp_path / "made", model.config, weights, model.tokenizer)
    files = {p.name: p.read_bytes() for p in (tmp_path / "made").iterdir()}
    hub = Hub({**files, "README.md": b"hello", "tf_model.h5": b"x" * 999})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def answer(self, status, body, headers=()):
            self.send_response(status)
            for name, value in [("Content-Length", str(len(body))), *headers]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            hub.asked.append((self.path, self.headers["Range"]))
            if self.path == "/api/models/openai-community/gpt2/tree/main":
                return self.answer(200, json.dumps(hub.entries()).encode())
            match = re.fullmatch(r"/(?:openai-community/gpt2/resolve/main|moved)/(.*)", self.path)
            name = match[1] if match else None
            if name in hub.redirect and not self.path.startswith("/moved"):
                return self.answer(302, b"", [("Location", hub.redirect[name])])
            if name in hub.broken:
                return self.answer(hub.broken[name], b"no")
            if name not in hub.files:
                return self.answer(404, b"Entry not found")
            self.send_file(hub.files[name], hub.cut_after.get(name))

        def send_file(self, data, cut):
            first, total = 0, len(data)
            if hub.ranges and (span := self.headers["Range"]):
                first = int(re.fullmatch(r"bytes=(\d+)-", span)[1])
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(total - first))
            if first:
                self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
            self.end_headers()
            self.wfile.write(data[first : total if cut is None else first + cut])
            if cut is not None and first + cut < total:
                self.wfile.flush()
                self.connection.close()
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("WEFT_HUB", hub.url)
    monkeypatch.setenv("WEFT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home" / "models" / "openai-community" / "gpt2"


def fetched(hub):
    return [path.rpartition("/")[2] for path, _ in hub.asked if "/resolve/" in path]


def test_a_pulled_model_is_a_model_for_every_verb(weft, hub, home, tmp_path):
    ran = weft("generate", "gpt2", "once")
    assert ran.code == 1 and ran.error == "no such model here; gpt2; bring it with weft pull gpt2"
    ran = weft("pull", "gpt2", "--json")
    assert ran.code == 0, ran.err
    files = {p.name for p in home.iterdir()}
    assert files == {p.name for p in (tmp_path / "made").iterdir()} == set(ran.json["files"])
    assert fetched(hub)[-1] == "config.json"  # half a model has no configuration
    assert ran.json["path"] == str(home) and ran.json["fetched_bytes"] == ran.json["bytes"] > 0
    assert "model.safetensors: " in ran.err
    made = package.load(tmp_path / "made").generate("once", max_tokens=6)
    for name in ("gpt2", "openai-community/gpt2"):
        assert weft("generate", name, "once", "--max-tokens", 6).out == f"once{made}\n"
    assert weft("info", "gpt2").code == 0


def test_what_is_there_is_not_fetched_again(weft, hub, home):
    assert weft("pull", "gpt2").code == 0
    (home / "tokenizer.json").write_text("altered")
    hub.asked.clear()
    ran = weft("pull", "gpt2")
    assert ran.code == 0 and fetched(hub) == ["tokenizer.json"]
    assert (home / "tokenizer.json").read_bytes() == hub.files["tokenizer.json"]
    assert "was there, hashes verified" in weft("pull", "gpt2").out


def test_out_and_endpoint(weft, hub, tmp_path, monkeypatch):
    monkeypatch.delenv("WEFT_HUB")
    out = tmp_path / "deep" / "folder"
    ran = weft("pull", "openai-community/gpt2", "--out", out, "--endpoint", hub.url)
    assert ran.code == 0 and package.load(out).config.n_layer == 2


def test_a_cut_connection_goes_on_where_it_stopped(weft, hub, home):
    size = len(hub.files["model.safetensors"])
    hub.cut_after["model.safetensors"] = size // 4 + 1
    assert weft("pull", "gpt2").code == 0
    spans = [span for path, span in hub.asked if path.endswith("model.safetensors")]
    assert spans[0] is None and len(spans) == 4
    assert [int(span[6:-1]) for span in spans[1:]] == [n * (size // 4 + 1) for n in (1, 2, 3)]
    assert (home / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert not list(home.glob("*.part"))


def test_a_part_of_an_earlier_day_is_used(weft, hub, home):
    home.mkdir(parents=True)
    data = hub.files["model.safetensors"]
    (home / "model.safetensors.part").write_bytes(data[:1000])
    ran = weft("pull", "gpt2", "--json")
    assert ran.code == 0 and ran.json["fetched_bytes"] == ran.json["bytes"] - 1000
    assert ("bytes=1000-") in [span for _, span in hub.asked]
    (home / "model.safetensors").unlink()
    (home / "model.safetensors.part").write_bytes(data)  # all of it: nothing to ask for
    hub.asked.clear()
    assert weft("pull", "gpt2").code == 0 and fetched(hub) == []
    (home / "model.safetensors").unlink()
    (home / "model.safetensors.part").write_bytes(data + b"more")
    assert weft("pull", "gpt2").code == 0


def test_a_server_that_cannot_go_on_begins_anew(weft, hub, home):
    hub.ranges = False
    home.mkdir(parents=True)
    (home / "model.safetensors.part").write_bytes(b"other bytes")
    assert weft("pull", "gpt2").code == 0
    assert (home / "model.safetensors").read_bytes() == hub.files["model.safetensors"]


def test_a_connection_that_always_fails_is_given_up_and_the_part_stays(weft, hub, home):
    hub.cut_after["model.safetensors"] = 0
    home.mkdir(parents=True)
    (home / "model.safetensors.part").write_bytes(hub.files["model.safetensors"][:50])
    ran = weft("pull", "gpt2")
    assert ran.code == 1 and "the connection failed: " in ran.err and "to go on" in ran.err
    assert (home / "model.safetensors.part").stat().st_size == 50
    assert not (home / "config.json").exists()
    hub.cut_after.clear()
    hub.broken["model.safetensors"] = 503
    ran = weft("pull", "gpt2")
    assert ran.code == 1 and "the server answers 503" in ran.err


def test_ctrl_c_keeps_the_part(weft, hub, home, monkeypatch):
    monkeypatch.setattr(download, "PIECE", 700)

    def report(name, done, size):
        if name == "model.safetensors" and done > 2000:
            raise KeyboardInterrupt

    from weft.formats.hub import pull

    with pytest.raises(KeyboardInterrupt):
        pull("gpt2", report=report)
    assert (home / "model.safetensors.part").stat().st_size == 2100
    assert weft("pull", "gpt2").code == 0


def test_a_wrong_hash(weft, hub, home):
    entries = hub.entries()
    hub.listing = entries
    for name, flip in (("model.safetensors", -1), ("config.json", 0), ("tokenizer.json", 5)):
        whole = hub.files[name]
        data = bytearray(whole)
        data[flip] ^= 1
        hub.files[name] = bytes(data)
        ran = weft("pull", "gpt2")
        assert ran.code == 3 and "its hash is not the hub's" in ran.err and name in ran.err
        assert not (home / name).exists() and not (home / f"{name}.part").exists()
        hub.files[name] = whole
        shutil.rmtree(home)
    assert weft("pull", "gpt2").code == 0


@pytest.mark.parametrize("change", [-5, 5])
def test_a_wrong_size(weft, hub, home, change):
    hub.listing = hub.entries()
    whole = hub.files["model.safetensors"]
    hub.files["model.safetensors"] = whole[:change] if change < 0 else whole + b"12345"
    ran = weft("pull", "gpt2")
    message = "more than the" if change > 0 else "it ended after"
    assert ran.code == (3 if change > 0 else 1) and message in ran.err
    assert not (home / "model.safetensors").exists()


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "a/../../b", "..\\evil", "x\0y", "a\x1b[31m", "", ".."]
)
def test_a_name_that_leaves_the_folder(weft, hub, home, name):
    hub.listing = [*hub.entries(), {"type": "file", "path": name, "size": 1, "oid": "0" * 40}]
    ran = weft("pull", "gpt2")
    assert ran.code == 3 and "a name that leaves the folder" in ran.error
    assert not home.exists()


@pytest.mark.parametrize(
    ("listing", "code", "message"),
    [
        ({"error": "x"}, 3, "not a list of files"),
        ([1], 3, "an entry without a path"),
        ([{"type": "file", "path": "config.json", "size": "9", "oid": "0" * 40}], 3, "the size of"),
        ([{"type": "file", "path": "config.json", "size": -9, "oid": "0" * 40}], 3, "the size of"),
        ([{"type": "file", "path": "config.json", "size": 9, "oid": "zz"}], 3, "no hash of"),
        ([{"type": "file", "path": "a", "size": 9, "oid": "0" * 40}] * 2, 3, "listed twice"),
        ([{"type": "file", "path": "config.json", "size": 9, "oid": "0" * 40}], 1, "no model.safe"),
        ([], 1, "no config.json"),
    ],
)
def test_a_listing_that_makes_no_sense(weft, hub, listing, code, message):
    hub.listing = listing
    ran = weft("pull", "gpt2")
    assert ran.code == code and message in ran.error


def test_shards(weft, hub, tmp_path, home):
    arrays = tensors.read(tmp_path / "made" / "model.safetensors")
    del hub.files["model.safetensors"]
    index = {}
    for i, (name, array) in enumerate(arrays.items()):
        shard = f"model-{i:05}-of-{len(arrays):05}.safetensors"
        hub.files[shard] = b"".join(bytes(chunk) for chunk in tensors.encode({name: array}))
        index[name] = shard
    hub.files["model.safetensors.index.json"] = json.dumps({"weight_map": index}).encode()
    assert weft("pull", "gpt2").code == 0
    assert len(list(home.glob("*.safetensors"))) == len(arrays) > 20
    made = package.load(tmp_path / "made").generate("once", max_tokens=6)
    assert package.load("gpt2").generate("once", max_tokens=6) == made
    shutil.rmtree(home)
    name = "model.safetensors.index.json"
    for shard, message in (("../evil.safetensors", "no shard"), ("gone.safetensors", "not on the")):
        hub.files[name] = json.dumps({"weight_map": {**index, "x": shard}}).encode()
        ran = weft("pull", "gpt2")
        assert ran.code == 3 and message in ran.err


def test_redirections(weft, hub, home):
    hub.redirect["model.safetensors"] = f"{hub.url}/moved/model.safetensors"  # as to a mirror
    assert weft("pull", "gpt2").code == 0
    shutil.rmtree(home)
    for url in ("http://example.com/x", "ftp://127.0.0.1/x"):
        hub.redirect["model.safetensors"] = url
        ran = weft("pull", "gpt2")
        assert ran.code == 3 and "not https" in ran.err and url in ran.err
    hub.redirect["model.safetensors"] = "file:///etc/passwd"
    ran = weft("pull", "gpt2")
    assert ran.code == 1 and "the server answers 302" in ran.err


@pytest.mark.parametrize("url", ["http://example.com", "file:///etc", "ftp://x", "nonsense"])
def test_an_endpoint_without_https_is_refused(weft, url):
    ran = weft("pull", "gpt2", "--endpoint", url)
    assert ran.code == 2 and "not an https address" in ran.error


def test_a_model_that_is_not_there(weft, hub):
    ran = weft("pull", "nobody/nothing")
    assert ran.code == 1 and "not there (404)" in ran.error
    for name in ("../x", "a/b/c", "a b", "", "a/..", "x" * 200):
        ran = weft("pull", name)
        assert ran.code == 2 and "not a name of the hub" in ran.error
    assert weft("pull", "gpt2", "--revision", "../x").code == 2
    hub.broken["model.safetensors"] = 403
    ran = weft("pull", "gpt2")
    assert ran.code == 1 and "not public, or not there (403)" in ran.err


def test_no_room_on_the_disk(weft, hub, home, monkeypatch):
    usage = shutil.disk_usage(".")._replace(free=17 << 20)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    assert weft("pull", "gpt2").code == 0
    shutil.rmtree(home)
    usage = usage._replace(free=16 << 20)
    ran = weft("pull", "gpt2")
    assert ran.code == 1 and "bytes free" in ran.error and fetched(hub)
    assert list(home.iterdir()) == []


def test_nobody_listens(weft, monkeypatch):
    ran = weft("pull", "gpt2", "--endpoint", "http://127.0.0.1:9")
    assert ran.code == 1 and "the connection failed: " in ran.error


def test_a_bar_for_each_file_on_a_terminal(weft, hub, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    ran = weft("pull", "gpt2")
    assert ran.code == 0 and "files, " in ran.out
    assert "model.safetensors" in ran.err and "\x1b[" in ran.err and "config.json" in ran.err
