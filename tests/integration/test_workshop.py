"""The workshop of policy authors: edict policy check, test, explain, bench; watching; the guide's examples; the editor's file."""

import json
import os
import re
import select
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest
from conftest import BUILD, ROOT

GUIDE = (ROOT / "docs/policy-guide.md").read_text()
SECTIONS = [part for part in re.split(r"^## ", GUIDE, flags=re.M)[1:] if "```lua" in part]
DEADLINE_S = 60


def edict(*words, input=None):
    return subprocess.run([BUILD / "edict", *map(str, words)], capture_output=True, text=True, timeout=120, cwd=ROOT, input=input)


@pytest.mark.parametrize("section", SECTIONS, ids=[part.split("\n")[0] for part in SECTIONS])
def test_the_guides_examples_do_what_they_say(section, tmp_path):
    (tmp_path / "tests").mkdir()
    blocks = re.findall(r"```lua\n-- (\S+)\n(.*?)```", section, flags=re.S)
    assert len(blocks) == section.count("```lua")
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    checked = edict("policy", "check", tmp_path)
    assert checked.stdout.endswith("0 errors, 0 warnings\n"), checked.stdout
    tested = edict("policy", "test", tmp_path, "--coverage")
    assert tested.returncode == 0 and "was never a candidate" not in tested.stdout, tested.stdout
    assert not tested.stdout.startswith("0 passed")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p/tests").mkdir(parents=True)
    (tmp_path / "p/rules.lua").write_text(
        'rule "a.read" { tier = 0, match = { operation = "read" }, because = "Fine" }\n'
        'rule "a.big" { tier = 2, match = { operation = "read", ["context.size"] = { min = 10 } },\n'
        '  when = function(request) return request.context.size > 20 end, because = "Big" }\n'
        'rule "a.broken" { tier = 0, match = { operation = "list" }, when = function(request) return request.context.a.b end, because = "-" }\n'
    )
    (tmp_path / "p/tests/rules_test.lua").write_text(
        'test "reading <all> & \\"more\\"" { request = { operation = "read" }, expect = { tier = 0 } }\n'
        'test "big" { request = { operation = "read", context = { size = 30 } }, expect = { tier = 2 } }\n'
    )
    return tmp_path / "p"


def test_explain_says_what_became_of_every_candidate(folder, tmp_path):
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"agent_identity": "x", "operation": "read", "context": {"size": 15}}))
    shown = edict("policy", "explain", request, "--policies", folder, "--json")
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    states = {rule["rule"]: rule for rule in document["explanation"]["rules"]}
    assert states["a.read"]["state"] == "matched" and states["a.big"]["state"] == "when_false"
    assert states["a.big"]["fuel"] > 0 and states["a.big"]["file"] == "rules.lua" and states["a.big"]["line"] == 2
    assert "a.broken" not in states
    assert document["explanation"]["facts"]["agent"]["known"] is False and document["dry_run"] is True
    everything = json.loads(edict("policy", "explain", request, "--policies", folder, "--all", "--json").stdout)
    broken = {rule["rule"]: rule for rule in everything["explanation"]["rules"]}["a.broken"]
    assert broken["state"] == "no_match" and broken["detail"] == 'operation is "read"'
    request.write_text(json.dumps({"agent_identity": "x", "operation": "list", "context": {}, "explain": False}))
    failed = edict("policy", "explain", request, "--policies", folder)
    assert "failed" in failed.stdout and "\n           rules.lua:4: in Lua\n" in failed.stdout


def test_explain_of_a_running_server_records_nothing(simple, tmp_path):
    size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
    shown = simple.cli("policy", "explain", "-", input='{"agent_identity":"agent-1","operation":"deploy"}')
    assert shown.returncode == 0 and "test.ask" in shown.stdout and "rules considered" in shown.stdout
    assert "no_match" in shown.stdout and "facts.history.similar.h24.denied is 0" in shown.stdout
    assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size
    assert simple.cli("policy", "explain", "-", input="[1]").returncode == 2


def test_coverage_counts_rules_and_conditions(folder):
    shown = edict("policy", "test", folder, "--coverage")
    assert "a.big has a condition that was never false" in shown.stdout
    assert "a.broken was never a candidate" in shown.stdout
    assert "2 of 5 outcomes" in shown.stdout
    assert edict("policy", "test", folder, "--coverage-min", "40").returncode == 0
    short = edict("policy", "test", folder, "--coverage-min", "41")
    assert short.returncode == 1 and "40%" in short.stderr
    assert edict("policy", "test", folder, "--coverage-min", "much").returncode == 2


