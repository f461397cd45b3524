"""Escalations and grants, through REST and the command line."""

import threading
import time

DEPLOY = {"agent_identity": "agent-1", "operation": "deploy", "context": {"name": "web"}}


def escalate(server, request=DEPLOY):
    answer = server.evaluate(request).json
    assert answer["decision"] == "escalate", answer
    return answer


def approve(server, escalation, **body):
    return server.call("POST", f"/v1/escalations/{escalation}/approve", {"reason": "fine", **body}, admin=True)


def test_the_same_action_joins_its_pending_escalation(simple):
    first, second = escalate(simple), escalate(simple)
    assert first["escalation_id"] == second["escalation_id"]
    other = escalate(simple, {**DEPLOY, "context": {"name": "api"}})
    assert other["escalation_id"] != first["escalation_id"]


def test_a_grant_is_for_exactly_this_action_and_agent_once(simple):
    asked = escalate(simple)
    assert approve(simple, asked["escalation_id"]).status == 200
    assert simple.evaluate({**DEPLOY, "context": {"name": "api"}}).json["decision"] == "escalate"
    assert simple.evaluate({**DEPLOY, "agent_identity": "agent-2"}).json["decision"] == "escalate"
    assert simple.evaluate({**DEPLOY, "estimated_cost_usd": "1.00"}).json["decision"] == "escalate"
    granted = simple.evaluate({**DEPLOY, "justification": "another reason"}).json
    assert (granted["decision"], granted["tier"]) == ("approve", 2)
    assert granted["grant_id"] and asked["escalation_id"] in granted["rationale"]
    assert simple.evaluate(DEPLOY).json["decision"] == "escalate"  # used up


def test_a_grant_with_several_uses_and_a_time_limit(simple):
    asked = escalate(simple)
    document = approve(simple, asked["escalation_id"], uses=2, valid_for_s=60).json
    assert document["state"] == "approved"
    assert document["grant"]["uses_left"] == 2
    assert [simple.evaluate(DEPLOY).json["decision"] for _ in range(3)] == ["approve", "approve", "escalate"]


def test_a_grant_expires(simple):
    """However many uses it has: after its time it is worth nothing."""
    asked = escalate(simple)
    approve(simple, asked["escalation_id"], valid_for_s=1, uses=1000)
    answers = []
    while len(answers) < 1000:
        answers.append(simple.evaluate(DEPLOY).json["decision"])
        if answers[-1] == "escalate":
            break
        time.sleep(0.01)
    assert answers[-1] == "escalate"


def test_a_retry_by_the_escalations_id_alone(simple):
    asked = escalate(simple)
    approve(simple, asked["escalation_id"])
    stranger = simple.evaluate({"agent_identity": "agent-2", "escalation_id": asked["escalation_id"]})
    assert stranger.status == 404
    granted = simple.evaluate({"agent_identity": "agent-1", "escalation_id": asked["escalation_id"]}).json
    assert granted["decision"] == "approve"


def test_a_further_rule_escalates_again(simple):
    """The approver saw test.ask; test.ask-too came into force afterwards."""
    asked = escalate(simple)
    approve(simple, asked["escalation_id"], uses=10)
    assert simple.evaluate(DEPLOY).json["decision"] == "approve"
    (simple.policies / "rules.lua").write_text(
        (simple.policies / "rules.lua").read_text() + 'rule "test.new" { tier = 2, match = { operation = "deploy" }, because = { "New" } }\n'
    )
    assert simple.call("POST", "/v1/policies/reload", {}, admin=True).json["changed"] is True
    assert simple.evaluate(DEPLOY).json["decision"] == "escalate"


def test_tier_3_is_never_overridden(simple):
    asked = escalate(simple)
    approve(simple, asked["escalation_id"], uses=10)
    (simple.policies / "rules.lua").write_text(
        (simple.policies / "rules.lua").read_text() + 'rule "test.no" { tier = 3, match = { operation = "deploy" }, because = { "No" }, alternatives = { "x" } }\n'
    )
    assert simple.call("POST", "/v1/policies/reload", {}, admin=True).status == 200
    assert simple.evaluate(DEPLOY).json["decision"] == "deny"


