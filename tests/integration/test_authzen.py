"""OpenID AuthZEN Authorization API 1.0."""

import subprocess

import pytest
from conftest import BUILD
from test_openapi import SPEC, check

SUBJECT = {"type": "agent", "id": "agent-1"}


def evaluation(operation, **more):
    return {"subject": SUBJECT, "action": {"name": operation}, "resource": {"type": "pod", "id": "web-1"}} | more


def check_answer(schema, document):
    check(SPEC["components"]["schemas"][schema], document)


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


@pytest.mark.parametrize("semantic, count", [(None, 4), ("execute_all", 4), ("deny_on_first_deny", 2), ("permit_on_first_permit", 1)])
def test_evaluations_in_order(simple, semantic, count):
    body = {"subject": SUBJECT, "resource": {"type": "pod", "id": "web-1"}, "action": {"name": "read"}, "evaluations": [
        {}, {"action": {"name": "delete"}}, {"subject": {"type": "User", "id": "x"}}, {"resource": {"type": "pod", "id": "web-2"}},
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
    ("evaluation", evaluation("read", action={"name": "read", "properties": {"estimated_cost": "1.00"}}), 'did you mean "estimated_cost_usd"'),
    ("evaluation", evaluation("read", action={"name": "read", "properties": []}), "/action/properties"), ("evaluation", evaluation("read", context=[]), "/context"),
    ("evaluation", evaluation("read", subject={"type": "user", "id": "a b"}), "/subject/id"), ("evaluation", evaluation("read", subject={"type": "U", "id": "a"}), "/subject/type"),
    ("evaluation", evaluation("read", subject=SUBJECT | {"properties": {"role": "admin"}}, context={"subject": {}}), "given twice"),
    ("evaluation", evaluation("read", context={"resource_type": "secret"}), "given twice"),
    ("evaluations", evaluation("read", evaluations={}), "/evaluations"), ("evaluations", evaluation("read", evaluations=[{}] * 101), "more than 100"),
    ("evaluations", evaluation("read", options={"evaluations_semantic": "some"}), "evaluations_semantic"),
])
def test_what_is_wrong_is_named(simple, path, body, told):
    answer = ask(simple, body, path)
    assert answer.status == 400 and told in answer.json["detail"], answer.body


ENDPOINTS = {
    "policy_decision_point": "", "access_evaluation_endpoint": "/access/v1/evaluation", "access_evaluations_endpoint": "/access/v1/evaluations", "search_subject_endpoint": "/access/v1/search/subject",
    "search_action_endpoint": "/access/v1/search/action", "access_request_endpoint": "/access/v1/requests",
}


def test_discovery_names_the_endpoints(simple):
    found = simple.call("GET", "/.well-known/authzen-configuration").json
    check_answer("AuthzenConfiguration", found)
    base = simple.endpoints["rest"].rstrip("/")
    assert found == {name: base + path for name, path in ENDPOINTS.items()} | {"capabilities": ["urn:openid:authzen:capability:access-request"]}
    for name, path in ENDPOINTS.items():  # what is named is there, and what is not named is not
        if path:
            assert simple.call("POST", path, {}, admin=True).status == 400, name
    assert simple.call("POST", "/access/v1/search/resource", {}, admin=True).status == 404


def test_discovery_behind_a_proxy(new_server, simple_policies):
    """The specification wants https; --public-url says where that is."""
    server = new_server(policies=simple_policies, flags=["--public-url", "https://pdp.example.com/edict"])
    found = server.call("GET", "/.well-known/authzen-configuration").json
    assert {name: found[name] for name in ENDPOINTS} == {name: "https://pdp.example.com/edict" + path for name, path in ENDPOINTS.items()}
    denied = ask(server, evaluation("deploy")).json["context"]
    body = evaluation("deploy", denial={"evaluation_id": denied["evaluation_id"], "expires_at": denied["access_request"]["expires_at"]})
    assert server.call("POST", "/access/v1/requests", body).headers["location"].startswith("https://pdp.example.com/edict/access/v1/requests/")
    for wrong in ("http://pdp.example.com", "https://", "https://pdp.example.com/", "https://pdp.example.com/?x", "https://a b"):
        refused = subprocess.run([BUILD / "edictd", "--public-url", wrong, "--data", str(server.folder)], capture_output=True, text=True, timeout=60)
        assert refused.returncode == 2 and "--public-url" in refused.stderr


def test_request_ids_are_echoed_whatever_the_answer(simple):
    for body, status in ((evaluation("read"), 200), ({}, 400), (b"{", 400)):
        for path in ("evaluation", "evaluations"):
            answer = ask(simple, body, path, headers={"X-Request-ID": "id-7"})
            assert (answer.status, answer.headers["x-request-id"]) == (status, "id-7")
    for headers, status in (({"Authorization": "Bearer x"}, 401), ({"Host": "evil.example"}, 403), ({"Content-Type": "text/plain"}, 400)):
        answer = ask(simple, evaluation("read"), headers={"X-Request-ID": "id-8"} | headers)
        assert (answer.status, answer.headers["x-request-id"]) == (status, "id-8"), headers
    assert "x-request-id" not in ask(simple, evaluation("read")).headers


def test_a_list_can_be_sent_again(simple):
    body = {"subject": SUBJECT, "resource": {"type": "pod", "id": "web-1"}, "evaluations": [{"action": {"name": "spend", "properties": {"estimated_cost_usd": cost}}} for cost in ("1.00", "2.00")]}
    first, again = (ask(simple, body, "evaluations", headers={"Idempotency-Key": "list-1"}).json["evaluations"] for _ in range(2))
    assert [one["context"]["decision_id"] for one in first] == [one["context"]["decision_id"] for one in again]
    assert simple.call("GET", "/v1/agents/agent-1/budget", admin=True).json["reserved_usd"] == "3.00"


