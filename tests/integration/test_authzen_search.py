"""AuthZEN's search for actions and subjects: dry runs of candidates, in pages, in slices."""

import threading
import time

import pytest
from test_authzen import SUBJECT, ask, check_answer, evaluation

WHAT = {"subject": SUBJECT, "resource": {"type": "pod", "id": "web-1"}}


def search(server, body=WHAT, path="action", **more):
    answer = ask(server, body, "search/" + path, **more)
    if answer.status == 200:
        check_answer("AuthzenActions" if path == "action" else "AuthzenSubjects", answer.json)
        assert answer.json["page"]["count"] == len(answer.json["results"])
    return answer


def names(answer):
    return [one.get("name") or one["id"] for one in answer.json["results"]]


@pytest.fixture
def wide(new_server, tmp_path):
    """300 operations, every third approved."""
    folder = tmp_path / "wide"
    folder.mkdir()
    never = ', alternatives = { "y" }'
    rules = [f'rule "r{i:03}" {{ tier = {(0, 2, 3)[i % 3]}, match = {{ operation = "op-{i:03}" }}, because = {{ "x" }}{never if i % 3 == 2 else ""} }}' for i in range(300)]
    (folder / "rules.lua").write_text("\n".join(rules))
    server = new_server(policies=folder, flags=["--threads", "1"])
    server.set_agent("agent-1", {"namespace": "one"})
    return server


def test_what_an_agent_could_do(simple):
    found = search(simple)
    assert names(found) == ["create", "read", "spend"] and found.json["page"] == {"next_token": "", "count": 3}
    assert found.json["context"]["candidates"] == 5 and found.json["context"]["policy_revision"] == simple.call("GET", "/v1/policies", admin=True).json["policy_revision"]
    for name in ("create", "read", "spend"):
        assert ask(simple, evaluation(name)).json["decision"] is True
    for name in ("deploy", "delete"):
        assert ask(simple, evaluation(name)).json["decision"] is False
    assert names(search(simple, WHAT | {"subject": {"type": "agent", "id": "unknown"}})) == []


def test_the_reference_policies(server):
    body = {"subject": {"type": "agent", "id": "team-alpha-deploy-001"}, "resource": {"type": "pod", "id": "old-pod-123"}, "context": {"namespace": "team-alpha", "environment": "production", "pod_status": "Failed", "pod_age_hours": 48}}
    assert "list" in names(search(server, body)) and "grant" not in names(search(server, body))
    subjects = search(server, body | {"action": {"name": "list"}}, "subject", admin=True)
    assert names(subjects) == ["team-alpha-deploy-001"]


def test_a_grant_makes_it_something_one_could_do(simple):
    asked = ask(simple, WHAT | {"action": {"name": "deploy"}}).json["context"]["escalation_id"]
    assert simple.call("POST", f"/v1/escalations/{asked}/approve", {"reason": "Fine"}, admin=True).status == 200
    for _ in range(3):  # and looking does not use it
        assert "deploy" in names(search(simple))
    assert ask(simple, WHAT | {"action": {"name": "deploy"}}).json["decision"] is True
    assert "deploy" not in names(search(simple))


def test_a_search_records_nothing(simple):
    size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
    search(simple)
    search(simple, WHAT | {"action": {"name": "read"}}, "subject", admin=True)
    assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size
    assert simple.call("GET", "/v1/escalations", admin=True).json["escalations"] == []


def everything(server, body, path="action", **more):
    """Every page; where the dry runs of this moment are used up, later."""
    found, token, deadline = [], "", time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = search(server, body | {"page": body.get("page", {}) | {"token": token}}, path, **more)
        if answer.status == 429:
            assert int(answer.headers["retry-after"]) >= 1
            time.sleep(0.2)
            continue
        assert answer.status == 200, answer.body
        found += names(answer)
        token = answer.json["page"]["next_token"]
        if not token:
            return found
    raise AssertionError("the search did not end")


@pytest.mark.parametrize("limit", [None, 7, 500])
def test_pages_hold_everything_once(wide, limit):
    body = WHAT | ({"page": {"limit": limit}} if limit else {})
    assert everything(wide, body) == [f"op-{i:03}" for i in range(0, 300, 3)]


def test_a_search_is_limited_like_dry_runs(wide):
    first = search(wide, WHAT | {"page": {"limit": 500}})
    assert first.status == 200 and first.json["context"]["candidates"] < 300 and first.json["page"]["next_token"]
    answers = [search(wide, WHAT | {"page": {"limit": 500, "token": first.json["page"]["next_token"]}}) for _ in range(20)]
    assert any(answer.status == 429 and answer.headers["retry-after"] for answer in answers)
    assert any(wide.evaluate({"agent_identity": "agent-1", "operation": "op-000", "dry_run": True}).status == 429 for _ in range(200))


