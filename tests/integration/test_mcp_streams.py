"""MCP's event streams: waiting with progress, cancellation, subscriptions in both eras, sessions, and what many open streams cost."""

import json
import resource
import signal
import time

import pytest
from mcp_wire import META, Exchange, Session, call, modern


def tool(server, name, arguments, **more):
    with call(server, name, arguments, **more) as exchange:
        return exchange.last()["result"]


def escalate(server, version=1):
    return tool(server, "evaluate_request", {"operation": "deploy", "context": {"version": version}})["structuredContent"]["escalation_id"]


def approve(server, escalation):
    assert tool(server, "approve_escalation", {"escalation_id": escalation, "reason": "Fine"}, admin=True)["isError"] is False


def metric(server, name):
    text = server.call("GET", "/metrics", door="metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def eventually(check):
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ---- wait_for_approval ----


def test_waiting_tells_how_it_goes(simple):
    escalation = escalate(simple)
    with call(simple, "wait_for_approval", {"escalation_id": escalation, "timeout_s": 40}, plain_meta={"progressToken": "p"}) as waiting:
        assert waiting.is_stream and waiting.headers["x-accel-buffering"] == "no" and waiting.headers["cache-control"] == "no-store"
        first = waiting.event()
        assert first["method"] == "notifications/progress" and first["params"] == {"progressToken": "p", "progress": 0, "total": 40, "message": first["params"]["message"]}
        assert escalation in first["params"]["message"]
        approve(simple, escalation)
        last = waiting.last()
        assert last["id"] == "m" and last["result"]["structuredContent"]["state"] == "approved" and last["result"]["resultType"] == "complete"
    # Asked again, it says the same at once, and without a stream.
    with call(simple, "wait_for_approval", {"escalation_id": escalation}) as again:
        assert not again.is_stream and again.json()["result"]["structuredContent"]["state"] == "approved"


def test_no_token_no_progress_and_no_stream_for_whom_takes_none(simple):
    escalation = escalate(simple)
    with call(simple, "wait_for_approval", {"escalation_id": escalation, "timeout_s": 1}) as waiting:
        assert waiting.is_stream and waiting.event()["result"]["structuredContent"]["state"] == "pending"
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wait_for_approval", "arguments": {"escalation_id": escalation, "timeout_s": 1}, "_meta": {"progressToken": 1}}}
    with Exchange(simple, "POST", body, {"Accept": "application/json", "Edict-Agent": "agent-1"}) as waiting:
        assert not waiting.is_stream and waiting.json()["result"]["structuredContent"]["state"] == "pending"


def test_who_goes_away_leaves_nothing_behind(simple):
    escalation = escalate(simple)
    waiting = [call(simple, "wait_for_approval", {"escalation_id": escalation, "timeout_s": 45}, plain_meta={"progressToken": i}) for i in range(8)]
    for one in waiting:
        assert one.event()["method"] == "notifications/progress"
    assert metric(simple, "edict_http_calls ") >= 8
    for one in waiting:
        one.close()
    eventually(lambda: metric(simple, "edict_http_calls ") <= 1)
    approve(simple, escalation)
    assert tool(simple, "wait_for_approval", {"escalation_id": escalation})["structuredContent"]["state"] == "approved"


def test_the_older_era_cancels_by_a_notification(simple):
    escalation = escalate(simple)
    session, other = Session(simple), Session(simple)
    with session.post("tools/call", {"name": "wait_for_approval", "arguments": {"escalation_id": escalation, "timeout_s": 45}, "_meta": {"progressToken": 1}}) as waiting:
        assert waiting.event()["params"]["progress"] == 0
        other.notify("notifications/cancelled", {"requestId": session.ids})  # another client's request of that number
        session.notify("notifications/cancelled", {"requestId": session.ids + 1})
        session.notify("notifications/cancelled", {"requestId": session.ids, "reason": "enough"})
        assert waiting.event() is None
    assert tool(simple, "wait_for_approval", {"escalation_id": escalation, "timeout_s": 1})["structuredContent"]["state"] == "pending"


# ---- subscriptions ----


def listen(server, wishes, **more):
    return modern(server, "subscriptions/listen", {"notifications": wishes}, **more)


def test_listening_in_the_newest_era(simple):
    escalation = escalate(simple)
    uri = f"edict://escalations/{escalation}"
    wishes = {"resourceSubscriptions": [uri, "edict://policies", "edict://escalations/ESC-99", "edict://nothing", f"edict://escalations/ESC-0{escalation[4:]}"], "toolsListChanged": True, "promptsListChanged": True}
    with listen(simple, wishes, id="sub-1") as stream:
        assert stream.is_stream
        first = stream.event()
        assert first["method"] == "notifications/subscriptions/acknowledged"
        # What cannot happen is not promised, nor what this agent may not read.
        assert first["params"]["notifications"] == {"resourceSubscriptions": [uri]}
        assert first["params"]["_meta"] == {META + "subscriptionId": "sub-1"}
        approve(simple, escalation)
        changed = stream.event()
        assert changed == {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri, "_meta": {META + "subscriptionId": "sub-1"}}}
        read = modern(simple, "resources/read", {"uri": uri})
        assert json.loads(read.last()["result"]["contents"][0]["text"])["state"] == "approved"
        simple.process.send_signal(signal.SIGTERM)
        last = stream.event()
        assert last["id"] == "sub-1" and last["result"]["resultType"] == "complete" and last["result"]["_meta"][META + "subscriptionId"] == "sub-1"
        assert stream.event() is None
    assert simple.process.wait(timeout=60) == 0