def test_junit_is_xml_that_others_read(folder, tmp_path):
    (folder / "tests/z_test.lua").write_text('test "wrong\\1" { request = { operation = "read" }, expect = { tier = 3 } }\n')
    report = tmp_path / "report.xml"
    assert edict("policy", "test", folder, "--junit", report).returncode == 1
    suite = ElementTree.parse(report).getroot()
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert cases['reading <all> & "more"'].find("failure") is None
    assert "expected tier 3, got 0" in cases["wrong\ufffd"].find("failure").text
    assert cases["wrong\ufffd"].get("file") == "tests/z_test.lua" and cases["wrong\ufffd"].get("line") == "1"
    assert edict("policy", "test", folder, "--junit", tmp_path / "none/report.xml").returncode == 1


def test_machines_get_json(folder):
    (folder / "rules.lua").write_text('rule "x" { teir = 1 }\nlocal y = undefined_name\n')
    shown = edict("policy", "check", folder, "--json")
    found = json.loads(shown.stdout)
    assert shown.returncode == 2 and {one["severity"] for one in found} == {"error"}
    assert any("tier" in one["message"] and one["line"] == 1 and one["file"] == "rules.lua" for one in found)


def test_bench_puts_the_dearest_rule_first(folder):
    figures = json.loads(edict("policy", "bench", folder, "--rounds", "2", "--json").stdout)
    rules = {rule["rule"]: rule for rule in figures["rules"]}
    assert figures["evaluations"] == 4 and figures["rules"][0]["rule"] == "a.big"
    assert rules["a.read"]["considered"] == 4 and rules["a.broken"]["considered"] == 0
    assert "a.big" in edict("policy", "bench", folder).stdout
    (folder / "tests/rules_test.lua").unlink()
    assert "has no tests" in edict("policy", "bench", folder).stderr


def wait_for(process, text, seen):
    """Reads until `text` has come; what came is added to `seen`."""
    deadline = time.monotonic() + DEADLINE_S
    while text not in "".join(seen):
        left = deadline - time.monotonic()
        assert left > 0 and select.select([process.stdout], [], [], left)[0], "".join(seen)
        chunk = os.read(process.stdout.fileno(), 65536).decode()
        assert chunk, "".join(seen)
        seen.append(chunk)


