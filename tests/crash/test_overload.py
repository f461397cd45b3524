"""The disk hangs: the queue takes what it may, the rest is told to come again, and nobody is answered before the disk has."""

import resource
import select
import time

import disk
import pytest
import scenario
from edictd import Edictd
from verify import verify

BYTES = 60000  # of one request
QUEUE_BYTES = 64 << 20  # docs/limits.md
QUESTIONS_MAX = 1000
CONNECTIONS = QUEUE_BYTES // BYTES + 150


def stalled(server):
    return any(operation.op == "I" for operation in disk.read_log(server.oplog))


def request(mark, size=10):
    return {"agent_identity": "agent-1", "operation": "delete", "idempotency_key": mark, "context": {"pad": "x" * size}}


def readable(clients, timeout_s):
    poll = select.poll()
    by_fd = {client.connection.fileno(): client for client in clients}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    return [by_fd[fd] for fd, _ in poll.poll(timeout_s * 1000)]


def ask_until_stalled(server, exchanges):
    """The last question stays open."""
    client = server.client(exchanges)
    for _ in range(QUESTIONS_MAX):
        exchange = client.send("POST", "/v1/evaluate", request(f"first-{client.count}"))
        while not readable([client], 0.01):
            if stalled(server):
                return client, exchange
        client.receive(exchange)
    raise AssertionError("no sync stalled")


def take_refusals(waiting):
    """Until no more wait than fit into the queue, and the one that is being written."""
    refused, deadline = 0, time.monotonic() + 100
    while (len(waiting) - 1) * BYTES > QUEUE_BYTES or readable(waiting, 0.2):
        assert time.monotonic() < deadline, f"{len(waiting)} requests wait"
        for client in readable(waiting, 0.2):
            reply = client.receive(waiting.pop(client))
            assert reply.status == 503 and int(reply.headers["retry-after"]) >= 1, reply
            refused += 1
    return refused


@pytest.mark.timeout(300)
def test_the_queue_is_bounded_and_nothing_is_answered_early(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * CONNECTIONS), hard))
    policies, release, exchanges = scenario.write_policies(folder / "policies"), folder / "release", []
    server = Edictd(folder / "work", policies, shim=True, fault="sync:12:stall:.wal", release=release)
    try:
        server.start()
        waiting = dict([ask_until_stalled(server, exchanges)])
        asked = [server.client(exchanges) for _ in range(CONNECTIONS)]
        for i, client in enumerate(asked):
            waiting[client] = client.send("POST", "/v1/evaluate", request(f"more-{i}", BYTES))
        assert take_refusals(waiting) > 0
        assert len(waiting) > 1
        release.touch()
        for client, exchange in waiting.items():
            assert client.receive(exchange).status == 200
        for client in asked:
            client.close()
        assert server.client().call("POST", "/v1/evaluate", request("after")).status == 200
    finally:
        release.touch()
        server.kill()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    faults = verify(server.work, policies, exchanges)
    assert not faults, "\n".join(faults[:5])
