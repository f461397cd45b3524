"""After a crash: starts the real edictd on what is left, and holds it to everything that had been answered."""

import json
from dataclasses import dataclass, field

from edictd import Edictd, Gone

BUNDLE = 256  # entries of one C2SP entry bundle
MICRO = 1_000_000
WRITTEN_AT_START = ("store.created", "policy.activated")
LOOKED_UP_LAST, LOOKED_UP_SHARE = 16, 8  # decisions asked for one by one: the last ones, and one in so many of those before


@dataclass
class Entry:
    index: int
    record: bytes
    type: str
    body: dict


@dataclass
class Ledger:
    entries: list
    by_id: dict = field(default_factory=dict)
    by_type: dict = field(default_factory=dict)

    def __post_init__(self):
        for entry in self.entries:
            self.by_type.setdefault(entry.type, []).append(entry)
            if entry.type == "decision":
                self.by_id.setdefault(entry.body["id"], []).append(entry)


def tile_path(number, width):
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03d}")
    return "/v1/ledger/tile/entries/" + "/".join(parts) + (f".p/{width}" if width < BUNDLE else "")


def read_ledger(client):
    size = client.call("GET", "/v1/ledger").json["size"]
    entries = []
    while len(entries) < size:
        bundle = client.call("GET", tile_path(len(entries) // BUNDLE, min(BUNDLE, size - len(entries)))).body
        at = 0
        while at < len(bundle):
            length = int.from_bytes(bundle[at : at + 2], "big")
            record = bundle[at + 2 : at + 2 + length]
            head, body = record.split(b"\n", 1)
            entries.append(Entry(len(entries), record, head.split(b" ")[1].decode(), json.loads(body)))
            at += 2 + length
    return Ledger(entries)


def checkpoint_size(note):
    return int(note.split(b"\n")[1])


def micro(text):
    return round(float(text) * MICRO)


class Check:
    """Collects faults in words; no fault, no crash."""

    def __init__(self, server, client, ledger, kept):
        self.server, self.client, self.ledger, self.kept, self.faults = server, client, ledger, kept, []

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)
        return holds

    # ---- what was answered ----

    def answered(self, exchanges):
        for exchange in exchanges:
            if exchange.reply and exchange.reply.status == 200:
                if exchange.path == "/v1/evaluate":
                    self.decision(exchange)
                elif exchange.path == "/v1/ledger/checkpoint":
                    self.checkpoint(exchange.reply.body)
                elif exchange.path == "/v1/ledger/key":
                    self.key(exchange.reply.body)
                elif exchange.proof:
                    self.proof(exchange)

    def decision(self, exchange):
        answer = exchange.reply.json
        found = self.ledger.by_id.get(answer["decision_id"], [])
        if not self.expect(len(found) == 1, f"decision {answer['decision_id']} at {answer['ledger_index']} was answered, and is there {len(found)} times"):
            return
        self.expect(found[0].index == answer["ledger_index"], f"decision {answer['decision_id']} is entry {found[0].index}, answered as {answer['ledger_index']}")
        if len(self.ledger.entries) - found[0].index > LOOKED_UP_LAST and found[0].index % LOOKED_UP_SHARE:
            return
        shown = self.client.call("GET", f"/v1/decisions/{answer['decision_id']}")
        if self.expect(shown.status == 200, f"decision {answer['decision_id']} cannot be looked up: {shown.status}"):
            for member in ("decision", "tier", "rationale", "ledger_index", "rules", "escalation_id", "grant_id"):
                self.expect(shown.json.get(member) == answer.get(member), f"decision {answer['decision_id']}: {member} is not what was answered")

    def proof(self, exchange):
        kind, needle = exchange.proof
        held = sum(needle in entry.record for entry in self.ledger.by_type.get(kind, []))
        self.expect(held >= 1, f"{exchange.path} was answered, and no {kind} holds {needle!r}")

    def key(self, shown):
        self.expect(self.client.call("GET", "/v1/ledger/key").body == shown, "the log has another key than it showed")

    def checkpoint(self, note):
        size = checkpoint_size(note)
        self.expect(size <= self.kept, f"a checkpoint over {size} entries was shown, and the one kept is over {self.kept}")
        self.expect(size <= len(self.ledger.entries), f"a checkpoint over {size} entries was shown, and there are {len(self.ledger.entries)}")

    # ---- what belongs together ----

    def entries(self):
        for name, found in self.ledger.by_id.items():
            self.expect(len(found) == 1, f"decision {name} is there {len(found)} times")
        keys = [(entry.body["request"]["agent_identity"], entry.body["request"].get("idempotency_key")) for entry in self.ledger.by_type.get("decision", [])]
        keys = [key for key in keys if key[1]]
        self.expect(len(keys) == len(set(keys)), "an idempotency key has two decisions")
        raised = self.ledger.by_type.get("budget.raised", [])
        for entry in raised:
            before = self.ledger.entries[entry.index - 1]
            self.expect(before.type == "escalation.resolved" and before.body["escalation_id"] == entry.body["escalation_id"], f"entry {entry.index} raises a budget without its approval")

    def postings(self):
        decisions = self.ledger.by_type.get("decision", [])
        terms = {("agent", entry.body["request"]["agent_identity"]) for entry in decisions} | {("tier", "0"), ("tier", "2"), ("tier", "3")}
        for name, value in sorted(terms):
            expected = [e.index for e in decisions if (e.body["request"]["agent_identity"] if name == "agent" else str(e.body["verdict"]["tier"])) == value]
            found, cursor = [], ""
            while cursor is not None:
                page = self.client.call("GET", f"/v1/decisions?{name}={value}&limit=500{cursor}").json
                found += [decision["ledger_index"] for decision in page["decisions"]]
                cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] is not None else None
            self.expect(found == expected[::-1], f"the index of {name}={value} finds {len(found)} entries of {len(expected)}")

    def budgets(self):
        reserved, settled = {}, {entry.body["decision_id"] for entry in self.ledger.by_type.get("decision.outcome", [])}
        agents = {entry.body["agent"] for entry in self.ledger.by_type.get("agent.set", [])}
        for entry in self.ledger.by_type.get("decision", []):
            agent = entry.body["request"]["agent_identity"]
            if entry.body["id"] not in settled:
                reserved[agent] = reserved.get(agent, 0) + entry.body["effects"].get("reserve_micro_usd", 0)
        for agent in sorted(agents):
            shown = self.client.call("GET", f"/v1/agents/{agent}/budget").json
            self.expect(micro(shown["reserved_usd"]) == reserved.get(agent, 0), f"{agent} has {shown['reserved_usd']} reserved; its entries say {reserved.get(agent, 0)}")
            total = micro(shown["reserved_usd"]) + micro(shown["current_spending_usd"])
            self.expect(total <= micro(shown["budget_limit_usd"]), f"{agent} is over its budget: {shown}")

    def escalations(self):
        resolved = {}
        for entry in self.ledger.by_type.get("escalation.resolved", []):
            self.expect(entry.body["escalation_id"] not in resolved, f"{entry.body['escalation_id']} is resolved twice")
            resolved[entry.body["escalation_id"]] = entry.body
        used = {}
        for entry in self.ledger.by_type.get("decision", []):
            grant = entry.body["effects"].get("grant_id")
            if grant:
                used[grant] = used.get(grant, 0) + 1
        for name, body in resolved.items():
            document = self.client.call("GET", f"/v1/escalations/{name}").json
            self.expect(document.get("state") == body["resolution"], f"{name} is {document.get('state')}; its entry says {body['resolution']}")
            if document.get("grant"):
                self.expect(document["grant"]["uses_left"] == max(1, body.get("uses", 1)) - used.get(body["grant_id"], 0), f"{name}: {document['grant']}; its entries say {body}, used {used.get(body['grant_id'], 0)} times")

    # ---- going on ----

    def retries(self, exchanges):
        asked = [e for e in exchanges if e.path == "/v1/evaluate" and e.reply and e.reply.status == 200 and e.request.get("idempotency_key")]
        for exchange in asked[-8:]:
            again = self.client.call("POST", "/v1/evaluate", exchange.request)
            self.expect(again.json.get("decision_id") == exchange.reply.json["decision_id"], f"idempotency key {exchange.request['idempotency_key']} does not hold: {again.body[:200]}")

    def going_on(self, name):
        size = self.client.call("GET", "/v1/ledger").json["size"]
        request = {"agent_identity": "agent-after", "operation": "delete", "context": {"after": name}}
        answer = self.client.call("POST", "/v1/evaluate", request)
        self.expect(answer.status == 200 and answer.json["ledger_index"] == size, f"no next decision: {answer.status} {answer.body[:200]}")

    def offline(self):
        verified = self.server.cli("ledger", "verify")
        self.expect(verified.returncode == 0, f"ledger verify: {verified.stdout}{verified.stderr}")
        indexed = self.server.cli("ledger", "reindex", "--check")
        self.expect(indexed.returncode == 0, f"ledger reindex --check: {indexed.stdout}{indexed.stderr}")
        rebuilt = self.server.cli("ledger", "rebuild")
        self.expect(rebuilt.returncode == 0 and " 0 differ" in rebuilt.stdout, f"ledger rebuild: {rebuilt.stdout}{rebuilt.stderr}")


