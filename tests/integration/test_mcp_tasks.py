"""The tasks extension: what waits for a human is a task that outlives connections and the server, and belongs to its agent alone."""

import pytest
from mcp_wire import META, call, modern

TASKS = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
DEPLOY = {"operation": "deploy", "context": {"version": 1}}


def result(exchange):
    with exchange:
        return exchange.last()["result"]


def evaluate(server, arguments=DEPLOY, name="evaluate_request", **more):
    return result(call(server, name, arguments, capabilities=more.pop("capabilities", TASKS), **more))


def task(server, method, id, answers=None, capabilities=TASKS, **more):
    params = {"taskId": id} | ({"inputResponses": answers} if answers is not None else {})
    with modern(server, "tasks/" + method, params, capabilities=capabilities, **more) as exchange:
        return exchange.status, exchange.json()


def get(server, id, **more):
    status, answer = task(server, "get", id, **more)
    assert status == 200, answer
    return answer["result"]


def escalations(server, **query):
    return server.call("GET", "/v1/escalations?" + "&".join(f"{name}={value}" for name, value in query.items()), admin=True).json["escalations"]


def resolve(server, name, escalation, **more):
    assert result(call(server, name, {"escalation_id": escalation, "reason": "Because"} | more, admin=True, agent=None))["isError"] is False


def decisions(server):
    return server.call("GET", "/v1/decisions?agent=agent-1", admin=True).json["decisions"]


def test_what_escalates_becomes_a_task_and_goes_on_to_its_decision(simple):
    created = evaluate(simple)
    escalation = escalations(simple)[0]
    assert created["resultType"] == "task" and created["status"] == "working" and escalation["id"] in created["statusMessage"]
    assert created["createdAt"] == escalation["created_at"] and created["ttlMs"] > 86400_000 and created["pollIntervalMs"] > 0
    assert "content" not in created and "result" not in created and "requestState" not in created
    working = get(simple, created["taskId"])
    assert working["resultType"] == "complete" and working["status"] == "working" and "result" not in working
    resolve(simple, "approve_escalation", escalation["id"])
    done = get(simple, created["taskId"])
    assert done["status"] == "completed" and done["result"]["isError"] is False
    decided = done["result"]["structuredContent"]
    assert decided["decision"] == "approve" and decided["grant_id"] and "Decision: approve" in done["result"]["content"][0]["text"]
    # Looked at again, also after a restart, it is the same decision; the grant was used once.
    assert get(simple, created["taskId"])["result"]["structuredContent"]["decision_id"] == decided["decision_id"]
    simple.stop()
    simple.start()
    assert get(simple, created["taskId"])["result"]["structuredContent"]["decision_id"] == decided["decision_id"]
    assert len(decisions(simple)) == 2 and escalations(simple, state="pending") == []
    assert simple.call("GET", "/v1/escalations/" + escalation["id"], admin=True).json["grant"]["uses_left"] == 0


def test_a_grant_that_was_used_otherwise_opens_no_new_escalation(simple):
    created = evaluate(simple)
    escalation = escalations(simple)[0]["id"]
    resolve(simple, "approve_escalation", escalation)
    assert evaluate(simple, {"escalation_id": escalation}, capabilities={})["structuredContent"]["decision"] == "approve"
    done = get(simple, created["taskId"])
    assert done["status"] == "completed" and done["result"]["isError"] is True and "call evaluate_request again" in done["result"]["content"][0]["text"]
    assert len(decisions(simple)) == 2 and escalations(simple, state="pending") == []


def test_a_refusal_is_a_result_and_no_failure(simple):
    assert evaluate(simple, name="escalate_to_human", arguments={"operation": "read", "justification": "Please look"})["structuredContent"]["decision"] == "escalate"
    created = evaluate(simple)
    resolve(simple, "deny_escalation", escalations(simple)[0]["id"])
    done = get(simple, created["taskId"])
    assert done["status"] == "completed" and done["result"]["isError"] is True and "denied. Because" in done["result"]["content"][0]["text"]


def test_cancelling_cancels_the_escalation(simple):
    created = evaluate(simple)
    for _ in range(2):
        status, answer = task(simple, "cancel", created["taskId"])
        assert status == 200 and {name for name in answer["result"]} == {"resultType", "_meta"} and answer["result"]["resultType"] == "complete"
    assert get(simple, created["taskId"])["status"] == "cancelled" and escalations(simple)[0]["state"] == "cancelled"


