"""MCP under attack: batches, sessions and clients that end at the wrong moment; answers, tasks and headers that were never meant so."""

import json
import signal
import socket

import pytest
from conftest import RULES
from mcp_wire import Exchange, Session, call, modern
from test_mcp_elicitation import ANSWER, ASKS, SCALE, asking, said  # noqa: F401  (a fixture among them)
from test_mcp_streams import escalate, eventually, metric
from test_mcp_tasks import DEPLOY, TASKS, escalations, evaluate, get, resolve


def request(id, method, params=None):
    return {"jsonrpc": "2.0", "id": id, "method": method} | ({"params": params} if params is not None else {})


def evaluation(id, arguments):
    return request(id, "tools/call", {"name": "evaluate_request", "arguments": arguments})


def wait(id, escalation, timeout_s=45):
    return request(id, "tools/call", {"name": "wait_for_approval", "arguments": {"escalation_id": escalation, "timeout_s": timeout_s}})


def send(server, body, headers=None):
    """A connection whose answer has not been read."""
    data = json.dumps(body).encode()
    lines = {"Host": "localhost", "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Content-Length": len(data), "Connection": "close"} | (headers or {"Edict-Agent": "agent-1"})
    connection = socket.create_connection(server.address("mcp"), timeout=30)
    connection.sendall(b"POST /mcp HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n" + data)
    return connection


def receive(connection):
    text = b""
    while chunk := connection.recv(65536):
        text += chunk
    head, _, body = text.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


# ---- batches ----


def test_a_batch_may_hold_the_answer_to_a_question(asking):  # noqa: F811
    session = Session(asking, {"elicitation": {}}, version="2025-03-26")
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as asked:
        question = asked.event()
        assert session.send([{"jsonrpc": "2.0", "method": "notifications/x"}, {"jsonrpc": "2.0", "id": question["id"], "result": said(ANSWER)["missing"]}]) == 202
        assert asked.event()["result"]["structuredContent"]["decision"] == "approve"


def test_the_messages_of_a_batch_know_nothing_of_each_other(simple):
    with Exchange(simple, "POST", [evaluation(1, {"operation": "read", "agent_identity": "agent-1"}), evaluation(2, {"operation": "read", "agent_identity": "agent-2"}), evaluation(3, {"operation": "read"})]) as answer:
        first, second, third = (one["result"] for one in answer.json())
    for result, agent in ((first, "agent-1"), (second, "agent-2")):
        shown = simple.call("GET", "/v1/decisions/" + result["structuredContent"]["decision_id"], admin=True).json
        assert shown["request"]["agent_identity"] == agent
    assert third["isError"] is True and "agent_identity" in third["content"][0]["text"]


def test_a_batch_that_waits_ends_with_its_client(simple):
    escalation = escalate(simple)
    connection = send(simple, [wait(1, escalation), wait(2, escalation), wait(3, escalation)])
    eventually(lambda: metric(simple, "edict_mcp_streams ") == 1)
    connection.close()
    eventually(lambda: metric(simple, "edict_mcp_streams ") == 0 and metric(simple, "edict_http_calls ") <= 1)


def test_a_batch_that_waits_is_answered_when_the_server_stops(simple):
    escalation = escalate(simple)
    connection = send(simple, [wait(1, escalation), wait(2, escalation), request(3, "ping")])
    eventually(lambda: metric(simple, "edict_mcp_streams ") == 1)
    simple.process.send_signal(signal.SIGTERM)
    status, body = receive(connection)
    connection.close()
    assert status == 200 and [one["id"] for one in json.loads(body)] == [1, 2, 3]
    assert [one["result"]["structuredContent"]["state"] for one in json.loads(body)[:2]] == ["pending", "pending"]
    assert simple.process.wait(timeout=60) == 0


