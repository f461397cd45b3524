"""Redacted fields: a canary goes into every one of them, in every way that a value gets about, and is then looked for in every place that is not for it."""

import hashlib
import hmac
import json
import re
import time

import pytest

# Neither repeats itself, so that no compression hides it; words that only this test has.
CANARY = "zq7Vk3Xw9PbT"
PARTS = (CANARY, CANARY.upper(), CANARY.lower(), CANARY[::-1], CANARY[:7], CANARY[5:])

RULES = r"""
redact { "justification", "command", "operation", "conversation_id", "in_reply_to" }
redact { "context.patient", "context.card.number", "context.list", "context.resource_type", "context.big" }

rule "open" { tier = 0, match = { operation = "read" }, because = { "Reading is free", "In ward {context.ward}" } }
rule "quoting" { tier = 1, match = { operation = "quote" }, because = { "About {context.patient.name}, in {context.ward}" }, next_steps = "Tell {context.patient.name}",
  alternatives = { "Ask somebody else", "Ask {context.patient.name}" } }
rule "shouting" { tier = 2, match = { operation = "shout" }, because = function(r) return { "It is " .. string.upper(r.context.patient.name), "Constant" } end,
  next_steps = function(r) return "Call " .. string.lower(r.context.patient.name) end,
  alternatives = function(r) return { string.reverse(r.context.patient.name), string.sub(r.context.patient.name, 1, 7), string.sub(r.context.patient.name, 6) } end }
rule "failing" { tier = 0, match = { operation = "fail" }, when = function(r) error("no bed for " .. r.context.patient.name) end }
rule "failing.index" { tier = 0, match = { operation = "fail" }, when = function(r) local t = {} return t[r.context.patient.name].bed end }
rule "failing.text" { tier = 3, match = { operation = "fail-late" }, because = function(r) error(r.justification) end }
rule "denying" { tier = 3, match = { operation = "deny" }, because = { "Never, {justification}" }, alternatives = { "{command}" } }
rule "needing" { tier = 2, match = { operation = "need" }, requires = { "context.ward", "context.patient.name" }, because = { "Known" } }
"""

AGENT = {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}}


@pytest.fixture
def clinic(new_server, tmp_path):
    folder = tmp_path / "clinic"
    folder.mkdir()
    (folder / "rules.lua").write_text(RULES)
    server = new_server(policies=folder)
    server.set_agent("agent-1", AGENT)
    server.set_agent("agent-2", AGENT)
    return server


def requests():
    """Every redacted field of every operation holds the canary."""
    secret = {
        "justification": f"because of {CANARY}",
        "command": f"admit --name {CANARY}",
        "conversation_id": f"about:{CANARY}",
        "in_reply_to": CANARY,
        "context": {
            "ward": "W7", "resource_type": CANARY, "list": [[CANARY], {"deep": [CANARY, 1, None]}],
            "patient": {"name": CANARY, "tags": [CANARY], CANARY: True},
            "card": {"number": CANARY, "kind": "plastic"}, "card.number": CANARY,
        },
    }
    for operation in ("read", "quote", "shout", "fail", "fail-late", "deny", "need", "unheard-of"):
        yield {"agent_identity": "agent-1", "operation": operation, **secret}
    yield {"agent_identity": "agent-1", "operation": f"please admit {CANARY}", **secret}
    large = {**secret["context"], "big": [f"{CANARY}-{i}" for i in range(2000)]}
    yield {"agent_identity": "agent-1", "operation": "shout", **secret, "context": large}
    # The same data in another shape: a text where members were expected, a list of them.
    yield {"agent_identity": "agent-1", "operation": "read", "context": {"patient": CANARY, "card": CANARY}}
    yield {"agent_identity": "agent-1", "operation": "read", "context": {"card": [{"number": CANARY}]}}
    # Redacted inside of a context that is itself too large for the record.
    yield {"agent_identity": "agent-1", "operation": "read", "context": {"patient": {"name": CANARY}, "notes": "x" * 20000}}
    yield {"agent_identity": "agent-2", "operation": "shout", **secret, "idempotency_key": "once"}
    yield {"agent_identity": "nobody", "operation": "quote", **secret}


