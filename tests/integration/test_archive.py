"""Older entries archived, by a server under load and without one: what is gone says so, and everything still verifies."""

import json
import os
import shutil
import signal
import subprocess
import threading

import pytest
from conftest import BUILD, ROOT
from test_redaction import canaries, clinic, requests  # noqa: F401
from test_tlog import checkpoint_of, decide, go_verifier, size_of, verify  # noqa: F401
from test_upkeep import cli, ledger_json


def archive(server, until, folder, *words):
    return server.cli("ledger", "archive", "--until", str(until), "--to", str(folder), *words)


def store_bytes(folder):
    """Without the write-ahead log, which keeps its size."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".wal")


@pytest.fixture(scope="session")
def go_archive(tmp_path_factory):
    """tests/verify/archive: reads an archive's files with golang.org/x/mod alone."""
    folder = tmp_path_factory.mktemp("go-archive")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    go = "/usr/lib/go/bin/go" if os.path.exists("/usr/lib/go/bin/go") else "go"
    built = subprocess.run([go, "build", "-o", folder / "verify", "./tests/verify/archive"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return folder / "verify"


def test_entries_are_archived_while_decisions_go_on(simple, go_archive, go_verifier, tmp_path):  # noqa: F811
    big = {"text": "x" * 30000}
    first = simple.evaluate({"agent_identity": "agent-1", "operation": "read", "context": big}).json
    decide(simple, 700)
    record = simple.call("GET", "/v1/ledger/entries/300", admin=True).body
    stop, decided = threading.Event(), []

    def load():
        connection = simple.connect()
        while not stop.is_set():
            answer = simple.call("POST", "/v1/evaluate", {"agent_identity": "agent-2", "operation": "read", "context": {"n": len(decided)}}, connection=connection)
            assert answer.status == 200
            decided.append(answer.json["ledger_index"])

    thread = threading.Thread(target=load)
    thread.start()
    old = tmp_path / "archive-1"
    shown = archive(simple, 600, old)  # in whole bundles: 512
    stop.set()
    thread.join()
    assert shown.returncode == 0, shown.stderr
    assert f"entries 0 to 511 are in {old}" in shown.stdout and decided
    entry = [entry for entry in simple.ledger() if entry["type"] == "ledger.archived"][-1]
    assert entry["body"]["from"] == 0 and entry["body"]["to"] == 512 and entry["body"]["manifest"] in shown.stdout

    # What is gone says so.
    assert simple.call("GET", "/v1/ledger", admin=True).json["archived"] == 512
    gone = simple.call("GET", "/v1/ledger/entries/511", admin=True)
    assert gone.status == 410 and "entries from 0 to 511" in gone.json["detail"]
    assert simple.call("GET", "/v1/ledger/entries/512", admin=True).status == 200
    assert simple.call("GET", "/v1/ledger/tile/entries/001", admin=True).status == 410
    page = simple.call("GET", "/v1/ledger/entries?from=0&limit=1", admin=True).json
    assert page["archived"] == 512 and page["entries"][0]["index"] == 512
    missing = simple.call("GET", f"/v1/decisions/{first['decision_id']}", admin=True)
    assert missing.status == 404 and "is archived, as everything until" in missing.json["detail"]
    listed = simple.call("GET", "/v1/decisions?agent=agent-1&limit=500", admin=True).json
    assert listed["archived"] == 512 and min(one["ledger_index"] for one in listed["decisions"]) == 512
    since = simple.call("GET", "/v1/decisions?since=2020-01-01T00:00:00Z&limit=1", admin=True)
    assert since.status == 200

    # What is not: hashes, proofs, state.
    assert simple.call("GET", "/v1/ledger/tile/0/000", admin=True).status == 200
    proof, kept = tmp_path / "proof", tmp_path / "record"
    kept.write_bytes(record)
    checkpoint_of(simple, size_of(simple))
    assert simple.cli("ledger", "prove", "300", "--out", str(proof)).returncode == 0
    key = simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()
    assert cli(tmp_path, "ledger", "verify", "--proof", proof, "--key", key, "--entry", kept).returncode == 0

    # The archive by itself, by us and by Go.
    by_itself = subprocess.run([BUILD / "edict", "ledger", "verify", "--archive", old, "--key", key, "--json"], capture_output=True, text=True, timeout=120)
    assert by_itself.returncode == 0, by_itself.stderr
    assert json.loads(by_itself.stdout)["manifest"] == entry["body"]["manifest"]
    assert json.loads(by_itself.stdout)["to"] == 512 and json.loads(by_itself.stdout)["blobs"] >= 2  # the large value, the policies
    strangers = subprocess.run([go_archive, old], capture_output=True, text=True, timeout=120)
    assert strangers.returncode == 0 and json.loads(strangers.stdout) == {"origin": key.split("+")[0], "from": 0, "to": 512}, strangers.stderr

    # A second one, without a server; and the live ledger, alone and made whole.
    decide(simple, 300, 700)
    simple.stop()
    new = tmp_path / "archive-2"
    second = archive(simple, 10**9, new, "--offline", "--json")  # as far as there are whole bundles
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["from"] == 512 and json.loads(second.stdout)["to"] >= 768
    strangers = subprocess.run([go_archive, new], capture_output=True, text=True, timeout=120)
    assert strangers.returncode == 0 and json.loads(strangers.stdout)["from"] == 512, strangers.stderr
    to = json.loads(second.stdout)["to"]
    alone = ledger_json(simple.folder, "verify")
    assert alone["archived"] == to and alone["valid"]
    both = ["--archive", str(old), "--archive", str(new)]
    whole = ledger_json(simple.folder, "verify", *both)
    assert whole["archived"] == 0 and whole["root"] == alone["root"] and whole["entries"] == alone["entries"]
    assert ledger_json(simple.folder, "rebuild", *both)["differences"] == 0
    assert ledger_json(simple.folder, "reindex", "--check")["entries"] == ledger_json(simple.folder, "reindex", "--check", *both)["entries"] == alone["entries"] - to
    replayed = ledger_json(simple.folder, "replay", *both)
    assert replayed["decisions"] == 1001 + len(decided) and replayed["differences"] == replayed["unreplayable"] == 0
    backtest = json.loads(cli(simple.folder, "policy", "backtest", simple.policies, "--json", *both).stdout)
    assert backtest["decisions"] == 1001 + len(decided)

    # Without them it is said what is missing.
    rebuild = cli(simple.folder, "ledger", "rebuild")
    assert rebuild.returncode == 1 and f"entries from 0 to {to - 1} are archived" in rebuild.stderr and "--archive DIR" in rebuild.stderr
    assert "name their archives" in cli(simple.folder, "ledger", "replay").stdout
    half = cli(simple.folder, "ledger", "rebuild", "--archive", new)
    assert half.returncode == 1 and "holds entry 0" in half.stderr
    simple.start()
    assert verify_tail(simple)


def verify_tail(server):
    """New decisions, a new checkpoint, and a consistency proof from inside of what is archived."""
    decide(server, 3)
    checkpoint_of(server, size_of(server))
    return server.call("GET", "/v1/ledger/consistency?from=100", admin=True).status == 200


def test_what_something_live_needs_stays(simple, tmp_path):
    spent = simple.evaluate({"agent_identity": "agent-1", "operation": "spend", "estimated_cost_usd": "1.00"}).json
    decide(simple, 300)
    asked = simple.evaluate({"agent_identity": "agent-1", "operation": "deploy"}).json
    decide(simple, 300, 300)
    refused = archive(simple, 512, tmp_path / "a")
    assert refused.returncode == 2 and f"open reservation of decision {spent['decision_id']}" in refused.stderr and "Nothing can be archived" in refused.stderr
    assert not (tmp_path / "a").exists()
    assert simple.call("POST", f"/v1/decisions/{spent['decision_id']}/outcome", {"status": "succeeded"}, admin=True).status == 200
    refused = archive(simple, 512, tmp_path / "a")
    assert refused.returncode == 2 and "open escalation of decision" in refused.stderr and "until 256 can be archived" in refused.stderr
    assert archive(simple, 256, tmp_path / "a").returncode == 0
    assert simple.call("POST", f"/v1/escalations/{asked['escalation_id']}/approve", {"reason": "fine"}, admin=True).status == 200
    refused = archive(simple, 512, tmp_path / "b")  # its grant has not been used
    assert refused.returncode == 2 and "open escalation" in refused.stderr
    assert simple.evaluate({"agent_identity": "agent-1", "escalation_id": asked["escalation_id"]}).json["decision"] == "approve"
    simple.evaluate({"agent_identity": "agent-1", "operation": "read", "idempotency_key": "k"})
    assert archive(simple, 512, tmp_path / "b").returncode == 0
    decide(simple, 300, 600)
    refused = archive(simple, 768, tmp_path / "c")
    assert refused.returncode == 2 and "idempotency key of agent agent-1" in refused.stderr
    assert simple.cli("ledger", "archive", "--to", str(tmp_path / "d")).returncode == 2
    assert simple.cli("ledger", "archive", "--until", "5").returncode == 2
    assert simple.cli("ledger", "archive", "--until", "5", "--before", "2020-01-01T00:00:00Z", "--to", str(tmp_path / "d")).returncode == 2
    nothing = simple.cli("ledger", "archive", "--before", "2020-01-01T00:00:00Z", "--to", str(tmp_path / "d"))
    assert nothing.returncode == 2 and "nothing to archive" in nothing.stderr
    for body in ({"to": "/x"}, {"to": "x", "until": 5}, {"to": "/x", "until": 0}, {"to": "/x", "before": "soon"}, {"until": 5}):
        assert simple.call("POST", "/v1/ledger/archive", body, admin=True).status == 400, body
    assert simple.call("POST", "/v1/ledger/archive", {"to": str(tmp_path / "e"), "until": 512}).status == 401


def test_by_time_and_the_disk_gets_smaller(simple, tmp_path):
    for i in range(600):
        simple.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"i": i, "random": os.urandom(2000).hex()}})
    time = simple.call("GET", "/v1/ledger/entries/530", admin=True)
    time = time.body.split(b" ")[5].decode()
    simple.stop()
    simple.start()
    before = store_bytes(simple.folder / "ledger")
    shown = simple.cli("ledger", "archive", "--before", time, "--to", str(tmp_path / "a"), "--json")
    assert json.loads(shown.stdout)["to"] == 512, shown.stderr
    assert store_bytes(simple.folder / "ledger") < before * 0.6


