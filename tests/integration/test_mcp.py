"""MCP on /mcp: both eras byte by byte; and the bridge to standard input and output. Real clients are in test_mcp_clients.py."""

import json
import subprocess

import pytest
from conftest import BUILD, ROOT

NEWEST = "2026-07-28"
META = "io.modelcontextprotocol/"


def legacy(server, method, params=None, admin=False, agent="agent-1", **headers):
    message = {"jsonrpc": "2.0", "id": 1, "method": method} | ({"params": params} if params is not None else {})
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Edict-Agent": agent} if agent else {})
    return server.call("POST", "/mcp", message, door="mcp", admin=admin, headers=headers)


def modern(server, method, params=None, admin=False, agent="agent-1", meta=None, **headers):
    params = dict(params or {})
    params["_meta"] = {META + "protocolVersion": NEWEST, META + "clientCapabilities": {}} if meta is None else meta
    sent = {"MCP-Protocol-Version": NEWEST, "Mcp-Method": method}
    if method in ("tools/call", "prompts/get"):
        sent["Mcp-Name"] = params.get("name", "")
    if method == "resources/read":
        sent["Mcp-Name"] = params.get("uri", "")
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in sent.items() if value is not None} | ({"Edict-Agent": agent} if agent else {})
    return server.call("POST", "/mcp", {"jsonrpc": "2.0", "id": "a", "method": method, "params": params}, door="mcp", admin=admin, headers=sent)


def tool(server, name, arguments, admin=False, agent="agent-1"):
    answer = modern(server, "tools/call", {"name": name, "arguments": arguments}, admin=admin, agent=agent)
    assert answer.status == 200, answer.body
    return answer.json["result"]


# ---- the eras ----


def test_discover_and_initialize_say_the_same(simple):
    discovered = modern(simple, "server/discover").json["result"]
    assert discovered["supportedVersions"] == [NEWEST, "2025-11-25", "2025-06-18", "2025-03-26"]
    assert discovered["resultType"] == "complete" and discovered["ttlMs"] >= 0 and discovered["cacheScope"] == "public"
    assert discovered["_meta"][META + "serverInfo"]["name"] == "edict"
    for asked, given in (("2025-11-25", "2025-11-25"), ("2025-03-26", "2025-03-26"), ("1999-01-01", "2025-11-25")):
        answer = legacy(simple, "initialize", {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}})
        assert answer.json["result"]["protocolVersion"] == given
        assert answer.json["result"]["capabilities"] | {"extensions": {"io.modelcontextprotocol/tasks": {}}} == discovered["capabilities"]
        assert "resultType" not in answer.json["result"]
    assert legacy(simple, "ping").json["result"] == {}
    note = simple.call("POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, door="mcp")
    assert note.status == 202 and note.body == b""
    assert simple.call("POST", "/mcp", {"jsonrpc": "2.0", "id": 4, "result": {}}, door="mcp").status == 202
    for method in ("GET", "DELETE"):
        refused = simple.call(method, "/mcp", door="mcp")
        assert refused.status == 405 and refused.headers["allow"] == "POST"


@pytest.mark.parametrize("headers, meta, code", [
    ({"MCP_Protocol_Version": None}, None, -32020),
    ({"MCP_Protocol_Version": "2025-11-25"}, None, -32020),
    ({"Mcp_Method": None}, None, -32020),
    ({"Mcp_Method": "tools/list"}, None, -32020),
    ({"Mcp_Name": "other"}, None, -32020),
    ({"Mcp_Name": "=?base64?!!?="}, None, -32020),
    ({"MCP_Protocol_Version": "2027-01-01"}, {META + "protocolVersion": "2027-01-01", META + "clientCapabilities": {}}, -32022),
    ({}, {META + "protocolVersion": NEWEST}, -32602),
    ({}, {META + "clientCapabilities": {}}, -32602),
    ({}, {}, -32602),
])
def test_the_newest_era_checks_headers_against_the_body(simple, headers, meta, code):
    answer = modern(simple, "tools/call", {"name": "get_decision", "arguments": {}}, meta=meta, **headers)
    assert answer.status == 400 and answer.json["error"]["code"] == code, answer.body
    if code == -32022:
        assert answer.json["error"]["data"]["requested"] == "2027-01-01" and NEWEST in answer.json["error"]["data"]["supported"]


def test_names_may_be_encoded_in_headers(simple):
    answer = modern(simple, "tools/call", {"name": "check_budget_remaining", "arguments": {}}, Mcp_Name="=?base64?Y2hlY2tfYnVkZ2V0X3JlbWFpbmluZw==?=")
    assert answer.status == 200 and answer.json["result"]["structuredContent"]["budget_limit"] == 100


def test_methods_of_the_other_era_are_not_there(simple):
    assert modern(simple, "ping").status == 404 and modern(simple, "ping").json["error"]["code"] == -32601
    assert modern(simple, "initialize").status == 404
    assert legacy(simple, "server/discover").json["error"]["code"] == -32601
    assert legacy(simple, "nonsense").json["error"]["code"] == -32601
    assert legacy(simple, "tools/list", mcp_protocol_version="1999-01-01").status == 400
    assert legacy(simple, "tools/list", mcp_protocol_version="2025-06-18").status == 200
    assert legacy(simple, "tools/list", mcp_protocol_version=NEWEST).json["error"]["code"] == -32602


@pytest.mark.parametrize("body, status, code", [
    (b"", 400, -32700), (b"{", 400, -32700), (b"[]", 400, -32600),
    (b'{"id":1,"method":"ping"}', 400, -32600), (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":4}', 400, -32600), (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', 400, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":4}}', 200, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_decision","arguments":[]}}', 200, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}', 200, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{}}', 200, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"none"}}', 200, -32602),
])
def test_malformed_messages(simple, body, status, code):
    answer = simple.call("POST", "/mcp", body, door="mcp")
    assert (answer.status, answer.json["error"]["code"]) == (status, code), answer.body


