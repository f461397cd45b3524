"""Real MCP clients: the official SDKs and MCP Inspector, over HTTP and over `edict mcp`, list every tool and call each one."""

import json

import mcp_clients
import pytest

SDKS = {
    "python-auto": lambda plan: mcp_clients.python(plan | {"mode": "auto"}),
    "python-legacy": lambda plan: mcp_clients.python(plan | {"mode": "legacy"}),
    "typescript-1": lambda plan: mcp_clients.typescript("sdk1.mjs", plan),
    "typescript-2-auto": lambda plan: mcp_clients.typescript("sdk2.mjs", plan | {"mode": "auto"}),
    "typescript-2-legacy": lambda plan: mcp_clients.typescript("sdk2.mjs", plan | {"mode": "legacy"}),
}
DOORS = {"http": mcp_clients.http, "stdio": mcp_clients.stdio}


@pytest.fixture
def prepared(simple):
    """A server with something for every tool to work on."""
    headers = {"Edict-Agent": "agent-1"}

    def escalate(version):
        return simple.evaluate({"agent_identity": "agent-1", "operation": "deploy", "context": {"version": version}}).json["escalation_id"]

    simple.resolved, simple.to_approve, simple.to_deny = escalate(1), escalate(2), escalate(3)
    assert simple.call("POST", f"/v1/escalations/{simple.resolved}/deny", {"reason": "No"}, admin=True).status == 200
    spent = simple.evaluate({"agent_identity": "agent-1", "operation": "spend", "estimated_cost_usd": "1.00"}, headers=headers)
    simple.decided = spent.json["decision_id"]
    return simple


def calls(server):
    """Every tool, with arguments and what its document has to say."""
    me = {"agent_identity": "agent-1"}
    return [
        ("evaluate_request", me | {"operation": "read", "context": {"i": 1}}, {"decision": "approve"}),
        ("escalate_to_human", me | {"operation": "read", "justification": "Please look"}, {"decision": "escalate"}),
        ("wait_for_approval", me | {"escalation_id": server.resolved}, {"state": "denied"}),
        ("approve_escalation", {"escalation_id": server.to_approve, "reason": "Fine"}, {"state": "approved"}),
        ("deny_escalation", {"escalation_id": server.to_deny, "reason": "No"}, {"state": "denied"}),
        ("list_escalations", {"state": "denied"}, {}),
        ("get_decision", me | {"decision_id": server.decided}, {"decision_id": server.decided}),
        ("explain_decision", me | {"decision_id": server.decided}, {"decision_id": server.decided}),
        ("report_outcome", me | {"decision_id": server.decided, "status": "succeeded", "actual_cost_usd": "1.00"}, {"status": "succeeded"}),
        ("check_budget_remaining", me, {"agent_identity": "agent-1"}),
        ("check_resource_quota", me, {"agent_identity": "agent-1"}),
        ("verify_namespace_ownership", me | {"resource": "one/pod/x"}, {"owns_resource": True}),
        ("get_agent_autonomy_rate", me | {"days": 1}, {"agent_identity": "agent-1"}),
    ]


def check_result(name, result, wanted):
    document = result["structuredContent"]
    assert not result.get("isError") and {key: document.get(key) for key in wanted} == wanted, (name, result)
    assert result["content"][0]["type"] == "text" and result["content"][0]["text"], name


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_lists_and_calls_every_tool(prepared, sdk, door):
    every = calls(prepared)
    seen = SDKS[sdk](DOORS[door](prepared, "agent-1", admin=True) | {"calls": [(name, arguments) for name, arguments, _ in every]})
    assert sorted(name for name, _, _ in every) == seen["tools"]
    for (name, _, wanted), result in zip(every, seen["results"], strict=True):
        check_result(name, result, wanted)
    assert json.loads(seen["decision"]["contents"][0]["text"])["agent_identity"] == "agent-1"
    assert seen["prompt"]["messages"][0]["role"] == "user"


@pytest.mark.parametrize("door", DOORS)
def test_an_sdk_without_a_token_sees_the_agents_tools(simple, door):
    plan = DOORS[door](simple, "agent-1") | {"calls": [("evaluate_request", {"operation": "read"}), ("evaluate_request", {"operaton": "read"})]}
    seen = SDKS["typescript-2-auto"](plan)
    assert "evaluate_request" in seen["tools"] and "approve_escalation" not in seen["tools"]
    assert seen["results"][0]["structuredContent"]["decision"] == "approve"
    assert seen["results"][1]["isError"] is True and "did you mean operation?" in seen["results"][1]["content"][0]["text"]


@pytest.mark.parametrize("door, mode", [("http", "legacy"), ("http", "modern"), ("stdio", "auto")])
def test_inspector_lists_and_calls_every_tool(prepared, door, mode):
    plan = DOORS[door](prepared, "agent-1", admin=True) | {"mode": mode}
    code, listed, said = mcp_clients.inspector(plan, "--method", "tools/list", strict=True)
    assert code == 0, said
    every = calls(prepared)
    assert [tool["name"] for tool in listed["tools"]] == sorted(name for name, _, _ in every)
    for name, arguments, wanted in every:
        code, result, said = mcp_clients.inspector(plan, "--method", "tools/call", "--tool-name", name, "--tool-args-json", json.dumps(arguments))
        assert code == 0, (name, said)
        check_result(name, result, wanted)
