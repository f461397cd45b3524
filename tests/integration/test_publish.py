"""Checkpoints leave the machine: files, webhooks and witnesses; what was published guards against old copies of the ledger."""

import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from conftest import ROOT

DEADLINE_S = 90


# ---- helpers ----


def eventually(what, *arguments):
    """The first true value; tests wait for what must happen, never for a time."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = what(*arguments)
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} never came true"
        time.sleep(0.05)


def decide(server, count=1):
    connection = server.connect()
    for i in range(count):
        assert server.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"i": i}}, connection=connection).status == 200


def publishing(server):
    answer = server.call("GET", "/v1/ledger/publishing", admin=True)
    assert answer.status == 200, answer.body
    return answer.json


def target(server, name):
    return next(one for one in publishing(server)["targets"] if one["name"] == name)


def size_of(server):
    return server.call("GET", "/v1/ledger", admin=True).json["size"]


def note_size(note):
    return int(note.split(b"\n")[1])


def start_failure(server, code=1):
    """What a start that must be refused says."""
    before = server.log.stat().st_size if server.log.exists() else 0
    with pytest.raises(RuntimeError, match=f"ended with {code}:"):
        server.start()
    return server.log.read_bytes()[before:].decode()


def go_program(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("go-" + name)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    go = "/usr/lib/go/bin/go" if os.path.exists("/usr/lib/go/bin/go") else "go"
    built = subprocess.run([go, "build", "-o", folder / name, f"./tests/verify/{name}"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return folder / name


@pytest.fixture(scope="session")
def witness_program(tmp_path_factory):
    return go_program(tmp_path_factory, "witness")


class Witness:
    """tests/verify/witness with a state folder of its own; stop() and start() keep its state, its key and its port."""

    def __init__(self, program, folder, name):
        self.program, self.folder, self.name = program, folder, name
        folder.mkdir()
        self.logs, self.faults, self.port = folder / "logs", folder / "fault", 0
        self.logs.write_text("")
        self.start()

    def start(self):
        command = [self.program, "-listen", f"127.0.0.1:{self.port}", "-state", self.folder, "-name", self.name, "-logs", self.logs, "-fault", self.faults]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        shown = json.loads(self.process.stdout.readline())
        self.url, self.vkey = shown["url"], shown["vkey"]
        self.port = int(self.url.split(":")[2].split("/")[0])

    def stop(self):
        self.process.kill()
        self.process.wait(timeout=60)

    def knows(self, server):
        self.logs.write_text((server if isinstance(server, str) else server.call("GET", "/v1/ledger/key", admin=True).body.decode()) + "\n")

    def fault(self, name):
        self.faults.write_text(name)

    @property
    def size(self):
        found = [json.loads(path.read_text())["Size"] for path in self.folder.glob("*.json")]
        return max(found, default=0)


@pytest.fixture
def new_witness(witness_program, tmp_path):
    made = []

    def make(name="witness.example/w1"):
        made.append(Witness(witness_program, tmp_path / name.replace("/", "-"), name))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def witness_list(folder, *witnesses):
    path = folder / "witnesses"
    path.write_text("# who cosigns\n\n" + "".join(f"{one.vkey} {one.url}/\n" for one in witnesses))
    return str(path)


class Hook:
    """A webhook on loopback; `behave` may be replaced by a function of (handler, body), `shown` is what GET answers: nothing (405), bytes, a status."""

    def __init__(self, tls=None):
        hook = self
        self.received, self.headers, self.behave, self.shown, self.connections = [], [], None, None, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                hook.connections += 1
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.behave:
                    return hook.behave(self, body)
                hook.received.append(body)
                hook.headers.append(dict(self.headers))
                self.answer(204, b"")

            def do_GET(self):
                if hook.shown is None:
                    self.answer(405, b"")
                elif isinstance(hook.shown, int):
                    self.answer(hook.shown, b"", **({"Location": hook.url} if hook.shown // 100 == 3 else {}))
                else:
                    self.answer(200, hook.shown)

            def answer(self, status, body, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/checkpoints"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def new_hook():
    made = []

    def make(tls=None):
        made.append(Hook(tls))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def publish(new_server, simple_policies):
    """A factory of servers that publish."""

    def make(*flags, start=True, name="data"):
        server = new_server(name, policies=simple_policies, flags=flags, start=start)
        if start:
            server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": []})
        return server

    return make


# ---- files ----


def test_a_file_gets_every_checkpoint_and_the_last_one_at_the_stop(publish, tmp_path):
    path = tmp_path / "mounted" / "checkpoint"
    path.parent.mkdir()
    server = publish("--publish", f"file:{path}")
    for _ in range(3):
        decide(server, 20)
        size = size_of(server)
        eventually(lambda: note_size(path.read_bytes()) >= size)
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint"]
    shown = target(server, f"file:{path}")
    assert shown["kind"] == "file" and shown["state"] == "works" and shown["error"] is None and shown["time"]
    decide(server, 5)
    assert server.stop() == 0
    assert path.read_bytes() == (server.folder / "ledger.checkpoint").read_bytes()
    server.start()
    assert target(server, f"file:{path}")["size"] > 60


def old_copy(server, tmp_path):
    """Stops the server, copies its whole data directory, starts it again."""
    server.stop()
    shutil.copytree(server.folder, tmp_path / "old", ignore=shutil.ignore_patterns("*.sock"))
    server.start()


def put_back(server, tmp_path):
    server.stop()
    shutil.rmtree(server.folder)
    shutil.copytree(tmp_path / "old", server.folder)


def test_an_old_copy_is_refused_because_of_the_published_file(publish, tmp_path):
    path = tmp_path / "checkpoint"
    server = publish("--publish", f"file:{path}")
    old_copy(server, tmp_path)
    decide(server, 10)
    put_back(server, tmp_path)
    before = path.read_bytes()
    said = start_failure(server)
    assert "shorter than it was" in said and "edict ledger new-origin" in said and f"file:{path}" in said
    assert path.read_bytes() == before  # the evidence is still there
    server.flags = []  # nothing on this machine knows better
    server.start()
    decide(server, 40)
    server.stop()
    server.flags = ["--publish", f"file:{path}"]
    said = start_failure(server)  # now it is longer, and another
    assert "are not those whose checkpoint was published" in said
    assert path.read_bytes() == before
    made = server.cli("ledger", "new-origin", "--reason", "the disk broke")
    assert made.returncode == 0, made.stderr
    server.start()  # on purpose: the log says so itself, and the file takes the new origin
    eventually(lambda: path.read_bytes().split(b"\n")[0] != before.split(b"\n")[0])


def test_a_key_that_takes_over_is_followed(publish, new_witness, new_hook, tmp_path):
    """After a rotation the place still holds what the old key signed; the new one goes on from there."""
    path, witness, hook = tmp_path / "checkpoint", new_witness(), new_hook()
    server = publish("--publish", f"file:{path},{hook.url}", "--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    decide(server, 10)
    eventually(lambda: all(one["state"] == "works" for one in publishing(server)["targets"]))
    old = server.call("GET", "/v1/ledger/key", admin=True).body.decode()
    made = server.cli("ledger", "rotate-key", "--overlap-s", "0", "--reason", "as every year")
    assert made.returncode == 0, made.stderr
    fresh = server.call("GET", "/v1/ledger/key", admin=True).body.decode()
    assert fresh != old
    witness.logs.write_text(old + "\n" + fresh + "\n")
    for _ in range(2):
        decide(server, 10)
        size = size_of(server)
        eventually(lambda: all(one["state"] == "works" and one["size"] >= size for one in publishing(server)["targets"]))
        server.stop()
        server.start()
    assert b"edict" in path.read_bytes() and note_size(hook.received[-1]) >= size
    assert "conflict" not in server.log.read_text()


def test_what_is_no_checkpoint_of_this_log_is_never_replaced(publish, tmp_path):
    path = tmp_path / "precious"
    server = publish("--publish", f"file:{path}", start=False)
    path.write_text("somebody's file\n")
    assert "will not be replaced" in start_failure(server)
    path.write_bytes(b"x" * 1_000_000)
    assert "is no checkpoint" in start_failure(server)
    path.unlink()
    server.start()
    server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": []})
    eventually(path.exists)
    server.stop()
    kept = path.read_bytes()
    for at in range(0, kept.index(b"\n\n"), 7):
        path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
        said = start_failure(server)
        assert "is no checkpoint" in said or "another log" in said or "no key of the ledger has signed" in said, (at, said)
    path.write_bytes(kept)
    server.start()
    server.stop()
    other = publish("--publish", f"file:{path}", name="other", start=False)
    assert "another log" in start_failure(other)
    path.unlink()
    other.start()


def test_a_file_that_cannot_be_written_is_counted_and_recovers(publish, tmp_path):
    folder = tmp_path / "not-there"
    server = publish("--publish", f"file:{folder}/checkpoint")
    decide(server)
    name = f"file:{folder}/checkpoint"
    assert eventually(lambda: target(server, name)["failures"] > 1 and target(server, name))["state"] == "fails"
    assert server.log.read_text().count("checkpoints are not published") == 1  # once, not for every attempt
    metrics = server.call("GET", "/metrics", door="metrics").body.decode()
    assert f'edict_publish_up{{kind="file",target="{name}"}} 0' in metrics
    assert re.search(rf'edict_publish_failures_total{{kind="file",target="{re.escape(name)}"}} [1-9]', metrics)
    folder.mkdir()
    eventually(lambda: target(server, name)["state"] == "works")
    assert server.log.read_text().count("checkpoints are published again") == 1
    metrics = server.call("GET", "/metrics", door="metrics").body.decode()
    assert f'edict_publish_up{{kind="file",target="{name}"}} 1' in metrics and "edict_publish_timestamp_seconds" in metrics


def test_settings_that_are_wrong_are_refused_by_name(publish, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret\n")
    good = tmp_path / "good-token"
    good.touch(mode=0o600)
    good.write_text("secret\n")
    empty = tmp_path / "empty"
    empty.write_text("")
    bad = tmp_path / "bad-witnesses"
    bad.write_text("# nothing\nnot-a-key http://127.0.0.1/\n")
    for flags, said in (
        (["--publish", "ftp://example.com/x"], "not a URL of http"),
        (["--publish", "file:"], "path of a file"),
        (["--publish", "http://user@example.com/"], "no user"),
        (["--publish", "http://example.com:99999/"], "host or port"),
        (["--publish", "file:/tmp/a,file:/tmp/a"], "named twice"),
        (["--publish", ",".join(f"file:/tmp/{i}" for i in range(9))], "at most 8"),
        (["--publish-token", str(token)], "chmod 600"),
        (["--publish-token", str(good), "--publish", "http://example.com/x"], "use https"),
        (["--publish-ca", str(token), "--publish", "https://example.com/x"], "no certificates"),
        (["--witness", str(tmp_path / "none")], "cannot read"),
        (["--witness", str(bad)], "line 2"),
        (["--witness", str(empty), "--witness-quorum", "1"], "more than the 0 witnesses"),
        (["--publish-required", "yes"], "nothing to ask"),
    ):
        server = publish(*flags, start=False)
        assert said in start_failure(server, code=2), flags
        assert not server.folder.exists(), flags  # nothing was begun


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket"])
def test_only_regular_files_are_opened(publish, tmp_path, kind):
    """Opening a FIFO waits for its other end, for ever: none of those that an operator names, or that lie in the data directory, holds up the start."""

    def put(path):
        if kind == "fifo":
            os.mkfifo(path, 0o600)
        elif kind == "folder":
            path.mkdir(mode=0o700)
        else:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))
        return path

    odd = put(tmp_path / "odd")
    for flags, code in (
        (["--config", str(odd)], 2),
        (["--witness", str(odd)], 2),
        (["--publish-token", str(odd)], 2),
        (["--publish-ca", str(odd), "--publish", "https://127.0.0.1:1/"], 2),
        (["--publish", f"file:{odd}"], 1),
    ):
        said = start_failure(publish(*flags, start=False), code)
        assert "not a regular file" in said and str(odd) in said, flags
    server = publish()
    server.stop()
    for name in ("admin.token", "ledger.key", "ledger.checkpoint"):
        kept = (server.folder / name).rename(tmp_path / name)
        put(server.folder / name)
        said = start_failure(server)
        assert "not a regular file" in said and name in said
        shutil.rmtree(server.folder / name) if kind == "folder" else (server.folder / name).unlink()
        kept.rename(server.folder / name)
    server.start()


def test_a_fifo_beside_the_published_file_holds_up_nothing(publish, tmp_path):
    path = tmp_path / "checkpoint"
    os.mkfifo(tmp_path / "checkpoint.new")
    server = publish("--publish", f"file:{path}")
    shown = eventually(lambda: target(server, f"file:{path}")["failures"] > 0 and target(server, f"file:{path}"))
    assert "not a regular file" in shown["error"]
    decide(server, 3)
    assert server.stop() == 0


# ---- required ----


def rolled_back(server, tmp_path):
    """An old copy in place of a ledger whose newest checkpoint was published; not started."""
    old_copy(server, tmp_path)
    decide(server, 20)
    put_back(server, tmp_path)
    server.flags += ["--publish-required", "yes"]


def test_required_means_that_the_file_is_there(publish, tmp_path):
    mount = tmp_path / "mount"
    mount.mkdir()
    path = mount / "edict" / "checkpoint"
    path.parent.mkdir()
    server = publish("--publish", f"file:{path}")
    rolled_back(server, tmp_path)
    kept = path.read_bytes()

    def refused(*words):
        said = start_failure(server)
        assert all(word in said for word in (f"file:{path}", "publish-required", *words)), said

    shutil.move(path.parent, tmp_path / "elsewhere")  # the disk is not mounted
    refused("is not there; mount its disk")
    path.parent.mkdir()  # or one is that is empty
    refused("holds no checkpoint", "start once with --publish-required no")
    path.symlink_to(path)  # the same as a file that may not be read, which root always may
    refused("cannot read")
    path.unlink()
    path.mkdir()
    assert "not a regular file" in start_failure(server)
    path.rmdir()
    path.write_bytes(kept)
    assert "shorter than it was" in start_failure(server)
    assert path.read_bytes() == kept and list(path.parent.iterdir()) == [path]
    path.unlink()
    server.flags[-1] = "no"  # as it says
    server.start()
    eventually(path.exists)
    server.stop()
    server.flags[-1] = "yes"
    server.start()


def test_required_means_that_a_webhook_gives_back_what_it_got(publish, new_hook, tmp_path):
    hook = new_hook()
    hook.shown = 404
    server = publish("--publish", hook.url)
    rolled_back(server, tmp_path)
    count = len(hook.received)
    for shown, words in (
        (204, "holds no checkpoint"), (301, "redirects are not followed"), (302, "redirects are not followed"), (400, "mend it"),
        (401, "--publish-token"), (403, "--publish-token"), (404, "holds no checkpoint"), (405, "cannot be read back"), (407, "--publish-token"),
        (408, "mend it"), (410, "holds no checkpoint"), (429, "mend it"), (500, "mend it"), (501, "cannot be read back"), (502, "mend it"), (503, "mend it"),
        (b"", "holds no checkpoint"), (b"<html>sign in</html>", "no checkpoint of this log"),
        (b"other.example/log\n1\n" + hook.received[-1].split(b"\n", 2)[2], "no checkpoint of this log"),
    ):
        hook.shown = shown
        said = start_failure(server)
        code = shown if isinstance(shown, int) else 200
        assert words in said and f"it answers {code} to GET" in said and hook.url in said and "publish-required" in said, (shown, said)
    hook.shown = hook.received[-1]
    assert "shorter than it was" in start_failure(server)
    assert len(hook.received) == count  # nothing older went out
    hook.shown = 500
    server.flags[-1] = "no"  # where an outage is worse
    server.start()


@pytest.mark.parametrize("kind", ["file", "webhook"])
def test_the_first_start_of_all_with_required(publish, new_hook, tmp_path, kind):
    """Of a new ledger nothing is missing; also where the first try was refused because of the place."""
    hook, path = new_hook(), tmp_path / "mount" / "checkpoint"
    place = hook.url if kind == "webhook" else f"file:{path}"
    server = publish("--publish", place, "--publish-required", "yes", start=False)
    for _ in range(2):
        said = start_failure(server)
        assert ("cannot be read back" if kind == "webhook" else "is not there") in said and place in said, said
    path.parent.mkdir()
    hook.shown = 404
    server.start()
    server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": []})
    decide(server, 5)
    size = size_of(server)
    eventually(lambda: target(server, place)["size"] >= size)
    server.stop()
    hook.shown = hook.received[-1] if hook.received else None
    server.start()
    assert target(server, place)["state"] == "works"


# ---- webhooks ----


def test_a_webhook_gets_the_signed_note_and_the_token(publish, new_hook, tmp_path):
    hook = new_hook()
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("very-secret\n")
    server = publish("--publish", hook.url + "?tenant=a,", "--publish-token", str(token))
    decide(server, 30)
    size = size_of(server)
    eventually(lambda: hook.received and note_size(hook.received[-1]) >= size)
    assert hook.received[-1].startswith(b"edict.local/") and hook.headers[-1]["Content-Type"] == "text/plain; charset=utf-8"
    assert hook.headers[-1]["Authorization"] == "Bearer very-secret"
    sizes = [note_size(one) for one in hook.received]
    assert sizes == sorted(set(sizes))  # always newer, never again
    decide(server, 30)
    size = size_of(server)
    eventually(lambda: note_size(hook.received[-1]) >= size)
    assert len(hook.received) > 1 and hook.connections == 1  # kept for the next one
    assert target(server, hook.url)["state"] == "works"  # the query is not shown: it may be a secret
    assert "very-secret" not in server.log.read_text()


@pytest.mark.parametrize("kind", ["500", "redirect", "garbage", "large", "close", "hang"])
def test_a_webhook_that_misbehaves_fails_and_recovers(publish, new_hook, kind):
    hook = new_hook()
    elsewhere = new_hook()
    held = threading.Event()

    def misbehave(handler, body):
        if kind == "500":
            handler.answer(500, b"no")
        elif kind == "redirect":
            handler.answer(307, b"", Location=elsewhere.url)
        elif kind == "garbage":
            handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        elif kind == "large":
            handler.answer(200, b"x" * 2_000_000)
        elif kind == "hang":
            held.wait(60)
        handler.close_connection = True

    hook.behave = misbehave
    server = publish("--publish", hook.url)
    decide(server, 5)
    shown = eventually(lambda: target(server, hook.url)["failures"] > 0 and target(server, hook.url))
    assert shown["state"] == "fails" and shown["error"] and shown["size"] == 0
    decide(server, 5)  # nobody waits for it
    assert elsewhere.received == []
    hook.behave = None
    held.set()
    eventually(lambda: target(server, hook.url)["state"] == "works")
    size = size_of(server)
    eventually(lambda: note_size(hook.received[-1]) >= size)


def test_a_webhook_that_answers_get_guards_too(publish, new_hook, tmp_path):
    hook = new_hook()
    server = publish("--publish", hook.url)
    old_copy(server, tmp_path)
    decide(server, 10)
    server.stop()
    hook.shown = hook.received[-1]
    put_back(server, tmp_path)
    count = len(hook.received)
    assert "shorter than it was" in start_failure(server)
    assert len(hook.received) == count  # and nothing older went out
    hook.shown = b"hello\n"  # what is no checkpoint says nothing
    server.start()


def openssl(*words, cwd):
    done = subprocess.run(["openssl", *words], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def authority(folder, name):
    folder.mkdir(exist_ok=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=folder)
    return folder / f"{name}.pem"


def certificate(folder, ca, names):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=hook", "-keyout", "hook.key", "-out", "hook.csr", cwd=folder)
    (folder / "names").write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", "hook.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "hook.pem", cwd=folder)
    return folder / "hook.pem", folder / "hook.key"


def test_tls_with_the_right_authority_and_name(publish, new_hook, tmp_path):
    ca = authority(tmp_path / "tls", "good")
    hook = new_hook(certificate(tmp_path / "tls", "good", "IP:127.0.0.1,DNS:localhost"))
    by_name = hook.url.replace("127.0.0.1", "localhost")
    hook.shown = 404
    server = publish("--publish", f"{hook.url},{by_name}", "--publish-ca", str(ca), "--publish-required", "yes")
    decide(server, 5)
    size = size_of(server)
    eventually(lambda: all(one["state"] == "works" and one["size"] >= size for one in publishing(server)["targets"]))
    assert note_size(hook.received[-1]) >= size


@pytest.mark.parametrize("names, authority_name, said", [
    ("IP:127.0.0.1", "other", "does not verify"),
    ("IP:127.0.0.2,DNS:localhost", "good", "IP address mismatch"),
    ("DNS:elsewhere.example", "good", "mismatch"),
])
def test_tls_that_does_not_verify_is_refused(publish, new_hook, tmp_path, names, authority_name, said):
    folder = tmp_path / "tls"
    authority(folder, "good")
    authority(folder, "other")
    hook = new_hook(certificate(folder, "good", names))
    server = publish("--publish", hook.url, "--publish-ca", str(folder / f"{authority_name}.pem"))
    shown = eventually(lambda: target(server, hook.url)["failures"] > 0 and target(server, hook.url))
    assert shown["state"] == "fails" and said in shown["error"]
    assert hook.received == []
    server.stop()
    server.flags += ["--publish-required", "yes"]
    assert "publish-required" in start_failure(server)


def test_a_host_name_is_verified(publish, new_hook, tmp_path):
    ca = authority(tmp_path / "tls", "good")
    hook = new_hook(certificate(tmp_path / "tls", "good", "IP:127.0.0.1,DNS:elsewhere.example"))
    by_name = hook.url.replace("127.0.0.1", "localhost")
    server = publish("--publish", by_name, "--publish-ca", str(ca))
    shown = eventually(lambda: target(server, by_name)["failures"] > 0 and target(server, by_name))
    assert "hostname mismatch" in shown["error"] and hook.received == []


# ---- witnesses ----


def cosigned(server, path="/v1/ledger/checkpoint"):
    answer = server.call("GET", path + "?cosigned=yes", admin=True)
    return answer.body if answer.status == 200 else None


def test_a_witness_cosigns(publish, new_witness, tmp_path, new_server):
    first, second = new_witness(), new_witness("witness.example/w2")
    server = publish("--witness", witness_list(tmp_path, first, second), "--witness-quorum", "2")
    assert server.call("GET", "/v1/ledger/checkpoint?cosigned=yes", admin=True).status == 404
    assert "does not know this log" in eventually(lambda: target(server, first.name)["error"])
    first.knows(server)
    decide(server, 300)
    eventually(lambda: target(server, first.name)["state"] == "works")
    assert cosigned(server) is None  # one of two
    second.knows(server)
    size = size_of(server)
    note = eventually(lambda: (found := cosigned(server)) and note_size(found) >= size and found)
    assert note.count("\N{EM DASH} ".encode()) == 3 and b" witness.example/w1 " in note and b" witness.example/w2 " in note
    assert first.size >= size and second.size >= size
    plain = eventually(lambda: (found := server.call("GET", "/v1/ledger/checkpoint", admin=True).body).count("\N{EM DASH} ".encode()) == 3 and found)
    assert note_size(plain) >= size
    shown = publishing(server)
    assert shown["quorum"] == 2 and shown["witnesses"] == 2 and shown["witnessed"]["cosignatures"] == 2

    # Auditors check it with nothing but files and keys.
    words = server.cli("ledger", "checkpoint")
    assert "by 2 of 2 witnesses; the quorum is 2" in words.stdout and "works" in words.stdout
    key = json.loads(server.cli("ledger", "checkpoint", "--json", "--cosigned").stdout)["verifier_key"]
    proof, record = tmp_path / "proof", tmp_path / "record"
    record.write_bytes(server.call("GET", "/v1/ledger/entries/7", admin=True).body)
    assert server.cli("ledger", "prove", "7", "--cosigned", "--out", str(proof)).returncode == 0
    check = ["ledger", "verify", "--proof", str(proof), "--key", key, "--entry", str(record), "--witness", str(tmp_path / "witnesses"), "--witness-quorum"]
    good = server.cli(*check, "2", data=tmp_path / "nowhere")
    assert good.returncode == 0 and "cosigned by 2: valid" in good.stdout
    assert server.cli(*check, "3").returncode == 1
    bytes_of_proof = proof.read_bytes()
    at = bytes_of_proof.rindex(b" ") + 20  # inside a cosignature
    proof.write_bytes(bytes_of_proof[:at] + (b"A" if bytes_of_proof[at : at + 1] != b"A" else b"B") + bytes_of_proof[at + 1 :])
    assert "does not fit" in server.cli(*check, "1").stderr

    # The server that comes back still has what was witnessed, also when no witness is there; so has the one that never starts again.
    first.stop()
    second.stop()
    server.stop()
    server.start()
    assert note_size(cosigned(server)) >= size
    server.stop()
    offline = server.cli("ledger", "prove", "7", "--offline", "--cosigned", "--out", str(proof))
    assert offline.returncode == 0, offline.stderr
    assert server.cli(*check, "2").returncode == 0


def test_every_proof_size_fits_a_witness(publish, new_witness, tmp_path):
    """Consistency proofs from and to many sizes, checked by Go."""
    witness = new_witness()
    server = publish("--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    for _ in range(25):
        decide(server, 11)
        size = size_of(server)
        server.call("GET", "/v1/ledger/checkpoint", admin=True)
        eventually(lambda: target(server, witness.name)["size"] >= size)
    assert witness.size == target(server, witness.name)["size"] and target(server, witness.name)["state"] == "works"


def test_a_witness_that_knows_another_size(publish, new_witness, tmp_path):
    """409: after a restart the server has forgotten what the witness knows; a witness may also have lost its state."""
    witness = new_witness()
    server = publish("--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    decide(server, 20)
    size = size_of(server)
    eventually(lambda: target(server, witness.name)["size"] >= size)
    server.stop()
    server.start()
    assert target(server, witness.name)["state"] == "works"  # asked before it was ready
    witness.stop()
    for path in witness.folder.glob("*.json"):
        path.unlink()
    witness.start()
    decide(server, 20)
    size = size_of(server)
    eventually(lambda: target(server, witness.name)["size"] >= size)
    assert witness.size >= size


def test_an_old_copy_is_refused_because_of_the_witness(publish, new_witness, tmp_path):
    witness = new_witness()
    flags = ["--witness", witness_list(tmp_path, witness)]
    server = publish(*flags)
    witness.knows(server)
    eventually(lambda: target(server, witness.name)["state"] == "works")
    old_copy(server, tmp_path)
    decide(server, 10)
    size = size_of(server)
    eventually(lambda: witness.size >= size)
    put_back(server, tmp_path)
    said = start_failure(server)
    assert "shorter than it was" in said and "edict ledger new-origin" in said and witness.name in said

    # Where the witness cannot be asked: available by default, not with --publish-required.
    witness.stop()
    server.flags = flags + ["--publish-required", "yes"]
    assert "publish-required" in start_failure(server)
    server.flags = flags
    server.start()
    decide(server, 1)
    assert server.call("GET", "/readyz", door="metrics").status == 200 or server.call("GET", "/readyz").status == 200
    witness.start()
    shown = eventually(lambda: target(server, witness.name)["state"] == "conflicts" and target(server, witness.name))
    assert "shorter" in shown["error"]
    assert server.log.read_text().count("not this ledger's past") == 2  # at the start that was refused, and once now
    decide(server, 40)  # it goes on deciding, but is not ready any more
    assert server.call("GET", "/readyz").status == 503
    assert "conflicts" in server.cli("ledger", "checkpoint").stdout
    server.stop()
    assert "are not those whose checkpoint was published" in start_failure(server)  # longer by now, and another


@pytest.mark.parametrize("fault", [
    "garbage", "empty", "500", "404", "redirect", "large", "close", "not-http", "409-text", "409-zero", "409-huge", "409-type",
    "wrong-key", "unknown-key", "wrong-text", "zero-time", "future", "no-time",
])
def test_a_witness_that_misbehaves_is_not_believed(publish, new_witness, tmp_path, fault):
    witness = new_witness()
    server = publish("--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    eventually(lambda: target(server, witness.name)["state"] == "works")
    before = note_size(cosigned(server))
    witness.fault(fault)
    decide(server, 10)
    shown = eventually(lambda: target(server, witness.name)["state"] != "works" and target(server, witness.name))
    assert shown["state"] == "fails" and shown["error"], shown
    assert note_size(cosigned(server)) == before
    assert server.call("GET", "/readyz").status == 200
    witness.fault("")
    size = size_of(server)
    eventually(lambda: target(server, witness.name)["size"] >= size)
    assert note_size(eventually(cosigned, server)) >= size


def test_the_kept_witnessed_checkpoint_guards_too(publish, new_witness, tmp_path):
    """Only the store and its own checkpoint are put back: ledger.witnessed still knows more."""
    witness = new_witness()
    server = publish("--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    old_copy(server, tmp_path)
    decide(server, 10)
    size = size_of(server)
    eventually(lambda: (found := cosigned(server)) and note_size(found) >= size)
    server.stop()
    shutil.rmtree(server.folder / "ledger")
    shutil.copytree(tmp_path / "old/ledger", server.folder / "ledger")
    shutil.copy(tmp_path / "old/ledger.checkpoint", server.folder / "ledger.checkpoint")
    server.flags = []
    said = start_failure(server)
    assert "shorter than it was" in said and "ledger.witnessed" in said


def test_lines_of_others_are_left_out(publish, new_witness, tmp_path):
    witness = new_witness()
    witness.fault("others-too")
    server = publish("--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    note = eventually(cosigned, server)
    assert b"other.example" not in note and note.count("\N{EM DASH} ".encode()) == 2


def test_a_witness_that_hangs_holds_up_nobody(publish, new_witness, tmp_path):
    slow, quick = new_witness(), new_witness("witness.example/quick")
    path = tmp_path / "checkpoint"
    server = publish("--witness", witness_list(tmp_path, slow, quick), "--publish", f"file:{path}")
    slow.knows(server)
    quick.knows(server)
    eventually(lambda: all(one["state"] == "works" for one in publishing(server)["targets"]))
    slow.fault("hang")
    decide(server, 20)
    size = size_of(server)
    eventually(lambda: note_size(path.read_bytes()) >= size and target(server, quick.name)["size"] >= size)
    shown = eventually(lambda: target(server, slow.name)["state"] == "fails" and target(server, slow.name))
    assert "no whole answer within" in shown["error"]
    decide(server, 20)
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 60


def test_an_outage_is_caught_up(publish, new_witness, tmp_path):
    witness = new_witness()
    server = publish("--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    eventually(lambda: target(server, witness.name)["state"] == "works")
    witness.stop()
    decide(server, 10)
    eventually(lambda: target(server, witness.name)["failures"] >= 4)  # a while, as the back-off goes
    decide(server, 10)
    witness.start()
    size = size_of(server)
    eventually(lambda: target(server, witness.name)["size"] >= size)
    assert witness.size >= size


def test_nothing_is_lost_under_load_with_a_witness(publish, new_witness, tmp_path):
    witness = new_witness()
    server = publish("--witness", witness_list(tmp_path, witness))
    witness.knows(server)
    threads = [threading.Thread(target=decide, args=(server, 300)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    size = size_of(server)
    eventually(lambda: (found := cosigned(server)) and note_size(found) >= size)
    assert target(server, witness.name)["failures"] <= 3  # those before it knew the log
