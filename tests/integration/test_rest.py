"""REST as HTTP means it: conditions, cursors, retries, other origins, methods, long polls."""

import re
import socket
import threading
import time

import pytest
from conftest import ROOT

DEPLOY = {"agent_identity": "agent-1", "operation": "deploy", "context": {"name": "web"}}


def put(server, name, manifest, path="", **headers):
    return server.call("PUT", f"/v1/agents/{name}{path}", manifest, admin=True, headers={key.replace("_", "-"): value for key, value in headers.items()})


# ---- conditions ----


def test_a_change_of_what_was_not_read_is_refused(simple):
    tag = simple.call("GET", "/v1/agents/agent-1", admin=True).headers["etag"]
    changed = put(simple, "agent-1", {"namespace": "uno"}, If_Match=tag)
    assert changed.status == 200 and changed.headers["etag"] != tag and changed.json["namespace"] == "uno"
    for stale in (tag, '"1"', '"x"', f"W/{changed.headers['etag']}"):
        answer = put(simple, "agent-1", {"namespace": "due"}, If_Match=stale)
        assert answer.status == 412 and answer.headers["content-type"] == "application/problem+json", (stale, answer.body)
    assert put(simple, "agent-1", {"compute": {"cpu_cores": 1}}, "/usage", If_Match=tag).status == 412
    used = put(simple, "agent-1", {"compute": {"cpu_cores": 1}}, "/usage", If_Match=changed.headers["etag"])
    assert used.status == 200 and used.json["usage"] == {"compute": {"cpu_cores": 1}} and used.headers["etag"] != changed.headers["etag"]
    assert put(simple, "agent-1", {"namespace": "due"}, If_Match="*").status == 200


def test_an_agent_is_made_only_where_there_is_none(simple):
    assert put(simple, "new", {"namespace": "n"}, If_Match="*").status == 412
    assert put(simple, "new", {"namespace": "n"}, If_None_Match="*").status == 200
    assert put(simple, "new", {"namespace": "m"}, If_None_Match="*").status == 412
    assert simple.call("GET", "/v1/agents/new", admin=True).json["namespace"] == "n"
    size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
    assert put(simple, "nobody", {"compute": {"cpu_cores": 1}}, "/usage").status == 404
    assert put(simple, "nobody", {"compute": {"cpu_cores": 1}}, "/usage", If_Match="*").status == 412
    assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size


@pytest.mark.parametrize("headers", [{"If_Match": "7"}, {"If_Match": '"7'}, {"If_Match": '"7", "8"'}, {"If_Match": ""}, {"If_None_Match": '"7"'}, {"If_Match": "*", "If_None_Match": "*"}])
def test_conditions_that_cannot_be_told_are_refused(simple, headers):
    answer = put(simple, "agent-1", {"namespace": "x"}, **headers)
    assert answer.status == 400 and "Match" in answer.json["detail"]