def canaries(data):
    """What of the canary is in these bytes."""
    if isinstance(data, str):
        data = data.encode()
    return [part for part in PARTS if part.encode() in data]


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def recorded(server, index):
    """The body of an entry, from its exact bytes."""
    return json.loads(server.call("GET", f"/v1/ledger/entries/{index}", admin=True).body.split(b"\n", 1)[1])


def backed_up(server):
    folder = server.folder.parent / f"backup-{len(list(server.folder.parent.iterdir()))}"
    made = server.cli("ledger", "backup", str(folder))
    assert made.returncode == 0, made.stderr
    return folder


def verified(server, folder=None):
    answer = server.cli("ledger", "verify", "--json", data=folder or backed_up(server))
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def replayed(server):
    return json.loads(server.cli("ledger", "replay", "--json").stdout)


def ask_all(server):
    """Answers, which the redaction does not change, and the ids of all decisions."""
    answers = []
    for request in requests():
        answer = server.evaluate(request)
        assert answer.status == 200, answer.body
        answers.append(answer.json)
    return answers


def test_the_canary_is_nowhere_but_beside_the_records(clinic, tmp_path):
    answers = ask_all(clinic)
    assert sum(bool(canaries(json.dumps(answer))) for answer in answers) >= 6  # the agent that asks gets it in full
    exported = clinic.cli("ledger", "export").stdout
    decisions = [entry for entry in map(json.loads, exported.splitlines()) if entry["type"] == "decision"]
    assert len(decisions) == len(answers) and all(entry["body"]["redacted"] for entry in decisions)
    shown = {
        "the entries": exported,
        "a table": clinic.cli("ledger", "export", "--format", "csv").stdout,
        "tail": clinic.cli("ledger", "tail", "--lines", "1000").stdout,
        "metrics": clinic.call("GET", "/metrics", door="metrics").body,
        "the log": clinic.log.read_bytes(),
        "an entry": clinic.call("GET", f"/v1/ledger/entries/{decisions[2]['index']}", admin=True).body,
        "a bundle of entries": clinic.call("GET", f"/v1/ledger/tile/entries/0.p/{len(clinic.ledger())}", admin=True).body,
        "an agent's look at its decision": clinic.call("GET", f"/v1/decisions/{answers[2]['decision_id']}?agent_identity=agent-1").body,
        "an agent's look at its escalation": clinic.call("GET", f"/v1/escalations/{answers[2]['escalation_id']}?agent_identity=agent-1").body,
        "quota, budget, history": clinic.call("GET", "/v1/agents/agent-1/autonomy", admin=True).body + clinic.call("GET", "/v1/agents/agent-1", admin=True).body,
    }
    assert {name: found for name, text in shown.items() if (found := canaries(text))} == {}
    assert shown["a table"].count("\n") > len(answers)
    verify = verified(clinic)
    assert verify["redacted"] == sum(len(entry["body"]["redacted"]) for entry in decisions) and verify["erased"] == 0
    result = replayed(clinic)
    assert (result["decisions"], result["differences"], result["unreplayable"]) == (len(answers), 0, 0)
    clinic.stop()
    rebuilt = clinic.cli("ledger", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    # The row families have files of their own only once flushed; what a scan of the whole store says is the unit tests' business.
    assert any(canaries(path.read_bytes()) for path in files(clinic.folder))


def test_a_backup_right_after_an_erasure_holds_nothing_of_it(clinic):
    """What was erased leaves the ledger's files a moment later; a backup does not take it along in that moment."""
    for answer in ask_all(clinic):
        assert clinic.call("POST", f"/v1/decisions/{answer['decision_id']}/erase", {"reason": "asked for"}, admin=True).status == 200
        backup = backed_up(clinic)  # each with all that is not erased yet
    assert {str(path): found for path in files(backup) if (found := canaries(path.read_bytes()))} == {}
    assert verified(clinic, backup)["redacted"] == 0


def test_words_of_the_engine_and_of_the_bundle_stay_readable(clinic):
    bodies = {}
    for answer in ask_all(clinic)[:9]:
        body = recorded(clinic, answer["ledger_index"])
        bodies[body["request"]["operation"] if isinstance(body["request"]["operation"], str) else "plain"] = body
    mark = {"$redacted"}
    assert bodies["read"]["verdict"]["reasons"] == ["Reading is free", "In ward W7"]
    assert bodies["read"]["rationale"].endswith("1. Reading is free\n2. In ward W7")
    assert set(bodies["quote"]["verdict"]["reasons"][0]) == set(bodies["quote"]["rationale"]) == set(bodies["quote"]["verdict"]["next_steps"]) == mark
    assert bodies["quote"]["verdict"]["alternatives"][0] == "Ask somebody else" and set(bodies["quote"]["verdict"]["alternatives"][1]) == mark
    assert set(bodies["fail"]["verdict"]["errors"][0]["message"]) == mark and bodies["fail"]["verdict"]["errors"][0]["rule"] == "failing"
    assert bodies["need"]["rationale"].endswith("1. Known")
    assert set(bodies["plain"]["request"]["operation"]) == mark and bodies["plain"]["rationale"].endswith("in plain language, which no rule may decide on")
    assert bodies["read"]["request"]["context"]["card"] == {"number": bodies["read"]["request"]["context"]["card"]["number"], "kind": "plastic"}


def test_a_commitment_can_be_checked_by_hand(clinic):
    """With nothing but the salt and the value, as proto/README.md says."""
    answer = clinic.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"ward": "W7", "patient": {"b": 1, "a": "ä"}}}).json
    body = recorded(clinic, answer["ledger_index"])
    mark = body["request"]["context"]["patient"]["$redacted"]
    assert body["redacted"] == ["/request/context/patient"]
    again = clinic.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"ward": "W7", "patient": {"b": 1, "a": "ä"}}}).json
    other = recorded(clinic, again["ledger_index"])["request"]["context"]["patient"]["$redacted"]
    assert other != mark  # a fresh salt
    clinic.stop()
    value = '{"a":"ä","b":1}'.encode()
    message = b"edict-redacted-v1\n" + b'["/request/context/patient",' + value + b"]"
    raw = b"".join(path.read_bytes() for path in files(clinic.folder / "ledger"))
    salts = [raw[at.start() - 32:at.start()] for at in re.finditer(re.escape(value), raw)]
    assert mark in [hmac.new(salt, message, hashlib.sha256).hexdigest() for salt in salts]


