"""What a verifier is told, and what is refused before anything is changed: missing files, other keys, folders without a ledger."""

import json
import shutil

import pytest
from test_tlog import decide
from test_upkeep import cli, ledger_json


def contents(folder):
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*")}


def origin_key(server):
    return server.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()


@pytest.fixture
def stopped(simple):
    decide(simple, 30)
    simple.key = origin_key(simple)
    simple.stop()
    return simple


# Commands on files; those in the second list change them.
READING = (["verify"], ["rebuild"], ["replay"], ["export", "--offline"], ["checkpoint", "--offline"], ["prove", "0", "--offline"])
CHANGING = (["backup", "BACKUP", "--offline"], ["rotate-key", "--offline"], ["reindex"], ["new-origin", "--reason", "r"], ["archive", "--until", "256", "--to", "ARCHIVE", "--offline"])


def run_each(folder, tmp_path):
    for words in READING + CHANGING:
        yield words, cli(folder, "ledger", *[str(tmp_path / word.lower()) if word in ("BACKUP", "ARCHIVE") else word for word in words])


def test_a_ledger_without_its_file_current_is_left_as_it_is(stopped, tmp_path):
    """RocksDB would begin a new one in its place, and delete the files of the old one."""
    current = stopped.folder / "ledger" / "CURRENT"
    kept = current.read_bytes()
    current.unlink()
    before = contents(stopped.folder)
    for words, refused in run_each(stopped.folder, tmp_path):
        assert refused.returncode != 0 and "CURRENT" in refused.stderr and "nothing was changed" in refused.stderr, (words, refused.stderr)
    with pytest.raises(RuntimeError, match="CURRENT is not"):
        stopped.start()
    assert contents(stopped.folder) == before
    current.write_bytes(kept)
    assert ledger_json(stopped.folder, "verify")["entries"] > 30


def test_a_ledger_that_is_gone_is_not_begun_anew(stopped):
    shutil.rmtree(stopped.folder / "ledger")
    before = contents(stopped.folder)
    for name in ("ledger.key", "ledger.checkpoint"):
        with pytest.raises(RuntimeError, match=name + " is here, and the ledger.*is not. Bring it back"):
            stopped.start()
        assert contents(stopped.folder) == before
        before.pop(name)
        (stopped.folder / name).unlink()


@pytest.mark.parametrize("there", [False, True])
def test_commands_make_no_ledger_where_there_is_none(there, tmp_path):
    folder = tmp_path / "data"
    if there:
        folder.mkdir()
    for words, refused in run_each(folder, tmp_path):
        assert refused.returncode != 0 and "no ledger" in refused.stderr and "--data DIR" in refused.stderr, (words, refused.stderr)
        assert folder.exists() == there and (not there or list(folder.iterdir()) == []), words
    assert not (tmp_path / "backup").exists() and not (tmp_path / "archive").exists()


def test_verify_says_whether_a_signature_was_checked(stopped, tmp_path):
    signed = ledger_json(stopped.folder, "verify")
    assert signed["signed"] == {"key": stopped.key, "size": signed["entries"]}
    assert stopped.key in cli(stopped.folder, "ledger", "verify").stdout
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copytree(stopped.folder / "ledger", bare / "ledger")
    assert ledger_json(bare, "verify")["signed"] is None
    assert "no signature was checked" in cli(bare, "ledger", "verify").stdout
    refused = cli(bare, "ledger", "verify", "--key", stopped.key)
    assert refused.returncode == 1 and "nothing in it is signed by the key given" in refused.stderr
    shutil.copy(stopped.folder / "ledger.vkey", bare)
    refused = cli(bare, "ledger", "verify")
    assert refused.returncode == 1 and "ledger.checkpoint is missing" in refused.stderr


