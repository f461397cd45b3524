"""Bad input: each a problem that says where and what; nothing is recorded; the connection stays usable where HTTP allows."""

import json

import pytest

GOOD = b'{"agent_identity":"agent-1","operation":"read"}'

BAD = {
    b"": "value",
    b"{": "early",
    b'{"agent_identity":"agent-1","operation":"read"': "early",
    b'{"agent_identity":"agent-1","operation":"read"} x': "after the end",
    b"\xef\xbb\xbf" + GOOD: "byte order mark",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":01}}': "begin with 0",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":1e999}}': "too large",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":9007199254740993}}': "2^53-1",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":NaN}}': "expected a value",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":"\xff"}}': "UTF-8",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":"\\u0000"}}': "U+0000",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":"\\ud800"}}': "surrogate",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":1,"a":2}}': "given twice",
    b'{"agent_identity":"agent-1","operation":"read","context":{"a":1,"\\u0061":2}}': "given twice",
    b'{"agent_identity":"agent-1","operation":"read","context":' + b"[" * 40 + b"]" * 40 + b"}": "nested deeper",
    b'["agent-1"]': "object",
    b'{"operation":"read"}': "/agent_identity",
    b'{"agent_identity":"agent-1"}': "/operation",
    b'{"agent_identity":"-x","operation":"read"}': "/agent_identity",
    b'{"agent_identity":1,"operation":"read"}': "/agent_identity: expected a string, got number",
    b'{"agent_identity":"agent-1","operation":"read","contxt":{}}': 'did you mean "context"',
    b'{"agent_identity":"agent-1","operation":"read","dry_runn":true}': 'did you mean "dry_run"',
    b'{"agent_identity":"agent-1","operation":"read","context":[]}': "/context: expected an object, got array",
    b'{"agent_identity":"agent-1","operation":"read","estimated_cost_usd":"1.0000001"}': "/estimated_cost_usd",
    b'{"agent_identity":"agent-1","operation":"read","estimated_cost_usd":-1}': "/estimated_cost_usd",
    b'{"agent_identity":"agent-1","operation":"read","estimated_cost_usd":true}': "/estimated_cost_usd",
    b'{"agent_identity":"agent-1","operation":"read","explain":"maybe"}': "/explain",
    b'{"agent_identity":"agent-1","operation":"read","dry_run":"yes"}': "/dry_run",
    b'{"agent_identity":"agent-1","operation":"read","idempotency_key":"a b"}': "/idempotency_key",
}


