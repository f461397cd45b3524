"""What edictd is put through: a fixed mix of everything that changes its state, on several connections at once."""

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

from edictd import Gone

STREAMS = 4
RULES = """
rule "test.allow" { tier = 0, match = { operation = { "spend", "read" } }, because = { "The test allows it" } }
rule "test.ask" { tier = 2, match = { operation = "deploy" }, because = { "A reviewer decides on deployments" } }
rule "test.deny" { tier = 3, match = { operation = "delete" }, because = { "Never" } }
"""


def write_policies(folder, generation=0):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.lua").write_text(f"-- generation {generation}\n{RULES}")
    return folder


def quoted(text):
    return f'"{text}"'.encode()


@dataclass
class Stream:
    """One connection with an agent of its own. What it asks follows from its name and seed only, and from what was answered."""

    client: object
    name: str
    policies: Path
    seed: object
    marks: int = 0
    approved: list = field(default_factory=list)
    pending: list = field(default_factory=list)
    chance: random.Random = None

    def __post_init__(self):
        self.agent = f"agent-{self.name}"
        self.chance = random.Random(f"{self.seed}/{self.name}")

    def mark(self):
        """A text that no other request holds."""
        self.marks += 1
        return f"mark-{self.seed}-{self.name}-{self.marks}"

    def evaluate(self, operation, usd=None, pad=0, **more):
        mark = self.mark()
        request = {"agent_identity": self.agent, "operation": operation, "idempotency_key": mark, "context": {"mark": mark, "pad": "x" * pad}, **more}
        if usd:
            request["estimated_cost_usd"] = usd
        answer = self.client.call("POST", "/v1/evaluate", request).json
        if answer.get("decision") == "approve" and usd:
            self.approved.append(answer["decision_id"])
        if answer.get("decision") == "escalate":
            self.pending.append((answer["escalation_id"], operation, usd))
        if self.chance.random() < 0.2:
            self.client.call("POST", "/v1/evaluate", request)
        return answer

    def set_manifest(self):
        owner = self.mark() + "@example.com"
        manifest = {"namespace": self.agent, "owner": owner, "privileges": ["read"], "budget": {"monthly_limit_usd": "100.00"}}
        self.client.call("PUT", f"/v1/agents/{self.agent}", manifest, proof=("agent.set", quoted(owner)))

    def set_usage(self):
        self.marks += 1
        cores = 100000 + self.marks
        self.client.call("PUT", f"/v1/agents/{self.agent}/usage", {"compute": {"cpu_cores": cores}}, proof=("agent.usage", str(cores).encode()))

    def spend(self):
        self.evaluate("spend", usd=f"{self.chance.randint(1, 90) / 100:.2f}", pad=600)

    def deploy(self):
        self.evaluate("deploy", pad=self.chance.choice((10, 1500, 5000)))

    def delete(self):
        self.evaluate("delete", pad=100)

    def read_large(self):
        self.evaluate("read", pad=20000)

    def report(self):
        if self.approved:
            decision = self.approved.pop(0)
            self.client.call("POST", f"/v1/decisions/{decision}/outcome", {"status": "succeeded", "actual_cost_usd": "0.01"}, proof=("decision.outcome", quoted(decision)))

    def resolve(self, how, **more):
        escalation, operation, usd = self.pending.pop(0)
        reason = self.mark()
        body = {"reason": reason, **more}
        answer = self.client.call("POST", f"/v1/escalations/{escalation}/{how}", body, proof=("escalation.resolved", quoted(reason)))
        return escalation if answer.status == 200 else None

    def approve_and_use(self):
        if not self.pending:
            return
        more = {"budget_increase_usd": "600.00"} if self.pending[0][2] else {"uses": 2}
        escalation = self.resolve("approve", **more)
        for _ in range(2 if escalation else 0):
            mark = self.mark()
            self.client.call("POST", "/v1/evaluate", {"agent_identity": self.agent, "escalation_id": escalation, "idempotency_key": mark})

    def deny(self):
        if self.pending:
            self.resolve("deny")

    def cancel(self):
        if self.pending:
            escalation, _, _ = self.pending.pop(0)
            self.client.call("POST", f"/v1/escalations/{escalation}/cancel", {"agent_identity": self.agent}, proof=("escalation.resolved", quoted(escalation)))

    def overspend(self):
        self.evaluate("spend", usd="500.00")

    def reload(self):
        if self.name == "0":
            self.marks += 1
            write_policies(self.policies, f"{self.seed}-{self.marks}")
            exchange = self.client.send("POST", "/v1/policies/reload", {})
            revision = self.client.receive(exchange).json.get("policy_revision")
            exchange.proof = ("policy.activated", revision.encode()) if revision else None

    def read_checkpoint(self):
        self.client.call("GET", "/v1/ledger/key")
        self.client.call("GET", "/v1/ledger/checkpoint")

    STEPS = (spend, deploy, delete, approve_and_use, read_checkpoint, report, overspend, set_usage, deploy, deny, read_large, approve_and_use, spend, deploy, cancel, report, set_manifest, reload, delete)

    def run(self, steps):
        start = int(self.name) * 3
        for i in range(steps):
            self.STEPS[(start + i) % len(self.STEPS)](self)


def run(server, steps, seed=0, streams=STREAMS):
    """Every exchange, answered or not. Ends early when the server does."""
    exchanges = []

    def one(name):
        try:
            stream = Stream(server.client(exchanges), name, server.policies, seed)
            stream.set_manifest()
            stream.run(steps)
            stream.client.close()
        except Gone:
            pass

    threads = [threading.Thread(target=one, args=(str(i),)) for i in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return exchanges
