"""Backup, restore, another origin, another key: through real servers, with load going on, and killed between steps."""

import fcntl
import http.client
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest
from conftest import BUILD, ROOT
from test_tlog import checkpoint_of, decide, go_verifier, size_of, verify  # noqa: F401

AGENT = {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}}


def cli(data, *words):
    return subprocess.run([BUILD / "edict", "--data", data, *words], capture_output=True, text=True, timeout=120, cwd=ROOT)


def ledger_json(data, *words):
    shown = cli(data, "ledger", *words, "--json")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return json.loads(shown.stdout)


@pytest.fixture(params=["same", "other"])
def backups(request, tmp_path):
    """A folder on the ledger's file system, or on another one, to which files cannot be linked."""
    if request.param == "same":
        yield tmp_path
        return
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is no second file system to write to")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield pathlib.Path(folder)


def test_a_backup_is_taken_while_decisions_go_on(simple, backups):
    stop, decided = threading.Event(), []

    def load(agent):
        connection = simple.connect()
        while not stop.is_set():
            request = {"agent_identity": agent, "operation": "spend", "estimated_cost_usd": "0.001", "context": {"n": len(decided)}}
            answer = simple.call("POST", "/v1/evaluate", request, connection=connection)
            assert answer.status == 200
            decided.append(answer.json["ledger_index"])

    threads = [threading.Thread(target=load, args=(agent,)) for agent in ("agent-1", "agent-2") * 2]
    for thread in threads:
        thread.start()
    sizes = []
    for i in range(5):
        before = size_of(simple)
        shown = ledger_json(simple.folder, "backup", str(backups / f"backup-{i}"))
        assert before <= shown["size"] and shown["folder"] == str(backups / f"backup-{i}")
        sizes.append(shown["size"])
    stop.set()
    for thread in threads:
        thread.join()
    assert sizes == sorted(sizes) and sizes[0] < size_of(simple)
    for i, size in enumerate(sizes):
        folder = backups / f"backup-{i}"
        assert sorted(p.name for p in folder.iterdir()) == ["backup.json", "ledger", "ledger.checkpoint", "ledger.vkey"]
        manifest = json.loads((folder / "backup.json").read_text())
        assert manifest["size"] == size and manifest["with_key"] is False
        verified = ledger_json(folder, "verify")
        assert verified["entries"] == size and verified["root"] == manifest["root"]
        assert (folder / "ledger.checkpoint").read_text().split("\n")[1] == str(size)  # signed over exactly what is in it
        assert ledger_json(folder, "rebuild")["differences"] == 0
        assert ledger_json(folder, "replay")["differences"] == 0
    assert not (simple.folder / "ledger" / "copying").exists()


