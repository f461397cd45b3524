"""A running edictd for a test: real binary, real sockets on loopback, a data directory of its own, stopped by pid."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EDICT_BUILD", ROOT / "build" / "dev"))
START_S = 60


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """One edictd process; start() may be called again after stop() or kill() on the same data directory."""

    def __init__(self, folder, policies=None, flags=()):
        self.folder = Path(folder)
        self.policies = Path(policies) if policies else ROOT / "policies"
        self.flags = list(flags)
        self.process = None
        self.log = self.folder.parent / (self.folder.name + ".log")

    def start(self):
        (self.folder / "edictd.json").unlink(missing_ok=True)
        command = [
            str(BUILD / "edictd"), "--data", str(self.folder), "--policies", str(self.policies),
            "--mcp", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--threads", "2", *self.flags,
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        self._wait_until_ready()
        return self

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_S
        endpoints = self.folder / "edictd.json"
        while not endpoints.exists():
            if self.process.poll() is not None:
                raise RuntimeError(f"edictd ended with {self.process.returncode}:\n{self.log.read_text()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"edictd was not ready after {START_S} s:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.endpoints = json.loads(endpoints.read_text())
        self.token = (self.folder / "admin.token").read_text().strip()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
        return self.process.returncode if self.process else None

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=60)

    def address(self, door="rest"):
        host, port = self.endpoints[door].removeprefix("http://").rsplit(":", 1)
        return host, int(port)

    def connect(self, door="rest"):
        return http.client.HTTPConnection(*self.address(door), timeout=60)

    def call(self, method, path, body=None, admin=False, door="rest", headers=None, connection=None):
        """One request. `body` may be bytes (sent as they are) or anything JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None or method in ("POST", "PUT"):
            headers.setdefault("Content-Type", "application/json")
        if admin:
            headers["Authorization"] = f"Bearer {self.token}"
        own = connection is None
        connection = connection or self.connect(door)
        try:
            connection.request(method, path, body=body, headers=headers)
            reply = connection.getresponse()
            return Answer(reply.status, dict((k.lower(), v) for k, v in reply.getheaders()), reply.read())
        finally:
            if own:
                connection.close()

    def evaluate(self, request, **more):
        return self.call("POST", "/v1/evaluate", request, **more)

    def rpc(self, message, door="mcp"):
        return self.call("POST", "/mcp", message, door=door)

    def set_agent(self, name, manifest, usage=None):
        answer = self.call("PUT", f"/v1/agents/{name}", manifest, admin=True)
        assert answer.status == 200, answer.body
        if usage is not None:
            answer = self.call("PUT", f"/v1/agents/{name}/usage", usage, admin=True)
            assert answer.status == 200, answer.body

    def raw(self, data, door="rest", timeout=30):
        """Sends bytes, half-closes, and reads until the server closes."""
        with socket.create_connection(self.address(door), timeout=timeout) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            chunks = []
            while True:
                chunk = connection.recv(65536)
                if not chunk:
                    return b"".join(chunks)
                chunks.append(chunk)

    def ledger(self):
        """All entries, oldest first."""
        entries, at = [], 0
        while True:
            page = self.call("GET", f"/v1/ledger/entries?from={at}&limit=500", admin=True).json
            entries += page["entries"]
            at = page["next"]
            if at >= page["size"]:
                return entries

    def cli(self, *words, input=None, data=None):
        command = [str(BUILD / "edict"), "--data", str(data or self.folder), *words]
        return subprocess.run(command, input=input, capture_output=True, text=True, timeout=120, cwd=ROOT)


ALPHA = {
    "namespace": "team-alpha",
    "owner": "alice@example.com",
    "privileges": ["k8s:read:*", "k8s:delete:pod", "k8s:scale:deployment", "k8s:update:deployment", "k8s:create:deployment", "shell:read"],
    "resource_quotas": {"compute": {"cpu_cores": 16, "memory_gb": 64}},
    "budget": {"monthly_limit_usd": "500.00"},
}
FINOPS = {
    "namespace": "finops",
    "owner": "finops@example.com",
    "privileges": ["k8s:read:*", "cost:read"],
    "resource_quotas": {"compute": {"cpu_cores": 4, "memory_gb": 16}},
    "budget": {"monthly_limit_usd": "100.00"},
}
USAGE = {"compute": {"cpu_cores": 12, "memory_gb": 40}}


@pytest.fixture
def new_server(tmp_path):
    """A factory of servers; all that it made are stopped at the end of the test."""
    made = []

    def make(name="data", policies=None, flags=(), start=True):
        server = Server(tmp_path / name, policies, flags)
        made.append(server)
        return server.start() if start else server

    yield make
    for server in made:
        server.stop()
    for server in made:
        # What a sanitizer has to say, it says in the log.
        text = server.log.read_text(errors="replace") if server.log.exists() else ""
        assert not re.search("Sanitizer|runtime error:", text), text


@pytest.fixture
def server(new_server):
    """A server with the reference policies and the seed's two agents."""
    running = new_server()
    running.set_agent("team-alpha-deploy-001", ALPHA, USAGE)
    running.set_agent("finops-agent-001", FINOPS)
    return running


ALLOW_ALL = 'rule "test.allow" { tier = 0, match = { operation = { "spend", "create", "read" } }, because = { "The test allows it" } }\n'
RULES = ALLOW_ALL + """
rule "test.ask" { tier = 2, match = { operation = "deploy" }, because = { "A reviewer decides on deployments" } }
rule "test.ask-too" { tier = 2, match = { operation = "deploy", ["facts.history.similar.h24.denied"] = { min = 1 } }, because = { "One was denied today" } }
rule "test.deny" { tier = 3, match = { operation = "delete" }, because = { "Never" }, alternatives = { "Ask the owner" } }
"""


@pytest.fixture
def simple_policies(tmp_path):
    """A small bundle, for tests of the engine that do not want to depend on the reference policies."""
    folder = tmp_path / "simple-policies"
    folder.mkdir()
    (folder / "rules.lua").write_text(RULES)
    return folder


@pytest.fixture
def simple(new_server, simple_policies):
    running = new_server(policies=simple_policies)
    running.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    running.set_agent("agent-2", {"namespace": "two", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    return running
