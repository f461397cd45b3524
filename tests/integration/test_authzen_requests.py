"""AuthZEN's Access Request and Approval Profile, on the escalations that exist."""

import threading
import time

import pytest
from test_authzen import SUBJECT, ask, check_answer, evaluation

PROBLEM = "urn:openid:authzen:access-request:error:"
AGENT = {"Edict-Agent": "agent-1"}
DEPLOY = evaluation("deploy", context={"image": "web:2", "replicas": 3})


def denied(server, body=DEPLOY):
    answer = ask(server, body).json
    check_answer("AuthzenAnswer", answer)
    assert answer["decision"] is False
    return answer["context"]


def submission(asked, body=DEPLOY, **more):
    return body | {"denial": {"evaluation_id": asked["evaluation_id"], "expires_at": asked["access_request"]["expires_at"]} | more.pop("denial", {})} | more


def submit(server, body, **headers):
    answer = server.call("POST", "/access/v1/requests", body, headers={name.replace("_", "-"): value for name, value in headers.items()})
    if answer.status < 300:
        check_answer("AuthzenTaskAnswer", answer.json)
    return answer


def status(server, task, query="", headers=AGENT):
    answer = server.call("GET", f"/access/v1/requests/{task}{query}", headers=headers)
    if answer.status == 200:
        check_answer("AuthzenTaskAnswer", answer.json)
    return answer


def resolve(server, context, verb, **body):
    answer = server.call("POST", f"/v1/escalations/{context['escalation_id']}/{verb}", {"reason": "Looked at it"} | body, admin=True)
    assert answer.status == 200, answer.body


def refused(answer, code, problem):
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, answer.json["type"], answer.json["status"]) == (code, PROBLEM + problem, code), answer.body
    return answer.json["detail"]


def test_from_denial_to_decision(simple):
    context = denied(simple)
    assert context["reason"] == "approval_required" and context["access_request"]["template"] == "test.ask" and "endpoint" not in context["access_request"]
    size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
    taken = submit(simple, submission(context, context=DEPLOY["context"] | {"business_justification": "A customer waits"}, requested_access={"emergency": True}, client={"id": "pep-1"}))
    assert taken.status == 202 and int(taken.headers["retry-after"]) >= 1
    task = taken.json["task"]
    assert task["status"] == "pending" and taken.headers["location"] == task["status_endpoint"] and task["expires_at"] == context["access_request"]["expires_at"]
    assert task["links"]["cancel"] == task["status_endpoint"] + "/cancel" and "result" not in taken.json
    assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size  # the escalation was there
    assert submit(simple, submission(context)).json == taken.json
    shown = status(simple, task["id"])
    assert shown.json == taken.json and shown.headers["retry-after"]
    resolve(simple, context, "approve", valid_for_s=600)
    done = status(simple, task["id"])
    assert done.json["task"]["status"] == "approved" and "retry-after" not in done.headers and "links" not in done.json["task"]
    approval = done.json["result"]["approval"]
    assert done.json["result"]["mode"] == "reevaluate" and approval["approved_at"] < approval["approved_until"]
    again = submit(simple, submission(context))
    assert again.status == 201 and again.json == done.json
    last = ask(simple, evaluation("deploy", context=DEPLOY["context"] | {"approval": approval})).json
    check_answer("AuthzenAnswer", last)
    assert last["decision"] is True and last["context"]["approval"] == {"id": approval["id"], "approved_until": approval["approved_until"]}
    assert "access_request" not in last["context"] and "reason" not in last["context"]


def test_another_action_gains_nothing_from_an_approval(simple):
    """The reference is no grant: what is asked now is decided, not what was approved then."""
    context = denied(simple)
    resolve(simple, context, "approve", uses=5)
    approval = status(simple, context["evaluation_id"]).json["result"]["approval"]
    others = [
        evaluation("deploy", context={"image": "web:3", "replicas": 3}), evaluation("deploy", context=DEPLOY["context"], resource={"type": "pod", "id": "web-2"}),
        evaluation("deploy", context=DEPLOY["context"], action={"name": "deploy", "properties": {"command": "deploy --all"}}),
        evaluation("deploy", context=DEPLOY["context"], action={"name": "deploy", "properties": {"estimated_cost_usd": "1.00"}}),
    ]
    for other in others:
        answer = ask(simple, other | {"context": other["context"] | {"approval": approval}}).json
        assert answer["decision"] is False and answer["context"]["reason"] == "out_of_scope" and answer["context"]["next_action"] == "request", other
        assert answer["context"]["access_request"] and answer["context"]["escalation_id"] != context["escalation_id"]
    stranger = ask(simple, DEPLOY | {"subject": {"type": "agent", "id": "agent-2"}, "context": DEPLOY["context"] | {"approval": approval}}).json
    assert stranger["decision"] is False and stranger["context"]["reason"] == "approval_unverifiable"
    never = ask(simple, evaluation("delete", context={"approval": approval})).json["context"]
    assert (never["tier"], never["reason"], never["next_action"]) == (3, "policy_denied", "none") and "access_request" not in never
    assert ask(simple, DEPLOY | {"context": DEPLOY["context"] | {"approval": approval}}).json["decision"] is True


