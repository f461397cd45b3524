"""The server around the decisions: access, policies, metrics, configuration."""

import os
import re
import subprocess

from conftest import BUILD, ROOT


def run(*words, env=None):
    return subprocess.run([BUILD / "edictd", *words], capture_output=True, text=True, timeout=60, cwd=ROOT, env={**os.environ, **(env or {})})


def test_without_a_token_agents_see_only_their_own(simple):
    for method, path in (
        ("GET", "/v1/agents"), ("GET", "/v1/agents/agent-1"), ("PUT", "/v1/agents/agent-1"), ("GET", "/v1/decisions"), ("GET", "/v1/escalations"),
        ("GET", "/v1/policies"), ("POST", "/v1/policies/reload"), ("GET", "/v1/ledger"), ("GET", "/v1/ledger/entries"), ("POST", "/v1/escalations/ESC-1/approve"),
        ("GET", "/v1/agents/agent-1/budget"),
    ):
        answer = simple.call(method, path, {} if method != "GET" else None)
        assert answer.status == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    wrong = simple.call("POST", "/v1/evaluate", {"agent_identity": "a", "operation": "read"}, headers={"Authorization": "Bearer nonsense"})
    assert wrong.status == 401


def test_browsers_of_other_sites_are_refused(simple):
    def status(**headers):
        return simple.call("GET", "/healthz", headers={name.replace("_", "-"): value for name, value in headers.items()}).status

    assert status() == 200
    assert status(Host="evil.example") == 403
    assert status(Host="127.0.0.1:1") == 200
    assert status(Origin="https://evil.example") == 403
    assert status(Sec_Fetch_Site="cross-site") == 403
    assert status(Sec_Fetch_Site="same-origin") == 200


