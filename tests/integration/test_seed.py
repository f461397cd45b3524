"""Every message of the document that Edict comes from, as bytes through a real socket."""

import json

SEED_FAILED_POD = b"""{
  "jsonrpc": "2.0",
  "method": "governance/evaluate",
  "params": {
    "agent_identity": "team-alpha-deploy-001",
    "operation": "delete",
    "command": "kubectl delete pod old-pod-123",
    "context": {
      "namespace": "team-alpha",
      "environment": "production",
      "resource_type": "pod",
      "pod_status": "Failed",
      "pod_age_hours": 48
    },
    "justification": "Cleaning up failed pods older than 24h"
  },
  "id": "req-123"
}
"""


def numbered(rationale):
    """The reasons of a rationale, checked to be numbered from 1 without a gap."""
    lines = rationale.split("\n")
    assert lines[0].endswith("because:")
    for number, line in enumerate(lines[1:], 1):
        assert line.startswith(f"{number}. "), rationale
    return [line.split(". ", 1)[1] for line in lines[1:]]


def test_failed_pod_is_approved_with_audit(server):
    for door in ("mcp", "rest"):
        answer = server.rpc(SEED_FAILED_POD, door=door)
        assert answer.status == 200
        assert answer.json["jsonrpc"] == "2.0"
        assert answer.json["id"] == "req-123"
        result = answer.json["result"]
        assert result["decision"] == "approve"
        assert result["tier"] == 1
        assert result["rationale"].startswith("This request qualifies for Tier 1 (auto-approve with audit) because:\n1. ")
        reasons = "\n".join(numbered(result["rationale"]))
        for said in ("team-alpha", "Failed", "24h", "ingle pod", "privilege"):
            assert said in reasons, said
        assert len(numbered(result["rationale"])) >= 5
        assert "audit" in result["next_steps"].lower() or "logged" in result["next_steps"].lower()
        assert result["audit_log_id"].startswith("audit-")
        assert result["estimated_cost"] == 0.0
        assert "escalation_id" not in result


def test_budget_overage_escalates(server):
    manifest = {"namespace": "team-alpha", "owner": "alice@example.com", "privileges": ["k8s:create:deployment"], "budget": {"monthly_limit_usd": "500.00"}}
    server.set_agent("team-alpha-batch-002", manifest)
    # $450 of $500 spent leaves $50, at 90%.
    spent = server.evaluate({"agent_identity": "team-alpha-batch-002", "operation": "spend", "context": {"purpose": "compute"}, "estimated_cost_usd": "450.00"})
    if spent.json["decision"] == "escalate":
        approved = server.call("POST", f"/v1/escalations/{spent.json['escalation_id']}/approve", {"reason": "planned"}, admin=True)
        assert approved.status == 200, approved.body
        spent = server.evaluate({"agent_identity": "team-alpha-batch-002", "escalation_id": spent.json["escalation_id"]})
    assert spent.json["decision"] == "approve", spent.body
    outcome = server.call(
        "POST", f"/v1/decisions/{spent.json['decision_id']}/outcome",
        {"agent_identity": "team-alpha-batch-002", "status": "succeeded", "actual_cost_usd": "450.00"},
    )
    assert outcome.status == 200, outcome.body
    message = {
        "jsonrpc": "2.0", "method": "governance/evaluate", "id": "req-123",
        "params": {"agent_identity": "team-alpha-batch-002", "operation": "spend", "context": {"purpose": "compute"}, "estimated_cost_usd": 75},
    }
    result = server.rpc(message).json["result"]
    assert result["decision"] == "escalate"
    assert result["tier"] == 2
    assert result["rationale"].startswith("This request requires human approval (Tier 2) because:\n1. ")
    reasons = numbered(result["rationale"])
    assert reasons[0] == "Estimated cost ($75) would exceed your remaining budget ($50)"
    assert any("90%" in reason for reason in reasons)
    assert any("FinOps" in reason for reason in reasons)
    assert result["escalation_id"].startswith("ESC-")
    assert result["escalation_id"] in result["next_steps"]
    assert "notified" not in result["next_steps"]


def test_scale_from_3_to_5_is_approved_with_audit(server):
    request = {
        "agent_identity": "team-alpha-deploy-001",
        "operation": "scale",
        "command": "kubectl scale deployment web-app --replicas=5 -n team-alpha",
        "justification": "More traffic",
        "context": {
            "namespace": "team-alpha", "environment": "staging", "resource_type": "deployment", "resource_name": "web-app",
            "current_replicas": 3, "target_replicas": 5, "cpu_cores_per_replica": 1,
        },
    }
    answer = server.evaluate(request).json
    assert (answer["decision"], answer["tier"]) == ("approve", 1), answer
    reasons = "\n".join(numbered(answer["rationale"]))
    for said in ("12", "16", "team-alpha", "5", "10"):
        assert said in reasons, (said, reasons)
    assert answer["next_steps"]


def test_cross_namespace_read_escalates(server):
    request = {
        "agent_identity": "finops-agent-001",
        "operation": "read",
        "justification": "Monthly chargeback report",
        "context": {"namespace": "team-beta", "resource_type": "namespace", "purpose": "cost report"},
    }
    answer = server.evaluate(request).json
    assert (answer["decision"], answer["tier"]) == ("escalate", 2), answer
    reasons = "\n".join(numbered(answer["rationale"]))
    assert "team-beta" in reasons
    escalation = server.call("GET", f"/v1/escalations/{answer['escalation_id']}", admin=True).json
    assert escalation["state"] == "pending"
    approved = server.call(
        "POST", f"/v1/escalations/{answer['escalation_id']}/approve", {"reason": "Cost reporting is expected and authorized", "valid_for_s": 3600}, admin=True
    )
    assert approved.status == 200, approved.body
    granted = server.evaluate(request).json
    assert (granted["decision"], granted["tier"]) == ("approve", 2), granted
    assert answer["escalation_id"] in granted["rationale"]
    assert granted["grant_id"]
    assert granted["valid_until"]


def test_the_same_bytes_give_the_same_verdict(server):
    first = server.rpc(SEED_FAILED_POD).json["result"]
    second = server.rpc(SEED_FAILED_POD).json["result"]
    assert first["rationale"] == second["rationale"]
    assert first["audit_log_id"] != second["audit_log_id"]
    assert json.loads(SEED_FAILED_POD)["params"]["agent_identity"] == "team-alpha-deploy-001"