# ---- tools ----


def test_tools_depend_on_the_role_alone(simple):
    agents = [one["name"] for one in modern(simple, "tools/list").json["result"]["tools"]]
    admins = [one["name"] for one in modern(simple, "tools/list", admin=True).json["result"]["tools"]]
    assert agents == sorted(agents) and admins == sorted(admins)
    assert set(admins) - set(agents) == {"approve_escalation", "deny_escalation", "list_escalations"}
    assert agents == [one["name"] for one in legacy(simple, "tools/list", agent="agent-2").json["result"]["tools"]]
    for one in modern(simple, "tools/list", admin=True).json["result"]["tools"]:
        assert one["inputSchema"]["type"] == "object" and one["inputSchema"]["additionalProperties"] is False
        assert one["outputSchema"]["type"] == "object" and len(one["description"]) > 40 and one["annotations"]["title"] == one["title"]
    assert modern(simple, "tools/call", {"name": "approve_escalation", "arguments": {}}).json["error"]["code"] == -32602


def test_a_decision_is_the_one_that_rest_gives(simple):
    result = tool(simple, "evaluate_request", {"operation": "spend", "estimated_cost_usd": "12.50", "justification": "Tea"})
    decision = result["structuredContent"]
    assert result["isError"] is False and decision["decision"] == "approve"
    assert result["content"][0]["text"].startswith("Decision: approve (tier 0)\n") and decision["rationale"] in result["content"][0]["text"]
    shown = simple.call("GET", "/v1/decisions/" + decision["decision_id"], headers={"Edict-Agent": "agent-1"}).json
    assert shown["agent_identity"] == "agent-1" and shown["request"]["estimated_cost_usd"] == "12.50"
    again = tool(simple, "get_decision", {"decision_id": decision["decision_id"]})
    assert again["structuredContent"]["rationale"] == decision["rationale"]
    assert "request:\n  agent_identity: agent-1" in tool(simple, "explain_decision", {"decision_id": decision["decision_id"]})["content"][0]["text"]
    assert tool(simple, "check_budget_remaining", {})["structuredContent"]["reserved"] == 12.5
    done = tool(simple, "report_outcome", {"decision_id": decision["decision_id"], "status": "succeeded", "actual_cost_usd": 13})
    assert done["structuredContent"]["status"] == "succeeded"
    assert tool(simple, "check_budget_remaining", {})["structuredContent"]["current_spending"] == 13
    assert tool(simple, "report_outcome", {"decision_id": decision["decision_id"], "status": "failed"})["isError"] is True
    assert tool(simple, "get_agent_autonomy_rate", {"days": 1})["structuredContent"]["total_decisions"] == 1
    assert tool(simple, "verify_namespace_ownership", {"resource": "one/pod/x"})["structuredContent"]["owns_resource"] is True
    assert tool(simple, "check_resource_quota", {})["structuredContent"]["agent_identity"] == "agent-1"