def test_erasing_takes_the_canary_out_of_every_file(clinic):
    answers = ask_all(clinic)
    rebuilt = clinic.cli("ledger", "rebuild", "--json", data=backed_up(clinic))
    root_before = clinic.call("GET", "/v1/ledger", admin=True).json["size"]
    done = clinic.cli("ledger", "erase", "--agent", "agent-1", "--reason", "The patient asked for it")
    assert done.returncode == 0 and re.search(r"\d+ values of 13 decisions erased$", done.stdout.strip()), done.stdout + done.stderr
    ids = [answer["decision_id"] for answer in answers[-2:]]
    assert clinic.cli("ledger", "erase", *ids, "--reason", "They, too").returncode == 0
    for _ in range(2):  # a second time nothing is there, and nothing is recorded
        size = clinic.call("GET", "/v1/ledger", admin=True).json["size"]
        again = clinic.call("POST", f"/v1/decisions/{ids[0]}/erase", {"reason": "Again"}, admin=True)
        assert again.status == 200 and again.json["erased"] == 0 and again.json["ledger_index"] is None
        assert clinic.call("GET", "/v1/ledger", admin=True).json["size"] == size > root_before
    deadline = time.monotonic() + 60
    while "erased values are out of the ledger's files" not in clinic.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    shown = clinic.call("GET", f"/v1/decisions/{answers[2]['decision_id']}", admin=True).json
    assert shown["rationale"] == "[erased]" and shown["request"]["context"]["patient"]["erased"] is True and shown["request"]["context"]["ward"] == "W7"
    backup = backed_up(clinic)
    assert not any(canaries(path.read_bytes()) for path in files(backup))
    verify = verified(clinic, backup)
    assert verify["redacted"] == 0 and verify["erased"] > 60
    result = replayed(clinic)
    assert (result["decisions"], result["differences"], result["erased"], result["unreplayable"]) == (0, 0, len(answers), len(answers))
    assert clinic.cli("ledger", "replay").returncode == 0 and clinic.cli("ledger", "replay").stdout.endswith(f"{len(answers)} cannot be replayed: values of theirs were erased\n")
    backtest = clinic.cli("policy", "backtest", str(clinic.policies), "--json")
    assert json.loads(backtest.stdout)["erased"] == len(answers)
    clinic.stop()
    assert {str(path.relative_to(clinic.folder)): found for path in files(clinic.folder) if (found := canaries(path.read_bytes()))} == {}
    assert clinic.cli("ledger", "verify").returncode == 0
    after = clinic.cli("ledger", "rebuild", "--json")
    assert after.returncode == 0 and json.loads(after.stdout)["differences"] == json.loads(rebuilt.stdout)["differences"] == 0
    clinic.start()
    assert verified(clinic)["erased"] == verify["erased"]