def test_subjects_in_pages(simple):
    for i in range(40):
        simple.set_agent(f"worker-{i:02}", {"namespace": "w"})
    everybody = ["agent-1", "agent-2"] + [f"worker-{i:02}" for i in range(40)]
    body = {"subject": {"type": "agent"}, "action": {"name": "read"}, "resource": {"type": "pod", "id": "web-1"}}
    assert everything(simple, body, "subject", admin=True) == everybody
    assert everything(simple, body | {"page": {"limit": 5}}, "subject", admin=True) == everybody
    assert search(simple, body, "subject").status == 401  # who there is, is for the admin
    assert everything(simple, body | {"action": {"name": "delete"}}, "subject", admin=True) == []


def test_a_token_belongs_to_its_search(simple):
    first = search(simple, WHAT | {"page": {"limit": 1}}).json
    token = first["page"]["next_token"]
    assert names(search(simple, WHAT | {"page": {"limit": 1, "token": token}})) == ["read"]
    assert search(simple, WHAT | {"page": {"limit": 0}}).json["results"] == [] and search(simple, WHAT | {"page": {"limit": 0}}).json["page"]["next_token"]
    for change in ({"page": {"limit": 2, "token": token}}, {"resource": {"type": "pod", "id": "web-2"}}, {"context": {"a": 1}}, {"subject": {"type": "agent", "id": "agent-2"}}):
        answer = search(simple, WHAT | {"page": {"limit": 1, "token": token}} | change)
        assert answer.status == 400 and "/page/token" in answer.json["detail"], change
    for wrong in ("x", token[:-1], token + "00", "00000000" + token[8:], 7, [token]):
        assert search(simple, WHAT | {"page": {"limit": 1, "token": wrong}}).status in ((200, 400) if wrong == token + "00" else (400,)), wrong
    for page in ({"limit": -1}, {"limit": 501}, {"limit": "x"}, {"limit": 1.5}, [], "x"):
        answer = search(simple, WHAT | {"page": page})
        assert answer.status == 400 and "/page" in answer.json["detail"], page


def test_what_is_wrong_with_a_search_is_told(simple):
    for body, path, said in (({}, "action", "/subject"), ({"subject": SUBJECT}, "action", "/resource"), (WHAT | {"context": []}, "action", "/context"), (WHAT | {"context": {"resource_type": "x"}}, "action", "given twice"), ({"subject": {"type": "agent"}}, "subject", "/action"), ({}, "subject", "/subject"), (WHAT, "subject", "/action"), ({"subject": {"type": "A B"}, "action": {"name": "read"}, "resource": {"type": "a", "id": "b"}}, "subject", "/subject")):
        answer = search(simple, body, path, admin=True)
        assert answer.status == 400 and said in answer.json["detail"], (body, answer.body)
    assert search(simple, headers={"Edict-Agent": "agent-2"}).status == 403


def test_a_search_gives_way_to_others(wide):
    """One worker: decisions go on while searches run."""
    stop, searched = threading.Event(), []

    def keep_searching():
        connection = wide.connect()
        while not stop.is_set():
            searched.append(search(wide, WHAT | {"page": {"limit": 500}}, connection=connection).status)
        connection.close()

    threads = [threading.Thread(target=keep_searching) for _ in range(3)]
    for thread in threads:
        thread.start()
    connection = wide.connect()
    decided = [wide.call("POST", "/v1/evaluate", {"agent_identity": "agent-1", "operation": "op-000"}, connection=connection).json["decision"] for _ in range(200)]
    stop.set()
    for thread in threads:
        thread.join()
    connection.close()
    assert decided == ["approve"] * 200 and set(searched) <= {200, 429} and 200 in searched


def test_a_searcher_that_leaves_holds_nothing(wide):
    import json
    import socket

    body = json.dumps(WHAT).encode()
    for _ in range(30):
        with socket.create_connection(wide.address()) as connection:
            connection.sendall(b"POST /access/v1/search/action HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    deadline = time.monotonic() + 30
    while "edict_http_connections 1\n" not in wide.call("GET", "/metrics", door="metrics").body.decode() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "edict_http_connections 1\n" in wide.call("GET", "/metrics", door="metrics").body.decode()  # this one


def test_a_reload_between_pages(simple):
    first = search(simple, WHAT | {"page": {"limit": 2}}).json
    (simple.policies / "rules.lua").write_text((simple.policies / "rules.lua").read_text() + 'rule "test.new" { tier = 0, match = { operation = { "aaa", "zzz" } }, because = { "New" } }\n')
    assert simple.call("POST", "/v1/policies/reload", {}, admin=True).json["changed"] is True
    second = search(simple, WHAT | {"page": {"limit": 2, "token": first["page"]["next_token"]}}).json
    assert [one["name"] for one in first["results"] + second["results"]] == ["create", "read", "spend", "zzz"]
    assert first["context"]["policy_revision"] != second["context"]["policy_revision"]