@pytest.mark.parametrize("name, arguments, told", [
    ("evaluate_request", {"operaton": "read"}, "/operaton: evaluate_request takes no such argument; did you mean operation?"),
    ("evaluate_request", {"operation": 4}, "/operation: expected a text"),
    ("evaluate_request", {"operation": "read", "context": "x"}, "/context: expected an object"),
    ("evaluate_request", {}, "operation"),
    ("evaluate_request", {"operation": "spend", "estimated_cost_usd": "much"}, "/estimated_cost_usd"),
    ("get_decision", {}, "/decision_id: is missing"),
    ("get_decision", {"decision_id": "../agents"}, "no decision id"),
    ("wait_for_approval", {"escalation_id": "ESC-9"}, "does not exist"),
    ("wait_for_approval", {"escalation_id": "ESC-1", "timeout_s": 46}, "at most 45"),
    ("check_budget_remaining", {"agent_identity": "agent-2"}, "names another agent"),
])
def test_what_does_not_fit_says_what_to_change(simple, name, arguments, told):
    result = tool(simple, name, arguments)
    assert result["isError"] is True and told in result["content"][0]["text"] and "structuredContent" not in result


def test_agents_see_only_their_own(simple):
    decision = tool(simple, "evaluate_request", {"operation": "deploy"})["structuredContent"]
    for name, arguments in (("get_decision", {"decision_id": decision["decision_id"]}), ("wait_for_approval", {"escalation_id": decision["escalation_id"]})):
        result = tool(simple, name, arguments, agent="agent-2")
        assert result["isError"] is True and "belongs to another agent" in result["content"][0]["text"]
    assert tool(simple, "get_decision", {"decision_id": decision["decision_id"]}, agent=None)["isError"] is True
    assert tool(simple, "get_decision", {"decision_id": decision["decision_id"], "agent_identity": "agent-1"}, agent=None)["isError"] is False
    read = modern(simple, "resources/read", {"uri": "edict://agents/agent-1"})
    assert read.json["error"]["code"] == -32602


def test_an_escalation_from_its_opening_to_its_grant(simple):
    asked = tool(simple, "evaluate_request", {"operation": "deploy", "context": {"version": 2}})["structuredContent"]
    assert asked["decision"] == "escalate"
    pending = tool(simple, "wait_for_approval", {"escalation_id": asked["escalation_id"], "timeout_s": 1})["structuredContent"]
    assert pending["state"] == "pending"
    listed = tool(simple, "list_escalations", {"state": "pending", "agent": "agent-1"}, admin=True)["structuredContent"]
    assert [one["id"] for one in listed["escalations"]] == [asked["escalation_id"]]
    approved = tool(simple, "approve_escalation", {"escalation_id": asked["escalation_id"], "reason": "Fine", "uses": 1}, admin=True)
    assert approved["structuredContent"]["state"] == "approved"
    assert tool(simple, "wait_for_approval", {"escalation_id": asked["escalation_id"]})["structuredContent"]["state"] == "approved"
    retried = tool(simple, "evaluate_request", {"escalation_id": asked["escalation_id"]})["structuredContent"]
    assert retried["decision"] == "approve" and retried["grant_id"]
    other = tool(simple, "escalate_to_human", {"operation": "read", "justification": "Please look"})["structuredContent"]
    assert other["decision"] == "escalate" and "edict.asked-for-human" in other["rules"]
    assert tool(simple, "deny_escalation", {"escalation_id": other["escalation_id"], "reason": "No"}, admin=True)["structuredContent"]["state"] == "denied"
    assert tool(simple, "deny_escalation", {"escalation_id": other["escalation_id"], "reason": "No"}, admin=True)["isError"] is True