def test_what_is_cancelled_of_a_batch_has_no_answer(simple):
    escalation = escalate(simple)
    session = Session(simple, version="2025-03-26")
    connection = send(simple, [wait("a", escalation), request("b", "ping")], session.headers)
    eventually(lambda: metric(simple, "edict_mcp_streams ") == 1)
    session.notify("notifications/cancelled", {"requestId": "a"})
    assert receive(connection) == (200, b'[{"jsonrpc":"2.0","id":"b","result":{}}]')
    connection.close()


def test_who_sends_no_more_gets_the_answers_of_a_batch(simple):
    """One that waits only for a human ends at once: nobody may be there any more."""
    escalation = escalate(simple)
    connection = send(simple, [evaluation(1, {"operation": "read"}), wait(2, escalation), evaluation(3, {"operation": "read"})])
    connection.shutdown(socket.SHUT_WR)
    status, body = receive(connection)
    connection.close()
    answers = json.loads(body)
    assert status == 200 and [one["id"] for one in answers] == [1, 2, 3]
    assert answers[0]["result"]["structuredContent"]["decision"] == "approve" and answers[2]["result"]["structuredContent"]["decision"] == "approve"
    eventually(lambda: metric(simple, "edict_http_calls ") <= 1)


# ---- sessions and streams ----


def test_the_end_of_a_session_ends_what_waits_in_it(asking):  # noqa: F811
    session, other = Session(asking, {"elicitation": {}}), Session(asking, {"elicitation": {}})
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as asked, other.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as stays:
        question, kept = asked.event(), stays.event()
        with Exchange(asking, "DELETE", None, session.headers) as ended:
            assert ended.status == 204
        assert asked.event() is None  # nobody could answer it any more
        assert session.send({"jsonrpc": "2.0", "id": question["id"], "result": said(ANSWER)["missing"]}) == 404
        assert other.send({"jsonrpc": "2.0", "id": kept["id"], "result": said(ANSWER)["missing"]}) == 202
        assert stays.event()["result"]["structuredContent"]["decision"] == "approve"
    assert asking.call("GET", "/v1/escalations", admin=True).json["escalations"] == []


def test_ended_sessions_are_remembered_as_many_as_said(simple):
    """MCP_SESSIONS_ENDED_MAX of docs/limits.md; sessions that go on are none of them."""
    connection = simple.connect("mcp")

    def post(method, session=None, agent="agent-2", http="POST"):
        headers = {"Content-Type": "application/json", "Edict-Agent": agent} | ({"Mcp-Session-Id": session} if session else {})
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        return simple.call(http, "/mcp", request(1, method, params) if http == "POST" else None, headers=headers, connection=connection)

    def begin(agent="agent-2"):
        return post("initialize", agent=agent).headers["mcp-session-id"]

    def end(session):
        assert post("", session, http="DELETE").status == 204
        return session

    lasting, first = begin(), end(begin())
    ended = [end(begin()) for _ in range(4095)]
    assert {post("ping", one).status for one in [first, *ended[::50], ended[-1]]} == {404}
    ended.append(end(begin()))
    assert post("ping", first).status == 200 and {post("ping", one).status for one in ended[::50]} == {404}
    assert post("ping", lasting).status == 200
    connection.close()


def test_an_answer_counts_once(asking):  # noqa: F811
    session = Session(asking, {"elicitation": {}})
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as asked:
        question = asked.event()
        for content in (ANSWER, ANSWER | {"context.environment": "production"}):
            assert session.send({"jsonrpc": "2.0", "id": question["id"], "result": said(content)["missing"]}) == 202
        assert asked.event()["result"]["structuredContent"]["decision"] == "approve"
    for id in ("edict-0-0", "edict-99-1", "edict--", "edict-0-99999999999999999999", "x", 5):
        assert session.send({"jsonrpc": "2.0", "id": id, "result": said(ANSWER)["missing"]}) == 202