def test_why_a_reevaluation_was_denied(simple):
    def again(approval, context=DEPLOY["context"]):
        answer = ask(simple, evaluation("deploy", context=context | {"approval": approval})).json
        check_answer("AuthzenAnswer", answer)
        return answer["decision"], answer["context"].get("reason"), answer["context"].get("next_action")

    first = denied(simple)
    assert again({"id": first["evaluation_id"]}) == (False, "approval_pending", "retry")
    assert again({"id": first["escalation_id"]}) == (False, "approval_pending", "retry")
    for unknown in ({"id": "01a20e48-6a18-7000-92fd-a0d55c404919"}, {"id": "ESC-99"}, {"id": "x"}, {"id": 7}, {}, "text"):
        assert again(unknown) == (False, "approval_unverifiable", "request"), unknown
    resolve(simple, first, "approve")
    assert again({"id": first["evaluation_id"]}) == (True, None, None)
    assert again({"id": first["evaluation_id"]}) == (False, "approval_expired", "request")  # used up
    second = denied(simple)
    resolve(simple, second, "deny")
    assert again({"id": second["evaluation_id"]}) == (False, "approval_denied", "request")
    third = denied(simple)
    resolve(simple, third, "cancel")
    assert again({"id": third["evaluation_id"]}) == (False, "approval_expired", "request")


def test_a_submission_is_bound_to_what_was_denied(simple):
    context = denied(simple)
    task = submit(simple, submission(context)).json["task"]["id"]
    bad = [
        {"action": {"name": "read"}}, {"action": {"name": "deploy", "properties": {"command": "x"}}}, {"action": {"name": "deploy", "properties": {"estimated_cost_usd": "1.00"}}}, {"resource": {"type": "pod", "id": "web-2"}},
        {"resource": {"type": "node", "id": "web-1"}}, {"resource": {"type": "pod", "id": "web-1", "properties": {"more": 1}}}, {"context": {"image": "web:2"}}, {"context": DEPLOY["context"] | {"replicas": 4}}, {"context": {}},
        {"subject": {"type": "agent", "id": "agent-2"}}, {"denial": {"evaluation_id": "01a20e48-6a18-7000-92fd-a0d55c404919"}}, {"denial": {"evaluation_id": "ESC-1"}}, {"denial": {"expires_at": "soon"}}, {"denial": {"template": "other"}},
    ]
    for change in bad:
        assert refused(submit(simple, submission(context, **change)), 400, "invalid_denial_binding").startswith("/"), change
    for denial in ({}, {"evaluation_id": context["evaluation_id"]}, {"expires_at": context["access_request"]["expires_at"]}, {"binding_token": "e30.e30.x", "expires_at": context["access_request"]["expires_at"]}):
        refused(submit(simple, DEPLOY | {"denial": denial}), 400, "invalid_denial_binding")
    refused(submit(simple, DEPLOY), 400, "invalid_denial_binding")
    for operation in ("read", "delete"):  # approved, and denied for good
        answer = ask(simple, evaluation(operation)).json["context"]
        refused(submit(simple, evaluation(operation, denial={"evaluation_id": answer["evaluation_id"], "expires_at": "2036-01-01T00:00:00Z"})), 400, "not_requestable")
    assert "/items" in submit(simple, {"subject": SUBJECT, "items": []}).json["detail"] and "/callback" in submit(simple, submission(context, callback={"endpoint": "https://x"})).json["detail"]
    assert submit(simple, submission(context, future={"x": 1})).json["task"]["id"] == task
    assert submit(simple, submission(context), Edict_Agent="agent-2").status == 403


def test_every_evaluation_that_joined_leads_to_the_task(simple):
    first, second = denied(simple), denied(simple)
    assert first["evaluation_id"] != second["evaluation_id"] and first["escalation_id"] == second["escalation_id"]
    tasks = [submit(simple, submission(context)).json["task"] for context in (first, second)]
    assert tasks[0] == tasks[1] and tasks[0]["id"] == first["evaluation_id"]
    for name in (first["evaluation_id"], second["evaluation_id"], first["escalation_id"]):
        assert status(simple, name).json["task"] == tasks[0]