def test_resources_and_prompts(simple):
    decision = tool(simple, "evaluate_request", {"operation": "read"})["structuredContent"]
    uri = "edict://decisions/" + decision["decision_id"]
    contents = modern(simple, "resources/read", {"uri": uri}).json["result"]
    assert json.loads(contents["contents"][0]["text"])["decision"] == "approve" and contents["contents"][0]["uri"] == uri and contents["cacheScope"] == "private"
    assert legacy(simple, "resources/read", {"uri": uri}).json["result"]["contents"] == contents["contents"]
    for wrong in ("edict://decisions/x", "edict://decisions/", "edict://nothing", "edict://policies/x", "file:///etc/passwd", "edict://decisions/../agents"):
        assert modern(simple, "resources/read", {"uri": wrong}).json["error"]["code"] == -32602, wrong
        assert legacy(simple, "resources/read", {"uri": wrong}).json["error"]["code"] == -32002, wrong
    assert modern(simple, "resources/list").json["result"]["resources"] == []
    assert [one["uri"] for one in modern(simple, "resources/list", admin=True).json["result"]["resources"]] == ["edict://policies"]
    assert "test.allow" in modern(simple, "resources/read", {"uri": "edict://policies"}, admin=True).json["result"]["contents"][0]["text"]
    assert "agent-2" in modern(simple, "resources/read", {"uri": "edict://agents/agent-2"}, admin=True).json["result"]["contents"][0]["text"]
    templates = modern(simple, "resources/templates/list").json["result"]["resourceTemplates"]
    assert [one["uriTemplate"] for one in templates] == ["edict://decisions/{id}", "edict://escalations/{id}"]
    names = [one["name"] for one in modern(simple, "prompts/list").json["result"]["prompts"]]
    assert names == ["explain_decision", "request_approval"]
    prompt = modern(simple, "prompts/get", {"name": "request_approval", "arguments": {"action": "delete a pod"}}).json["result"]
    assert prompt["messages"][0]["content"]["text"].endswith("action: delete a pod")
    assert modern(simple, "prompts/get", {"name": "explain_decision"}).json["error"]["code"] == -32602




# ---- edict mcp: standard input and output ----


def bridge(server, *words, lines, env=None):
    program = [str(BUILD / "edict"), "--data", str(server.folder), "mcp", *words]
    shown = subprocess.run(program, input="".join(line + "\n" for line in lines), capture_output=True, text=True, timeout=120, cwd=ROOT, env=env)
    assert shown.returncode == 0, shown.stderr
    return {answer["id"]: answer for answer in map(json.loads, shown.stdout.splitlines())}


def test_the_bridge_answers_every_message_that_wants_one(simple):
    modern_meta = {"_meta": {META + "protocolVersion": NEWEST, META + "clientCapabilities": {}}}
    answers = bridge(simple, "--agent", "agent-1", lines=[
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}}}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json.dumps({"jsonrpc": "2.0", "id": "two", "method": "tools/call", "params": {"name": "evaluate_request", "arguments": {"operation": "read"}}}),
        "",
        "{not json",
        json.dumps({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "check_budget_remaining", "arguments": {}} | modern_meta}),
        json.dumps({"jsonrpc": "2.0", "id": 4, "method": "resources/read", "params": {"uri": "edict://x/\u00e9\n"} | modern_meta}),
        json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {"pad": "x" * 70000}}),
        json.dumps({"jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": {"name": "list_escalations", "arguments": {}}}),
    ])
    assert answers[1]["result"]["protocolVersion"] == "2025-06-18"
    assert answers["two"]["result"]["structuredContent"]["decision"] == "approve"
    assert answers[None]["error"]["code"] == -32700
    assert answers[3]["result"]["structuredContent"]["agent_identity"] == "agent-1" and answers[3]["result"]["resultType"] == "complete"
    assert answers[4]["error"]["message"] == "Resource not found"
    assert "larger than" in answers[5]["error"]["message"]
    assert answers[6]["error"]["message"].startswith("Unknown tool")  # it never reads the admin token
    assert len(answers) == 7