def test_what_a_backup_refuses(simple, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    post = lambda body, **more: simple.call("POST", "/v1/ledger/backup", body, **more)  # noqa: E731
    assert post({"to": str(tmp_path / "b")}).status == 401
    assert post({"to": "relative"}, admin=True).status == 400
    assert post({}, admin=True).status == 400
    assert post({"to": str(tmp_path / "b"), "with_key": 1}, admin=True).status == 400
    assert post({"to": str(there)}, admin=True).status == 409
    assert post({"to": str(tmp_path / "no" / "where")}, admin=True).status == 400
    (tmp_path / "c.partial").mkdir()
    left = post({"to": str(tmp_path / "c")}, admin=True)
    assert left.status == 409 and "interrupted" in left.json["detail"] and (tmp_path / "c.partial").exists()
    assert not (tmp_path / "b").exists() and list(there.iterdir()) == []
    assert post({"to": str(tmp_path / ("x" * 250))}, admin=True).status == 400  # with .partial too long for a name
    assert simple.cli("ledger", "backup", "").returncode == 2
    (tmp_path / "link").symlink_to(simple.folder / "ledger")
    for inside in (simple.folder / "ledger.key.next", simple.folder / "ledger" / "b", tmp_path / "link" / "b"):
        answer = post({"to": str(inside)}, admin=True)
        assert answer.status == 400 and "edictd's own files" in answer.json["detail"] and not inside.exists()
        answer = simple.call("POST", "/v1/ledger/archive", {"to": str(inside), "until": 1}, admin=True)
        assert answer.status == 400 and "edictd's own files" in answer.json["detail"]
    busy = simple.cli("ledger", "verify")
    assert busy.returncode == 1 and "edict ledger backup" in busy.stderr
    assert simple.cli("ledger", "rebuild").returncode == 1
    assert "another process" in simple.cli("ledger", "backup", str(tmp_path / "d"), "--offline").stderr
    with_key = simple.cli("ledger", "backup", str(tmp_path / "e"), "--with-key")
    assert with_key.returncode == 0, with_key.stderr
    key = tmp_path / "e" / "ledger.key"
    assert key.stat().st_mode & 0o777 == 0o600 and key.read_text() == (simple.folder / "ledger.key").read_text()
    simple.stop()
    assert simple.cli("ledger", "backup", str(tmp_path / "f"), "--offline").returncode == 0
    assert ledger_json(tmp_path / "f", "verify")["valid"] is True


def test_a_changed_backup_is_refused(simple, tmp_path):
    decide(simple, 20)
    good = tmp_path / "good"
    assert simple.cli("ledger", "backup", str(good)).returncode == 0
    vkey = (good / "ledger.vkey").read_text()

    def refused(change, match):
        bad, data = tmp_path / "bad", tmp_path / "restored"
        shutil.copytree(good, bad)
        change(bad)
        shown = cli(data, "ledger", "restore", bad, "--reason", "r")
        assert shown.returncode == 1 and match in shown.stderr, shown.stderr
        assert not data.exists() or list(data.iterdir()) == []  # nothing stays behind
        shutil.rmtree(bad)

    def signed_by_another(bad):
        other = bad / "ledger.vkey"
        other.write_text(vkey.split("+")[0] + "+00000000+" + vkey.split("+")[2])

    refused(lambda bad: (bad / "ledger.vkey").unlink(), "no verifier key")
    refused(lambda bad: (bad / "ledger.checkpoint").unlink(), "ledger.checkpoint")
    refused(lambda bad: (bad / "ledger.checkpoint").write_text((good / "ledger.checkpoint").read_text().replace("\n2", "\n3", 1)), "ledger.checkpoint")
    refused(signed_by_another, "ledger.vkey")
    refused(lambda bad: shutil.rmtree(bad / "ledger"), "no ledger")
    table = max((good / "ledger").glob("*.sst"), key=lambda p: p.stat().st_size)

    def flip(bad):
        path = bad / "ledger" / table.name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.unlink()  # it may share its bytes with the server's
        path.write_bytes(data)

    bad, data = tmp_path / "bad", tmp_path / "restored"
    shutil.copytree(good, bad)
    flip(bad)
    assert cli(data, "ledger", "restore", bad, "--reason", "r").returncode == 1
    shutil.rmtree(bad)
    key = "example.com/x+" + vkey.split("+", 1)[1].strip()
    assert cli(data, "ledger", "restore", good, "--reason", "r", "--key", key).returncode == 2  # the id is not of that name
    assert cli(data, "ledger", "restore", good).returncode == 2
    assert cli(data, "ledger", "restore", good, "--reason", "r", "--origin", vkey.split("+")[0]).returncode == 2
    occupied = cli(simple.folder, "ledger", "restore", good, "--reason", "r")
    assert occupied.returncode == 1 and "empty or not there" in occupied.stderr


def test_a_restore_goes_on_under_a_new_origin(simple, new_server, go_verifier, tmp_path):  # noqa: F811
    spent = simple.evaluate({"agent_identity": "agent-1", "operation": "spend", "estimated_cost_usd": "7.00"}).json
    decide(simple, 300)
    backup = tmp_path / "backup"
    size = ledger_json(simple.folder, "backup", str(backup))["size"]
    decide(simple, 5, 300)  # these are lost
    old_key = simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()
    checkpoint_of(simple, size_of(simple))
    simple.stop()
    restored = new_server(name="restored", policies=simple.policies, start=False)
    shown = cli(restored.folder, "ledger", "restore", backup, "--reason", "the disk broke", "--key", old_key)
    assert shown.returncode == 0, shown.stderr
    assert f"{size} entries verified, a checkpoint over {size} of them by {old_key.split('+')[0]}" in shown.stdout
    assert sorted(p.name for p in restored.folder.iterdir()) == ["ledger", "ledger.checkpoint", "ledger.key", "ledger.vkey"]
    restored.start()
    new_key = restored.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()
    assert new_key in shown.stdout and new_key.split("+")[0] != old_key.split("+")[0]
    entry = restored.ledger()[size]
    assert entry["type"] == "ledger.restored" and entry["body"] == {
        "by": "operator", "new_key": new_key, "old_key": old_key, "reason": "the disk broke", "root": json.loads((backup / "backup.json").read_text())["root"], "size": size,
    }
    keys = restored.call("GET", "/v1/ledger/keys", admin=True).json
    assert keys["verifier_key"] == new_key and [h["type"] for h in keys["handovers"]] == ["ledger.restored"]
    assert restored.call("GET", "/v1/agents/agent-1/budget", admin=True).json["reserved_usd"] == "7.00"
    assert restored.call("GET", f"/v1/decisions/{spent['decision_id']}", admin=True).status == 200
    decide(restored, 3)
    assert verify(go_verifier, restored)["origin"] == new_key.split("+")[0]
    restored.stop()
    assert ledger_json(restored.folder, "verify")["entries"] == size_of_files(restored)
    assert ledger_json(restored.folder, "rebuild")["differences"] == 0


def size_of_files(server):
    return int((server.folder / "ledger.checkpoint").read_text().split("\n")[1])


def test_a_restore_fits_an_empty_mount_and_a_named_origin(simple, new_server, tmp_path):
    assert simple.cli("ledger", "backup", str(tmp_path / "backup")).returncode == 0
    restored = new_server(name="mount", policies=simple.policies, flags=["--origin", "example.com/second"], start=False)
    restored.folder.mkdir()
    words = ["ledger", "restore", tmp_path / "backup", "--reason", "a copy to try things on", "--origin", "example.com/second"]
    assert json.loads(cli(restored.folder, *words, "--json").stdout)["origin"] == "example.com/second"
    restored.start()
    assert restored.call("GET", "/v1/ledger/checkpoint", admin=True).body.startswith(b"example.com/second\n")


def killed_at(step, data, *words):
    """The command, killed by its own fault point."""
    run = subprocess.run([BUILD / "edict", "--data", data, *words], capture_output=True, text=True, timeout=120, cwd=ROOT, env={**os.environ, "EDICT_KILL_AT": step})
    assert run.returncode == -signal.SIGKILL, (step, run.returncode, run.stdout, run.stderr)


@pytest.mark.parametrize("step", ["restore.copied", "handover.committed", "restore.begun", "restore.moving", "restore.moved"])
def test_a_restore_survives_a_kill_at_every_step(simple, new_server, tmp_path, step):
    decide(simple, 20)
    made = ledger_json(simple.folder, "backup", str(tmp_path / "backup"))
    restored = new_server(name="restored", policies=simple.policies, start=False)
    words = ["ledger", "restore", tmp_path / "backup", "--reason", "the disk broke"]
    killed_at(step, restored.folder, *words)
    if step != "restore.moved":
        left = sorted(str(path.relative_to(restored.folder)) for path in restored.folder.rglob("*"))
        with pytest.raises(RuntimeError, match="edict ledger restore again"):  # and does not begin an empty ledger
            restored.start()
        assert sorted(str(path.relative_to(restored.folder)) for path in restored.folder.rglob("*")) == left
        again = cli(restored.folder, *words)
        assert again.returncode == 0, again.stderr
    restored.start()
    assert size_of(restored) > made["size"] and not (restored.folder / "restoring").exists()
    assert cli(restored.folder, *words).returncode == 1  # that was it: nothing is overwritten


def test_a_restore_removes_nothing_that_it_did_not_leave(simple, tmp_path):
    assert simple.cli("ledger", "backup", str(tmp_path / "backup")).returncode == 0
    words = ["ledger", "restore", tmp_path / "backup", "--reason", "r"]
    elsewhere, data = tmp_path / "elsewhere", tmp_path / "restored"
    for folder in (elsewhere, data, data / "restoring"):
        folder.mkdir()
    (elsewhere / "precious").write_text("x")
    (data / "mine").write_text("x")
    assert cli(data, *words).returncode == 1 and (data / "mine").exists() and (data / "restoring").exists()
    (data / "mine").unlink()
    (data / "restoring").rmdir()
    (data / "restoring").symlink_to(elsewhere)
    assert cli(data, *words).returncode == 1 and (elsewhere / "precious").exists()
    (data / "restoring").unlink()
    lock = os.open(data, os.O_RDONLY)  # as another restore holds it
    fcntl.flock(lock, fcntl.LOCK_EX)
    busy = cli(data, *words)
    assert busy.returncode == 1 and "another restore" in busy.stderr
    os.close(lock)
    assert cli(data, *words).returncode == 0


ORIGIN_STEPS = ["handover.next", "handover.committed", "handover.renamed", "handover.vkey"]


@pytest.mark.parametrize("step", ORIGIN_STEPS)
def test_a_new_origin_survives_a_kill_at_every_step(simple, tmp_path, step):
    decide(simple, 5)
    simple.stop()
    old = tmp_path / "old"
    shutil.copytree(simple.folder / "ledger", old)
    before = (simple.folder / "ledger.vkey").read_text().strip()
    simple.start()
    decide(simple, 5, 5)
    simple.stop()
    shutil.rmtree(simple.folder / "ledger")
    shutil.copytree(old, simple.folder / "ledger")
    killed_at(step, simple.folder, "ledger", "new-origin", "--reason", "rolled back")
    if step == "handover.next":  # nothing is handed over yet
        with pytest.raises(RuntimeError, match="shorter than it was"):
            simple.start()
    again = cli(simple.folder, "ledger", "new-origin", "--reason", "rolled back")
    assert again.returncode == 0, again.stderr
    simple.start()
    handovers = [entry["body"] for entry in simple.ledger() if entry["type"] == "ledger.restored"]
    assert handovers[0]["old_key"] == before
    assert simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip() == handovers[-1]["new_key"]
    for one, next_one in zip(handovers, handovers[1:]):
        assert one["new_key"] == next_one["old_key"]
    checkpoint_of(simple, size_of(simple))
    simple.stop()
    assert ledger_json(simple.folder, "verify")["valid"] is True
    assert not (simple.folder / "ledger.key.next").exists()


@pytest.mark.parametrize("step", ORIGIN_STEPS[1:])
def test_a_start_finishes_what_new_origin_began(simple, tmp_path, step):
    simple.stop()
    killed_at(step, simple.folder, "ledger", "new-origin", "--reason", "r")
    simple.start()
    handover = [entry["body"] for entry in simple.ledger() if entry["type"] == "ledger.restored"][0]
    assert simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip() == handover["new_key"]
    assert simple.call("GET", "/v1/ledger/checkpoint", admin=True).body.decode().split("\n")[0] == handover["new_key"].split("+")[0]


# ---- another key, same origin ----


def keys_of(server):
    return server.call("GET", "/v1/ledger/keys", admin=True).json


def signatures(note):
    return [line.split(" ")[1:] for line in note.decode().rstrip("\n").split("\n") if line.startswith("\u2014 ")]


def rotate(server, *words):
    shown = server.cli("ledger", "rotate-key", "--json", *words)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def test_a_rotation_can_be_followed_with_the_old_key_alone(simple, tmp_path):
    decide(simple, 10)
    old_key = simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()
    kept = checkpoint_of(simple, 10)
    shown = rotate(simple, "--reason", "as every year")
    new_key = simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()
    assert (shown["old_key"], shown["new_key"]) == (old_key, new_key) and old_key.split("+")[0] == new_key.split("+")[0]
    entry = simple.ledger()[shown["ledger_index"]]
    assert entry["type"] == "ledger.key.rotated" and entry["body"]["reason"] == "as every year"
    both = checkpoint_of(simple, size_of(simple))
    assert len(signatures(both)) == 2 and len(signatures(kept)) == 1
    # Whoever has the old key only: the proof that was kept, and the entry.
    handover = keys_of(simple)["handovers"][0]
    assert handover["proof"] == (simple.folder / f"ledger.handover.{shown['ledger_index']}").read_text() and handover["until"] == shown["until"]
    proof, record = tmp_path / "proof", tmp_path / "record"
    proof.write_text(handover["proof"])
    record.write_bytes(simple.call("GET", f"/v1/ledger/entries/{shown['ledger_index']}", admin=True).body)
    for key in (old_key, new_key):
        followed = cli(tmp_path, "ledger", "verify", "--proof", proof, "--key", key, "--entry", record)
        assert followed.returncode == 0, followed.stderr
    told = simple.cli("ledger", "checkpoint").stdout
    assert told.startswith(f"verifier key  {new_key}\nbefore        {old_key}, which signs along until {shown['until']}\n")
    assert simple.cli("ledger", "backup", str(tmp_path / "backup")).returncode == 0
    assert (tmp_path / "backup" / f"ledger.handover.{shown['ledger_index']}").read_text() == handover["proof"]
    # The old private key is there while both sign, and nobody else's.
    assert (simple.folder / "ledger.key.old").stat().st_mode & 0o777 == 0o600
    assert (simple.folder / "ledger.key").stat().st_mode & 0o777 == 0o600
    simple.stop()
    simple.start()
    decide(simple, 2, 10)
    assert len(signatures(checkpoint_of(simple, size_of(simple)))) == 2
    simple.stop()
    assert ledger_json(simple.folder, "verify")["valid"] is True
    assert json.loads(simple.cli("ledger", "checkpoint", "--offline", "--json").stdout)["verifier_key"] == new_key


def test_without_overlap_the_old_key_goes_at_once(simple, go_verifier):  # noqa: F811
    decide(simple, 3)
    first = rotate(simple, "--overlap-s", "0")
    assert not (simple.folder / "ledger.key.old").exists() and not (simple.folder / "ledger.key.next").exists()
    assert first["old_key"].split("+")[1] not in (simple.folder / "ledger.key").read_text()
    decide(simple, 3, 3)
    assert len(signatures(checkpoint_of(simple, size_of(simple)))) == 1
    assert len(signatures((simple.folder / f"ledger.handover.{first['ledger_index']}").read_bytes())) == 2  # it outlives the old key
    assert verify(go_verifier, simple)["size"] == size_of(simple)
    second = rotate(simple, "--overlap-s", "0")
    assert second["old_key"] == first["new_key"] and len(keys_of(simple)["handovers"]) == 2
    simple.stop()
    assert simple.cli("ledger", "rotate-key", "--offline", "--overlap-s", "0").returncode == 0
    assert ledger_json(simple.folder, "verify")["valid"] is True
    simple.start()
    assert len(keys_of(simple)["handovers"]) == 3
    simple.stop()
    assert ledger_json(simple.folder, "rebuild")["differences"] == 0
    assert simple.cli("ledger", "rotate-key", "--overlap-s", "-1").returncode == 2
    assert simple.cli("ledger", "rotate-key", "--overlap-s", "99999999").returncode == 2


def test_the_old_key_goes_when_its_time_is_over(simple, tmp_path):
    decide(simple, 3)
    shown = rotate(simple, "--overlap-s", "1")
    assert (simple.folder / "ledger.key.old").exists()
    deadline = time.monotonic() + 60
    while (simple.folder / "ledger.key.old").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
        assert simple.cli("ledger", "backup", str(tmp_path / str(time.monotonic()))).returncode == 0  # whatever wakes the thread
    decide(simple, 1, 3)
    assert len(signatures(checkpoint_of(simple, size_of(simple)))) == 1
    assert "signs along" not in simple.cli("ledger", "checkpoint").stdout
    assert keys_of(simple)["handovers"][0]["proof"] and keys_of(simple)["verifier_key"] == shown["new_key"]


@pytest.mark.parametrize("step", ["handover.next", "handover.committed", "handover.old", "handover.renamed", "handover.vkey"])
def test_a_rotation_survives_a_kill_at_every_step(simple, step):
    decide(simple, 5)
    checkpoint_of(simple, 5)
    simple.stop()
    before = (simple.folder / "ledger.vkey").read_text().strip()
    killed_at(step, simple.folder, "ledger", "rotate-key", "--offline")
    assert ledger_json(simple.folder, "verify")["valid"] is True  # at every moment
    simple.start()
    rotations = [entry["body"] for entry in simple.ledger() if entry["type"] == "ledger.key.rotated"]
    assert len(rotations) == (0 if step == "handover.next" else 1)
    current = simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()
    assert current == (rotations[0]["new_key"] if rotations else before)
    assert not (simple.folder / "ledger.key.next").exists()
    decide(simple, 2, 5)
    note = checkpoint_of(simple, size_of(simple))
    assert len(signatures(note)) == (2 if rotations else 1)
    if rotations:
        assert "proof" in keys_of(simple)["handovers"][0] and keys_of(simple)["handovers"][0]["proof"]
    assert rotate(simple, "--overlap-s", "0")["old_key"] == current
    simple.stop()
    assert ledger_json(simple.folder, "verify")["valid"] is True


def test_another_key_in_the_files_does_not_start(simple, tmp_path):
    old = tmp_path / "old.key"
    shutil.copy(simple.folder / "ledger.key", old)
    rotate(simple)
    simple.stop()
    shutil.copy(old, simple.folder / "ledger.key")
    with pytest.raises(RuntimeError, match="handed the log over to the key.*is another one"):
        simple.start()


def test_an_entry_says_what_a_rolled_back_directory_cannot(simple, tmp_path):
    """A backup put over a data directory by hand, across a rotation: refused as every rollback is."""
    assert simple.cli("ledger", "backup", str(tmp_path / "backup")).returncode == 0
    rotate(simple, "--overlap-s", "0")
    decide(simple, 3)
    simple.stop()
    shutil.rmtree(simple.folder / "ledger")
    shutil.copytree(tmp_path / "backup" / "ledger", simple.folder / "ledger")
    with pytest.raises(RuntimeError, match="shorter than it was"):
        simple.start()
    assert simple.cli("ledger", "new-origin", "--reason", "back to the backup").returncode == 0
    simple.start()
    decide(simple, 1)


# ---- the same through a server that dies ----


def killed_server(server, monkeypatch, step, method, path, body):
    """The call during which the server dies at its fault point."""
    server.stop()
    monkeypatch.setenv("EDICT_KILL_AT", step)
    server.start()
    monkeypatch.delenv("EDICT_KILL_AT")
    with pytest.raises((OSError, http.client.HTTPException)):
        server.call(method, path, body, admin=True)
    assert server.process.wait(timeout=60) == -signal.SIGKILL
    server.start()


@pytest.mark.parametrize("step", ["handover.next", "handover.committed", "handover.renamed"])
def test_a_server_that_dies_while_it_rotates(simple, monkeypatch, step):
    decide(simple, 3)
    before = simple.call("GET", "/v1/ledger/key", admin=True).body
    killed_server(simple, monkeypatch, step, "POST", "/v1/ledger/rotate-key", {"overlap_s": 0})
    rotations = [entry for entry in simple.ledger() if entry["type"] == "ledger.key.rotated"]
    assert len(rotations) == (0 if step == "handover.next" else 1)
    assert (simple.call("GET", "/v1/ledger/key", admin=True).body == before) == (not rotations)
    if rotations:  # the proof is made before the old key goes
        assert keys_of(simple)["handovers"][0]["proof"]
        assert not (simple.folder / "ledger.key.old").exists()
    decide(simple, 3, 3)
    simple.stop()
    assert ledger_json(simple.folder, "verify")["valid"] is True


# ---- what a person sees ----


def on_a_terminal(*words):
    """stdout, and what a terminal on stderr was sent."""
    main, other = pty.openpty()
    run = subprocess.Popen([BUILD / "edict", *words], stdout=subprocess.PIPE, stderr=other, text=True, cwd=ROOT)
    os.close(other)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    return run.communicate(timeout=60)[0], shown.decode()


def test_long_work_shows_how_far_it_is(simple):
    decide(simple, 50)
    simple.stop()
    for words, step in ((["ledger", "verify"], "verifying"), (["ledger", "rebuild"], "folding"), (["ledger", "replay"], "")):
        out, shown = on_a_terminal("--data", simple.folder, *words, "--json")
        entries = json.loads(out)["entries"]
        assert step in shown and f"{entries} of {entries} entries" in shown and shown.endswith("\n"), (words, shown)
        assert simple.cli(*words).stderr == ""  # not into a file