def test_what_is_known_is_not_sent_again(simple):
    shown = simple.call("GET", "/v1/agents/agent-1", admin=True)
    tag = shown.headers["etag"]
    for known in (tag, "W/" + tag, f'"0", {tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = simple.call(method, "/v1/agents/agent-1", admin=True, headers={"If-None-Match": known})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag), known
    assert simple.call("GET", "/v1/agents/agent-1", admin=True, headers={"If-None-Match": '"0"'}).json == shown.json
    assert simple.call("GET", "/v1/agents/nobody", admin=True, headers={"If-None-Match": "*"}).status == 404


@pytest.mark.parametrize("path, body", [("", lambda i: {"namespace": f"n{i}"}), ("/usage", lambda i: {"compute": {"cpu_cores": i}})])
def test_of_two_changes_of_one_version_one_wins(simple, path, body):
    for _ in range(5):
        tag = simple.call("GET", "/v1/agents/agent-1", admin=True).headers["etag"]
        barrier, answers = threading.Barrier(6), []

        def change(i):
            with_connection = simple.connect()
            with_connection.connect()
            barrier.wait()
            answers.append(simple.call("PUT", "/v1/agents/agent-1" + path, body(i), admin=True, headers={"If-Match": tag}, connection=with_connection))
            with_connection.close()

        threads = [threading.Thread(target=change, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status for answer in answers) == [200] + [412] * 5
        winner = next(answer for answer in answers if answer.status == 200)
        assert simple.call("GET", "/v1/agents/agent-1", admin=True).json == winner.json


# ---- pages ----


def pages(server, path, member, between=None):
    """All items, following next_cursor, and checking that Link says the same."""
    found, target = [], path
    while target:
        answer = server.call("GET", target, admin=True)
        assert answer.status == 200, answer.body
        found += answer.json[member]
        cursor, link = answer.json["next_cursor"], answer.headers.get("link")
        assert (cursor is None) == (link is None)
        if cursor:
            linked = re.fullmatch(r'<([^>]+)>; rel="next"', link)[1]
            assert f"cursor={cursor}" in linked
            if between:
                between()
        target = linked if cursor else None
    return found


def test_pages_do_not_shift(simple):
    for i in range(12):
        simple.evaluate({**DEPLOY, "context": {"i": i}})
    added = iter(range(1000))

    def more():
        i = next(added)
        simple.evaluate({**DEPLOY, "context": {"more": i}})
        simple.set_agent(f"agent-0{i}", {"namespace": "later"})

    first = [one["decision_id"] for one in simple.call("GET", "/v1/decisions", admin=True).json["decisions"]]
    assert [one["decision_id"] for one in pages(simple, "/v1/decisions?limit=5", "decisions", more)] == first
    escalations = [one["id"] for one in simple.call("GET", "/v1/escalations?state=pending&agent=agent-1", admin=True).json["escalations"]]
    assert [one["id"] for one in pages(simple, "/v1/escalations?state=pending&limit=4&agent=agent-1", "escalations", more)] == escalations
    names = [one["agent_identity"] for one in pages(simple, "/v1/agents?limit=1", "agents", more)]
    assert names == sorted(set(names)) and {"agent-1", "agent-2"} <= set(names)


def test_a_cursor_belongs_to_its_list(simple):
    for i in range(4):
        simple.evaluate({**DEPLOY, "context": {"i": i}})
    cursor = {path: simple.call("GET", f"{path}?limit=1", admin=True).json["next_cursor"] for path in ("/v1/decisions", "/v1/escalations", "/v1/agents")}
    assert all(cursor.values()) and len(set(cursor.values())) == 3
    for path in cursor:
        for other, text in cursor.items():
            answer = simple.call("GET", f"{path}?limit=2&cursor={text}", admin=True)
            assert answer.status == (200 if other == path else 400), answer.body
        for wrong in ("", "x", "1", "agent-1", cursor[path][:-1], cursor[path] + "zz", "0" * 8 + "31", "%00"):
            answer = simple.call("GET", f"{path}?cursor={wrong}", admin=True)
            assert answer.status == 400 and "?cursor" in answer.json["detail"], (path, wrong)
    assert simple.call("GET", f"/v1/decisions?tier=2&cursor={cursor['/v1/decisions']}", admin=True).status == 400
    assert simple.call("GET", f"/v1/escalations?state=pending&cursor={cursor['/v1/escalations']}", admin=True).status == 400


def test_every_filter_of_decisions_at_once(simple):
    for i in range(3):
        for operation in ("read", "delete", "deploy", "spend"):
            for agent in ("agent-1", "agent-2"):
                simple.evaluate({"agent_identity": agent, "operation": operation, "context": {"i": i}})
    everything = simple.call("GET", "/v1/decisions?limit=500", admin=True).json["decisions"]
    assert len(everything) == 24
    times = sorted({one["time"] for one in everything})
    since, until = times[len(times) // 4], times[-1]

    def expected(**wanted):
        return [
            one["decision_id"] for one in everything
            if since <= one["time"] < until and all(value in one["rules"] if name == "rule" else str({"agent": one["agent_identity"], "tier": one["tier"], "operation": one["request"]["operation"]}[name]) == value for name, value in wanted.items())
        ]

    for wanted in ({"agent": "agent-1"}, {"tier": "2"}, {"operation": "delete"}, {"rule": "test.allow"}, {"agent": "agent-2", "tier": "3", "operation": "delete", "rule": "test.deny"}, {"agent": "agent-1", "tier": "0", "operation": "spend"}, {"agent": "agent-1", "tier": "1"}, {"operation": "none"}):
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        found = pages(simple, f"/v1/decisions?since={since}&until={until}&limit=2&{query}", "decisions")
        assert [one["decision_id"] for one in found] == expected(**wanted), wanted


# ---- retries ----


def test_a_retry_of_what_happens_once(simple):
    """Without a key a retry is a conflict that changes nothing; with one it is the answer of the first."""
    approved = simple.evaluate({"agent_identity": "agent-1", "operation": "spend", "estimated_cost_usd": "5.00"}).json["decision_id"]
    waits = [simple.evaluate({**DEPLOY, "context": {"i": i}}).json["escalation_id"] for i in range(3)]
    agent = {"Edict-Agent": "agent-1"}
    calls = [
        (f"/v1/decisions/{approved}/outcome", {"status": "succeeded", "actual_cost_usd": "4.00"}, {"status": "failed"}, False),
        (f"/v1/escalations/{waits[0]}/approve", {"reason": "Fine", "uses": 2}, {"reason": "Fine", "uses": 9}, True),
        (f"/v1/escalations/{waits[1]}/deny", {"reason": "No"}, {"reason": "No!"}, True),
        (f"/v1/escalations/{waits[2]}/cancel", {"reason": "Not needed"}, {}, False),
    ]
    for path, body, other, admin in calls:
        def call(sent, key=None):
            return simple.call("POST", path, sent, admin=admin, headers=({} if admin else agent) | ({"Idempotency-Key": key} if key else {}))

        first = call(body, "k-1")
        assert first.status == 200 and "idempotency-replayed" not in first.headers, first.body
        size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
        again = call(dict(reversed(body.items())), "k-1")
        assert (again.status, again.headers.get("idempotency-replayed"), again.json) == (200, "true", first.json), again.body
        assert call(other, "k-1").status == 422
        assert call(body, "k-2").status == 409 and call(body).status == 409
        assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size
    for wrong in ("", "a b", "x" * 129, "é".encode().decode("latin-1")):
        answer = simple.call("POST", calls[0][0], calls[0][1], headers=agent | {"Idempotency-Key": wrong})
        assert answer.status == 400 and "Idempotency-Key" in answer.json["detail"]


def test_keys_are_the_callers_own(simple):
    first, second = (simple.evaluate({**DEPLOY, "agent_identity": agent}).json["escalation_id"] for agent in ("agent-1", "agent-2"))
    for escalation, agent in ((first, "agent-1"), (second, "agent-2")):
        answer = simple.call("POST", f"/v1/escalations/{escalation}/cancel", {}, headers={"Edict-Agent": agent, "Idempotency-Key": "same"})
        assert answer.status == 200 and "idempotency-replayed" not in answer.headers
    stranger = simple.call("POST", f"/v1/escalations/{first}/cancel", {}, headers={"Edict-Agent": "agent-2", "Idempotency-Key": "same"})
    assert stranger.status == 404


def test_many_retries_at_once_are_one_change(simple):
    escalation = simple.evaluate(DEPLOY).json["escalation_id"]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(simple.call("POST", f"/v1/escalations/{escalation}/deny", {"reason": "No"}, admin=True, headers={"Idempotency-Key": "k"}))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} <= {200, 409} and sum("idempotency-replayed" not in answer.headers for answer in answers if answer.status == 200) == 1
    assert [entry["type"] for entry in simple.ledger()].count("escalation.resolved") == 1


def test_header_and_field_agree(simple):
    request = {"agent_identity": "agent-1", "operation": "read", "idempotency_key": "a"}
    first = simple.evaluate(request)
    same = simple.evaluate({"agent_identity": "agent-1", "operation": "read"}, headers={"Idempotency-Key": "a"})
    assert same.headers["idempotency-replayed"] == "true" and same.json["decision_id"] == first.json["decision_id"]
    assert simple.evaluate(request, headers={"Idempotency-Key": "a"}).json["decision_id"] == first.json["decision_id"]
    assert simple.evaluate(request, headers={"Idempotency-Key": "b"}).status == 400
    assert simple.evaluate({"agent_identity": "agent-1", "operation": "list"}, headers={"Idempotency-Key": "a"}).status == 422
    assert simple.evaluate({"agent_identity": "agent-1", "operation": "read"}, headers={"Idempotency-Key": "a b"}).status == 400


# ---- other origins ----


def cors(answer):
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control") or name == "vary"}


def test_nothing_is_shared_with_other_origins(simple):
    own = simple.endpoints["rest"].rstrip("/")
    for origin in (None, own, "https://console.example", "null", "*"):
        for method, path in (("GET", "/healthz"), ("GET", "/v1/agents"), ("OPTIONS", "/v1/evaluate"), ("GET", "/none"), ("POST", "/v1/evaluate")):
            headers = {"Access-Control-Request-Method": "POST"} | ({"Origin": origin} if origin else {})
            answer = simple.call(method, path, headers=headers)
            assert cors(answer) == {}, (origin, path)
            assert (answer.status == 403) == (origin not in (None, own)), (origin, path, answer.body)


def test_a_configured_origin_and_no_other(new_server, simple_policies):
    server = new_server(policies=simple_policies, flags=["--allow-origin", "https://console.example,http://localhost:3000"])
    for origin in ("https://console.example", "http://localhost:3000"):
        for site in ({}, {"Sec-Fetch-Site": "cross-site"}):
            answer = server.call("GET", "/v1/agents", admin=True, headers={"Origin": origin} | site)
            assert answer.status == 200 and answer.headers["access-control-allow-origin"] == origin and answer.headers["vary"] == "Origin"
            assert "ETag" in answer.headers["access-control-expose-headers"] and "access-control-allow-credentials" not in answer.headers
        refused = server.call("GET", "/v1/agents", headers={"Origin": origin})
        assert refused.status == 401 and refused.headers["access-control-allow-origin"] == origin
        preflight = server.call("OPTIONS", "/v1/agents/x", headers={"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,if-match", "Sec-Fetch-Site": "cross-site"})
        assert preflight.status == 204 and preflight.body == b"" and preflight.headers["access-control-allow-origin"] == origin
        assert "PUT" in preflight.headers["access-control-allow-methods"].split(", ") and preflight.headers["access-control-max-age"] == "600"
        assert {"Authorization", "If-Match", "Content-Type"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
    for origin in ("https://console.example.evil", "https://console.example:444", "http://console.example", "null"):
        for method in ("GET", "OPTIONS"):
            answer = server.call(method, "/v1/agents", admin=True, headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
            assert answer.status == 403 and cors(answer) == {"vary": "Origin"}
    assert cors(server.call("GET", "/healthz")) == {"vary": "Origin"}
    assert server.call("GET", "/healthz", headers={"Sec-Fetch-Site": "cross-site"}).status == 403


# ---- methods ----


def routes():
    table = re.findall(r'\{HTTP_METHOD_(\w+), "([^"]+)", (\w+),', (ROOT / "engine/api/api.c").read_text())
    paths = {}
    for method, pattern, listeners in table:
        path = "/" + pattern.replace("**", "0/000").replace("v1/escalations/*", "v1/escalations/ESC-1").replace("*", "1")
        paths.setdefault((path, "metrics" if listeners == "API_ON_METRICS" else "rest"), set()).update({method, "HEAD"} if method == "GET" else {method})
    return paths


def test_every_resource_says_which_methods_it_has(simple):
    for (path, door), methods in routes().items():
        allowed = methods | {"OPTIONS"}
        for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"} - allowed:
            answer = simple.call(method, path, door=door, admin=True)
            assert answer.status == 405 and set(answer.headers["allow"].split(", ")) == allowed, (method, path, answer.headers)
            assert method == "HEAD" or answer.json["status"] == 405
        options = simple.call("OPTIONS", path, door=door)
        assert (options.status, options.body, set(options.headers["allow"].split(", "))) == (204, b"", allowed), path


def test_head_is_get_without_the_body(simple):
    for (path, door), methods in routes().items():
        if "GET" not in methods or path == "/metrics":
            continue
        connection = simple.connect(door)
        whole = simple.call("GET", path, door=door, admin=True, connection=connection)
        head = simple.call("HEAD", path, door=door, admin=True, connection=connection)
        again = simple.call("GET", path, door=door, admin=True, connection=connection)  # nothing of a body is in the way
        connection.close()
        assert (head.status, head.body) == (whole.status, b"") and again.status == whole.status
        assert head.headers["content-type"] == whole.headers["content-type"], path
        assert head.headers.get("content-length") == whole.headers.get("content-length"), path  # a stream has none


def test_every_problem_says_where(simple):
    cases = [
        ("GET", "/v1/none", None, 404, "resource"), ("GET", "/v1/decisions?limit=0", None, 400, "?limit"), ("GET", "/v1/decisions?tier=9", None, 400, "?tier"), ("GET", "/v1/decisions?since=yesterday", None, 400, "?since"),
        ("GET", "/v1/decisions?agnt=x", None, 400, 'did you mean "agent"'), ("GET", "/v1/escalations?state=open", None, 400, "?state"), ("GET", "/v1/decisions/x", None, 404, "decision"),
        ("GET", "/v1/escalations/ESC-9", None, 404, "escalation"), ("GET", "/v1/escalations/ESC-9?wait=61", None, 400, "?wait"), ("PUT", "/v1/agents/a", {"namespace": 1}, 400, "/namespace"), ("PUT", "/v1/agents/a%20b", {"namespace": "x"}, 400, "agent"),
        ("POST", "/v1/evaluate", {"agent_identity": "a", "operation": "read", "context": []}, 400, "/context"), ("POST", "/v1/evaluate", b"{", 400, ""), ("POST", "/v1/evaluate", b'{"a":1,"a":2}', 400, ""),
        ("POST", "/v1/evaluate", b"x" * 66000, 413, "65536"), ("GET", "/v1/ledger/entries/x", None, 400, "index"), ("GET", "/v1/agents/agent-1/autonomy?days=0", None, 400, "?days"), ("GET", "/v1/agents/agent-1/ownership", None, 400, "?resource"),
    ]
    for method, path, body, status, said in cases:
        answer = simple.call(method, path, body, admin=True)
        assert answer.status == status and answer.headers["content-type"] == "application/problem+json", (path, answer.body)
        assert answer.json["status"] == status and answer.json["type"] and answer.json["title"] and said in answer.json["detail"], (path, answer.json)
    typed = simple.call("POST", "/v1/evaluate", b"{}", headers={"Content-Type": "text/plain"})
    assert typed.status == 415 and "Content-Type" in typed.json["detail"]


def test_try_again_says_when(simple):
    connection = simple.connect()
    limited = {}
    for _ in range(1000):
        limited = simple.call("POST", "/v1/evaluate", {**DEPLOY, "dry_run": True}, connection=connection)
        if limited.status == 429:
            break
    assert limited.status == 429 and int(limited.headers["retry-after"]) >= 1