def test_two_resolvers_have_one_winner(simple):
    asked = escalate(simple)
    results = []

    def resolve(verb):
        results.append(simple.call("POST", f"/v1/escalations/{asked['escalation_id']}/{verb}", {"reason": verb}, admin=True).status)

    threads = [threading.Thread(target=resolve, args=(verb,)) for verb in ("approve", "deny") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [200] + [409] * 7


def test_denied_and_cancelled(simple):
    asked = escalate(simple)
    denied = simple.call("POST", f"/v1/escalations/{asked['escalation_id']}/deny", {"reason": "not today"}, admin=True).json
    assert (denied["state"], denied["reason"], denied["resolved_by"]) == ("denied", "not today", "admin")
    again = escalate(simple)
    assert again["escalation_id"] != asked["escalation_id"]
    stranger = simple.call("POST", f"/v1/escalations/{again['escalation_id']}/cancel", {"agent_identity": "agent-2"})
    assert stranger.status == 404
    cancelled = simple.call("POST", f"/v1/escalations/{again['escalation_id']}/cancel", {"agent_identity": "agent-1"}).json
    assert (cancelled["state"], cancelled["resolved_by"]) == ("cancelled", "agent:agent-1")


def test_a_long_poll_ends_when_it_is_resolved(simple):
    asked = escalate(simple)
    path = f"/v1/escalations/{asked['escalation_id']}?wait=50&agent_identity=agent-1"
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(simple.call("GET", path).json))
    waiting.start()
    approve(simple, asked["escalation_id"])
    waiting.join()
    assert answers[0]["state"] == "approved"


def test_pending_escalations_expire_by_an_entry(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--escalation-ttl-s", "1"])
    asked = escalate(server)
    state = "pending"
    while state == "pending":
        state = server.call("GET", f"/v1/escalations/{asked['escalation_id']}?wait=5", admin=True).json["state"]
    assert state == "expired"
    assert "escalation.expired" in [entry["type"] for entry in server.ledger()]
    assert approve(server, asked["escalation_id"]).status == 409


def test_at_most_100_are_pending_for_an_agent(simple):
    for i in range(100):
        assert simple.evaluate({**DEPLOY, "context": {"name": f"n{i}"}}).json["decision"] == "escalate"
    answer = simple.evaluate({**DEPLOY, "context": {"name": "one more"}})
    assert answer.status == 429
    assert answer.headers["retry-after"]
    assert simple.evaluate({**DEPLOY, "context": {"name": "n7"}}).status == 200  # joins


def test_all_of_it_survives_restart(simple):
    granted, pending = escalate(simple), escalate(simple, {**DEPLOY, "context": {"name": "api"}})
    approve(simple, granted["escalation_id"])
    simple.kill()
    simple.start()
    assert simple.evaluate(DEPLOY).json["decision"] == "approve"
    assert simple.evaluate({**DEPLOY, "context": {"name": "api"}}).json["escalation_id"] == pending["escalation_id"]
    assert approve(simple, pending["escalation_id"]).status == 200


def test_an_agent_may_ask_for_a_human(simple):
    request = {"agent_identity": "agent-1", "operation": "read", "context": {"name": "x"}}
    assert simple.evaluate(request).json["decision"] == "approve"
    asked = simple.call("POST", "/v1/escalations", request).json
    assert asked["decision"] == "escalate"
    assert "edict.asked-for-human" in asked["rules"]


def test_plain_language_is_not_decided_and_not_escalated(simple):
    answer = simple.evaluate({"agent_identity": "agent-1", "operation": "Please delete the old pods"}).json
    assert (answer["decision"], answer["tier"], answer["escalation_id"]) == ("escalate", 2, None)
    assert answer["rules"] == ["edict.plain-language"]
    assert answer["decision_id"]


def test_the_command_line(simple):
    asked = escalate(simple, {**DEPLOY, "command": "deploy \x1b[31mred\u202e"})
    listed = simple.cli("escalations", "list")
    assert asked["escalation_id"] in listed.stdout
    assert "\x1b" not in listed.stdout and "\u202e" not in listed.stdout
    assert simple.cli("escalations", "approve", asked["escalation_id"]).returncode == 2
    assert simple.cli("escalations", "approve", asked["escalation_id"], "--reason", "ok", "--uses", "3").returncode == 0
    shown = simple.cli("escalations", "show", asked["escalation_id"])
    assert "approved" in shown.stdout
    assert simple.cli("escalations", "deny", asked["escalation_id"], "--reason", "no").returncode == 2
