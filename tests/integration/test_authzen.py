"""OpenID AuthZEN Authorization API 1.0."""

import pytest

SUBJECT = {"type": "agent", "id": "agent-1"}


def evaluation(operation, **more):
    return {"subject": SUBJECT, "action": {"name": operation}, "resource": {"type": "pod", "id": "web-1"}} | more


def ask(server, body, path="evaluation", **more):
    return server.call("POST", "/access/v1/" + path, body, **more)


def test_an_evaluation_is_a_decision(simple):
    answer = ask(simple, evaluation("read", context={"a": 1}), headers={"X-Request-ID": "r-1"})
    assert answer.status == 200 and answer.headers["x-request-id"] == "r-1" and answer.json["decision"] is True
    shown = simple.call("GET", "/v1/decisions/" + answer.json["context"]["decision_id"], admin=True).json
    assert shown["request"]["context"] == {"a": 1, "resource_type": "pod", "resource_name": "web-1"} and shown["agent_identity"] == "agent-1"
    denied = ask(simple, evaluation("delete")).json
    assert denied["decision"] is False and denied["context"]["tier"] == 3 and denied["context"]["alternatives"] == ["Ask the owner"]
    spent = ask(simple, evaluation("spend", action={"name": "spend", "properties": {"estimated_cost_usd": "12.50", "justification": "Tea"}})).json
    assert spent["decision"] is True
    assert simple.call("GET", "/v1/agents/agent-1/budget", admin=True).json["reserved_usd"] == "12.50"


def test_an_escalation_is_an_access_request(simple):
    first = ask(simple, evaluation("deploy")).json
    request = first["context"]["access_request"]
    assert first["decision"] is False and request["status"] == "pending" and request["status_endpoint"] == "/v1/escalations/" + request["id"]
    assert simple.call("GET", request["status_endpoint"], headers={"Edict-Agent": "agent-1"}).json["state"] == "pending"
    assert simple.cli("escalations", "approve", request["id"], "--reason", "Fine").returncode == 0
    again = ask(simple, evaluation("deploy", context={"approval": {"id": request["id"]}})).json
    assert again["decision"] is True and again["context"]["grant_id"]
    assert ask(simple, evaluation("deploy", context={"approval": {"id": "ESC-99"}})).status in (400, 404)


@pytest.mark.parametrize("semantic, count", [(None, 4), ("execute_all", 4), ("deny_on_first_deny", 2), ("permit_on_first_permit", 1)])
def test_evaluations_in_order(simple, semantic, count):
    body = {"subject": SUBJECT, "resource": {"type": "pod", "id": "web-1"}, "action": {"name": "read"}, "evaluations": [
        {}, {"action": {"name": "delete"}}, {"subject": {"type": "user", "id": "x"}}, {"resource": {"type": "pod", "id": "web-2"}},
    ]}
    if semantic:
        body["options"] = {"evaluations_semantic": semantic}
    results = ask(simple, body, "evaluations").json["evaluations"]
    assert [one["decision"] for one in results] == [True, False, False, True][:count]
    if count == 4:
        assert results[2]["context"]["error"]["status"] == 400 and "/subject/type" in results[2]["context"]["error"]["message"]


def test_no_items_is_one_evaluation(simple):
    for body in (evaluation("read"), evaluation("read", evaluations=[])):
        assert ask(simple, body, "evaluations").json["decision"] is True


@pytest.mark.parametrize("path, body, told", [
    ("evaluation", {}, "/subject"), ("evaluation", [], "expected an object"), ("evaluation", evaluation("read", subject={"type": "agent"}), "/subject"),
    ("evaluation", evaluation("read", action={}), "/action"), ("evaluation", evaluation("read", resource={"type": "pod"}), "/resource"),
    ("evaluation", evaluation("read", action={"name": "read", "properties": {"x": 1}}), "/action/properties"),
    ("evaluation", evaluation("read", context={"resource_type": "secret"}), "given twice"),
    ("evaluations", evaluation("read", evaluations={}), "/evaluations"), ("evaluations", evaluation("read", evaluations=[{}] * 101), "more than 100"),
    ("evaluations", evaluation("read", options={"evaluations_semantic": "some"}), "evaluations_semantic"),
])
def test_what_is_wrong_is_named(simple, path, body, told):
    answer = ask(simple, body, path)
    assert answer.status == 400 and told in answer.json["detail"], answer.body


def test_discovery_names_the_endpoints(simple):
    found = simple.call("GET", "/.well-known/authzen-configuration").json
    base = simple.endpoints["rest"].rstrip("/")
    assert found == {"policy_decision_point": base, "access_evaluation_endpoint": base + "/access/v1/evaluation", "access_evaluations_endpoint": base + "/access/v1/evaluations"}
