"""What the tools promise about their input and output, held against what they give."""

import jsonschema
from mcp_wire import call, modern


def tool(server, name, arguments, **more):
    with call(server, name, arguments, **more) as exchange:
        return exchange.last()["result"]


def test_results_conform_to_the_output_schemas(simple):
    with modern(simple, "tools/list", admin=True) as exchange:
        tools = {one["name"]: one for one in exchange.json()["result"]["tools"]}
    assert list(tools) == sorted(tools)
    seen = set()

    def check(name, arguments, **more):
        jsonschema.Draft202012Validator.check_schema(tools[name]["inputSchema"])
        jsonschema.Draft202012Validator(tools[name]["inputSchema"]).validate(arguments)
        result = tool(simple, name, arguments, admin=True, **more)
        assert result["isError"] is False, result
        jsonschema.Draft202012Validator(tools[name]["outputSchema"]).validate(result["structuredContent"])
        assert result["content"][0]["type"] == "text" and result["content"][0]["text"]
        seen.add(name)
        return result["structuredContent"]

    approved = check("evaluate_request", {"operation": "spend", "estimated_cost_usd": "1.25"})
    check("evaluate_request", {"operation": "delete"})
    check("evaluate_request", {"operation": "read", "dry_run": True, "explain": True})
    asked = [check("evaluate_request", {"operation": "deploy", "context": {"version": i}})["escalation_id"] for i in range(2)]
    check("escalate_to_human", {"operation": "read"})
    check("wait_for_approval", {"escalation_id": asked[0], "timeout_s": 1})
    check("approve_escalation", {"escalation_id": asked[0], "reason": "Fine", "uses": 2, "valid_for_s": 60})
    check("wait_for_approval", {"escalation_id": asked[0]})
    check("deny_escalation", {"escalation_id": asked[1], "reason": "No"})
    check("list_escalations", {"state": "denied", "limit": 1})
    check("get_decision", {"decision_id": approved["decision_id"]})
    check("explain_decision", {"decision_id": approved["decision_id"]})
    check("report_outcome", {"decision_id": approved["decision_id"], "status": "succeeded", "actual_cost_usd": 1.25, "rating": 5})
    check("check_budget_remaining", {})
    check("check_resource_quota", {})
    check("verify_namespace_ownership", {"resource": "one/pod/x"})
    check("get_agent_autonomy_rate", {"days": 1})
    assert seen == set(tools)