@pytest.mark.parametrize("answer", [{"error": {"code": -1, "message": "no"}}, {"result": None}, {"result": 5}, {"result": {}}, {"result": {"action": "ACCEPT"}}, {"result": {"action": "accept", "content": [1]}}])
def test_what_is_no_answer_is_as_good_as_none(asking, answer):  # noqa: F811
    session = Session(asking, {"elicitation": {}})
    with session.post("tools/call", {"name": "evaluate_request", "arguments": SCALE}) as asked:
        assert session.send({"jsonrpc": "2.0", "id": asked.event()["id"]} | answer) == 202
        assert asked.event()["result"]["structuredContent"]["decision"] == "escalate"


def test_clients_that_vanish_leave_no_question(asking):  # noqa: F811
    session = Session(asking, {"elicitation": {}})
    for i in range(30):
        connection = send(asking, evaluation(i, SCALE), session.headers)
        if i % 3 == 0:
            connection.shutdown(socket.SHUT_WR)
        connection.close()
    eventually(lambda: metric(asking, "edict_mcp_streams ") == 0 and metric(asking, "edict_http_calls ") <= 1)
    assert asking.call("GET", "/v1/escalations", admin=True).json["escalations"] == []


@pytest.mark.parametrize("accept, streams", [
    ("text/event-stream", True),
    ("application/json, TEXT/Event-Stream; charset=utf-8", True),
    ("application/json;q=0.5,\ttext/event-stream;q=0.01", True),
    ("text/event-stream;q=0, application/json", False),
    ("application/json, text/event-stream; q=0.000", False),
    ("text/event-streams", False),
    ("application/json", False),
    ("*/*", False),
])
def test_a_stream_only_for_whom_accepts_one(simple, accept, streams):
    escalation = escalate(simple)
    with Exchange(simple, "POST", wait(1, escalation, 1), {"Edict-Agent": "agent-1", "Accept": accept}) as exchange:
        assert exchange.is_stream == streams