def test_each_is_refused_and_says_why(simple):
    size = simple.call("GET", "/v1/ledger", admin=True).json["size"]
    connection = simple.connect()
    for body, said in BAD.items():
        answer = simple.call("POST", "/v1/evaluate", body, connection=connection)
        assert answer.status in (400, 413), (body, answer.status, answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json
        assert problem["status"] == answer.status and problem["title"]
        assert said in problem["detail"], (body, problem["detail"])
    assert simple.call("POST", "/v1/evaluate", GOOD, connection=connection).json["decision"] == "approve"
    assert simple.call("GET", "/v1/ledger", admin=True).json["size"] == size + 1


def test_sizes(simple):
    big = json.dumps({"agent_identity": "agent-1", "operation": "read", "context": {"a": "x" * 70000}}).encode()
    assert simple.call("POST", "/v1/evaluate", big).status == 413
    long_command = {"agent_identity": "agent-1", "operation": "read", "command": "x" * 16385}
    answer = simple.evaluate(long_command)
    assert answer.status == 413 and "/command" in answer.json["detail"]
    assert simple.evaluate({**long_command, "command": "x" * 16384}).status == 200


def test_content_type_method_and_path(simple):
    assert simple.call("POST", "/v1/evaluate", GOOD, headers={"Content-Type": "text/plain"}).status == 415
    assert simple.call("POST", "/v1/evaluate", GOOD, headers={"Content-Type": "application/json; charset=utf-8"}).status == 200
    wrong = simple.call("GET", "/v1/evaluate")
    assert wrong.status == 405 and wrong.headers["allow"] == "POST, OPTIONS"
    assert simple.call("GET", "/v1/nothing").status == 404
    assert simple.call("GET", "/v1/evaluate", door="mcp").status == 404
    assert simple.call("GET", "/v1/decisions?agnet=x", admin=True).json["detail"] == '?agnet: unknown name; did you mean "agent"?'


def test_json_rpc_errors(simple):
    def code(message, **more):
        return simple.rpc(message, **more).json["error"]["code"]

    assert code(b"{") == -32700
    assert code(b"[]") == -32600
    assert code({"jsonrpc": "1.0", "method": "governance/evaluate", "id": 1}) == -32600
    assert code({"jsonrpc": "2.0", "method": "nothing", "id": 1}) == -32601
    assert code({"jsonrpc": "2.0", "method": "governance/evaluate", "params": [], "id": 1}) == -32602
    answer = simple.rpc({"jsonrpc": "2.0", "method": "governance/evaluate", "params": {"agent_identity": "agent-1"}, "id": 7}).json
    assert answer["id"] == 7 and answer["error"]["code"] == -32602 and "/operation" in answer["error"]["message"]
    assert simple.rpc({"jsonrpc": "2.0", "method": "governance/evaluate"}).status == 202
    ok = simple.rpc({"jsonrpc": "2.0", "method": "governance/evaluate", "params": {"agent_identity": "agent-1", "operation": "read"}, "id": "x"}).json
    assert ok["result"]["decision"] == "approve" and ok["id"] == "x"


def head(*lines, body=b""):
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\r\n\r\n" + body


LINE = "POST /v1/evaluate HTTP/1.1"
TYPE = "Content-Type: application/json"
SMUGGLING = {
    "two lengths": head(LINE, "Host: localhost", TYPE, "Content-Length: 5", "Content-Length: 47", body=GOOD),
    "a list of lengths": head(LINE, "Host: localhost", TYPE, "Content-Length: 47, 47", body=GOOD),
    "length and chunks": head(LINE, "Host: localhost", TYPE, "Content-Length: 47", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "another coding": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "identity": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: identity", body=GOOD),
    "a signed length": head(LINE, "Host: localhost", TYPE, "Content-Length: +47", body=GOOD),
    "a hexadecimal length": head(LINE, "Host: localhost", TYPE, "Content-Length: 0x2f", body=GOOD),
    "a folded header": head(LINE, "Host: localhost", TYPE, "X-A: b", " Content-Length: 47", body=GOOD),
    "a space before the colon": head(LINE, "Host: localhost", TYPE, "Content-Length : 47", body=GOOD),
    "bare line feeds": f"{LINE}\nHost: localhost\n{TYPE}\nContent-Length: 47\n\n".encode() + GOOD,
    "one bare line feed": f"{LINE}\r\nHost: localhost\n{TYPE}\r\nContent-Length: 47\r\n\r\n".encode() + GOOD,
    "a bare carriage return": head(LINE, "Host: localhost", TYPE, b"X-A: b\rContent-Length: 3", "Content-Length: 47", body=GOOD),
    "a NUL in a header": head(LINE, "Host: localhost", TYPE, b"X-A: b\x00c", "Content-Length: 47", body=GOOD),
    "two hosts": head(LINE, "Host: localhost", "Host: localhost", TYPE, "Content-Length: 47", body=GOOD),
    "no host": head(LINE, TYPE, "Content-Length: 47", body=GOOD),
    "two spaces": head("POST  /v1/evaluate HTTP/1.1", "Host: localhost", TYPE, "Content-Length: 47", body=GOOD),
    "an unknown version": head("POST /v1/evaluate HTTP/1.2", "Host: localhost", TYPE, "Content-Length: 47", body=GOOD),
    "a bad escape": head("POST /v1/eval%zz HTTP/1.1", "Host: localhost", TYPE, "Content-Length: 47", body=GOOD),
    "a chunk size with a sign": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: chunked", body=b"+2f\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a chunk size with 0x": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: chunked", body=b"0x2f\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "an empty chunk size": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: chunked", body=b"\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a huge chunk size": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: chunked", body=b"ffffffffffffffff2f\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a chunk that ends with a bare line feed": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: chunked", body=b"2f\r\n" + GOOD + b"\n0\r\n\r\n"),
    "a chunk size line with a bare line feed": head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: chunked", body=b"2f\n" + GOOD + b"\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("case", SMUGGLING)
def test_ambiguous_requests_are_refused_once_and_the_connection_ends(simple, case):
    answer = simple.raw(SMUGGLING[case] + head("GET /healthz HTTP/1.1", "Host: localhost"))
    assert answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5"), answer
    assert answer.count(b"\r\nDate: ") == 1, answer
    assert b"Connection: close" in answer
    assert b'"decision"' not in answer


def test_http_in_order(simple):
    size = len(GOOD)
    evaluate = head(LINE, "Host: localhost", TYPE, f"Content-Length: {size}", body=GOOD)
    health = head("GET /healthz HTTP/1.1", "Host: localhost")
    answer = simple.raw(evaluate + health + evaluate + health)
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    order = [part.split(b"\r\n\r\n", 1)[1][:12] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
    assert order == [b'{"decision":', b'{"status":"o', b'{"decision":', b'{"status":"o']


def test_chunks_continue_and_head(simple):
    chunked = head(LINE, "Host: localhost", TYPE, "Transfer-Encoding: chunked", body=b"a;x=y\r\n" + GOOD[:10] + b"\r\n" + b"%x\r\n" % (len(GOOD) - 10) + GOOD[10:] + b"\r\n0\r\nX-T: 1\r\n\r\n")
    assert b'"decision":"approve"' in simple.raw(chunked)
    expecting = head(LINE, "Host: localhost", TYPE, f"Content-Length: {len(GOOD)}", "Expect: 100-continue")
    import socket

    with socket.create_connection(simple.address(), timeout=30) as connection:
        connection.sendall(expecting)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(GOOD)
        assert b"200 OK" in connection.recv(65536)
    answer = simple.raw(head("HEAD /healthz HTTP/1.1", "Host: localhost"))
    assert b"Content-Length: 16" in answer or b"Content-Length: 1" in answer
    assert answer.endswith(b"\r\n\r\n")
    old = simple.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert b"Connection: close" in old
