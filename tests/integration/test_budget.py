"""Budgets are hard: under races, across crashes, through every way a cost can be settled."""

import threading


def spend(server, usd, agent="agent-1", **more):
    return server.evaluate({"agent_identity": agent, "operation": "spend", "estimated_cost_usd": usd, **more}).json


def budget(server, agent="agent-1"):
    answer = server.call("GET", f"/v1/agents/{agent}/budget", admin=True)
    assert answer.status == 200, answer.body
    return answer.json


def report(server, decision, status="succeeded", admin=False, agent="agent-1", **more):
    body = {"status": status, **more}
    if not admin:
        body["agent_identity"] = agent
    return server.call("POST", f"/v1/decisions/{decision['decision_id']}/outcome", body, admin=admin)


def test_an_approval_reserves_and_an_outcome_settles(simple):
    decision = spend(simple, "30.00")
    assert decision["decision"] == "approve"
    assert budget(simple)["reserved_usd"] == "30.00"
    assert report(simple, decision, actual_cost_usd="40.00").status == 200
    after = budget(simple)
    assert (after["reserved_usd"], after["current_spending_usd"], after["remaining_usd"]) == ("0.00", "40.00", "60.00")


def test_an_agents_own_report_does_not_lower_the_charge_and_an_admins_does(simple):
    one, two = spend(simple, "30.00"), spend(simple, "30.00")
    assert report(simple, one, actual_cost_usd="1.00").status == 200
    assert budget(simple)["current_spending_usd"] == "30.00"
    assert report(simple, two, admin=True, actual_cost_usd="1.00").status == 200
    assert budget(simple)["current_spending_usd"] == "31.00"


def test_one_outcome_for_each_decision(simple):
    decision = spend(simple, "1.00")
    assert report(simple, decision).status == 200
    assert report(simple, decision).status == 409


def test_overruns_are_recorded_in_full(simple):
    decision = spend(simple, "90.00")
    assert report(simple, decision, actual_cost_usd="130.00").status == 200
    after = budget(simple)
    assert after["current_spending_usd"] == "130.00"
    assert after["remaining_usd"] == "0.00"
    assert spend(simple, "0.01")["decision"] == "escalate"


def test_many_connections_race_for_the_last_dollar(simple):
    """20 threads ask for $1 each, again and again; the limit is $100, and exactly 100 are approved."""
    approved, lock = [], threading.Lock()

    def race():
        connection = simple.connect()
        for _ in range(10):
            request = {"agent_identity": "agent-1", "operation": "spend", "estimated_cost_usd": "1.00"}
            answer = simple.call("POST", "/v1/evaluate", request, connection=connection).json
            if answer["decision"] == "approve":
                with lock:
                    approved.append(answer["decision_id"])
        connection.close()

    threads = [threading.Thread(target=race) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(approved)) == 100
    after = budget(simple)
    assert after["reserved_usd"] == "100.00"
    assert after["remaining_usd"] == "0.00"


def test_the_limit_holds_across_a_crash(simple):
    assert spend(simple, "60.00")["decision"] == "approve"
    simple.kill()
    simple.start()
    assert budget(simple)["reserved_usd"] == "60.00"
    assert spend(simple, "60.00")["decision"] == "escalate"
    assert spend(simple, "40.00")["decision"] == "approve"


def test_lowering_the_limit_below_what_is_spent_stops_approvals(simple):
    assert spend(simple, "60.00")["decision"] == "approve"
    simple.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "10.00"}})
    assert budget(simple)["remaining_usd"] == "0.00"
    assert spend(simple, "0.01")["decision"] == "escalate"


def test_approving_an_overage_raises_this_months_limit(simple):
    assert spend(simple, "80.00")["decision"] == "approve"
    over = spend(simple, "75.00")
    assert over["decision"] == "escalate"
    assert "edict.over-budget" in over["rules"]
    path = f"/v1/escalations/{over['escalation_id']}/approve"
    refused = simple.call("POST", path, {"reason": "yes"}, admin=True)
    assert refused.status == 409
    assert "budget_increase_usd" in refused.json["detail"]
    assert "55.00" in refused.json["detail"]
    assert simple.call("POST", path, {"reason": "yes", "budget_increase_usd": "54.99"}, admin=True).status == 409
    assert simple.call("POST", path, {"reason": "yes", "budget_increase_usd": "55.00"}, admin=True).status == 200
    granted = simple.evaluate({"agent_identity": "agent-1", "escalation_id": over["escalation_id"]}).json
    assert granted["decision"] == "approve", granted
    assert budget(simple)["remaining_usd"] == "0.00"
    types = [entry["type"] for entry in simple.ledger()]
    assert "budget.raised" in types


def test_what_is_never_reported_is_charged_in_full(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--reservation-ttl-s", "1"])
    server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    decision = spend(server, "25.00")
    while not any(entry["type"] == "reservation.expired" for entry in server.ledger()):
        pass
    after = budget(server)
    assert (after["reserved_usd"], after["current_spending_usd"]) == ("0.00", "25.00")
    assert report(server, decision).status == 409


def test_no_cost_is_approved_for_an_unknown_agent(simple):
    answer = spend(simple, "0.01", agent="nobody")
    assert answer["decision"] == "escalate"
    assert "edict.unknown-agent" in answer["rules"]
    simple.call("POST", f"/v1/escalations/{answer['escalation_id']}/approve", {"reason": "yes"}, admin=True)
    assert spend(simple, "0.01", agent="nobody")["decision"] == "escalate"
