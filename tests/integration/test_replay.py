"""edict ledger replay and edict policy backtest: what was decided, decided again."""

import importlib.util
import json

from conftest import ROOT

spec = importlib.util.spec_from_file_location("generate", ROOT / "bench" / "workload" / "generate.py")
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)


def test_generated_traffic_replays_bit_for_bit(new_server):
    server = new_server()
    assert server.cli("agents", "set", "-", input=json.dumps({"agents": generate.agents()})).returncode == 0
    connection = server.connect()
    decided = 0
    for _, one in zip(range(1200), generate.Traffic(11)):
        decided += server.call("POST", "/v1/evaluate", one["request"], connection=connection).status == 200
    running = json.loads(server.cli("ledger", "replay", "--json").stdout)
    assert running["decisions"] == decided and running["differences"] == 0 and running["unreplayable"] == 0
    server.stop()
    stopped = server.cli("ledger", "replay")
    assert stopped.returncode == 0 and stopped.stdout == f"{decided} decisions decided again, 0 differ, 0 of them looser\n"


def test_each_decision_is_replayed_with_its_own_policies_and_inputs(simple):
    def ask(**more):
        return simple.evaluate({"agent_identity": "agent-1", **more}).json

    ask(operation="read")
    ask(operation="spend", estimated_cost_usd="60")
    assert ask(operation="spend", estimated_cost_usd="60")["rules"][0] == "edict.over-budget"
    ask(operation="in plain words, please delete it")
    simple.evaluate({"agent_identity": "nobody-knows-me", "operation": "read"})
    simple.call("POST", "/v1/escalations", {"agent_identity": "agent-1", "operation": "read"})
    escalation = ask(operation="deploy", context={"blob": "x" * 20000})["escalation_id"]  # kept beside the record
    assert simple.cli("escalations", "approve", escalation, "--reason", "Fine").returncode == 0
    assert ask(escalation_id=escalation)["grant_id"]
    rules = simple.policies / "rules.lua"
    rules.write_text(rules.read_text().replace('"spend", "create", "read"', '"create"'))
    assert simple.cli("policy", "reload").returncode == 0
    assert ask(operation="read")["undecided"] is True
    shown = simple.cli("ledger", "replay", "--json")
    result = json.loads(shown.stdout)
    assert shown.returncode == 0 and result["decisions"] == 9 and result["differences"] == 0, shown.stdout


def test_backtest_shows_what_would_change(simple, tmp_path):
    for operation, count in (("read", 5), ("deploy", 3), ("delete", 2)):
        for i in range(count):
            simple.evaluate({"agent_identity": "agent-1", "operation": operation, "context": {"i": i}})
    other = tmp_path / "other"
    other.mkdir()
    good = (simple.policies / "rules.lua").read_text()
    (other / "rules.lua").write_text(good)
    same = simple.cli("policy", "backtest", str(other))
    assert same.returncode == 0 and same.stdout == "10 decisions decided again, 0 differ, 0 of them looser\n"
    (other / "rules.lua").write_text(good.replace('"test.deny" { tier = 3', '"test.denied" { tier = 1').replace('"create", "read"', '"create"'))
    shown = simple.cli("policy", "backtest", str(other), "--json")
    result = json.loads(shown.stdout)
    assert (result["decisions"], result["differences"], result["loosened"]) == (10, 7, 2) and shown.returncode == 0
    rules = {row["name"]: (row["changed"], row["loosened"]) for row in result["rules"]}
    assert rules == {"- test.allow": (5, 0), "+ test.denied": (2, 2), "- test.deny": (2, 2)}
    assert result["agents"] == [{"name": "agent-1", "changed": 7, "loosened": 2}]
    looser = [one for one in result["examples"] if one["loosens"]]
    assert [(one["before"], one["after"], one["operation"]) for one in looser] == [("deny", "approve", "delete")] * 2
    text = simple.cli("policy", "backtest", str(other), "--fail-if-looser")
    assert text.returncode == 1 and "LOOSER" in text.stdout and "10 decisions decided again, 7 differ, 2 of them looser" in text.stdout
    later = simple.cli("policy", "backtest", str(other), "--since", "2999-01-01T00:00:00Z")
    assert later.stdout.startswith("0 decisions")
    assert simple.cli("policy", "backtest", str(other), "--since", "yesterday").returncode == 2
    (other / "rules.lua").write_text('rule "broken" {')
    assert simple.cli("policy", "backtest", str(other)).returncode == 2


def test_a_request_of_many_large_parts_fits(simple):
    """Each under the bound for values of its own, together over that of a record; and the rationale repeats them."""
    rules = simple.policies / "rules.lua"
    rules.write_text(rules.read_text() + 'rule "test.long" { tier = 1, match = { operation = "long" }, because = function(r) return string.rep("w", 9000) end }\n')
    assert simple.cli("policy", "reload").returncode == 0
    manifest = {"namespace": "one", "owner": "o", "privileges": ["p" * 90 + str(i) for i in range(150)], "budget": {"monthly_limit_usd": "100.00"}}
    simple.set_agent("agent-1", manifest)
    request = {"agent_identity": "agent-1", "operation": "long", "command": "c" * 16000, "justification": "j" * 4000, "context": {"small": 1, "large": "x" * 16000}}
    answer = simple.evaluate(request)
    assert answer.status == 200, answer.body
    shown = simple.call("GET", f"/v1/decisions/{answer.json['decision_id']}", admin=True).json["request"]
    assert {name: shown[name] for name in ("command", "justification", "context")} == {name: request[name] for name in ("command", "justification", "context")}
    assert len(simple.call("GET", f"/v1/ledger/entries/{answer.json['ledger_index']}", admin=True).body) < 65536
    result = json.loads(simple.cli("ledger", "replay", "--json").stdout)
    assert (result["decisions"], result["differences"]) == (1, 0)