def test_another_agent_hears_nothing(simple):
    escalation = escalate(simple)
    decision = tool(simple, "evaluate_request", {"operation": "spend", "estimated_cost_usd": "1"})["structuredContent"]["decision_id"]
    uris = [f"edict://escalations/{escalation}", f"edict://decisions/{decision}", "edict://agents/agent-1", "edict://policies"]
    with listen(simple, {"resourceSubscriptions": uris}, agent="agent-2") as stream:
        assert stream.event()["params"]["notifications"] == {}
    with listen(simple, {"resourceSubscriptions": uris}, agent=None) as stream:
        assert stream.event()["params"]["notifications"] == {}


def test_every_kind_of_resource_tells_of_its_changes(simple, simple_policies):
    decision = tool(simple, "evaluate_request", {"operation": "spend", "estimated_cost_usd": "1"})["structuredContent"]["decision_id"]
    uris = [f"edict://decisions/{decision}", "edict://agents/agent-1", "edict://policies"]
    with listen(simple, {"resourceSubscriptions": uris}, admin=True, agent=None) as stream:
        assert stream.event()["params"]["notifications"] == {"resourceSubscriptions": uris}
        tool(simple, "evaluate_request", {"operation": "spend", "estimated_cost_usd": "2"})
        assert stream.event()["params"]["uri"] == "edict://agents/agent-1"
        tool(simple, "report_outcome", {"decision_id": decision, "status": "succeeded", "actual_cost_usd": 1})
        assert {stream.event()["params"]["uri"], stream.event()["params"]["uri"]} == set(uris[:2])
        (simple_policies / "rules.lua").write_text((simple_policies / "rules.lua").read_text() + "-- another revision\n")
        assert simple.call("POST", "/v1/policies/reload", admin=True).status == 200
        assert stream.event()["params"]["uri"] == "edict://policies"


@pytest.mark.parametrize("params, status, code", [
    ({}, 200, -32602),
    ({"notifications": {"resourceSubscriptions": [f"edict://x/{i}" for i in range(65)]}}, 200, -32602),
    ({"notifications": {"taskIds": ["x"]}}, 400, -32021),
])
def test_wishes_that_do_not_fit(simple, params, status, code):
    with modern(simple, "subscriptions/listen", params) as exchange:
        assert (exchange.status, exchange.json()["error"]["code"]) == (status, code)


