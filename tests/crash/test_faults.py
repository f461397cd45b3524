"""The disk fails: the first error that matters ends the process with a message, and everything that was answered is there."""

import time

import disk
import points
import pytest
import scenario
from edictd import Edictd, Gone

STEPS = 10
QUICK_SHARE = 37
KINDS = {"write": ("eio", "enospc", "full", "torn", "short", "dead"), "sync": ("eio", "enospc", "dead"), "meta": ("eio", "enospc")}
GROUPS = [(kind, action) for kind, actions in KINDS.items() for action in actions]
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def counts(module_folder):
    trace = points.record(module_folder / "run", STEPS)
    created = [disk.text(operation) for operation in trace.operations if operation.op == "C"]
    assert any(path.endswith(".sst") for path in created)  # a flush is within the run
    return points.count_kinds(trace.operations)


@pytest.mark.parametrize(("kind", "action"), GROUPS)
def test_the_first_error_ends_it_and_nothing_answered_is_lost(folder, full, counts, kind, action):
    first = 1 if full else 2 + 2 * GROUPS.index((kind, action))  # so that groups together see many numbers
    faults = points.every_fault(counts, kind, action, first, 1 if full else QUICK_SHARE)
    found = points.check_faults(folder, faults, STEPS, 0)
    print(f"{len(faults)} runs")
    assert not found, "\n".join(found[:5])


@pytest.mark.parametrize("fault", ["write:1:eio:.sst", "sync:1:enospc:.sst", "write:2:torn:ledger.checkpoint", "sync:2:eio:ledger.checkpoint"])
def test_errors_beside_the_commits_end_it_too(folder, fault):
    """No commit is told of a flush in the background or of a checkpoint that fails."""
    found = points.check_live(folder / "run", fault, STEPS, 0, must_meet=True)
    assert not found, "\n".join(found)


def met(server):
    return any(operation.op == "I" for operation in disk.read_log(server.oplog))


def ask_until_met(server):
    client = server.client()
    while not met(server) and client.count < 200:
        client.call("POST", "/v1/evaluate", {"agent_identity": "a", "operation": "delete", "context": {"pad": "x" * 12000}})
        client.call("GET", "/v1/ledger/checkpoint")
        time.sleep(0.02)


@pytest.mark.parametrize("fault", ["write:1:enospc:.sst", "write:3:enospc:ledger.checkpoint"])
def test_nobody_needs_to_ask(folder, fault):
    """What nobody waits for meets the error: the process ends although nothing else comes."""
    server = Edictd(folder / "work", scenario.write_policies(folder / "policies"), shim=True, fault=fault)
    try:
        server.start()
        ask_until_met(server)
    except Gone:
        pass
    try:
        assert met(server)
        assert server.wait(20) in (1, points.ABORTED)
        assert "edictd: " in server.text()
    finally:
        server.kill()