def test_watch_runs_again_on_every_change(folder):
    process = subprocess.Popen([BUILD / "edict", "policy", "test", folder, "--watch"], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        wait_for(process, "2 passed, 0 failed", seen := [])
        wait_for(process, "waiting for changes", seen)
        (folder / "tests/rules_test.lua").write_text('test "now wrong" { request = { operation = "read" }, expect = { tier = 3 } }\n')
        wait_for(process, "0 passed, 1 failed", seen := [])
        wait_for(process, "waiting for changes", seen)
        (folder / "lib").mkdir()
        wait_for(process, "waiting for changes", seen := [])
        (folder / "rules.lua").write_text('rule "a.read" { tier = 3, match = { operation = "read" }, because = "No", next_steps = "-" }\n')
        wait_for(process, "1 passed, 0 failed", [])
    finally:
        process.kill()
        process.wait()


def test_the_server_reloads_what_it_watches(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--policy-watch", "yes"])
    before = server.call("GET", "/v1/policies", admin=True).json["policy_revision"]
    rules = simple_policies / "rules.lua"
    good = rules.read_text()
    rules.write_text(good.replace("tier = 0", "tier = 1") + '\nrule "test.new" { tier = 3, match = { operation = "new" }, because = "No" }\n')
    deadline = time.monotonic() + DEADLINE_S
    while server.call("GET", "/v1/policies", admin=True).json["policy_revision"] == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    entry = [entry for entry in server.ledger() if entry["type"] == "policy.activated"][-1]
    assert entry["body"]["summary"] == "5 rules, before 4; added test.new; tier of test.allow 0 to 1; files written rules.lua"
    server.stop()
    rules.write_text(good)
    server.start()
    entry = [entry for entry in server.ledger() if entry["type"] == "policy.activated"][-1]
    assert entry["body"]["summary"] == "4 rules, before 5; removed test.new; tier of test.allow 1 to 0; files written rules.lua"


# ---- the file for editors ----

META = (ROOT / "editor/lua/library/edict.lua").read_text()
LISTING = """
local function keys(value)
  local names = {}
  for name in pairs(value) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return table.concat(names, " ")
end
rule "list" {
  tier = 0,
  because = function()
    local out = { "globals " .. keys(_ENV) }
    for name, value in pairs(_ENV) do
      if type(value) == "table" and name ~= "string" and name ~= "table" and name ~= "math" then out[#out + 1] = name .. " " .. keys(value) end
    end
    local script = shell.parse("A=1 sudo -u root sh -c 'f() { ls; }; f $X > $Y | cat &'")
    out[#out + 1] = "ShellScript " .. keys(script)
    for _, command in ipairs(script.commands) do out[#out + 1] = "ShellCommand " .. keys(command) end
    out[#out + 1] = "SqlScript " .. keys(sql.parse("select 1; -- x"))
    out[#out + 1] = "SqlStatement " .. keys(sql.parse("delete from a.b where 1=1 returning x").statements[1])
    out[#out + 1] = "SqlTable " .. keys(sql.parse("delete from a.b").statements[1].tables[1])
    out[#out + 1] = "Url " .. keys(url.parse("http://u:p@127.0.0.1:80/a?b#c"))
    out[#out + 1] = "KubectlCommand " .. keys(kubectl.parse("kubectl delete pod -n a --all --force --grace-period=0 -l a=b --as x"))
    out[#out + 1] = "HelmCommand " .. keys(helm.parse("helm upgrade --install a b -n c --set a=b --force"))
    out[#out + 1] = "TimeParts " .. keys(time.parts(0))
    return out
  end,
}
"""


def test_the_editors_file_names_what_the_sandbox_offers(tmp_path):
    (tmp_path / "list.lua").write_text(LISTING)
    request = '{"agent_identity":"x","operation":"read"}'
    shown = json.loads(edict("policy", "explain", "-", "--policies", tmp_path, "--facts", facts_file(tmp_path), "--json", input=request).stdout)
    lines = [re.sub(r"^\d+\. ", "", line) for line in shown["rationale"].split("\n")[1:]]
    offered = {}
    for line in lines:
        name, *members = line.split(" ")
        offered.setdefault(name, set()).update(members)
    declared = set(re.findall(r"^function (\w+)\(", META, flags=re.M)) | set(re.findall(r"^(\w+) = \{\}", META, flags=re.M))
    # Lua's own names are the language server's; `redact` is gone when rules run.
    lua = {"assert", "error", "ipairs", "math", "pairs", "pcall", "select", "string", "table", "tonumber", "tostring", "type", "require"}
    assert offered["globals"] - lua == declared - {"test", "redact"}
    for library in declared & offered.keys():
        assert offered[library] == set(re.findall(rf"^function {library}\.(\w+)\(", META, flags=re.M)), library
    classes = dict(re.findall(r"^---@class edict\.(\w+).*?\n((?:---@field.*\n)*)", META, flags=re.M))
    for name in ("ShellScript", "ShellCommand", "SqlScript", "SqlStatement", "SqlTable", "Url", "KubectlCommand", "HelmCommand", "TimeParts"):
        assert offered[name] <= set(re.findall(r"@field (\w+)", classes[name])), name


def facts_file(folder):
    path = folder / "facts.json"
    path.write_text(json.dumps({"agent": {"known": True, "namespace": "a", "owner": "o", "privileges": []}}))
    return path


def test_every_rule_field_is_declared_for_editors():
    fields = re.search(r"extract_rule_fields\[\] = \{(.*?)NULL", (ROOT / "engine/policy/fields.c").read_text(), flags=re.S).group(1)
    declared = re.search(r"---@class edict\.Rule\n((?:---@field.*\n)*)", META).group(1)
    assert set(re.findall(r'"(\w+)"', fields)) == set(re.findall(r"@field (\w+)", declared))


def test_man_pages_say_what_help_says():
    for program, page in (("edictd", "edictd.8"), ("edict", "edict.1")):
        told = subprocess.run([BUILD / program, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout.rstrip("\n")
        text = (ROOT / "docs/man" / page).read_text()
        block = text[text.index(".nf\n") + 4 : text.index(".fi\n")].rstrip("\n")
        assert block.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\") == told, f"docs/man/{page} and {program} --help differ"
