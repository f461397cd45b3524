"""The log for strangers: verified by Go's sumdb packages, kept by auditors, and refused when it shrinks."""

import json
import os
import shutil
import subprocess
import time

import pytest
from conftest import BUILD, ROOT

DEADLINE_S = 60


@pytest.fixture(scope="session")
def go_verifier(tmp_path_factory):
    """tests/verify/go, built against Debian's golang-golang-x-mod-dev."""
    folder = tmp_path_factory.mktemp("go")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    go = "/usr/lib/go/bin/go" if os.path.exists("/usr/lib/go/bin/go") else "go"  # the distribution's, where there are several
    built = subprocess.run([go, "build", "-o", folder / "verify", "./tests/verify/go"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return folder / "verify"


def decide(server, count, start=0):
    connection = server.connect()
    for i in range(start, start + count):
        assert server.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"i": i}}, connection=connection).status == 200


def size_of(server):
    return server.call("GET", "/v1/ledger", admin=True).json["size"]


def checkpoint_of(server, at_least):
    """A signed checkpoint over that many entries; asking makes it come."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        note = server.call("GET", "/v1/ledger/checkpoint", admin=True).body
        if int(note.split(b"\n")[1]) >= at_least:
            return note
        assert time.monotonic() < deadline
        time.sleep(0.05)


def verify(go_verifier, server, *words):
    shown = subprocess.run([go_verifier, server.endpoints["rest"].rstrip("/"), server.token, *words], capture_output=True, text=True, timeout=300)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def test_go_verifies_the_log(go_verifier, simple, tmp_path):
    decide(simple, 40)
    kept = tmp_path / "checkpoint"
    kept.write_bytes(checkpoint_of(simple, size_of(simple)))
    first = verify(go_verifier, simple)
    decide(simple, 600, 40)  # past a full tile
    checkpoint_of(simple, size_of(simple))
    second = verify(go_verifier, simple, kept)
    assert second["consistent"] and second["size"] == size_of(simple) > 512 > first["size"] and second["origin"].startswith("edict.local/")
    simple.stop()
    simple.start()  # the key and the log stay the same
    assert verify(go_verifier, simple, kept)["origin"] == second["origin"]


def test_tiles_and_paths(simple):
    decide(simple, 300)
    size = size_of(simple)

    def get(path):
        return simple.call("GET", "/v1/ledger/tile/" + path, admin=True)

    full = get("0/000")
    assert full.status == 200 and len(full.body) == 256 * 32 and "immutable" in full.headers["cache-control"]
    assert get("0/001.p/3").body == get("0/001.p/4").body[:96] and len(get("1/000.p/1").body) == 32
    assert get("0/001.p/5").headers.get("cache-control") is None
    bundle = get("entries/001.p/2").body
    length = int.from_bytes(bundle[:2], "big")
    assert bundle[2 : 2 + length] == simple.call("GET", "/v1/ledger/entries/256", admin=True).body
    for path in ("0/001", f"0/001.p/{size - 255}", "0/002", "1/000", "entries/x001/000", "7/000.p/1"):
        assert get(path).status == 404, path
    for path in ("0/1", "8/000", "00/000", "x/000", "0/x000/001", "0/001.p/0", "0/001.p/256", "0/001.p/03", "0", "entries/", "0/001/p/3"):
        assert get(path).status in (400, 404), path
    assert simple.call("GET", "/v1/ledger/tile/0/000").status == 401
    assert simple.call("GET", "/v1/ledger/key").status == 401
    assert simple.call("GET", f"/v1/ledger/entries/{size}/proof", admin=True).status == 404
    assert simple.call("GET", "/v1/ledger/consistency?from=100000", admin=True).status == 404


def test_the_command_line_proves_and_verifies(simple, tmp_path):
    decide(simple, 5)
    shown = json.loads(simple.cli("ledger", "checkpoint", "--json").stdout)
    key = shown["verifier_key"]
    assert key.startswith("edict.local/") and simple.cli("ledger", "checkpoint").stdout.startswith("verifier key  " + key)
    record, proof = tmp_path / "record", tmp_path / "proof"
    record.write_bytes(simple.call("GET", "/v1/ledger/entries/4", admin=True).body)
    made = simple.cli("ledger", "prove", "4", "--out", str(proof))
    assert made.returncode == 0, made.stderr
    words = ["ledger", "verify", "--proof", str(proof), "--key", key, "--entry", str(record)]
    good = simple.cli(*words, data=tmp_path / "nowhere")  # needs nothing but the files
    assert good.returncode == 0 and "entry 4 is in the log edict.local/" in good.stdout and good.stdout.endswith("valid\n")
    record.write_bytes(record.read_bytes().replace(b"agent-1", b"agent-2"))
    bad = simple.cli(*words)
    assert bad.returncode == 1 and "does not fit" in bad.stderr
    assert simple.cli("ledger", "verify", "--proof", str(proof)).returncode == 2
    assert simple.cli("ledger", "prove", "99999").returncode == 2
    assert simple.cli("ledger", "prove", "x").returncode == 2
    simple.stop()
    offline = simple.cli("ledger", "prove", "4", "--offline")
    assert offline.returncode == 0 and offline.stdout.startswith("c2sp.org/tlog-proof@v1\nindex 4\n")
    assert key in simple.cli("ledger", "checkpoint", "--offline").stdout


def test_export_is_every_entry(simple, tmp_path):
    decide(simple, 700)
    out = tmp_path / "entries.jsonl"
    assert simple.cli("ledger", "export", "--out", str(out)).returncode == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(size_of(simple)))
    assert lines == simple.ledger()
    assert simple.cli("ledger", "export", "--out", str(tmp_path / "no/such/file")).returncode == 2


def test_a_ledger_that_shrank_does_not_start(new_server, simple_policies, tmp_path):
    server = new_server(policies=simple_policies)
    server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": []})
    server.stop()
    old = tmp_path / "old"
    shutil.copytree(server.folder / "ledger", old)
    server.start()
    decide(server, 20)
    server.stop()
    good = subprocess.run([BUILD / "edict", "--data", server.folder, "ledger", "verify"], capture_output=True, text=True, timeout=60)
    assert good.returncode == 0, good.stderr
    shutil.rmtree(server.folder / "ledger")
    shutil.copytree(old, server.folder / "ledger")  # a backup, restored as if nothing had happened since
    with pytest.raises(RuntimeError, match="shorter than it was.*edict ledger new-origin"):
        server.start()
    bad = subprocess.run([BUILD / "edict", "--data", server.folder, "ledger", "verify"], capture_output=True, text=True, timeout=60)
    assert bad.returncode == 1 and "shorter" in bad.stderr
    (server.folder / "ledger.key").rename(tmp_path / "ledger.key")
    with pytest.raises(RuntimeError, match="is missing"):
        server.start()
    (server.folder / "ledger.checkpoint").unlink()
    with pytest.raises(RuntimeError, match="ledger.vkey.*is missing"):  # not by forgetting
        server.start()
    assert server.cli("ledger", "new-origin").returncode == 2  # it wants a reason
    fresh = json.loads(server.cli("ledger", "new-origin", "--reason", "the newest entries are lost", "--json").stdout)
    server.start()  # on purpose: another key, another origin
    key = server.call("GET", "/v1/ledger/key", admin=True).body.decode()
    assert key == fresh["verifier_key"] + "\n" and key.split("+")[0] != (tmp_path / "ledger.key").read_text().split("+")[2]


def test_the_origin_is_fixed_with_the_key(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--origin", "example.com/edict"])
    assert server.call("GET", "/v1/ledger/checkpoint", admin=True).body.startswith(b"example.com/edict\n")
    assert (server.folder / "ledger.key").stat().st_mode & 0o777 == 0o600
    server.stop()
    server.flags = ["--origin", "example.com/other"]
    with pytest.raises(RuntimeError, match="origin \"example.com/edict\""):
        server.start()
    server.flags = []
    for names, said in ((["ledger.checkpoint"], "ledger.checkpoint is missing"), (["ledger.vkey", "ledger.key"], "has 2 entries.*ledger.key, is missing")):
        for name in names:  # not by forgetting either
            (server.folder / name).unlink()
        with pytest.raises(RuntimeError, match=said + ".*new-origin"):
            server.start()
    fresh = new_server(name="fresh", policies=simple_policies, flags=["--origin", "not a name"], start=False)
    with pytest.raises(RuntimeError, match="cannot name a key"):
        fresh.start()
