"""Indexes that are damaged in their files: seen by verify and rebuild, made anew by reindex, and then every answer is as before."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import BUILD, RULES, Server

DECISIONS = 3000  # past 2,048, where the index begins rows by term, and more than a few blocks of each index
BLOCK = 4096
QUERIES = ["agent=agent-1", "agent=agent-2&tier=3", "operation=read", "rule=test.deny", "escalation=ESC-1", "command_prefix=kubectl+get+pod-1",
           "command_prefix=kubectl+g*&agent=agent-2", "tier=2"]


def decide(server, at):
    connection, ids = server.connect(), []
    for i in at:
        request = {"agent_identity": f"agent-{1 + i % 2}", "operation": ("read", "read", "delete", "deploy")[i % 4 if i % 100 < 4 else i % 3],
                   "command": f"kubectl get pod-{i % 3} -n ns-{i % 50}", "context": {"i": i}}
        answer = server.evaluate(request, connection=connection)
        assert answer.status == 200, answer.body
        ids.append(answer.json["decision_id"])
    return ids


def listed(server, query):
    """Every decision's index that a query finds."""
    found, cursor = [], ""
    while True:
        answer = server.call("GET", f"/v1/decisions?limit=200&{query}{cursor}", admin=True)
        assert answer.status == 200, answer.body
        found += [one["ledger_index"] for one in answer.json["decisions"]]
        if not answer.json.get("next_cursor"):
            return found
        cursor = f"&cursor={answer.json['next_cursor']}"


def shown(server, ids):
    connection = server.connect()
    answers = [server.call("GET", f"/v1/decisions/{one}", admin=True, connection=connection) for one in ids]
    return {answer.status for answer in answers}, [answer.json.get("ledger_index") for answer in answers]