def damaged(path, change):
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def test_a_changed_archive_is_refused(simple, tmp_path):
    decide(simple, 300)
    assert archive(simple, 256, tmp_path / "a").returncode == 0
    simple.stop()
    good = tmp_path / "a"

    def refused(name, change=lambda data: data.__setitem__(len(data) // 2, data[len(data) // 2] ^ 1)):
        bad = tmp_path / "bad"
        shutil.copytree(good, bad)
        damaged(bad / name, change)
        alone = subprocess.run([BUILD / "edict", "ledger", "verify", "--archive", bad], capture_output=True, text=True, timeout=60)
        assert alone.returncode == 1, name
        if name.startswith("tile/entries"):
            for words in (["verify"], ["rebuild"], ["replay"]):
                assert cli(simple.folder, "ledger", *words, "--archive", bad).returncode == 1
        shutil.rmtree(bad)

    for name in ("archive.json", "checkpoint", "ledger.vkey", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"):
        refused(name)
    refused("archive.json", lambda data: data.__setitem__(slice(None), data.replace(b'"blobs":1', b'"blobs":2')))
    manifest = json.loads((good / "archive.json").read_text())
    for name, value in {"bytes": 5, "first_time": "2001-01-01T00:00:00.000Z", "last_time": "2001-01-01T00:00:00.000Z", "origin": "example.com/other", "to": 512}.items():
        refused("archive.json", lambda data: data.__setitem__(slice(None), json.dumps({**manifest, name: value}).encode()))
    refused(str(next((good / "blobs").iterdir()).relative_to(good)))
    other = subprocess.run([BUILD / "edict", "ledger", "verify", "--archive", good, "--key", "x+00000000+AA=="], capture_output=True, text=True, timeout=60)
    assert other.returncode == 2


@pytest.mark.parametrize("step", ["archive.written", "archive.verified", "archive.committed", "archive.trimmed"])
def test_archiving_survives_a_kill_at_every_step(simple, tmp_path, step):
    decide(simple, 700)
    simple.stop()
    words = [BUILD / "edict", "--data", simple.folder, "ledger", "archive", "--until", "512", "--to", tmp_path / "a", "--offline"]
    run = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=ROOT, env={**os.environ, "EDICT_KILL_AT": step})
    assert run.returncode == -signal.SIGKILL, run.stderr
    gone = step in ("archive.committed", "archive.trimmed")
    now = ledger_json(simple.folder, "verify")
    assert now["archived"] == (512 if gone else 0)
    assert ledger_json(simple.folder, "verify", "--archive", str(tmp_path / "a"))["archived"] == 0
    simple.start()
    decide(simple, 5, 700)
    again = archive(simple, 512, tmp_path / "a", "--json")  # the same command goes on
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["to"] == 512
    assert len([entry for entry in simple.ledger() if entry["type"] == "ledger.archived"]) == 1
    simple.stop()
    assert ledger_json(simple.folder, "verify", "--archive", str(tmp_path / "a"))["valid"] is True
    assert ledger_json(simple.folder, "rebuild", "--archive", str(tmp_path / "a"))["differences"] == 0


def test_a_fifo_in_an_archive_is_no_file_to_wait_for(simple, tmp_path):
    """Whatever is in place of a file of it: who verifies an archive that others made is not held up."""
    decide(simple, 600)
    assert archive(simple, 300, tmp_path / "archive").returncode == 0
    names = [path.relative_to(tmp_path / "archive") for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    assert len(names) > 4

    def check():
        return subprocess.run([BUILD / "edict", "ledger", "verify", "--archive", tmp_path / "archive"], capture_output=True, text=True, timeout=60)

    for name in names:
        path = tmp_path / "archive" / name
        kept = path.rename(tmp_path / "kept")
        os.mkfifo(path)
        checked = check()
        assert checked.returncode == 1 and str(name) in checked.stderr, (name, checked.stderr)
        path.unlink()
        kept.rename(path)
    assert check().returncode == 0


def test_nothing_of_others_is_emptied_or_taken_for_an_archive_of_this_log(simple, new_server, simple_policies, tmp_path):
    decide(simple, 300)
    precious = tmp_path / "elsewhere" / "tile" / "precious"  # looks like what an interrupted archive leaves
    precious.parent.mkdir(parents=True)
    precious.write_text("x")
    (tmp_path / "a.partial").symlink_to(tmp_path / "elsewhere")
    planted = archive(simple, 256, tmp_path / "a")
    assert planted.returncode == 2 and "in the way" in planted.stderr and precious.exists()
    (tmp_path / "a.partial").unlink()
    assert archive(simple, 256, tmp_path / "a").returncode == 0
    again = archive(simple, 256, tmp_path / "a", "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["to"] == 256
    # Of the same range, but of another log: these entries are not there.
    other = new_server(name="other", policies=simple_policies)
    other.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    decide(other, 300)
    assert archive(other, 256, tmp_path / "b").returncode == 0
    mistaken = archive(simple, 256, tmp_path / "b")
    assert mistaken.returncode == 2 and "256 entries are archived already" in mistaken.stderr


def test_what_programs_read_is_json_whatever_the_names(simple, tmp_path):
    decide(simple, 300)
    folder = tmp_path / 'a"b\\c'
    assert json.loads(archive(simple, 256, folder, "--json").stdout)["to"] == 256
    shown = subprocess.run([BUILD / "edict", "ledger", "verify", "--archive", folder, "--json"], capture_output=True, text=True, timeout=120)
    assert json.loads(shown.stdout)["folder"] == str(folder)
    simple.stop()
    origin = 'a"b'
    assert ledger_json(simple.folder, "new-origin", "--reason", "r", "--origin", origin)["origin"] == origin
    assert ledger_json(simple.folder, "rotate-key", "--offline")["new_key"].startswith(origin + "+")


def test_what_fails_leaves_no_half_an_archive(simple, tmp_path):
    """The folder can be made, the files in it cannot: their paths are too long."""
    decide(simple, 300)
    simple.stop()
    parent = tmp_path
    while len(str(parent)) < 3800:
        parent = parent / ("d" * 200)
    parent.mkdir(parents=True)
    folder = parent / ("d" * (4075 - len(str(parent))))
    failed = archive(simple, 256, folder, "--offline")
    assert failed.returncode != 0 and "too long" in failed.stderr
    assert list(parent.iterdir()) == []


def test_of_an_archive_json_every_character_counts(simple, tmp_path):
    """The files beside it vouch for almost all of it; for the rest the ledger does, which recorded its hash."""
    decide(simple, 300)
    assert archive(simple, 256, tmp_path / "a").returncode == 0
    simple.stop()
    assert ledger_json(simple.folder, "verify", "--archive", str(tmp_path / "a"))["valid"]
    manifest = tmp_path / "a" / "archive.json"
    written = manifest.read_text()
    manifest.write_text(written.replace('"created":"20', '"created":"19'))
    assert manifest.read_text() != written
    refused = cli(simple.folder, "ledger", "verify", "--archive", tmp_path / "a")
    assert refused.returncode == 1 and "does not have the SHA-256 that entry" in refused.stderr and str(tmp_path / "a") in refused.stderr
    manifest.write_text(written)
    assert ledger_json(simple.folder, "verify", "--archive", str(tmp_path / "a"))["valid"]


def test_the_values_that_entries_name_belong_to_an_archive(simple, tmp_path):
    """A client's context that looks like a reference is a value as well, and names nothing."""
    alike = {"$sha256": "0" * 64}
    for context in ({"text": "x" * 30000}, alike, {"deep": alike}):
        simple.evaluate({"agent_identity": "agent-1", "operation": "read", "context": context})
    decide(simple, 300)
    folder = tmp_path / "a"
    assert archive(simple, 256, folder).returncode == 0
    by_itself = lambda: subprocess.run([BUILD / "edict", "ledger", "verify", "--archive", folder], capture_output=True, text=True, timeout=120)  # noqa: E731
    assert by_itself().returncode == 0
    (folder / "ledger.vkey").rename(tmp_path / "vkey")
    assert by_itself().returncode == 1 and "ledger.vkey is missing" in by_itself().stderr
    (tmp_path / "vkey").rename(folder / "ledger.vkey")
    blobs = sorted((folder / "blobs").iterdir())
    assert len(blobs) == 3  # the context, the one that looks like a reference, the policies
    manifest = (folder / "archive.json").read_text()
    for blob in blobs:
        kept = blob.read_bytes()
        blob.unlink()
        (folder / "archive.json").write_text(manifest.replace('"blobs":3', '"blobs":2'))
        refused = by_itself()
        assert refused.returncode == 1 and f"blobs/{blob.name} is missing, which entry" in refused.stderr, blob
        blob.write_bytes(kept)
    (folder / "archive.json").write_text(manifest)
    assert by_itself().returncode == 0


def test_backup_and_restore_of_what_is_not_all_there(simple, new_server, tmp_path):
    decide(simple, 300)
    assert archive(simple, 256, tmp_path / "a").returncode == 0
    assert simple.cli("ledger", "rotate-key", "--overlap-s", "0").returncode == 0
    assert simple.cli("ledger", "backup", str(tmp_path / "backup")).returncode == 0
    restored = new_server(name="restored", policies=simple.policies, start=False)
    words = ["ledger", "restore", tmp_path / "backup", "--reason", "r"]
    refused = cli(restored.folder, *words)
    assert refused.returncode == 1 and "--archive DIR" in refused.stderr
    shown = cli(restored.folder, *words, "--archive", tmp_path / "a")
    assert shown.returncode == 0, shown.stderr
    restored.start()
    assert restored.call("GET", "/v1/ledger", admin=True).json["archived"] == 256
    decide(restored, 3)
    restored.stop()
    assert ledger_json(restored.folder, "verify", "--archive", str(tmp_path / "a"))["archived"] == 0  # an archive of the origin before
    assert cli(tmp_path / "another", *words, "--unfolded").returncode == 0


def test_redacted_values_are_erased_before_or_with_their_entries(clinic, tmp_path):  # noqa: F811
    redacted = [request for request in requests() if request["agent_identity"] == "agent-1" and request["operation"] in ("read", "quote", "deny")]
    asked = [clinic.evaluate(request).json for request in redacted]
    connection = clinic.connect()
    for i in range(300):
        clinic.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"ward": str(i)}}, connection=connection)
    values = sum(len(entry["body"].get("redacted", [])) for entry in clinic.ledger() if entry["index"] < 256)
    refused = archive(clinic, 256, tmp_path / "a")
    assert refused.returncode == 2 and "a redacted value can still be erased" in refused.stderr
    assert clinic.call("POST", f"/v1/decisions/{asked[0]['decision_id']}/erase", {"reason": "asked for"}, admin=True).json["erased"] > 0
    shown = archive(clinic, 256, tmp_path / "a", "--erase-redacted")
    assert shown.returncode == 0, shown.stderr
    entry = [entry for entry in clinic.ledger() if entry["type"] == "ledger.archived"][0]
    assert entry["body"]["erases"] is True
    clinic.stop()
    for folder in (clinic.folder, tmp_path / "a"):
        assert {str(path): found for path in folder.rglob("*") if path.is_file() and (found := canaries(path.read_bytes()))} == {}
    assert ledger_json(clinic.folder, "verify")["redacted"] == 0
    whole = ledger_json(clinic.folder, "verify", "--archive", str(tmp_path / "a"))
    assert whole["valid"] and whole["redacted"] == 0 and whole["erased"] == values
    replayed = ledger_json(clinic.folder, "replay", "--archive", str(tmp_path / "a"))
    assert replayed["differences"] == 0 and replayed["erased"] == len(asked)
    assert ledger_json(clinic.folder, "rebuild", "--archive", str(tmp_path / "a"))["differences"] == 0
