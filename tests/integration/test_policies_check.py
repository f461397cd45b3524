"""POST /v1/policies/check: uploads are judged in a confined child, and nothing of them becomes active."""

import json
import threading

from conftest import ROOT

CHECK = "/v1/policies/check"
GOOD = 'rule "mine" { tier = 1, match = { operation = "read" }, because = "fine" }\n'


def check(server, files, admin=True):
    return server.call("POST", CHECK, {"files": files}, admin=admin)


def reference_files():
    folder = ROOT / "policies"
    paths = [path for path in folder.rglob("*.lua") if "tests" not in path.parts]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def test_a_good_upload_is_valid_and_changes_nothing(simple):
    before = simple.call("GET", "/v1/policies", admin=True).json
    size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
    assert check(simple, {"a.lua": GOOD}).json == {"valid": True, "errors": 0, "warnings": 0, "diagnostics": []}
    reference = check(simple, reference_files())
    assert reference.status == 200 and reference.json["valid"] is True and reference.json["errors"] == 0
    assert simple.call("GET", "/v1/policies", admin=True).json == before
    assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size


def test_what_is_wrong_is_said_with_its_place(simple):
    answer = check(simple, {"a.lua": GOOD + 'rule "other" { teir = 2 }\n', "lib/x.lua": "return {\n"})
    assert answer.status == 200 and answer.json["valid"] is False
    found = {(one["file"], one["line"]) for one in answer.json["diagnostics"] if one["severity"] == "error"}
    assert ("a.lua", 2) in found and any(name == "lib/x.lua" for name, _ in found)
    assert any("did you mean" in one["message"] for one in answer.json["diagnostics"])


def test_the_rules_of_a_bundle_hold_for_uploads(simple):
    hostile = {
        "loop.lua": "while true do end\n",
        "memory.lua": "local s = 'x'; while true do s = s .. s end\n",
        "file.lua": "io.open('/etc/passwd')\n",
        "run.lua": "os.execute('true')\n",
        "load.lua": "load('return 1')()\n",
    }
    for name, source in hostile.items():
        answer = check(simple, {name: source})
        assert answer.status == 200 and answer.json["valid"] is False, (name, answer.body)
    for path in ("../x.lua", "/etc/x.lua", "tests/x.lua", "x.txt", "a//b.lua", ""):
        answer = check(simple, {path: GOOD})
        assert answer.status == 200 and answer.json["valid"] is False or answer.status == 400, (path, answer.body)


def test_input_that_is_no_upload(simple):
    assert check(simple, {"a.lua": GOOD}, admin=False).status == 401
    assert simple.call("POST", CHECK, b"{", admin=True).status == 400
    refused = simple.call("POST", CHECK, {"files": {"a.lua": 4}}, admin=True)
    assert refused.status == 400 and refused.json["detail"] == "/files/a.lua: expected a file's text"
    assert simple.call("POST", CHECK, {"files": []}, admin=True).json["detail"].startswith("/files: expected an object")
    assert simple.call("POST", CHECK, {"files": {}}, admin=True, headers={"Content-Type": "text/plain"}).status == 415
    assert simple.call("POST", CHECK + "?x=1", {"files": {}}, admin=True).status == 400


def test_only_an_admins_upload_may_be_large(simple):
    large = {"files": {"a.lua": GOOD + "-- " + "x" * 500_000 + "\n"}}
    assert simple.call("POST", CHECK, large, admin=True).json["valid"] is True
    assert simple.call("POST", CHECK, large).status == 413
    assert simple.call("POST", "/v1/evaluate", {"agent_identity": "agent-1", "operation": "read", "context": {"x": "y" * 70_000}}, admin=True).status == 413
    assert simple.call("POST", CHECK, {"files": {"a.lua": "-- " + "x" * 2_000_000}}, admin=True).status == 413


def test_many_at_once_are_judged_one_after_the_other_or_told_to_wait(simple):
    seen = []

    def upload():
        answer = check(simple, {"a.lua": "while true do end\n"})
        seen.append(answer.status)
        if answer.status == 503:
            assert answer.headers["retry-after"] == "5"

    threads = [threading.Thread(target=upload) for _ in range(24)]
    for thread in threads:
        thread.start()
    assert simple.evaluate({"agent_identity": "agent-1", "operation": "read"}).json["decision"] == "approve"
    for thread in threads:
        thread.join()
    assert len(seen) == 24 and set(seen) <= {200, 503} and seen.count(200) >= 8


def test_a_backtest_says_what_the_upload_would_change(simple):
    for operation, count in (("read", 5), ("deploy", 3), ("delete", 2)):
        for i in range(count):
            simple.evaluate({"agent_identity": "agent-1", "operation": operation, "context": {"i": i}})
    source = (simple.policies / "rules.lua").read_text()
    same = simple.call("POST", "/v1/policies/backtest", {"files": {"rules.lua": source}}, admin=True)
    assert same.status == 200 and (same.json["decisions"], same.json["differences"], same.json["examples"]) == (10, 0, [])
    other = source.replace('"test.deny" { tier = 3', '"test.denied" { tier = 1').replace('"create", "read"', '"create"')
    changed = simple.call("POST", "/v1/policies/backtest", {"files": {"rules.lua": other}}, admin=True).json
    assert (changed["differences"], changed["loosened"]) == (7, 2)
    assert changed["outcomes"] == {"approve": {"escalate": 5}, "deny": {"approve": 2}}
    assert changed["tiers"] == [{"from": 0, "to": 2, "count": 5}, {"from": 3, "to": 1, "count": 2}]
    assert [one["loosens"] for one in changed["examples"]] == [True] * 2 + [False] * 5
    (simple.folder.parent / "other").mkdir()
    (simple.folder.parent / "other/rules.lua").write_text(other)
    assert json.loads(simple.cli("policy", "backtest", str(simple.folder.parent / "other"), "--json").stdout) == changed
    later = simple.call("POST", "/v1/policies/backtest?since=2999-01-01T00:00:00Z", {"files": {"rules.lua": other}}, admin=True)
    assert later.json["decisions"] == 0
    early = simple.call("POST", "/v1/policies/backtest?since=0224-07-19T00:00:00Z", {"files": {"rules.lua": other}}, admin=True)
    assert early.json["decisions"] == 10
    broken = simple.call("POST", "/v1/policies/backtest", {"files": {"rules.lua": 'rule "x" {'}}, admin=True)
    assert broken.status == 400 and broken.json["detail"].startswith("rules.lua:1")
    assert simple.call("POST", "/v1/policies/backtest?since=yesterday", {"files": {}}, admin=True).status == 400
    assert simple.call("POST", "/v1/policies/backtest", {"files": {}}).status == 401


def test_the_confined_program_is_for_edictd_alone(simple):
    import subprocess

    from conftest import BUILD

    shown = subprocess.run([BUILD / "edictd", "--confined", "nonsense"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 1 and "is for edictd itself" in shown.stdout