def prefix(check, reference):
    """Byte for byte what the undisturbed run wrote, up to some entry; after it only what a start writes."""
    differ = [mine.index for mine, theirs in zip(check.ledger.entries, reference) if mine.record != theirs.record]
    end = differ[0] if differ else min(len(reference), len(check.ledger.entries))
    for entry in check.ledger.entries[end:]:
        check.expect(entry.type in WRITTEN_AT_START, f"entry {entry.index} ({entry.type}) is not the one that was written")


def run_checks(server, exchanges, reference, kept):
    client = server.client()
    check = Check(server, client, read_ledger(client), kept)
    check.answered(exchanges)
    check.entries()
    check.postings()
    check.budgets()
    check.escalations()
    if reference is not None:
        prefix(check, reference)
    check.retries(exchanges)
    check.going_on(server.work.name)
    client.close()
    server.kill()
    check.offline()
    return check.faults


def verify(work, policies, exchanges, reference=None, flags=()):
    """Faults, in words. `reference`: the entries of the undisturbed run that this is an earlier moment of. Changes the folder."""
    server = Edictd(work, policies, flags)
    try:
        note = server.data / "ledger.checkpoint"
        kept = checkpoint_size(note.read_bytes()) if note.exists() else 0
        server.start()
        return run_checks(server, exchanges, reference, kept)
    except Gone as gone:
        return [f"{gone}; it said: {server.text()[-1500:]}"]
    finally:
        server.kill()
