"""edict mcp: what takes longer than a question and an answer, over standard input and output, in both eras."""

import asyncio
import json
import queue
import subprocess
import threading

import mcp_clients
import pytest
from conftest import BUILD, ROOT
from mcp_wire import meta
from test_mcp_elicitation import ANSWER, SCALE, asking  # noqa: F401 (a fixture)

WAIT_S = 60


class Bridge:
    """A client of `edict mcp` that reads lines as they come."""

    def __init__(self, server, *words):
        self.process = subprocess.Popen([BUILD / "edict", "--data", server.folder, "mcp", "--agent", "agent-1", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(json.loads(line)) for line in self.process.stdout], daemon=True).start()

    def send(self, **message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message) + "\n")
        self.process.stdin.flush()

    def modern(self, id, method, params):
        self.send(id=id, method=method, params=params | {"_meta": meta()})

    def next(self):
        return self.lines.get(timeout=WAIT_S)

    def begin(self, capabilities=None):
        self.send(id="begin", method="initialize", params={"protocolVersion": "2025-11-25", "capabilities": capabilities or {}, "clientInfo": {"name": "t", "version": "1"}})
        begun = self.next()
        self.send(method="notifications/initialized")
        return begun["result"]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def escalate(server, version=1):
    return server.evaluate({"agent_identity": "agent-1", "operation": "deploy", "context": {"version": version}}).json["escalation_id"]


def approve(server, escalation):
    assert server.call("POST", f"/v1/escalations/{escalation}/approve", {"reason": "Fine"}, admin=True).status == 200


def waiting(id, escalation, timeout_s=45):
    return {"id": id, "method": "tools/call", "params": {"name": "wait_for_approval", "arguments": {"escalation_id": escalation, "timeout_s": timeout_s}}}


def test_progress_comes_before_the_answer(simple):
    escalation = escalate(simple)
    with Bridge(simple) as bridge:
        call = waiting(1, escalation)
        bridge.send(**call | {"params": call["params"] | {"_meta": meta() | {"progressToken": "p"}}})
        progress = bridge.next()
        assert progress["method"] == "notifications/progress" and progress["params"]["progressToken"] == "p"
        approve(simple, escalation)
        while "method" in (answer := bridge.next()):
            assert answer["method"] == "notifications/progress"
        assert answer["id"] == 1 and answer["result"]["structuredContent"]["state"] == "approved"
        assert bridge.end() == 0


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_cancelled_call_is_not_answered_and_holds_nothing(simple, era):
    escalation = escalate(simple)
    with Bridge(simple) as bridge:
        if era == "legacy":
            bridge.begin()
        call = waiting(7, escalation)
        bridge.send(**call | ({"params": call["params"] | {"_meta": meta()}} if era == "modern" else {}))
        bridge.send(method="notifications/cancelled", params={"requestId": 7, "reason": "changed my mind"})
        check = {"name": "check_budget_remaining", "arguments": {}}
        bridge.send(id=8, method="tools/call", params=check | ({"_meta": meta()} if era == "modern" else {}))
        assert bridge.next()["id"] == 8
        assert bridge.end() == 0  # the call that was cancelled holds it up no longer
        assert bridge.lines.empty()


def test_a_subscription_tells_of_changes_and_ends_with_the_input(simple):
    escalation = escalate(simple)
    uri = f"edict://escalations/{escalation}"
    with Bridge(simple) as bridge:
        bridge.modern("s", "subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})
        assert bridge.next()["method"] == "notifications/subscriptions/acknowledged"
        approve(simple, escalation)
        assert bridge.next()["params"]["uri"] == uri
        bridge.modern(2, "tools/call", {"name": "check_budget_remaining", "arguments": {}})
        assert bridge.next()["id"] == 2
        assert bridge.end() == 0


def test_the_older_eras_notifications_arrive_between_answers(simple):
    escalation = escalate(simple)
    uri = f"edict://escalations/{escalation}"
    with Bridge(simple) as bridge:
        assert bridge.begin()["capabilities"]["resources"]["subscribe"] is True
        bridge.send(id=1, method="resources/subscribe", params={"uri": uri})
        assert bridge.next()["id"] == 1
        approve(simple, escalation)
        told = bridge.next()
        assert told["method"] == "notifications/resources/updated" and told["params"]["uri"] == uri
        assert bridge.end() == 0


def test_a_restarted_server_is_found_again(simple):
    with Bridge(simple) as bridge:
        bridge.begin()
        bridge.send(id=1, method="tools/call", params={"name": "check_budget_remaining", "arguments": {}})
        assert bridge.next()["id"] == 1
        simple.stop()
        bridge.send(id=2, method="tools/call", params={"name": "check_budget_remaining", "arguments": {}})
        assert "cannot reach edictd" in bridge.next()["error"]["message"]
        simple.start()
        bridge.send(id=3, method="tools/call", params={"name": "check_budget_remaining", "arguments": {}})
        assert bridge.next()["result"]["isError"] is False
        assert bridge.end() == 0


def test_a_question_of_the_older_era_goes_both_ways(asking):  # noqa: F811
    with Bridge(asking) as bridge:
        bridge.begin({"elicitation": {}})
        bridge.send(id=1, method="tools/call", params={"name": "evaluate_request", "arguments": SCALE})
        asked = bridge.next()
        assert asked["method"] == "elicitation/create"
        bridge.send(id=asked["id"], result={"action": "accept", "content": ANSWER})
        decided = bridge.next()
        assert decided["id"] == 1 and decided["result"]["structuredContent"]["decision"] == "approve"
        assert bridge.end() == 0


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_python_sdk_answers_questions_over_the_bridge(asking, mode):  # noqa: F811
    from mcp import Client, StdioServerParameters, types

    async def answer(context, params):
        return types.ElicitResult(action="accept", content=ANSWER)

    async def talk():
        plan = mcp_clients.stdio(asking, "agent-1")
        server = StdioServerParameters(command=plan["command"], args=plan["args"])
        async with Client(server, mode=mode, elicitation_callback=answer) as client:
            return await client.call_tool("evaluate_request", SCALE)

    decided = asyncio.run(talk()).structured_content
    assert (decided["decision"], decided["tier"]) == ("approve", 1)
