"""Queries and exports through their doors: REST and the command line, on a running server and offline."""

import csv
import io
import json
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import BUILD


def decide(server, count, start=0, **more):
    connection = server.connect()
    for i in range(start, start + count):
        request = {"agent_identity": "agent-1", "operation": "read", "context": {"i": i}, **more}
        assert server.evaluate(request, connection=connection).status == 200


def get(server, path, **more):
    answer = server.call("GET", path, admin=True, **more)
    assert answer.status == 200, answer.body
    return answer


def test_export_is_the_ledger(simple):
    decide(simple, 700)
    entries = simple.ledger()
    answer = get(simple, "/v1/ledger/export")
    assert answer.headers["content-type"] == "application/jsonl" and answer.headers["edict-export-end"] == str(len(entries))
    assert [json.loads(line) for line in answer.body.splitlines()] == entries


def test_export_as_csv(simple):
    nasty = ["=HYPERLINK(\"http://x\")", "+1", "-1", "@x", "\tx", "a \"quoted\", text\nover two lines", "plain"]
    for command in nasty:
        decide(simple, 1, command=command)
    simple.evaluate({"agent_identity": "agent-1", "operation": "deploy"})
    simple.call("POST", "/v1/escalations/ESC-1/deny", {"reason": "no"}, admin=True)
    answer = get(simple, "/v1/ledger/export?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline=""), strict=True))
    entries = simple.ledger()
    assert [(row["index"], row["time"], row["type"]) for row in rows] == [(str(e["index"]), e["time"], e["type"]) for e in entries]
    decisions = [row for row in rows if row["type"] == "decision"]
    assert [row["command"] for row in decisions] == ["'" + c if c[0] in "=+-@\t" else c for c in nasty] + [""]
    assert decisions[0]["agent"] == "agent-1" and decisions[0]["tier"] == "0" and decisions[0]["rules"] == "test.allow" and decisions[0]["cost_usd"] == "0.00"
    assert decisions[-1]["escalation_id"] == "ESC-1" == rows[-1]["escalation_id"] and rows[-1]["status"] == "denied" and rows[-1]["reason"] == "no" and rows[-1]["by"] == "admin"
    bare = get(simple, f"/v1/ledger/export?format=csv&header=absent&from=3&to=5").body.decode()
    assert [line.split(",")[0] for line in bare.splitlines()] == ['"3"', '"4"']


def test_filters_are_the_same_everywhere(simple, tmp_path):
    for i in range(40):
        simple.evaluate({"agent_identity": f"agent-{1 + i % 2}", "operation": "read" if i % 3 else "delete", "command": f"kubectl get pod web-{i % 5} -n x{i}"})
    simple.evaluate({"agent_identity": "agent-3", "operation": "read"})  # without a command
    entries = simple.ledger()
    decisions = [e for e in entries if e["type"] == "decision"]
    request = lambda e: e["body"]["request"]
    times = [e["time"] for e in entries]
    cases = {
        "type=decision": lambda e: True,
        "agent=agent-1&type=decision": lambda e: request(e)["agent_identity"] == "agent-1",
        "tier=3": lambda e: request(e)["operation"] == "delete",
        "operation=read": lambda e: request(e)["operation"] == "read",
        "rule=test.deny": lambda e: request(e)["operation"] == "delete",
        "command_prefix=kubectl+get": lambda e: "command" in request(e),
        "command_prefix=kubectl++get+pod+web-3": lambda e: " web-3 " in request(e).get("command", ""),
        "command_prefix=kubectl+get+pod+web-3+-n+x8": lambda e: request(e).get("command", "").endswith("x8"),
        "command_prefix=kubectl+get+pod+web-3+-n+x1": lambda e: False,
        "command_prefix=kubectl+get+pod+web-3+-n+x1*": lambda e: " web-3 -n x1" in request(e).get("command", ""),
        "command_prefix=kub*": lambda e: "command" in request(e),
        "command_prefix=*": lambda e: "command" in request(e),
        "command_prefix=kubectl+g": lambda e: False,
        "command_prefix=kubectl+*": lambda e: "command" in request(e),
        f"since={times[10]}&until={times[30]}&type=decision": lambda e: times[10] <= e["time"] < times[30],
        "agent=agent-2&operation=read&command_prefix=kubectl+get+pod+web-1": lambda e: request(e)["agent_identity"] == "agent-2" and request(e)["operation"] == "read" and " web-1 " in request(e)["command"],
    }
    for query, holds in cases.items():
        expected = [e for e in decisions if holds(e)]
        assert get(simple, "/v1/ledger/entries?limit=500&" + query).json["entries"] == expected, query
        assert get(simple, "/v1/ledger/entries?last=500&" + query).json["entries"] == expected, query
        assert get(simple, "/v1/ledger/entries?last=3&" + query).json["entries"] == expected[-3:], query
        assert [json.loads(line) for line in get(simple, "/v1/ledger/export?" + query).body.splitlines()] == expected, query
        flags = [f"--{name.replace('_', '-')}={value.replace('+', ' ')}" for name, value in (part.split("=", 1) for part in query.split("&"))]
        for where in ([], ["--offline"]):
            shown = simple.cli("ledger", "export", *flags, *where)
            assert shown.returncode == 0, shown.stderr
            assert [json.loads(line) for line in shown.stdout.splitlines()] == expected, (query, where)
        if "type=" not in query:
            paged, cursor = [], ""
            while cursor is not None:
                page = get(simple, f"/v1/decisions?limit=7&{query}" + (f"&cursor={cursor}" if cursor else "")).json
                paged += page["decisions"]
                cursor = page["next_cursor"]
            assert [d["ledger_index"] for d in paged] == [e["index"] for e in reversed(expected)], query
    assert simple.call("GET", "/v1/ledger/entries?last=3&from=2", admin=True).status == 400
    assert simple.call("GET", "/v1/ledger/export?format=parquet", admin=True).status == 400
    assert simple.call("GET", "/v1/ledger/entries?type=nothing", admin=True).status == 400
    for path in ("/v1/decisions", "/v1/ledger/entries", "/v1/ledger/export"):  # no words are no prefix, and leave not everything
        assert simple.call("GET", path + "?command_prefix=+%09", admin=True).status == 400
    for flag in ("--command-prefix= \t", "--type=nothing", "--tier=4", "--from=x", "--since=yesterday"):
        for where in ([], ["--offline"]):
            shown = simple.cli("ledger", "export", flag, *where)
            assert shown.returncode == 2 and shown.stdout == "", (flag, where)


def test_all_of_an_escalation(simple):
    deploy = {"agent_identity": "agent-1", "operation": "deploy", "context": {"namespace": "one"}}
    first = simple.evaluate(deploy).json
    assert first["escalation_id"] == "ESC-1"
    simple.evaluate(deploy)  # joins
    simple.evaluate({**deploy, "agent_identity": "agent-2"})  # another one
    assert simple.call("POST", "/v1/escalations/ESC-1/approve", {"reason": "yes", "uses": 2, "budget_increase_usd": "5"}, admin=True).status == 200
    for _ in range(3):  # two uses of the grant, and a new escalation
        simple.evaluate(deploy)
    decide(simple, 3)
    entries = get(simple, "/v1/ledger/entries?escalation=ESC-1").json["entries"]
    kinds = [(e["type"], e["body"].get("decision"), "grant_id" in e["body"].get("effects", {})) for e in entries]
    assert kinds == [
        ("decision", "escalate", False), ("decision", "escalate", False), ("escalation.resolved", None, False), ("budget.raised", None, False),
        ("decision", "approve", True), ("decision", "approve", True),
    ]
    assert [d["ledger_index"] for d in get(simple, "/v1/decisions?escalation=ESC-1").json["decisions"]] == [e["index"] for e in reversed(entries) if e["type"] == "decision"]
    shown = simple.cli("ledger", "tail", "--escalation", "ESC-1", "--lines", "4")
    assert shown.returncode == 0 and [int(line.split()[0]) for line in shown.stdout.splitlines()] == [e["index"] for e in entries[-4:]]


def test_export_to_a_file_and_on(simple, tmp_path):
    decide(simple, 20, command="a,\n\"b\"")
    whole = tmp_path / "whole.csv"
    shown = simple.cli("ledger", "export", "--format", "csv", "--out", str(whole), "--progress")
    assert shown.returncode == 0 and "complete up to entry" in shown.stderr and " of " in shown.stderr
    parts = tmp_path / "parts.csv"
    assert simple.cli("ledger", "export", "--format", "csv", "--out", str(parts), "--to", "9").returncode == 0
    assert simple.cli("ledger", "export", "--format", "csv", "--out", str(parts), "--from", "9", "--append").returncode == 0
    assert parts.read_bytes() == whole.read_bytes() == get(simple, "/v1/ledger/export?format=csv").body
    simple.stop()
    offline = simple.cli("ledger", "export", "--offline", "--format", "csv")
    assert offline.returncode == 0 and offline.stdout.encode() == whole.read_bytes().replace(b"\r\n", b"\n")  # text mode
    assert simple.cli("ledger", "export").returncode == 1
    full = simple.cli("ledger", "export", "--offline", "--out", "/dev/full")
    assert full.returncode == 1 and "cannot write" in full.stderr
    with open("/dev/full", "w") as out:
        shown = subprocess.run([BUILD / "edict", "--data", simple.folder, "ledger", "checkpoint", "--offline"], stdout=out, stderr=subprocess.PIPE, text=True, timeout=60)
    assert shown.returncode == 1 and "standard output: cannot write" in shown.stderr


@pytest.fixture
def long(new_server, simple_policies):
    """More than sockets and pipes hold."""
    server = new_server(policies=simple_policies)
    server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    decide(server, 700, context={"text": "x" * 12000})
    return server


@pytest.mark.parametrize("where", [[], ["--offline"]])
def test_a_reader_that_leaves_stops_the_export(long, where):
    command = [str(BUILD / "edict"), "--data", str(long.folder), "ledger", "export", *where]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["index"] == 0
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""
    decide(long, 1)  # the server goes on


def test_a_slow_reader_costs_no_memory(long):
    def resident():
        status = (f"/proc/{long.process.pid}/status")
        return int(next(line for line in open(status) if line.startswith("VmRSS")).split()[1])

    before = resident()
    sockets = []
    for _ in range(40):
        connection = socket.create_connection(long.address(), timeout=60)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET /v1/ledger/export HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {long.token}\r\n\r\n".encode())
        sockets.append(connection)
    for connection in sockets:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    decide(long, 5)  # others are served
    grown = resident() - before
    for connection in sockets:
        connection.close()
    # The whole export for each of them would be 336 MiB. Sanitizers keep what is freed, and have memory beside memory.
    if not re.search("lib[at]san", Path(f"/proc/{long.process.pid}/maps").read_text()):
        assert grown < 80 * 1024, f"{grown} KiB for 40 readers of an export of 8 MiB"


def test_a_server_that_stops_leaves_whole_rows(long, tmp_path):
    out = tmp_path / "rows.jsonl"
    os.mkfifo(tmp_path / "slow")
    # The export is held up by a full pipe until the server has been told to stop.
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([str(BUILD / "edict"), "--data", str(long.folder), "ledger", "export"], stdout=subprocess.PIPE, stderr=log)
        process.stdout.read(100)
        long.stop()
        rest = process.stdout.read()
        assert process.wait(timeout=60) == 1
    text = (tmp_path / "log").read_text()
    assert "incomplete" in text and "--from" in text
    long.start()
    index = int(text.split("--from ")[1].split()[0])
    out.write_bytes(b"")
    shown = long.cli("ledger", "export", "--from", str(index), "--append", "--out", str(out))
    assert shown.returncode == 0 and json.loads(out.read_text().splitlines()[0])["index"] == index


def test_tail_follows(simple):
    command = [str(BUILD / "edict"), "--data", str(simple.folder), "ledger", "tail", "--follow", "--lines", "0", "--agent", "agent-2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(process.stdout.readline() for _ in range(3)))
        reader.start()
        deadline = time.monotonic() + 60
        sent = []
        while reader.is_alive() and time.monotonic() < deadline:
            decide(simple, 1)
            sent.append(simple.evaluate({"agent_identity": "agent-2", "operation": "read"}).json["ledger_index"])
            reader.join(0.2)
        assert not reader.is_alive()
        shown = [int(line.split()[0]) for line in seen]
        assert shown == sent[sent.index(shown[0]):][:3]
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_waiting_for_entries(simple):
    size = get(simple, "/v1/ledger").json["size"]
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(get(simple, f"/v1/ledger/entries?from={size}&wait=60")))
    waiter.start()
    time.sleep(0.2)
    begun = time.monotonic()
    decide(simple, 1)
    waiter.join(60)
    assert [e["index"] for e in answers[0].json["entries"]] == [size] and time.monotonic() - begun < 30
    begun = time.monotonic()
    assert get(simple, f"/v1/ledger/entries?from={size + 1}&wait=1").json == {"entries": [], "next": size + 1, "size": size + 1, "archived": 0}
    assert time.monotonic() - begun >= 0.9


def test_redacted_commands_are_found_by_nothing(new_server, simple_policies):
    (simple_policies / "redact.lua").write_text('redact { "command" }\n')
    server = new_server(policies=simple_policies)
    server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    decide(server, 3, command="mysql --password=sesame -e x")
    for query in ("command_prefix=mysql", "command_prefix=mysql*", "command_prefix=mysql+--password%3Dsesame"):
        assert get(server, "/v1/decisions?" + query).json["decisions"] == []
    for path in ("export", "export?format=csv"):
        assert b"sesame" not in get(server, "/v1/ledger/" + path).body
    server.stop()
    assert server.cli("ledger", "reindex").returncode == 0
    server.start()
    assert get(server, "/v1/decisions?command_prefix=mysql").json["decisions"] == []
    assert len(get(server, "/v1/decisions?agent=agent-1").json["decisions"]) == 3


def test_archived_entries_are_said_to_be_missing_and_put_back(simple, tmp_path):
    connection = simple.connect()
    for i in range(2200):  # past 2,048, where the index begins rows by term: those of archived entries go
        simple.evaluate({"agent_identity": f"agent-{1 + i % 2}", "operation": "read", "command": f"kubectl get pod-{i % 3}"}, connection=connection)
    whole = {words: simple.cli("ledger", "export", *words).stdout for words in ((), ("--agent", "agent-2"), ("--command-prefix", "kubectl get pod-1"))}
    shown = simple.cli("ledger", "archive", "--until", "2048", "--to", str(tmp_path / "archive"))
    assert shown.returncode == 0, shown.stderr
    rest = simple.cli("ledger", "export", "--progress")
    assert rest.returncode == 0 and "entries below 2048 are archived" in rest.stderr
    assert rest.stdout.startswith(whole[()][whole[()].index('{"index":2048,'):])
    assert simple.call("GET", "/v1/ledger/export?from=3", admin=True).headers["edict-export-begin"] == "2048"
    simple.stop()
    for words, expected in whole.items():
        shown = simple.cli("ledger", "export", "--offline", "--archive", str(tmp_path / "archive"), *words)
        assert shown.returncode == 0 and shown.stdout.startswith(expected), (words, shown.stderr)
        assert "are archived" not in shown.stderr
