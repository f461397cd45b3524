"""Clarifying questions: what a decision lacks is asked for before it becomes an escalation, in both eras, and the answers are recorded as such."""

import asyncio
import json
import shutil
import subprocess

import pytest
from conftest import RULES, ROOT
from mcp_wire import Session, call, modern

NODE = ROOT / "build/node"
ASKS = {"elicitation": {"form": {}}}
CAREFUL = """
rule "test.scale" {
  tier = 1, match = { operation = "scale" }, requires = { "context.current_replicas", "context.environment" },
  when = function(request) return request.context.current_replicas < 10 and request.context.environment ~= "production" end,
  because = { "Few replicas, not in production" },
}
rule "test.grant" {
  tier = 1, match = { operation = "grant" }, requires = { "context.is_temporary" },
  when = function(request) return request.context.is_temporary and request.context.ticket ~= nil end, because = { "A ticket" },
}
rule "test.grant-ticket" { tier = 1, match = { operation = "grant", ["context.is_temporary"] = true }, requires = { "context.ticket" }, because = { "A ticket" } }
"""


@pytest.fixture
def asking(new_server, simple_policies):
    (simple_policies / "rules.lua").write_text(RULES + CAREFUL)
    running = new_server(policies=simple_policies)
    for name in ("agent-1", "agent-2"):
        running.set_agent(name, {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    return running


SCALE = {"operation": "scale", "context": {"name": "web"}}
ANSWER = {"context.current_replicas": 3, "context.environment": "staging"}


def ask(server, arguments=SCALE, capabilities=ASKS, **more):
    with call(server, "evaluate_request", arguments, capabilities=capabilities, **more) as exchange:
        return exchange.last()


def said(content=None, action="accept"):
    return {"missing": {"action": action} | ({"content": content} if content is not None else {})}


def entries(server):
    return server.call("GET", "/v1/ledger", admin=True).json["size"]


def replays(server):
    server.stop()
    shown = server.cli("ledger", "replay")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert server.cli("ledger", "verify").returncode == 0


def test_a_question_leaves_no_trace_and_its_answer_decides(asking):
    before = entries(asking)
    asked = ask(asking)["result"]
    assert asked["resultType"] == "input_required" and list(asked["inputRequests"]) == ["missing"] and asked["requestState"]
    form = asked["inputRequests"]["missing"]
    assert form["method"] == "elicitation/create" and "approves nothing" in form["params"]["message"]
    fields = form["params"]["requestedSchema"]["properties"]
    assert fields["context.current_replicas"]["type"] == "integer" and fields["context.current_replicas"]["title"] == "Current replicas"
    assert fields["context.environment"] == fields["context.environment"] | {"type": "string", "enum": ["production", "staging", "development", "test"]}
    assert entries(asking) == before and asking.call("GET", "/v1/escalations", admin=True).json["escalations"] == []
    decided = ask(asking, inputResponses=said(ANSWER), requestState=asked["requestState"])["result"]
    assert decided["resultType"] == "complete" and decided["structuredContent"]["decision"] == "approve" and decided["structuredContent"]["tier"] == 1
    document = asking.call("GET", "/v1/decisions/" + decided["structuredContent"]["decision_id"], headers={"Edict-Agent": "agent-1"}).json
    assert document["elicited"] == ["context.current_replicas", "context.environment"]
    assert document["request"]["context"] == {"name": "web", "current_replicas": 3, "environment": "staging"}
    record = [one for one in asking.ledger() if one["type"] == "decision"][-1]
    assert "elicited" in json.dumps(record)
    replays(asking)


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_who_declines_gets_the_ordinary_answer(asking, action):
    asked = ask(asking)["result"]
    decided = ask(asking, inputResponses=said(action=action), requestState=asked["requestState"])["result"]["structuredContent"]
    assert decided["decision"] == "escalate" and decided["missing"] == ["context.current_replicas", "context.environment"] and decided["escalation_id"]
    document = asking.call("GET", "/v1/decisions/" + decided["decision_id"], headers={"Edict-Agent": "agent-1"}).json
    assert document["elicited"] == []


def test_an_answer_is_no_approval(asking):
    asked = ask(asking)["result"]
    decided = ask(asking, inputResponses=said({"context.current_replicas": 3, "context.environment": "production"}), requestState=asked["requestState"])
    assert decided["result"]["structuredContent"]["decision"] == "escalate"
    # What is not missing cannot be answered, and what was given cannot be replaced.
    asked = ask(asking, {"operation": "scale", "context": {"environment": "production"}})["result"]
    assert list(asked["inputRequests"]["missing"]["params"]["requestedSchema"]["properties"]) == ["context.current_replicas"]
    decided = ask(asking, {"operation": "scale", "context": {"environment": "production"}}, inputResponses=said(ANSWER | {"operation": "read"}), requestState=asked["requestState"])
    document = decided["result"]["structuredContent"]
    assert document["decision"] == "escalate"
    shown = asking.call("GET", "/v1/decisions/" + document["decision_id"], headers={"Edict-Agent": "agent-1"}).json
    assert shown["elicited"] == ["context.current_replicas"] and shown["request"]["context"]["environment"] == "production"


def test_a_second_round_keeps_the_first(asking):
    grant = {"operation": "grant", "context": {}}
    asked = ask(asking, grant)["result"]
    assert asked["inputRequests"]["missing"]["params"]["requestedSchema"]["properties"]["context.is_temporary"]["type"] == "boolean"
    again = ask(asking, grant, inputResponses=said({"context.is_temporary": True}), requestState=asked["requestState"])["result"]
    assert again["resultType"] == "input_required" and again["requestState"] != asked["requestState"]
    assert list(again["inputRequests"]["missing"]["params"]["requestedSchema"]["properties"]) == ["context.ticket"]
    decided = ask(asking, grant, inputResponses=said({"context.ticket": "T-1"}), requestState=again["requestState"])["result"]["structuredContent"]
    assert decided["decision"] == "approve"


@pytest.mark.parametrize("content", [{}, {"context.current_replicas": "three"}, {"context.current_replicas": 3.5, "other": 1}, {"context.environment": ""}])
def test_answers_that_do_not_fit_stay_missing(asking, content):
    asked = ask(asking)["result"]
    decided = ask(asking, inputResponses=said(content), requestState=asked["requestState"])["result"]["structuredContent"]
    assert decided["decision"] == "escalate" and "context.current_replicas" in decided["missing"]


def test_states_are_bound(asking):
    state = ask(asking)["result"]["requestState"]
    other = {"operation": "scale", "context": {"name": "db"}}
    for wrong in ({"requestState": state + "A"}, {"requestState": "AAAA"}, {"arguments": other, "requestState": state}, {"agent": "agent-2", "requestState": state}):
        refused = ask(asking, wrong.pop("arguments", SCALE), inputResponses=said(ANSWER), **wrong)
        assert refused["error"]["code"] == -32602 and "requestState" in refused["error"]["message"]
    # Answers to a question that was never asked count for nothing.
    assert ask(asking, inputResponses=said(ANSWER))["result"]["resultType"] == "input_required"


def test_only_whom_it_makes_sense_to_ask(asking):
    for arguments, capabilities in ((SCALE, {}), (SCALE, {"elicitation": {"url": {}}}), (SCALE | {"dry_run": True}, ASKS), ({"operation": "deploy"}, ASKS), ({"operation": "delete"}, ASKS)):
        assert ask(asking, arguments, capabilities)["result"]["resultType"] == "complete"
    with call(asking, "escalate_to_human", SCALE, capabilities=ASKS) as exchange:
        assert exchange.last()["result"]["structuredContent"]["decision"] == "escalate"


# ---- the older era ----


def test_the_older_era_is_asked_on_the_stream(asking):
    before = entries(asking)
    session = Session(asking, {"elicitation": {}}, version="2025-06-18")
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as exchange:
        question = exchange.event()
        assert question["method"] == "elicitation/create" and entries(asking) == before
        # Not of this session, not of this question: nobody's answer.
        stranger = Session(asking, {"elicitation": {}})
        assert stranger.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": ANSWER | {"context.environment": "test"}}}) == 202
        assert session.send({"jsonrpc": "2.0", "id": "edict-0-0", "result": {"action": "accept", "content": {}}}) == 202
        assert session.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": ANSWER}}) == 202
        decided = exchange.event()["result"]["structuredContent"]
        assert decided["decision"] == "approve" and exchange.event() is None
    document = asking.call("GET", "/v1/decisions/" + decided["decision_id"], headers={"Edict-Agent": "agent-1"}).json
    assert document["elicited"] == sorted(ANSWER) and document["request"]["context"]["environment"] == "staging"
    replays(asking)


@pytest.mark.parametrize("answer", [{"result": {"action": "decline"}}, {"error": {"code": -1, "message": "no"}}, {"result": 7}, {"result": {"action": "accept", "content": []}}])
def test_the_older_era_declines(asking, answer):
    session = Session(asking, {"elicitation": {}})
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as exchange:
        assert session.send({"jsonrpc": "2.0", "id": exchange.event()["id"]} | answer) == 202
        assert exchange.event()["result"]["structuredContent"]["decision"] == "escalate"


def test_a_question_that_nobody_answers_leaves_no_orphan(asking):
    before = entries(asking)
    session = Session(asking, {"elicitation": {}})
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as exchange:
        question = exchange.event()
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as exchange:
        assert exchange.event()["method"] == "elicitation/create"
        session.notify("notifications/cancelled", {"requestId": session.ids})
        assert exchange.event() is None
    assert session.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": ANSWER}}) == 202
    assert entries(asking) == before and asking.call("GET", "/v1/escalations", admin=True).json["escalations"] == []


# ---- the official SDKs ----


def url_of(server):
    return server.endpoints["mcp"].rstrip("/") + "/mcp?agent_identity=agent-1"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("action", ["accept", "decline"])
def test_the_typescript_sdk(asking, mode, action):
    shutil.copy(ROOT / "tests/mcp/elicit2.mjs", NODE / "elicit2.mjs")
    shown = subprocess.run([NODE / "node_modules/.bin/node", NODE / "elicit2.mjs", url_of(asking), mode, action], capture_output=True, text=True, timeout=120, cwd=NODE)
    assert shown.returncode == 0, shown.stderr
    seen = json.loads(shown.stdout)
    assert sorted(seen["asked"][0]["requestedSchema"]["properties"]) == sorted(ANSWER)
    assert seen["result"]["structuredContent"]["decision"] == ("approve" if action == "accept" else "escalate")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("action", ["accept", "decline"])
def test_the_python_sdk(asking, mode, action):
    from mcp import Client
    from mcp.types import ElicitResult

    asked = []

    async def answer(context, params):
        asked.append(params)
        return ElicitResult(action=action, content=ANSWER if action == "accept" else None)

    async def talk():
        async with Client(url_of(asking), mode=mode, elicitation_callback=answer) as client:
            return await client.call_tool("evaluate_request", SCALE)

    decided = asyncio.run(talk())
    assert len(asked) == 1 and decided.structured_content["decision"] == ("approve" if action == "accept" else "escalate")