def test_what_is_wished_for_twice_is_told_once(simple):
    escalation = escalate(simple)
    uri = f"edict://escalations/{escalation}"
    with modern(simple, "subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri] * 3}}) as stream:
        assert stream.event()["params"]["notifications"] == {"resourceSubscriptions": [uri]}
        resolve(simple, "approve_escalation", escalation)
        assert stream.event()["params"]["uri"] == uri
        simple.process.send_signal(signal.SIGTERM)
        assert stream.event()["result"]["resultType"] == "complete"


@pytest.mark.parametrize("who", [{"agent": "agent-2"}, {"agent": None}])
def test_nobody_learns_what_there_is_of_others(simple, who):
    """Neither by what is said nor by how it is said: REST, tools and resources."""
    escalation = escalate(simple)
    decision = simple.call("GET", "/v1/decisions?agent=agent-1", admin=True).json["decisions"][0]["decision_id"]
    other = decision[:-4] + ("0000" if decision[-4:] != "0000" else "1111")
    headers = {"Edict-Agent": who["agent"]} if who["agent"] else {}
    for folder, there, not_there in (("escalations", escalation, "ESC-99"), ("decisions", decision, other)):
        first, second = (simple.call("GET", f"/v1/{folder}/{id}", headers=headers) for id in (there, not_there))
        assert (first.status, first.body) == (second.status, second.body)
        first, second = (modern(simple, "resources/read", {"uri": f"edict://{folder}/{id}"}, **who).last()["error"] for id in (there, not_there))
        assert (first["code"], first["message"]) == (second["code"], second["message"])
    for name, argument, there, not_there in (("get_decision", "decision_id", decision, other), ("wait_for_approval", "escalation_id", escalation, "ESC-99")):
        first, second = (result(call(simple, name, {argument: id}, **who)) for id in (there, not_there))
        assert first == second and first["isError"] is True


# ---- answers ----


def test_only_an_environment_that_was_offered_is_taken(asking):  # noqa: F811
    asked = result(call(asking, "evaluate_request", SCALE, capabilities=ASKS))
    decided = result(call(asking, "evaluate_request", SCALE, capabilities=ASKS, inputResponses=said(ANSWER | {"context.environment": "prodution"}), requestState=asked["requestState"]))["structuredContent"]
    assert decided["decision"] == "escalate" and decided["missing"] == ["context.environment"]


@pytest.mark.parametrize("context", [{"current_replicas": None, "environment": "staging"}, {"current_replicas": None, "environment": None, "z": 1}])
def test_a_null_is_an_empty_place(asking, context):  # noqa: F811
    arguments = {"operation": "scale", "context": context}
    asked = result(call(asking, "evaluate_request", arguments, capabilities=ASKS))
    decided = result(call(asking, "evaluate_request", arguments, capabilities=ASKS, inputResponses=said(ANSWER), requestState=asked["requestState"]))["structuredContent"]
    assert decided["decision"] == "approve"
    shown = asking.call("GET", "/v1/decisions/" + decided["decision_id"], admin=True).json
    assert shown["request"]["context"] == context | ANSWER_CONTEXT


ANSWER_CONTEXT = {"current_replicas": 3, "environment": "staging"}


def result(exchange):
    with exchange:
        return exchange.last()["result"]


LONG = "".join(f'"context.field_{i}", ' for i in range(16))
TWICE = f"""
rule "test.long" {{ tier = 1, match = {{ operation = "exec" }}, requires = {{ {LONG} }}, when = function(request) return request.context.more ~= nil end, because = {{ "All is said" }} }}
rule "test.longer" {{ tier = 1, match = {{ operation = "exec", ["context.field_0"] = {{ exists = true }} }}, requires = {{ "context.more" }}, because = {{ "More is said" }} }}
"""


def test_answers_too_long_to_come_back_decide(new_server, simple_policies):
    (simple_policies / "rules.lua").write_text(RULES + TWICE)
    server = new_server(policies=simple_policies)
    server.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
    arguments = {"operation": "exec", "context": {"name": "x"}}
    for size, asked_again in ((8, True), (1024, False)):
        asked = result(call(server, "evaluate_request", arguments, capabilities=ASKS))
        assert len(asked["inputRequests"]["missing"]["params"]["requestedSchema"]["properties"]) == 16
        answers = {f"context.field_{i}": "x" * size for i in range(16)}
        again = result(call(server, "evaluate_request", arguments, capabilities=ASKS, inputResponses=said(answers), requestState=asked["requestState"]))
        assert (again["resultType"] == "input_required") == asked_again
        if not asked_again:
            assert again["structuredContent"]["decision"] == "escalate" and again["structuredContent"]["missing"] == ["context.more"]


# ---- tasks ----


def test_a_task_whose_key_was_used_otherwise_says_so(simple):
    created = evaluate(simple)
    escalation = escalations(simple)[0]["id"]
    assert evaluate(simple, {"operation": "read", "idempotency_key": "mcp-task-" + escalation})["structuredContent"]["decision"] == "approve"
    resolve(simple, "approve_escalation", escalation)
    done = get(simple, created["taskId"])
    assert done["status"] == "completed" and done["result"]["isError"] is True and "idempotency key" in done["result"]["content"][0]["text"]
    assert escalations(simple)[0]["grant"]["uses_left"] == 1


def test_many_looks_at_a_task_use_its_grant_once(simple):
    """Those that look while the decision is being committed see a used grant; it is theirs."""
    for version in range(5):
        created = evaluate(simple, DEPLOY | {"context": {"version": version}})
        escalation = escalations(simple, state="pending")[0]["id"]
        wishes = {"notifications": {"taskIds": [created["taskId"]]}}
        streams = [modern(simple, "subscriptions/listen", wishes, capabilities=TASKS, id=i) for i in range(10)]
        for stream in streams:
            stream.event()
        resolve(simple, "approve_escalation", escalation)
        told = [stream.event()["params"]["result"] for stream in streams] + [get(simple, created["taskId"])["result"]]
        for stream in streams:
            stream.close()
        assert len({one["structuredContent"]["decision_id"] for one in told}) == 1, told
        assert simple.call("GET", "/v1/escalations/" + escalation, admin=True).json["grant"]["uses_left"] == 0