def test_one_field_is_erased_with_all_that_may_repeat_it(clinic):
    request = list(requests())[1]
    answer = clinic.evaluate(request).json
    path = f"/v1/decisions/{answer['decision_id']}"
    assert clinic.call("POST", path + "/erase", {"reason": "Why", "fields": ["context.ward"]}, admin=True).status == 400
    assert clinic.call("POST", path + "/erase", {"reason": "Why", "fields": []}, admin=True).status == 400
    assert clinic.call("POST", path + "/erase", {"fields": ["context.patient"]}, admin=True).status == 400
    assert clinic.call("POST", path + "/erase", {"reason": "Mine"}, headers={"Edict-Agent": "agent-1"}).status == 401
    erased = clinic.call("POST", path + "/erase", {"reason": "Why", "fields": ["context.patient.name"]}, admin=True).json
    shown = clinic.call("GET", path, admin=True).json
    assert shown["request"]["context"]["patient"]["erased"] is True and shown["request"]["context"]["card"]["number"] == CANARY
    assert shown["request"]["justification"] == request["justification"]
    assert shown["rationale"] == shown["alternatives"][1] == "[erased]" and shown["alternatives"][0] == "Ask somebody else"
    entry = clinic.ledger()[erased["ledger_index"]]
    assert entry["type"] == "decision.erased" and len(entry["body"]["paths"]) == erased["erased"] and "/request/context/patient" in entry["body"]["paths"]
    assert entry["body"]["by"] == "admin" and entry["body"]["reason"] == "Why" and entry["body"]["decision_id"] == answer["decision_id"]
    assert replayed(clinic)["erased"] == 1
    assert verified(clinic)["redacted"] > 0


def test_escalations_show_and_repeat_the_whole_request_until_it_is_erased(clinic):
    request = list(requests())[2]
    asked = clinic.evaluate(request).json
    escalation = asked["escalation_id"]
    approver = clinic.call("GET", f"/v1/escalations/{escalation}", admin=True).json
    assert approver["request"]["context"] == request["context"] and CANARY.upper() in approver["rationale"]
    listed = clinic.call("GET", "/v1/escalations", admin=True).json["escalations"]
    assert listed[0]["request"]["justification"] == request["justification"]
    assert clinic.cli("escalations", "approve", escalation, "--reason", "Fine").returncode == 0
    granted = clinic.evaluate({"agent_identity": "agent-1", "escalation_id": escalation}).json
    assert granted["decision"] == "approve" and CANARY.upper() in granted["rationale"]
    # Pending: erased with its decision.
    pending = clinic.evaluate({**request, "context": {**request["context"], "ward": "W8"}}).json
    assert clinic.call("POST", f"/v1/decisions/{pending['decision_id']}/erase", {"reason": "Gone"}, admin=True).json["erased"] > 0
    shown = clinic.call("GET", f"/v1/escalations/{pending['escalation_id']}", admin=True).json
    assert shown["state"] == "cancelled" and shown["reason"] == "its request was erased" and shown["rationale"] == "[erased]"
    assert clinic.call("POST", f"/v1/escalations/{pending['escalation_id']}/approve", {"reason": "Late"}, admin=True).status == 409
    refused = clinic.evaluate({"agent_identity": "agent-1", "escalation_id": pending["escalation_id"]})
    assert refused.status == 422 and "send the whole request" in refused.json["detail"]
    # Approved, with a use left: over, too.
    third = {**request, "context": {**request["context"], "ward": "W9"}}
    live = clinic.evaluate(third).json
    assert clinic.cli("escalations", "approve", live["escalation_id"], "--reason", "Fine", "--uses", "2").returncode == 0
    assert clinic.evaluate(third).json["decision"] == "approve"
    assert clinic.call("POST", f"/v1/decisions/{live['decision_id']}/erase", {"reason": "Gone"}, admin=True).json["erased"] > 0
    assert clinic.call("GET", f"/v1/escalations/{live['escalation_id']}", admin=True).json["grant"]["uses_left"] == 0
    assert clinic.evaluate(third).json["decision"] == "escalate"
    clinic.kill()
    clinic.start()
    assert clinic.evaluate(third).json["decision"] == "escalate"
    clinic.stop()
    assert clinic.cli("ledger", "rebuild").returncode == 0