class Whole:
    """A stopped data directory, and what its server answered."""

    def __init__(self, folder):
        (folder / "policies").mkdir()
        (folder / "policies" / "rules.lua").write_text(RULES)
        self.folder, self.policies = folder / "data", folder / "policies"
        server = Server(self.folder, self.policies).start()
        try:
            for agent in ("agent-1", "agent-2"):
                server.set_agent(agent, {"namespace": "one", "owner": "o@example.com", "privileges": ["a}", 'b"},"id":"'], "budget": {"monthly_limit_usd": "100.00"}})
            with ThreadPoolExecutor(2) as pool:
                self.ids = [one for part in pool.map(lambda at: decide(server, at), [range(0, DECISIONS, 2), range(1, DECISIONS, 2)]) for one in part]
            self.backup = folder / "backup"
            assert server.cli("ledger", "backup", str(self.backup)).returncode == 0
            self.answers = self.ask(server)
        finally:
            server.stop()
        assert self.answers[0][0] == {200} and all(self.answers[1:])

    def ask(self, server):
        return [shown(server, self.ids), *(listed(server, query) for query in QUERIES)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def copy(whole, new_server):
    server = new_server(policies=whole.policies, start=False)
    shutil.copytree(whole.folder, server.folder)
    return server


def tables(folder, family):
    """RocksDB's table files of a family, which their properties name."""
    return [path for path in (folder / "ledger").glob("*.sst") if b"name" + family.encode() in path.read_bytes()]


def damage(folder, family):
    """Other bytes in the middle of a family's largest file."""
    path = max(tables(folder, family), key=lambda one: one.stat().st_size)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    assert len(data) > 4 * BLOCK, f"{family}: {len(data)} bytes"
    data[middle:middle + BLOCK] = bytes(byte ^ 0x5A for byte in data[middle:middle + BLOCK])
    path.unlink()  # it may be shared with others by hard links
    path.write_bytes(data)


def refused(run, *words):
    assert run.returncode == 1 and all(word in run.stderr for word in words), run.stderr
    assert "valid" not in run.stdout, run.stdout


def test_a_whole_ledger_is_valid(whole, copy):
    run = copy.cli("ledger", "verify")
    assert run.returncode == 0 and ": valid" in run.stdout, run.stderr
    run = copy.cli("ledger", "rebuild")
    assert run.returncode == 0, run.stderr
    run = copy.cli("ledger", "verify", data=whole.backup)
    assert run.returncode == 0, run.stderr
    for folder in (copy.folder, whole.backup):
        run = copy.cli("ledger", "reindex", "--check", "--json", data=folder)
        assert run.returncode == 0, run.stderr
        found = json.loads(run.stdout)
        assert found["valid"] and found["entries"] > DECISIONS and found["rows"] > 8 * DECISIONS  # agent, tier, operation, rule, type, three words


@pytest.mark.parametrize("families", [("ids",), ("postings",), ("ids", "postings")])
def test_a_damaged_index_is_seen_and_made_anew(whole, copy, families):
    for family in families:
        damage(copy.folder, family)
    refused(copy.cli("ledger", "verify"), f"index of {'ids' if 'ids' in families else 'terms'} is damaged", "checksum", "edict ledger reindex --data DIR")
    if "postings" in families:
        refused(copy.cli("ledger", "reindex", "--check"), "index of terms is damaged", "edict ledger reindex --data DIR")
    run = copy.cli("ledger", "reindex", "--json")
    assert run.returncode == 0, run.stderr
    entries = json.loads(run.stdout)["entries"]
    assert entries > DECISIONS
    run = copy.cli("ledger", "verify")
    assert run.returncode == 0, run.stderr
    assert copy.cli("ledger", "rebuild").returncode == 0
    copy.start()
    assert whole.ask(copy) == whole.answers
    decide(copy, range(2100))  # and it goes on, past the next multiple of 2,048
    copy.stop()
    for words in (["verify"], ["reindex", "--check"]):
        run = copy.cli("ledger", *words)
        assert run.returncode == 0, run.stderr


def test_a_damaged_backup_is_not_restored_and_can_be_repaired(whole, copy, tmp_path):
    backup = tmp_path / "backup"
    shutil.copytree(whole.backup, backup)
    damage(backup, "ids")
    restore = ("ledger", "restore", str(backup), "--reason", "a test")
    refused(copy.cli(*restore, data=tmp_path / "new"), "index of ids is damaged", "edict ledger reindex")
    assert copy.cli("ledger", "reindex", data=backup).returncode == 0
    run = copy.cli("ledger", "verify", data=backup)
    assert run.returncode == 0, run.stderr
    shutil.rmtree(tmp_path / "new", ignore_errors=True)
    run = copy.cli(*restore, data=tmp_path / "new")
    assert run.returncode == 0, run.stderr


def test_a_server_says_what_to_do(whole, copy):
    damage(copy.folder, "ids")
    copy.start()
    connection = copy.connect()
    answers = [copy.call("GET", f"/v1/decisions/{one}", admin=True, connection=connection) for one in whole.ids]
    failed = [answer for answer in answers if answer.status != 200]
    assert failed and all(answer.status == 500 for answer in failed)
    assert "index of ids" in failed[0].json["detail"] and "edict ledger reindex" in failed[0].json["detail"], failed[0].body


def test_a_reindex_that_is_killed_is_run_again(whole, copy):
    damage(copy.folder, "ids")
    damage(copy.folder, "postings")
    steps = 0
    for wait in (0.001, 0.01, 0.03, 0.05, 0.08, 0.12, 0.2):
        process = subprocess.Popen([str(BUILD / "edict"), "--data", str(copy.folder), "ledger", "reindex"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            steps += 1
        run = copy.cli("ledger", "verify")
        assert run.returncode == 0 or "edict ledger reindex" in run.stderr, run.stderr
        if process.returncode != 0:
            continue
        assert run.returncode == 0, run.stderr
    assert steps > 0
    assert copy.cli("ledger", "reindex").returncode == 0
    copy.start()
    assert whole.ask(copy) == whole.answers


def test_large_requests_need_no_memory_together(simple):
    """Their values, parsed, are many times their text; a reindex that fails half-way leaves no index."""
    context = {"a": [[1] * 3000] * 7}
    connection = simple.connect()
    for _ in range(550):
        assert simple.call("POST", "/v1/evaluate", {"agent_identity": "agent-1", "operation": "read", "context": context}, connection=connection).json["decision"] == "approve"
    simple.stop()
    for words in (["reindex", "--check"], ["reindex"], ["reindex", "--check"], ["verify"]):
        run = simple.cli("ledger", *words)
        assert run.returncode == 0, run.stderr