def test_verify_trusts_the_key_that_it_is_given_and_no_other(stopped, tmp_path):
    first = stopped.key
    assert ledger_json(stopped.folder, "verify", "--key", first)["valid"]
    other = "edict.local/963cd078f14ae800+" + first.split("+", 1)[1]
    for wrong, code in ((other, 2), ("bad", 2)):
        assert cli(stopped.folder, "ledger", "verify", "--key", wrong).returncode == code
    stopped.start()
    second = json.loads(stopped.cli("ledger", "rotate-key", "--overlap-s", "0", "--json").stdout)["new_key"]
    decide(stopped, 5)
    index = [entry["index"] for entry in stopped.ledger() if entry["type"] == "ledger.key.rotated"][0]
    third = json.loads(stopped.cli("ledger", "rotate-key", "--overlap-s", "0", "--json").stdout)["new_key"]
    backup = tmp_path / "backup"
    assert stopped.cli("ledger", "backup", str(backup)).returncode == 0
    stopped.stop()
    for folder in (stopped.folder, backup):
        for key in (first, second, third):  # by the proofs of the handovers
            assert ledger_json(folder, "verify", "--key", key)["signed"]["key"] == third
    proof = backup / f"ledger.handover.{index}"
    bytes_ = proof.read_bytes()
    proof.unlink()
    refused = cli(backup, "ledger", "verify", "--key", first)
    assert refused.returncode == 1 and str(proof) in refused.stderr and "proof of the handover" in refused.stderr
    assert ledger_json(backup, "verify", "--key", second)["valid"]
    proof.write_bytes(bytes_[:-20] + bytes([bytes_[-20] ^ 1]) + bytes_[-19:])
    later = [path for path in backup.glob("ledger.handover.*") if path != proof][0]
    later.replace(proof)
    refused = cli(backup, "ledger", "verify", "--key", first)
    assert refused.returncode == 1 and "does not prove the handover" in refused.stderr
    assert cli(tmp_path / "restored", "ledger", "restore", backup, "--reason", "r", "--key", first).returncode == 1


def test_a_key_of_another_log_verifies_nothing(stopped, new_server, simple_policies):
    other = new_server(name="other", policies=simple_policies)
    key = origin_key(other)
    refused = cli(stopped.folder, "ledger", "verify", "--key", key)
    assert refused.returncode == 1 and "the key given is none of those of this log" in refused.stderr