def test_the_bridge_takes_a_token_by_file_only(simple, tmp_path):
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_escalations", "arguments": {}}})
    environment = {"PATH": "/usr/bin", "EDICT_TOKEN": simple.token}
    assert "error" in bridge(simple, "--agent", "agent-1", lines=[call], env=environment)[1]
    path = tmp_path / "token"
    path.write_text(simple.token + "\n")
    assert bridge(simple, "--token-file", str(path), lines=[call])[1]["result"]["structuredContent"]["escalations"] == []
    for words in (["mcp"], ["mcp", "--token-file", str(tmp_path / "none")]):
        assert simple.cli(*words).returncode == 2
    simple.stop()
    assert "cannot reach edictd" in bridge(simple, "--agent", "agent-1", lines=[call])[1]["error"]["message"]


def test_a_call_that_waits_holds_up_no_other(simple):
    asked = tool(simple, "evaluate_request", {"operation": "deploy"})["structuredContent"]["escalation_id"]
    program = subprocess.Popen([BUILD / "edict", "--data", simple.folder, "mcp", "--agent", "agent-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        for i, (name, arguments) in enumerate((("wait_for_approval", {"escalation_id": asked}), ("check_budget_remaining", {}))):
            program.stdin.write(json.dumps({"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": {"name": name, "arguments": arguments}}) + "\n")
        program.stdin.flush()
        assert json.loads(program.stdout.readline())["id"] == 1
        assert tool(simple, "approve_escalation", {"escalation_id": asked, "reason": "Fine"}, admin=True)["isError"] is False
        assert json.loads(program.stdout.readline())["result"]["structuredContent"]["state"] == "approved"
    finally:
        program.kill()
        program.wait()


# ---- batches, of 2025-03-26 only ----


def test_a_batch_is_answered_as_one(simple):
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "two", "method": "tools/call", "params": {"name": "evaluate_request", "arguments": {"operation": "read", "agent_identity": "agent-1"}}},
        {"jsonrpc": "2.0", "id": 3, "method": "governance/evaluate", "params": {"operation": "read", "agent_identity": "agent-1"}},
        {"jsonrpc": "1.0", "id": 4, "method": "ping"},
        7,
        {"jsonrpc": "2.0", "id": 5, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}},
    ]
    for headers in ({}, {"MCP-Protocol-Version": "2025-03-26"}):
        answer = simple.call("POST", "/mcp", batch, door="mcp", headers=headers)
        assert answer.status == 200
        one, two, three, four, five, six = answer.json
        assert one == {"jsonrpc": "2.0", "id": 1, "result": {}}
        assert two["id"] == "two" and two["result"]["structuredContent"]["decision"] == "approve"
        assert three["id"] == 3 and three["result"]["decision"] == "approve"
        assert four["error"]["code"] == -32600 and four["id"] == 4 and five["error"]["code"] == -32600 and five["id"] is None
        assert six["error"]["code"] == -32600
    later = simple.call("POST", "/mcp", batch, door="mcp", headers={"MCP-Protocol-Version": "2025-06-18"})
    assert later.status == 400 and later.json["error"]["code"] == -32600 and "2025-03-26" in later.json["error"]["message"]
    note = simple.call("POST", "/mcp", [{"jsonrpc": "2.0", "method": "notifications/initialized"}], door="mcp")
    assert note.status == 202 and note.body == b""
    many = simple.call("POST", "/mcp", [{"jsonrpc": "2.0", "id": i, "method": "ping"} for i in range(33)], door="mcp")
    assert many.status == 400 and "at most 32" in many.json["error"]["message"]
