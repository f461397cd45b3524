"""The protocol's own conformance suite: all that each revision requires on the fixture server, and on edictd what needs no fixture."""

import json
import signal
import subprocess

import pytest
from conftest import BUILD, ROOT

NODE = ROOT / "build/node"
PROGRAM = NODE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
# Run and reported, but required by no revision: the tasks extension, and what is newer than the revision. They pass, too.
REVISIONS = {"2025-11-25": 30, "2026-07-28": 37}


def suite(url, folder, *words):
    run = [NODE / "node_modules/.bin/node", PROGRAM, "server", "--url", url.replace("127.0.0.1", "localhost"), "-o", folder, *words]
    shown = subprocess.run(run, capture_output=True, text=True, timeout=240, cwd=NODE)
    checks = [check for path in sorted(folder.glob("*/checks.json")) for check in json.loads(path.read_text())]
    bad = [f"{check['id']}: {check.get('errorMessage')}" for check in checks if check["status"] in ("FAILURE", "WARNING")]
    return shown, checks, bad


@pytest.fixture
def fixture_url():
    program = subprocess.Popen([BUILD / "tests/mcp_fixture"], stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{int(program.stdout.readline())}/mcp"
    program.send_signal(signal.SIGTERM)
    assert program.wait(timeout=30) == 0


@pytest.mark.parametrize("revision", REVISIONS)
def test_everything_that_a_revision_requires(fixture_url, tmp_path, revision):
    shown, checks, bad = suite(fixture_url, tmp_path, "--requirements", revision)
    assert shown.returncode == 0 and bad == [], shown.stdout[-4000:] + shown.stderr
    assert len(checks) > 2 * REVISIONS[revision] and sum(check["status"] == "SUCCESS" for check in checks) > REVISIONS[revision]


# What needs no tools of its own. server-stateless is not here: it calls diagnostic tools that a product does not have.
NO_FIXTURE = [
    ("2026-07-28", one)
    for one in ("tools-list", "server-sse-multiple-streams", "sep-2164-resource-not-found", "dns-rebinding-protection", "http-header-validation",
                "input-required-result-unsupported-methods", "caching", "resources-list", "prompts-list")
] + [
    ("2025-11-25", one)
    for one in ("server-initialize", "ping", "tools-list", "dns-rebinding-protection", "resources-list", "prompts-list", "server-sse-multiple-streams",
                "server-session-lifecycle")
]


@pytest.mark.parametrize("version, scenario", NO_FIXTURE)
def test_edictd_itself(simple, tmp_path, version, scenario):
    url = simple.endpoints["mcp"].rstrip("/") + "/mcp"
    shown, checks, bad = suite(url, tmp_path, "--scenario", scenario, "--spec-version", version)
    assert shown.returncode == 0 and bad == [] and checks, shown.stdout + shown.stderr