# ---- what the certification scenario of AuthZEN 1.0 asks of a fixture ----

FIXTURE = """
rule "a.read"     { tier = 0, match = { operation = "read", ["context.resource_type"] = "record" }, because = { "Everybody reads" } }
rule "b.alice"    { tier = 0, match = { operation = "write", agent_identity = "user:alice" }, because = { "Alice writes" } }
rule "b.admin"    { tier = 0, match = { operation = "write", ["context.status"] = "archived" }, because = { "Administrators write into the archive" },
                    when = function(request, facts) local who = request.context.subject; return who ~= nil and who.role == "admin" end }
rule "b.archived" { tier = 3, match = { operation = "write", ["context.status"] = "archived" }, because = { "The archive is closed" }, alternatives = { "Ask" },
                    when = function(request, facts) local who = request.context.subject; return who == nil or who.role ~= "admin" end }
rule "c.soft"     { tier = 0, match = { operation = "delete", ["context.action.soft"] = true }, because = { "It can be undone" } }
rule "c.hard"     { tier = 3, match = { operation = "delete", ["context.action.soft"] = false }, because = { "It cannot be undone" }, alternatives = { "A soft one" } }
"""


@pytest.fixture
def records(new_server, tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "rules.lua").write_text(FIXTURE)
    running = new_server(policies=folder)
    for name in ("user:alice", "user:bob", "agent-1"):
        running.set_agent(name.replace(":", "%3A"), {"namespace": "records"})
    return running


def record(who, operation, number=1, status=None, **more):
    resource = {"type": "record", "id": f"record-{number}"} | ({"properties": {"status": status}} if status else {})
    return {"subject": {"type": "user", "id": who}, "action": {"name": operation}, "resource": resource} | more


ADMIN = {"type": "user", "id": "bob", "properties": {"role": "admin"}}
DECISIONS = [
    (record("alice", "read"), True), (record("alice", "write"), True), (record("bob", "read"), True), (record("bob", "write"), False), (record("alice", "write", 2, "archived"), False),
    (record("bob", "write", 2, "archived", subject=ADMIN), True), (record("alice", "delete", action={"name": "delete", "properties": {"soft": True}}), True),
    (record("alice", "delete", action={"name": "delete", "properties": {"soft": False}}), False), (record("alice", "read", context={"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}), True),
    (record("alice", "read", foo="bar", futureField={"nested": True}), True), (record("alice", "read", action={"name": "read", "properties": {"method": "GET"}}, subject={"type": "user", "id": "alice", "properties": {"department": "Sales"}}), True),
]


def test_the_certifications_decisions(records):
    for body, decision in DECISIONS:
        for _ in range(2):
            answer = ask(records, body)
            assert (answer.status, answer.json["decision"]) == (200, decision), body
            check_answer("AuthzenAnswer", answer.json)
    batch = ask(records, {"evaluations": [body for body, _ in DECISIONS]}, "evaluations").json
    check_answer("AuthzenAnswers", batch)
    assert [one["decision"] for one in batch["evaluations"]] == [decision for _, decision in DECISIONS]
    defaults = record("alice", "write", 1, "active", evaluations=[{}, {"resource": record("alice", "write", 2, "archived")["resource"]}, {"subject": ADMIN, "resource": record("x", "write", 2, "archived")["resource"]}])
    assert [one["decision"] for one in ask(records, defaults, "evaluations").json["evaluations"]] == [True, False, True]


@pytest.mark.parametrize("change", [
    {"subject": None}, {"action": None}, {"resource": None}, {"subject": {"id": "alice"}}, {"subject": {"type": "user"}}, {"action": {}}, {"resource": {"id": "record-1"}}, {"resource": {"type": "record"}}, {"subject": "alice"}, {"action": {"name": 123}},
])
def test_the_certifications_bad_requests(records, change):
    body = {name: value for name, value in (record("alice", "read") | change).items() if value is not None}
    assert ask(records, body).status == 400
    assert ask(records, body, "search/action").status == (200 if change in ({"action": None}, {"action": {}}, {"action": {"name": 123}}) else 400)
    for raw, headers in ((b"", {}), (b"{not json", {}), (b"{}", {"Content-Type": "text/plain"})):
        assert ask(records, raw, headers=headers).status == 400


def test_the_certifications_searches(records):
    def search(path, body, **more):
        answer = ask(records, body, "search/" + path, **more)
        assert answer.status == 200, answer.body
        check_answer("AuthzenActions" if path == "action" else "AuthzenSubjects", answer.json)
        assert answer.json["page"]["count"] == len(answer.json["results"])
        return answer.json["results"]

    users = search("subject", record("ignored", "read"), admin=True)
    assert users == [{"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}]
    assert search("action", record("alice", "x")) == [{"name": "read"}, {"name": "write"}]
    archive = record("bob", "write", 2, "archived")
    assert search("action", archive | {"subject": ADMIN}) == [{"name": "read"}, {"name": "write"}]
    assert search("subject", archive, admin=True) == [] and len(search("subject", archive | {"subject": {"type": "user", "properties": {"role": "admin"}}}, admin=True)) == 2
    agents = search("subject", record("x", "read") | {"subject": {"type": "agent"}}, admin=True)
    assert {one["id"] for one in agents} == {"user:alice", "user:bob", "agent-1"}
    assert search("subject", record("x", "read") | {"subject": {"type": "group"}}, admin=True) == []