def test_a_configured_origin(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--allow-origin", "https://console.example"])
    assert server.call("GET", "/healthz", headers={"Origin": "https://console.example"}).status == 200
    assert server.call("GET", "/healthz", headers={"Origin": "https://other.example"}).status == 403


def test_files_of_the_data_directory(simple):
    assert (simple.folder / "admin.token").stat().st_mode & 0o777 == 0o600
    assert (simple.folder / "edictd.sock").stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", (simple.folder / "admin.token").read_text())
    assert simple.endpoints["pid"] == simple.process.pid


def test_nobody_else_reads_the_ledger_of_a_folder_that_was_there(new_server, simple_policies):
    """As `mkdir` or a unit's StateDirectory makes it: others may enter."""
    server = new_server(policies=simple_policies, start=False)
    server.folder.mkdir()
    server.folder.chmod(0o755)
    server.start()
    assert (server.folder / "ledger").stat().st_mode & 0o777 == 0o700


def test_agents_with_versions(simple):
    shown = simple.call("GET", "/v1/agents/agent-1", admin=True)
    assert shown.json["namespace"] == "one"
    tag = shown.headers["etag"]
    manifest = {"namespace": "uno"}
    assert simple.call("PUT", "/v1/agents/agent-1", manifest, admin=True, headers={"If-Match": '"0"'}).status == 412
    changed = simple.call("PUT", "/v1/agents/agent-1", manifest, admin=True, headers={"If-Match": tag})
    assert changed.status == 200 and changed.headers["etag"] != tag
    assert simple.call("PUT", "/v1/agents/agent-1", manifest, admin=True, headers={"If-Match": tag}).status == 412
    for wrong, said in (
        ({"namespce": "x"}, 'did you mean "namespace"'), ({}, "/namespace: required"), ({"namespace": "x", "budget": {"monthly_limit_usd": "-1"}}, "/budget/monthly_limit_usd"),
        ({"namespace": "x", "resource_quotas": {"compute": {"cpu_cores": "many"}}}, "/resource_quotas/compute/cpu_cores"),
    ):
        answer = simple.call("PUT", "/v1/agents/agent-1", wrong, admin=True)
        assert answer.status == 400 and said in answer.json["detail"], answer.body
    assert simple.call("GET", "/v1/agents/nobody", admin=True).status == 404
    listed = simple.call("GET", "/v1/agents?limit=1", admin=True).json
    assert [agent["agent_identity"] for agent in listed["agents"]] == ["agent-1"]
    rest = simple.call("GET", f"/v1/agents?limit=1&cursor={listed['next_cursor']}", admin=True).json
    assert [agent["agent_identity"] for agent in rest["agents"]] == ["agent-2"] and rest["next_cursor"] is None


def test_the_seeds_tools(server):
    quota = server.call("GET", "/v1/agents/team-alpha-deploy-001/quota", admin=True).json
    assert (quota["cpu_usage"], quota["cpu_quota"], quota["memory_usage"], quota["memory_quota"], quota["within_quota"]) == (12, 16, 40, 64, True)
    budget = server.call("GET", "/v1/agents/team-alpha-deploy-001/budget", admin=True).json
    assert (budget["budget_limit"], budget["current_spending"], budget["remaining"], budget["utilization_percent"]) == (500, 0, 500, 0)
    owns = server.call("GET", "/v1/agents/team-alpha-deploy-001/ownership?resource=team-alpha/pod/web-1", admin=True).json
    assert (owns["agent_namespace"], owns["resource_namespace"], owns["owns_resource"]) == ("team-alpha", "team-alpha", True)
    other = server.call("GET", "/v1/agents/team-alpha-deploy-001/ownership?resource=team-beta/pod/web-1", admin=True).json
    assert other["owns_resource"] is False
    for _ in range(3):
        server.evaluate({"agent_identity": "team-alpha-deploy-001", "operation": "list", "context": {"namespace": "team-alpha", "resource_type": "pod"}})
    server.evaluate({"agent_identity": "team-alpha-deploy-001", "operation": "grant", "context": {"namespace": "team-alpha", "role": "viewer"}})
    rate = server.call("GET", "/v1/agents/team-alpha-deploy-001/autonomy?days=7", admin=True).json
    assert (rate["autonomy_rate"], rate["total_decisions"], rate["auto_approved"], rate["escalated"], rate["denied"]) == (0.75, 4, 3, 1, 0)


def test_history_reaches_the_policies(simple):
    for i in range(2):
        simple.evaluate({"agent_identity": "agent-1", "operation": "delete", "context": {"i": i}})
    shown = simple.evaluate({"agent_identity": "agent-1", "operation": "delete", "dry_run": True, "explain": "full"}).json
    assert shown["dry_run"] is True and shown["decision_id"] is None
    assert shown["explanation"]["facts"]["history"]["similar"]["h1"]["denied"] == 2
    assert shown["explanation"]["facts"]["history"]["all"]["d7"]["denied"] == 2


def test_dry_runs_record_nothing_and_are_limited(simple):
    size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
    request = {"agent_identity": "agent-1", "operation": "deploy", "dry_run": True}
    connection = simple.connect()
    statuses = [simple.call("POST", "/v1/evaluate", request, connection=connection).status for _ in range(400)]
    assert statuses[0] == 200 and 429 in statuses
    assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size
    assert simple.call("GET", "/v1/escalations", admin=True).json["escalations"] == []


def test_hot_reload_is_atomic_and_a_broken_bundle_changes_nothing(simple):
    rules = simple.policies / "rules.lua"
    before = simple.call("GET", "/v1/policies", admin=True).json
    good = rules.read_text()
    rules.write_text(good + '\nrule "broken" { teir = 1 }\n')
    broken = simple.call("POST", "/v1/policies/reload", {}, admin=True)
    assert broken.status == 400
    assert "rules.lua:" in broken.json["detail"] and "tier" in broken.json["detail"]
    assert simple.call("GET", "/v1/policies", admin=True).json == before
    assert simple.evaluate({"agent_identity": "agent-1", "operation": "read"}).json["policy_revision"] == before["policy_revision"]
    rules.write_text(good.replace('{ "spend", "create", "read" }', '{ "spend", "create" }'))
    changed = simple.cli("policy", "reload")
    assert changed.returncode == 0 and "activated" in changed.stdout
    after = simple.evaluate({"agent_identity": "agent-1", "operation": "read"}).json
    assert after["undecided"] is True and after["policy_revision"] != before["policy_revision"]
    activated = [entry for entry in simple.ledger() if entry["type"] == "policy.activated"]
    assert len(activated) == 2 and activated[1]["body"]["previous"] == before["policy_revision"]
    assert simple.call("POST", "/v1/policies/reload", {}, admin=True).json["changed"] is False


def test_rule_errors_never_loosen(new_server, tmp_path):
    folder = tmp_path / "failing"
    folder.mkdir()
    (folder / "a.lua").write_text(
        'rule "ok" { tier = 0, match = { operation = "read" }, because = { "fine" } }\n'
        'rule "fails" { tier = 0, match = { operation = "read" }, when = function(request) return request.nothing.at.all end, because = { "x" } }\n'
        'rule "loops" { tier = 1, match = { operation = "list" }, when = function() while true do end end, because = { "x" } }\n'
    )
    server = new_server(policies=folder)
    server.set_agent("agent-1", {"namespace": "one"})
    for operation, rule in (("read", "fails"), ("list", "loops")):
        answer = server.evaluate({"agent_identity": "agent-1", "operation": operation}).json
        assert (answer["decision"], answer["tier"]) == ("escalate", 2)
        assert [error["rule"] for error in answer["errors"]] == [rule]
    assert server.evaluate({"agent_identity": "agent-1", "operation": "read"}).json["tier"] == 2


def test_health_and_metrics(simple):
    simple.evaluate({"agent_identity": "agent-1", "operation": "read"})
    simple.evaluate({"agent_identity": "agent-1", "operation": "delete"})
    assert simple.call("GET", "/healthz").json == {"status": "ok"}
    assert simple.call("GET", "/readyz", door="metrics").json == {"status": "ready"}
    assert simple.call("GET", "/metrics").status == 404
    text = simple.call("GET", "/metrics", door="metrics").body.decode()
    assert text.endswith("# EOF\n")
    assert 'edict_decisions_total{tier="0",decision="approve"} 1\n' in text
    assert 'edict_decisions_total{tier="3",decision="deny"} 1\n' in text
    assert 'edict_decision_duration_seconds_count{stage="commit"} 2\n' in text
    assert "edict_autonomy_ratio 0.500000\n" in text
    families = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
    assert len(families) == len(set(families)) and len(families) > 25
    for line in text.splitlines():
        assert line.startswith("# ") or re.fullmatch(r"[a-z_0-9]+(\{[^}]*\})? [0-9.e+-]+", line), line


def test_configuration(tmp_path, simple_policies):
    assert "--policies DIR" in run("--help").stdout
    assert run("--version").stdout.startswith("edictd ")
    unknown = run("--polices", "x")
    assert unknown.returncode == 2 and 'did you mean "policies"' in unknown.stderr
    file = tmp_path / "edict.conf"
    file.write_text("# a comment\ndata = x\n\nlog-levl = debug\n")
    wrong = run("--config", str(file))
    assert wrong.returncode == 2 and f"{file}:4" in wrong.stderr and 'did you mean "log-level"' in wrong.stderr
    assert run("--threads", "many").returncode == 2
    assert "EDICT_THREADS" in run(env={"EDICT_THREADS": "x"}).stderr
    beyond = run("--data", str(tmp_path / "d"), "--policies", str(simple_policies), "--rest", "0.0.0.0:0", "--mcp", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
    assert beyond.returncode == 1 and "not a loopback address" in beyond.stderr
    missing = run("--data", str(tmp_path / "e"), "--policies", str(tmp_path / "none"), "--rest", "127.0.0.1:0", "--mcp", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
    assert missing.returncode == 1


def test_a_data_directory_of_others_is_warned_of(new_server, simple_policies):
    server = new_server(policies=simple_policies)
    server.stop()
    assert server.folder.stat().st_mode & 0o777 == 0o700 and "data directory" not in server.log.read_text()
    for mode, said in ((0o755, False), (0o775, True), (0o757, True), (0o777, True)):
        server.log.unlink()
        server.folder.chmod(mode)
        server.start()
        server.stop()
        assert ("others can write to the data directory" in server.log.read_text()) == said, oct(mode)
        assert (f'mode="0{mode:o}"' in server.log.read_text()) == said
    server.folder.chmod(0o700)
    if os.geteuid() == 0:  # only root can give it away
        server.log.unlink()
        os.chown(server.folder, 12345, -1)
        server.start()
        server.stop()
        assert "belongs to another user" in server.log.read_text() and "owner=12345" in server.log.read_text()


def test_logs_without_personal_data(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--log-format", "json"])
    server.evaluate({"agent_identity": "very-private-name", "operation": "read", "command": "secret words"})
    server.evaluate({"agent_identity": "very-private-name", "operation": 1})
    server.stop()
    text = server.log.read_text()
    assert "very-private-name" not in text and "secret words" not in text
    import json

    assert [json.loads(line)["message"] for line in text.splitlines()][-1] == "stopped"


def test_evaluate_on_the_command_line(simple):
    def code(request, *flags):
        return simple.cli("evaluate", "-", *flags, input=request).returncode

    assert code('{"agent_identity":"agent-1","operation":"read"}') == 0
    assert code('{"agent_identity":"agent-1","operation":"deploy"}') == 10
    assert code('{"agent_identity":"agent-1","operation":"delete"}') == 11
    assert code('{"agent_identity":"agent-1"}') == 2
    assert simple.cli("evaluate", "-", data="/nonexistent", input='{"agent_identity":"a","operation":"read"}').returncode == 1
    offline = simple.cli("evaluate", "-", "--policies", str(simple.policies), "--json", input='{"agent_identity":"a","operation":"delete"}', data="/nonexistent")
    assert offline.returncode == 11 and '"dry_run":true' in offline.stdout


def test_man_pages_agree_with_help():
    for program, page in (("edictd", "edictd.8"), ("edict", "edict.1")):
        text = (ROOT / "docs" / "man" / page).read_text().replace("\\-", "-").replace("\\e", "\\")
        help_ = subprocess.run([BUILD / program, "--help"], capture_output=True, text=True, timeout=60).stdout
        for flag in re.findall(r"--[a-z-]+", help_):
            assert flag in text, (program, flag)
        for line in help_.splitlines():
            assert line in text, (program, line)


def test_a_connection_goes_on_after_a_reply_larger_than_its_output_buffer(simple):
    for i in range(40):
        simple.evaluate({"agent_identity": "agent-1", "operation": "read", "context": {"i": i, "pad": "x" * 12000}})
    connection = simple.connect()
    connection.timeout = 10
    for _ in range(3):
        answer = simple.call("GET", "/v1/ledger/entries?limit=500", admin=True, connection=connection)
        assert answer.status == 200 and len(answer.body) > 400_000