def test_a_repeated_key_gets_the_same_answer_and_after_erasure_the_same_decision(clinic):
    request = {**list(requests())[1], "idempotency_key": "key-1"}
    first = clinic.evaluate(request).json
    assert clinic.evaluate(request).json == first
    clinic.kill()
    clinic.start()
    assert clinic.evaluate(request).json == first
    digest = recorded(clinic, first["ledger_index"])["body_digest"]
    assert clinic.evaluate({**request, "justification": "another"}).status == 422
    view = json.dumps({k: v for k, v in request.items() if k != "idempotency_key"}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest != hashlib.sha256(f"{view}\nescalation_id=\nexplain=0\ndry_run=0\n".encode()).hexdigest()  # who knows all but one field cannot try values
    assert clinic.call("POST", f"/v1/decisions/{first['decision_id']}/erase", {"reason": "Gone"}, admin=True).status == 200
    repeated = clinic.evaluate(request).json
    assert repeated["decision_id"] == first["decision_id"] and repeated["decision"] == first["decision"] and repeated["rationale"] == "[erased]"


def test_what_was_recorded_in_full_says_so(clinic):
    rules = clinic.policies / "rules.lua"
    rules.write_text(RULES.replace("redact {", "local _ = {"))
    assert clinic.cli("policy", "reload").returncode == 0
    answer = clinic.evaluate({"agent_identity": "agent-1", "operation": "read", "justification": CANARY}).json
    refused = clinic.call("POST", f"/v1/decisions/{answer['decision_id']}/erase", {"reason": "Gone"}, admin=True)
    assert refused.status == 409 and "recorded in full" in refused.json["detail"]
    assert clinic.call("GET", f"/v1/decisions/{answer['decision_id']}", admin=True).json["redacted"] is None


def test_activations_say_what_is_no_longer_redacted(clinic):
    listed = clinic.call("GET", "/v1/policies", admin=True).json["redacts"]
    assert listed == sorted(listed) and "context.patient" in listed and len(listed) == 10
    assert "context.patient" in clinic.cli("policy", "list").stdout
    rules = clinic.policies / "rules.lua"
    rules.write_text(RULES.replace('"context.patient", ', "").replace('"context.card.number"', '"context.card"'))
    assert clinic.cli("policy", "reload").returncode == 0
    summary = [entry["body"] for entry in clinic.ledger() if entry["type"] == "policy.activated"][-1]["summary"]
    assert "redacts no longer context.patient;" in summary and "redacts context.card;" in summary and "redacts no longer context.card" not in summary


def test_a_bundle_with_a_wrong_redaction_is_refused(clinic):
    rules = clinic.policies / "rules.lua"
    rules.write_text(RULES.replace('"context.list"', '"contxt.list"'))
    check = clinic.cli("policy", "check", str(clinic.policies))
    assert check.returncode == 2 and "contxt.list" in check.stdout + check.stderr and "rules.lua:3" in check.stdout + check.stderr
    assert clinic.cli("policy", "reload").returncode != 0
    assert "context.list" in clinic.call("GET", "/v1/policies", admin=True).json["redacts"]


def test_names_that_look_like_marks_are_values(clinic):
    """What a request says is never taken for a mark or for a reference of ours, and survives a rebuild."""
    for context in ({"$redacted": "ab" * 32}, {"ward": {"$redacted": "cd" * 32}}, {"$sha256": "ef" * 32}, {"$sha256": "no hash"}, {"redacted": ["/request"], "patient": {"$redacted": "00"}}):
        answer = clinic.evaluate({"agent_identity": "agent-1", "operation": "read", "context": context}).json
        assert clinic.call("GET", f"/v1/decisions/{answer['decision_id']}", admin=True).json["request"]["context"] == context
    assert replayed(clinic)["differences"] == 0 and verified(clinic)["redacted"] >= 1
    clinic.stop()
    rebuilt = clinic.cli("ledger", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
