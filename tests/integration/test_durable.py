"""What was answered is there, whatever happens to the process."""

import json
import subprocess
import threading
import time

import pytest

from conftest import ROOT


def test_decisions_can_be_read_again(simple):
    answer = simple.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"a": [1, 2.5, None, "x"]}}).json
    shown = simple.call("GET", f"/v1/decisions/{answer['decision_id']}", admin=True).json
    for member in ("decision", "tier", "rationale", "next_steps", "decision_id", "audit_log_id", "ledger_index", "rules", "policy_revision"):
        assert shown[member] == answer[member]
    assert shown["request"]["context"] == {"a": [1, 2.5, None, "x"]}
    assert shown["facts"]["agent"]["namespace"] == "one"
    assert shown["outcome"] is None
    own = simple.call("GET", f"/v1/decisions/{answer['decision_id']}?agent_identity=agent-1")
    assert own.status == 200
    assert simple.call("GET", f"/v1/decisions/{answer['decision_id']}?agent_identity=agent-2").status == 404
    assert simple.call("GET", f"/v1/decisions/{answer['decision_id']}").status == 401


def test_large_values_are_kept_beside_and_come_back(simple):
    request = {"agent_identity": "agent-1", "operation": "read", "context": {"text": "x" * 30000, "more": "ü" * 4000}}
    answer = simple.evaluate(request).json
    assert answer["decision"] == "approve"
    shown = simple.call("GET", f"/v1/decisions/{answer['decision_id']}", admin=True).json
    assert shown["request"]["context"] == request["context"]
    simple.kill()
    simple.start()
    assert simple.call("GET", f"/v1/decisions/{answer['decision_id']}", admin=True).json["request"]["context"] == request["context"]