def test_a_session_subscribes_before_and_after_it_listens(simple):
    first, second = escalate(simple, 1), escalate(simple, 2)
    session = Session(simple)
    assert session.initialized["capabilities"]["resources"] == {"subscribe": True}
    for one in (first, second):
        with session.post("resources/subscribe", {"uri": f"edict://escalations/{one}"}) as done:
            assert done.json()["result"] == {}
    approve(simple, first)
    with session.listen() as stream:
        # What happened before it listened is told now.
        assert stream.event() == {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": f"edict://escalations/{first}"}}
        approve(simple, second)
        assert stream.event()["params"]["uri"] == f"edict://escalations/{second}"
        with session.listen() as newer:  # takes the place of the one before
            with session.post("resources/unsubscribe", {"uri": f"edict://escalations/{first}"}) as done:
                assert done.json()["result"] == {}
            third = escalate(simple, 3)
            with session.post("resources/subscribe", {"uri": f"edict://escalations/{third}"}) as done:
                assert done.json()["result"] == {}
            approve(simple, third)
            assert newer.event()["params"]["uri"] == f"edict://escalations/{third}"
            assert stream.event() is None
            with session.post("resources/subscribe", {"uri": "edict://agents/agent-1"}) as refused:
                assert refused.json()["error"]["code"] == -32002
            with Exchange(simple, "DELETE", None, session.headers) as ended:
                assert ended.status == 204
            assert newer.event() is None
    with session.post("ping") as gone:
        assert gone.status == 404
    with session.listen() as gone:
        assert gone.status == 404


def test_sessions_are_bound_and_survive_a_restart(simple):
    session = Session(simple)
    for wrong in ({"Edict-Agent": "agent-2"}, {"Mcp-Session-Id": "x" + session.headers["Mcp-Session-Id"][1:]}, {"Mcp-Session-Id": "AAAA"}):
        with Exchange(simple, "POST", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, session.headers | wrong) as refused:
            assert refused.status == 404 and "initialize again" in refused.json()["error"]["message"]
    simple.stop()
    simple.start()
    with session.post("ping") as answer:
        assert answer.status == 200 and answer.json()["result"] == {}
    with Exchange(simple, "GET", None, session.headers | {"Accept": "application/json"}) as refused:
        assert refused.status == 406


# ---- many ----


def memory_kib(process):
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_a_thousand_streams_cost_little(simple):
    count = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    escalation = escalate(simple)
    uri = f"edict://escalations/{escalation}"
    before = memory_kib(simple.process)
    streams = [listen(simple, {"resourceSubscriptions": [uri]}, id=i, timeout=60) for i in range(count)]
    try:
        for stream in streams:
            assert stream.event()["params"]["notifications"] == {"resourceSubscriptions": [uri]}
        each_kib = (memory_kib(simple.process) - before) / count
        assert each_kib < 64, f"{each_kib} KiB a stream"
        assert tool(simple, "evaluate_request", {"operation": "read"})["structuredContent"]["decision"] == "approve"
        approve(simple, escalation)
        for i, stream in enumerate(streams):
            assert stream.event()["params"] == {"uri": uri, "_meta": {META + "subscriptionId": i}}
        simple.process.send_signal(signal.SIGTERM)
        for i, stream in enumerate(streams):
            assert stream.event()["id"] == i and stream.event() is None
        assert simple.process.wait(timeout=60) == 0
    finally:
        for stream in streams:
            stream.close()


def test_a_client_that_does_not_read_holds_nothing(simple):
    """Its stream is cut when too much waits for it; others hear on."""
    escalation = escalate(simple)
    uris = [f"edict://agents/agent-{1 + i % 2}" for i in range(2)]
    slow = listen(simple, {"resourceSubscriptions": uris}, admin=True, agent=None)
    slow.socket.setsockopt(1, 8, 4096)  # SO_RCVBUF
    with listen(simple, {"resourceSubscriptions": [f"edict://escalations/{escalation}"]}) as other:
        assert other.event()["method"] == "notifications/subscriptions/acknowledged"
        for _ in range(40):
            simple.set_agent("agent-1", {"namespace": "one", "owner": "o@example.com", "privileges": [], "budget": {"monthly_limit_usd": "100.00"}})
        approve(simple, escalation)
        assert other.event()["params"]["uri"].endswith(escalation)
    slow.close()