def test_a_backup_is_what_its_backup_json_says(stopped, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    stopped.start()
    assert stopped.cli("ledger", "backup", str(first)).returncode == 0
    before = contents(first)
    inside = cli(first / "ledger" / "restored", "ledger", "restore", first, "--reason", "r")
    assert inside.returncode == 2 and "it lies in the backup" in inside.stderr and contents(first) == before
    decide(stopped, 3)
    assert stopped.cli("ledger", "backup", str(second)).returncode == 0
    for folder in (first, second):
        assert ledger_json(folder, "verify")["valid"]
    shutil.rmtree(second / "ledger")
    shutil.copytree(first / "ledger", second / "ledger")
    assert "shorter" in cli(second, "ledger", "verify").stderr
    for name in ("ledger.checkpoint", "ledger.vkey"):
        shutil.copy(first / name, second)
    refused = cli(second, "ledger", "verify")
    assert refused.returncode == 1 and "backup.json" in refused.stderr and "does not begin with the" in refused.stderr
    (second / "backup.json").write_text("{}")
    refused = cli(second, "ledger", "verify")
    assert refused.returncode == 1 and "does not say validly what was backed up" in refused.stderr


def signed_by(note, origin, keep):
    """A checkpoint with only the signature lines that `keep` lets through."""
    text, signatures = note.split("\n\n", 1)
    lines = [line for line in signatures.splitlines() if keep(line)]
    assert lines and all(origin in line for line in lines)
    return text + "\n\n" + "".join(line + "\n" for line in lines)


def test_a_former_key_signs_for_nothing_after_its_handover(stopped, tmp_path):
    first, origin = stopped.key, stopped.key.split("+")[0]
    stopped.start()
    second = json.loads(stopped.cli("ledger", "rotate-key", "--json").stdout)["new_key"]  # both sign for a week
    decide(stopped, 3)
    backup = tmp_path / "backup"
    assert stopped.cli("ledger", "backup", str(backup)).returncode == 0
    stopped.stop()
    note = (backup / "ledger.checkpoint").read_text()
    lines = note.split("\n\n", 1)[1].splitlines()
    assert len(lines) == 2
    for key in ([], ["--key", first], ["--key", second]):
        assert cli(backup, "ledger", "verify", *key).returncode == 0
    (backup / "ledger.checkpoint").write_text(signed_by(note, origin, lambda line: line == lines[1]))  # the former key's alone
    for key in ([], ["--key", first], ["--key", second]):
        assert cli(backup, "ledger", "verify", *key).returncode == 1, key
        assert cli(tmp_path / "new", "ledger", "restore", backup, "--reason", "r", *key).returncode == 1, key
    (backup / "ledger.checkpoint").write_text(signed_by(note, origin, lambda line: line == lines[0]))
    assert ledger_json(backup, "verify", "--key", first)["signed"]["key"] == second


def test_who_says_that_he_came_before_a_key_does_not_sign_for_it(stopped, tmp_path):
    """The forger's log says that his key handed over to the one that is trusted, which is public; and he signs alone."""
    victim = stopped.key
    stopped.start()
    rotated = json.loads(stopped.cli("ledger", "rotate-key", "--json").stdout)
    backup = tmp_path / "backup"
    assert stopped.cli("ledger", "backup", str(backup)).returncode == 0
    stopped.stop()
    # Here `victim` plays the forger, who handed over to `new_key` without its consent: only his signature is there.
    note = (backup / "ledger.checkpoint").read_text()
    mine = [line for line in note.split("\n\n", 1)[1].splitlines()][1]
    (backup / "ledger.checkpoint").write_text(signed_by(note, victim.split("+")[0], lambda line: line == mine))
    refused = cli(backup, "ledger", "verify", "--key", rotated["new_key"])
    assert refused.returncode == 1 and "ledger.checkpoint" in refused.stderr


def test_a_ledger_cut_to_its_first_entry_is_not_signed(stopped, new_server, simple_policies, tmp_path):
    other = tmp_path / "other"
    begun = new_server(name="begun", policies=simple_policies)
    begun.stop()
    shutil.copytree(begun.folder, other)
    for name in ("ledger.checkpoint", "ledger.key", "ledger.vkey"):
        (other / name).unlink()
    shutil.copy(stopped.folder / "ledger.vkey", other)
    refused = cli(other, "ledger", "verify", "--key", stopped.key)
    assert refused.returncode == 1 and "ledger.checkpoint is missing" in refused.stderr
    assert cli(tmp_path / "new", "ledger", "restore", other, "--reason", "r", "--key", stopped.key).returncode == 1


def test_entries_that_nobody_signed_for_are_not_restored(stopped, tmp_path):
    backup = tmp_path / "backup"
    stopped.start()
    assert stopped.cli("ledger", "backup", str(backup)).returncode == 0
    decide(stopped, 2)
    stopped.stop()
    older = (backup / "ledger.checkpoint").read_bytes()
    (stopped.folder / "ledger.checkpoint").write_bytes(older)
    shown = cli(stopped.folder, "ledger", "verify")
    assert shown.returncode == 0 and "nobody has signed for those after" in shown.stdout
    refused = cli(tmp_path / "new", "ledger", "restore", stopped.folder, "--reason", "r", "--key", stopped.key)
    assert refused.returncode == 1 and "a backup is signed over all that is in it" in refused.stderr


def test_a_backup_that_became_a_data_directory_goes_on(stopped, new_server, simple_policies, tmp_path):
    stopped.start()
    assert stopped.cli("ledger", "backup", str(tmp_path / "moved"), "--with-key").returncode == 0
    stopped.stop()
    moved = new_server(name="moved", policies=simple_policies, start=False)
    moved.start()
    decide(moved, 3)
    moved.stop()
    assert (moved.folder / "backup.json").exists() and ledger_json(moved.folder, "verify")["valid"]


def test_an_empty_mount_point_is_not_taken_for_a_ledger(stopped, tmp_path):
    shutil.rmtree(stopped.folder / "ledger")
    (stopped.folder / "ledger" / "lost+found").mkdir(parents=True)
    before = contents(stopped.folder)
    for words, refused in run_each(stopped.folder, tmp_path):
        assert refused.returncode != 0 and "no ledger" in refused.stderr, (words, refused.stderr)
    with pytest.raises(RuntimeError, match="and the ledger that it goes with"):
        stopped.start()
    assert contents(stopped.folder) == before