def test_a_key_is_for_one_submission(simple):
    first, second = denied(simple), denied(simple, evaluation("deploy", context={"image": "web:9"}))
    taken = submit(simple, submission(first), Idempotency_Key="k")
    assert submit(simple, submission(first), Idempotency_Key="k").json == taken.json
    refused(submit(simple, submission(second, evaluation("deploy", context={"image": "web:9"})), Idempotency_Key="k"), 409, "duplicate_request")
    refused(submit(simple, submission(first, requested_access={"emergency": True}), Idempotency_Key="k"), 409, "duplicate_request")
    assert submit(simple, submission(second, evaluation("deploy", context={"image": "web:9"})), Idempotency_Key="k2").status == 202
    assert submit(simple, submission(first), Idempotency_Key="a b").status == 400


def test_a_task_is_its_agents_own(simple):
    task = submit(simple, submission(denied(simple))).json["task"]["id"]
    for method, path in (("GET", ""), ("POST", "/cancel")):
        def call(name, headers=AGENT):
            return simple.call(method, f"/access/v1/requests/{name}{path}", {} if method == "POST" else None, headers=headers)

        refused(call(task, {"Edict-Agent": "agent-2"}), 404, "unknown_task")
        for unknown in ("01a20e48-6a18-7000-92fd-a0d55c404919", "ESC-99", "ESC-0", "x", "%00"):
            assert call(unknown).status in (400, 404), unknown
        assert call(task, {}).status == 401
    allowed = ask(simple, evaluation("read")).json["context"]["evaluation_id"]
    refused(status(simple, allowed), 404, "unknown_task")  # an evaluation, but nothing that waits
    assert simple.call("GET", f"/access/v1/requests/{task}", admin=True).json["task"]["id"] == task


def test_a_pep_takes_a_request_back(simple):
    context = denied(simple)
    task = submit(simple, submission(context)).json["task"]
    path = task["links"]["cancel"].removeprefix(simple.endpoints["rest"].rstrip("/"))
    assert simple.call("POST", path, {"why": 1}, headers=AGENT).status == 400
    done = simple.call("POST", path, {"reason": "no_longer_needed", "comment": "Another way was found"}, headers=AGENT)
    check_answer("AuthzenTaskAnswer", done.json)
    assert done.status == 200 and done.json["task"]["status"] == "cancelled" and "result" not in done.json
    escalation = simple.call("GET", f"/v1/escalations/{context['escalation_id']}", admin=True).json
    assert (escalation["state"], escalation["reason"], escalation["resolved_by"]) == ("cancelled", "no_longer_needed: Another way was found", "agent:agent-1")
    refused(simple.call("POST", path, {}, headers=AGENT), 409, "invalid_task_state")
    refused(simple.call("POST", path, headers=AGENT), 409, "invalid_task_state")
    assert submit(simple, submission(context)).json["task"]["status"] == "cancelled"


def test_a_denied_task_says_why_and_has_no_result(simple):
    context = denied(simple)
    task = submit(simple, submission(context)).json["task"]["id"]
    resolve(simple, context, "deny", reason="Not on a Friday")
    shown = status(simple, task).json
    assert shown["task"]["status"] == "denied" and shown["task"]["display"]["description"] == "Not on a Friday" and "result" not in shown


def test_waiting_for_a_task(simple):
    context = denied(simple)
    task = submit(simple, submission(context)).json["task"]["id"]
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(status(simple, task, "?wait=50")))
    waiting.start()
    time.sleep(0.1)
    resolve(simple, context, "approve")
    waiting.join()
    assert answers[0].json["task"]["status"] == "approved" and answers[0].json["result"]
    assert status(simple, task, "?wait=61").status == 400


def test_what_is_too_late(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--escalation-ttl-s", "1"])
    context = denied(server)
    task = context["evaluation_id"]
    while status(server, task, "?wait=5").json["task"]["status"] == "pending":
        pass
    assert status(server, task).json["task"]["status"] == "expired"
    refused(submit(server, submission(context)), 410, "expired_denial")


def test_tasks_survive_a_restart(simple):
    context = denied(simple)
    task = submit(simple, submission(context), Idempotency_Key="k").json
    simple.kill()
    simple.start()
    assert status(simple, task["task"]["id"]).json["task"]["id"] == task["task"]["id"]
    assert submit(simple, submission(context), Idempotency_Key="k").json["task"]["id"] == task["task"]["id"]


@pytest.mark.parametrize("body, reason", [(evaluation("Please deploy it"), None), (evaluation("deploy", action={"name": "deploy", "properties": {"dry_run": True}}), None)])
def test_what_nobody_was_asked_about_cannot_be_requested(simple, body, reason):
    context = denied(simple, body)
    assert "access_request" not in context and context.get("reason") == reason
