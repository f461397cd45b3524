"""The reference policies on generated traffic: useful on the honest part, and nothing of the harmful part is approved."""

import importlib.util
import json

from conftest import ROOT

spec = importlib.util.spec_from_file_location("generate", ROOT / "bench" / "workload" / "generate.py")
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)

COUNT = 3000


def test_generated_traffic(new_server):
    server = new_server()
    made = server.cli("agents", "set", "-", input=json.dumps({"agents": generate.agents()}))
    assert made.returncode == 0, made.stderr
    connection = server.connect()
    tiers, approved_attacks, refused = [], [], []
    for _, one in zip(range(COUNT), generate.Traffic(7)):
        answer = server.call("POST", "/v1/evaluate", one["request"], connection=connection)
        decision = answer.json if answer.status == 200 else {"decision": "none", "tier": answer.status}
        if one["label"] == "honest":
            tiers.append(decision["tier"])
            if decision["tier"] > 1:
                refused.append((one["request"], decision.get("rules"), decision.get("rationale")))
        elif one["label"] == "attack" and decision["decision"] == "approve":
            approved_attacks.append((one["request"], decision["rationale"]))
    share = sum(tier in (0, 1) for tier in tiers) / len(tiers)
    print(f"honest: {len(tiers)}, tier 0 and 1: {share:.1%}")
    assert approved_attacks == []
    assert share >= 0.8, refused[:20]


def test_the_generator_is_deterministic():
    def lines(seed):
        return [one for _, one in zip(range(200), generate.Traffic(seed))]

    assert lines(3) == lines(3)
    assert lines(3) != lines(4)