def test_the_list_with_filters_and_cursor(simple):
    for i in range(25):
        simple.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"i": i}})
        simple.evaluate({"agent_identity": "agent-2", "operation": "delete", "context": {"i": i}})

    def pages(query):
        found, cursor = [], ""
        while True:
            page = simple.call("GET", f"/v1/decisions?{query}&limit=7{cursor}", admin=True).json
            found += page["decisions"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    assert len(pages("agent=agent-1")) == 25
    assert len(pages("tier=3")) == 25
    assert len(pages("operation=read&tier=0")) == 25
    assert pages("agent=agent-1&tier=3") == []
    assert len(pages("rule=test.deny")) == 25
    everything = pages("since=2020-01-01T00:00:00Z")
    assert len(everything) == 50
    indices = [decision["ledger_index"] for decision in everything]
    assert indices == sorted(indices, reverse=True)
    middle = everything[25]["time"]
    assert len(pages(f"since={middle}")) + len(pages(f"until={middle}")) == 50


def test_idempotency(simple):
    request = {"agent_identity": "agent-1", "operation": "spend", "estimated_cost_usd": "10.00", "idempotency_key": "k-1"}
    first = simple.evaluate(request)
    second = simple.evaluate(request)
    assert second.json == first.json
    assert second.headers["idempotency-replayed"] == "true"
    assert simple.call("GET", "/v1/agents/agent-1/budget", admin=True).json["reserved_usd"] == "10.00"
    assert simple.evaluate({**request, "estimated_cost_usd": "11.00"}).status == 422
    assert simple.evaluate({**request, "agent_identity": "agent-2"}).json["decision_id"] != first.json["decision_id"]
    by_header = simple.evaluate({k: v for k, v in request.items() if k != "idempotency_key"}, headers={"Idempotency-Key": "k-1"})
    assert by_header.json["decision_id"] == first.json["decision_id"]
    assert simple.evaluate(request, headers={"Idempotency-Key": "other"}).status == 400
    simple.kill()
    simple.start()
    assert simple.evaluate(request).json["decision_id"] == first.json["decision_id"]


def test_concurrent_duplicates_are_one_decision(simple):
    request = {"agent_identity": "agent-1", "operation": "spend", "estimated_cost_usd": "1.00", "idempotency_key": "same"}
    ids = []

    def ask():
        ids.append(simple.evaluate(request).json["decision_id"])

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1
    assert simple.call("GET", "/v1/agents/agent-1/budget", admin=True).json["reserved_usd"] == "1.00"


@pytest.mark.parametrize("pause_s", [0.05, 0.15, 0.3])
def test_kill_9_under_load_loses_nothing_that_was_answered(simple, pause_s):
    answered, stop = [], threading.Event()

    def load(agent):
        number = 0
        try:
            connection = simple.connect()
            while not stop.is_set():
                request = {"agent_identity": agent, "operation": "spend", "estimated_cost_usd": "0.01", "context": {"n": number}}
                answer = simple.call("POST", "/v1/evaluate", request, connection=connection).json
                answered.append((answer["decision_id"], answer["ledger_index"], answer["decision"], agent))
                number += 1
        except OSError:
            pass
        except Exception:  # the answer was cut by the kill
            pass

    threads = [threading.Thread(target=load, args=(agent,)) for agent in ("agent-1", "agent-2") * 4]
    for thread in threads:
        thread.start()
    time.sleep(pause_s)
    simple.kill()
    stop.set()
    for thread in threads:
        thread.join()
    simple.start()
    entries = simple.ledger()
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    by_id = {entry["body"]["id"]: entry for entry in entries if entry["type"] == "decision"}
    for decision_id, index, _, _ in answered:
        assert by_id[decision_id]["index"] == index
    for agent in ("agent-1", "agent-2"):
        reserved = sum(
            entry["body"]["effects"].get("reserve_micro_usd", 0) for entry in by_id.values() if entry["body"]["request"]["agent_identity"] == agent
        )
        shown = simple.call("GET", f"/v1/agents/{agent}/budget", admin=True).json
        assert round(float(shown["reserved_usd"]) * 1e6) == reserved
    assert simple.evaluate({"agent_identity": "agent-1", "operation": "read"}).json["decision"] == "approve"


def test_the_state_is_the_fold_of_the_entries(simple):
    """Everything that changes state, a kill, and then: what a rebuild would give is what is kept."""
    for i in range(30):
        answer = simple.evaluate({"agent_identity": "agent-1", "operation": ("spend", "deploy", "delete")[i % 3], "estimated_cost_usd": "0.50", "context": {"i": i}}).json
        if answer["decision"] == "escalate" and i % 2:
            simple.call("POST", f"/v1/escalations/{answer['escalation_id']}/approve", {"reason": "r"}, admin=True)
            simple.evaluate({"agent_identity": "agent-1", "escalation_id": answer["escalation_id"]})
        if answer["decision"] == "approve":
            simple.call("POST", f"/v1/decisions/{answer['decision_id']}/outcome", {"status": "succeeded", "actual_cost_usd": "0.75"}, admin=True)
    simple.kill()
    checked = simple.cli("ledger", "rebuild")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert " 0 differ" in checked.stdout
    verified = simple.cli("ledger", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_async_durability_says_so(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--durability", "async"])
    assert server.evaluate({"agent_identity": "a", "operation": "read"}).headers["edict-durability"] == "async"


def test_a_clean_stop_and_start(simple):
    before = simple.evaluate({"agent_identity": "agent-1", "operation": "read"}).json
    assert simple.stop() == 0
    assert not (simple.folder / "edictd.json").exists()
    simple.start()
    after = simple.evaluate({"agent_identity": "agent-1", "operation": "read"}).json
    assert after["ledger_index"] == before["ledger_index"] + 1
    assert json.loads(simple.call("GET", "/v1/ledger", admin=True).body)["size"] == after["ledger_index"] + 1


def test_a_second_server_on_the_same_data_is_refused(simple, new_server):
    second = new_server(name="data", start=False)
    second.folder = simple.folder
    second.policies = simple.policies
    second.log = simple.folder.parent / "second.log"
    import subprocess

    from conftest import BUILD, ROOT

    run = subprocess.run(
        [BUILD / "edictd", "--data", simple.folder, "--policies", simple.policies, "--rest", "127.0.0.1:0", "--mcp", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=60, cwd=ROOT,
    )
    assert run.returncode == 1
    assert "another process has this ledger open" in run.stderr
    assert simple.evaluate({"agent_identity": "agent-1", "operation": "read"}).status == 200


def test_a_page_of_large_decisions_ends_early_and_goes_on(simple):
    for i in range(60):
        simple.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"i": i, "text": "x" * 40000}})
    found, cursor = [], ""
    while True:
        page = simple.call("GET", f"/v1/decisions?agent=agent-1&limit=500{cursor}", admin=True).json
        found += [decision["request"]["context"]["i"] for decision in page["decisions"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == list(range(59, -1, -1))


def test_a_ledger_of_format_1_is_read_by_the_server_only_and_goes_on(new_server, simple_policies):
    """Written by the last release of that format: five approvals, an escalation, a large value."""
    server = new_server(policies=simple_policies, start=False)
    server.folder.mkdir()
    subprocess.run(["tar", "-xzf", ROOT / "tests/integration/data/format-1.tar.gz", "-C", server.folder], check=True)
    refused = server.cli("ledger", "verify")
    assert refused.returncode != 0 and "start edictd on it once" in refused.stderr
    with pytest.raises(RuntimeError, match="ledger.key, is missing.*edict ledger new-origin"):  # that release did not sign
        server.start()
    assert server.cli("ledger", "new-origin", "--reason", "signed from here on").returncode == 0
    server.start()
    first = server.ledger()
    assert first[-1]["type"] == "policy.activated" and first[-1]["body"]["runtime"].startswith("semantics 1, Lua 5.")
    assert [entry["type"] for entry in first].count("policy.activated") == 2  # the first said nothing of its runtime
    assert server.call("GET", "/v1/escalations/ESC-1", admin=True).json["request"]["context"] == {"blob": "x" * 20000}
    assert server.evaluate({"agent_identity": "agent-1", "operation": "read"}).json["decision"] == "approve"
    result = json.loads(server.cli("ledger", "replay", "--json").stdout)
    assert (result["decisions"], result["differences"], result["unreplayable"]) == (7, 0, 0)
    server.stop()
    assert server.cli("ledger", "verify").returncode == 0 and server.cli("ledger", "rebuild").returncode == 0
    server.start()
    assert len(server.ledger()) == len(first) + 1  # the same runtime is not activated again