def test_waiting_becomes_a_task_too(simple):
    escalation = evaluate(simple, capabilities={})["structuredContent"]["escalation_id"]
    created = evaluate(simple, name="wait_for_approval", arguments={"escalation_id": escalation})
    assert created["resultType"] == "task"
    assert task(simple, "cancel", created["taskId"])[0] == 200 and get(simple, created["taskId"])["status"] == "working"
    assert task(simple, "update", created["taskId"], {"x": {"action": "accept"}})[1]["result"]["resultType"] == "complete"
    resolve(simple, "approve_escalation", escalation)
    assert get(simple, created["taskId"])["result"]["structuredContent"]["state"] == "approved"
    assert escalations(simple)[0]["grant"]["uses_left"] == 1
    # What is resolved already needs no task.
    assert evaluate(simple, name="wait_for_approval", arguments={"escalation_id": escalation})["structuredContent"]["state"] == "approved"


def test_only_whom_it_belongs_to_and_only_whom_declared_it(simple):
    created = evaluate(simple)
    id = created["taskId"]
    for wrong in (id[:-1] + ("0" if id[-1] != "0" else "1"), id.replace("evaluate", "wait"), "evaluate-ESC-99." + id.split(".")[1], "x", "evaluate-ESC-1"):
        for method, answers in (("get", None), ("update", {}), ("cancel", None)):
            status, answer = task(simple, method, wrong, answers)
            assert answer["error"]["code"] == -32602, wrong
    for who in ({"agent": "agent-2"}, {"agent": None}, {"agent": None, "admin": True}):
        for method, answers in (("get", None), ("update", {}), ("cancel", None)):
            assert task(simple, method, id, answers, **who)[1]["error"]["code"] == -32602
    for method, answers in (("get", None), ("update", {}), ("cancel", None)):
        status, answer = task(simple, method, id, answers, capabilities={})
        assert status == 400 and answer["error"]["code"] == -32021 and answer["error"]["data"] == {"requiredCapabilities": TASKS}
    assert evaluate(simple, capabilities={})["resultType"] == "complete"
    assert evaluate(simple, DEPLOY | {"dry_run": True})["resultType"] == "complete"
    assert evaluate(simple, {"operation": "read"})["resultType"] == "complete"
    # An agent that its connection does not name could not come back for a task.
    assert evaluate(simple, DEPLOY | {"agent_identity": "agent-1"}, agent=None)["resultType"] == "complete"


def test_streams_tell_of_tasks(simple):
    created = evaluate(simple)
    escalation = escalations(simple)[0]["id"]
    wishes = {"notifications": {"taskIds": [created["taskId"], "evaluate-ESC-9.0"]}}
    with modern(simple, "subscriptions/listen", wishes, capabilities=TASKS, id=7) as stream:
        assert stream.event()["params"]["notifications"] == {"taskIds": [created["taskId"]]}
        resolve(simple, "approve_escalation", escalation)
        told = stream.event()
        assert told["method"] == "notifications/tasks" and told["params"].pop("_meta") == {META + "subscriptionId": 7}
        shown = get(simple, created["taskId"])
        assert told["params"] == {name: value for name, value in shown.items() if name not in ("resultType", "_meta")}
        assert told["params"]["result"]["structuredContent"]["decision"] == "approve"
    with modern(simple, "subscriptions/listen", wishes, capabilities=TASKS, agent="agent-2") as stream:
        assert stream.event()["params"]["notifications"] == {}
    assert len(decisions(simple)) == 2


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
def test_methods_that_are_gone(simple, method):
    with modern(simple, method, {"taskId": "x"}, capabilities=TASKS) as exchange:
        assert exchange.status == 404 and exchange.json()["error"]["code"] == -32601


def test_it_is_announced_in_the_newest_era_only(simple):
    with modern(simple, "server/discover") as exchange:
        assert exchange.json()["result"]["capabilities"]["extensions"] == TASKS["extensions"]
    legacy = simple.call("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}}}, door="mcp")
    assert "extensions" not in legacy.json["result"]["capabilities"]
