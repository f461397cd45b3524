"""Many long polls, clients that vanish, readers that do not read: nothing is held, and the others are served."""

import os
import re
import selectors
import socket
import time
from pathlib import Path

import pytest

POLLS = 1000
DEPLOY = {"agent_identity": "agent-1", "operation": "deploy"}


def gauges(server):
    text = server.call("GET", "/metrics", door="metrics").body.decode()
    return {name: int(value) for name, value in re.findall(r"^edict_(http_connections|http_calls|long_polls|http_aborted_total) (\d+)$", text, re.M)}


def until(server, wanted, seconds=60):
    """Waits for gauges to become what is wanted; what they are at the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = gauges(server)
        if all(found[name] == value for name, value in wanted.items()):
            return found
        time.sleep(0.05)
    return gauges(server)


def escalate(server, count):
    return [server.evaluate({**DEPLOY, "context": {"i": i}}).json["escalation_id"] for i in range(count)]


def open_polls(server, escalations, count):
    sockets = []
    for i in range(count):
        connection = socket.create_connection(server.address())
        connection.sendall(f"GET /v1/escalations/{escalations[i % len(escalations)]}?wait=60&agent_identity=agent-1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        sockets.append(connection)
    assert until(server, {"long_polls": count})["long_polls"] == count
    return sockets


def read_all(sockets, seconds=60):
    """What each has received by the time all have an answer."""
    received = {connection: b"" for connection in sockets}
    selector = selectors.DefaultSelector()
    for connection in sockets:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
    deadline = time.monotonic() + seconds
    while selector.get_map() and time.monotonic() < deadline:
        for key, _ in selector.select(timeout=1):
            chunk = key.fileobj.recv(65536)
            received[key.fileobj] += chunk
            head, _, body = received[key.fileobj].partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.I)
            if not chunk or (length and len(body) >= int(length[1])):
                selector.unregister(key.fileobj)
    return [received[connection] for connection in sockets]


def close(sockets):
    for connection in sockets:
        connection.close()


def resident(server):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[1]) * 1024


def cpu_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_thousand_long_polls_cost_little_and_are_answered(simple):
    escalations = escalate(simple, 10)
    before = resident(simple)
    sockets = open_polls(simple, escalations, POLLS)
    per_poll = (resident(simple) - before) / POLLS
    assert per_poll < 64 * 1024, per_poll
    used, since = cpu_seconds(simple), time.monotonic()
    time.sleep(1)
    assert cpu_seconds(simple) - used < 0.5 * (time.monotonic() - since)  # waiting is not work
    assert simple.evaluate({**DEPLOY, "operation": "read"}).json["decision"] == "approve"
    for i, escalation in enumerate(escalations):
        assert simple.call("POST", f"/v1/escalations/{escalation}/{('approve', 'deny')[i % 2]}", {"reason": "x"}, admin=True).status == 200
    answers = read_all(sockets)
    for i, answer in enumerate(answers):
        assert answer.startswith(b"HTTP/1.1 200 ") and f'"state":"{("approved", "denied")[i % 2]}"'.encode() in answer, answer
    assert until(simple, {"long_polls": 0, "http_calls": 1})["long_polls"] == 0
    close(sockets)
    assert until(simple, {"http_connections": 1})["http_connections"] == 1


def test_long_polls_of_clients_that_vanish_hold_nothing(simple):
    escalations = escalate(simple, 3)
    aborted = gauges(simple)["http_aborted_total"]
    close(open_polls(simple, escalations, POLLS))
    left = until(simple, {"long_polls": 0, "http_calls": 1, "http_connections": 1})
    assert (left["long_polls"], left["http_calls"], left["http_connections"]) == (0, 1, 1) and left["http_aborted_total"] == aborted + POLLS
    assert simple.call("POST", f"/v1/escalations/{escalations[0]}/approve", {"reason": "x"}, admin=True).status == 200


def test_long_polls_are_answered_when_the_server_stops(simple):
    sockets = open_polls(simple, escalate(simple, 3), POLLS)
    assert simple.stop() == 0
    for answer in read_all(sockets):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and b"connection: close" in head.lower() and b'"state":"pending"' in body, answer
    close(sockets)


@pytest.mark.parametrize("verb", ["approve", "deny", "cancel"])
def test_a_change_beside_the_beginning_of_a_poll_is_not_missed(simple, verb):
    """Whichever comes first, the poll ends long before its time."""
    for i, escalation in enumerate(escalate(simple, 20)):
        with socket.create_connection(simple.address()) as connection:
            connection.sendall(f"GET /v1/escalations/{escalation}?wait=60&agent_identity=agent-1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep((i % 5) * 0.0005)
            simple.call("POST", f"/v1/escalations/{escalation}/{verb}", {"reason": "x"}, admin=True)
            assert b'"state":"pending"' not in read_all([connection], 20)[0]
    assert gauges(simple)["long_polls"] == 0


def test_readers_that_do_not_read_hold_up_nobody(simple):
    for i in range(400):
        simple.evaluate({**DEPLOY, "operation": "read", "context": {"i": i, "text": "x" * 2000}})
    sockets = []
    for _ in range(50):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(simple.address())
        connection.sendall(f"GET /v1/ledger/entries?limit=500 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {simple.token}\r\n\r\n".encode() * 4)
        sockets.append(connection)
    connection = simple.connect()
    for i in range(100):
        assert simple.call("POST", "/v1/evaluate", {**DEPLOY, "operation": "read", "context": {"more": i}}, connection=connection).json["decision"] == "approve"
    connection.close()
    close(sockets)
    left = until(simple, {"http_calls": 1, "http_connections": 1})
    assert (left["http_calls"], left["http_connections"]) == (1, 1)


def test_half_closed_clients_still_get_their_answer(simple):
    escalation = escalate(simple, 1)[0]
    answer = simple.raw(f"GET /v1/escalations/{escalation}?wait=1&agent_identity=agent-1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ") and b'"state":"pending"' in answer
