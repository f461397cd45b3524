"""MCP byte by byte: event streams over raw sockets, for the tests of what happens on them."""

import json
import socket

NEWEST = "2026-07-28"
META = "io.modelcontextprotocol/"


def meta(capabilities=None, **more):
    return {META + "protocolVersion": NEWEST, META + "clientCapabilities": capabilities or {}} | {META + name: value for name, value in more.items()}


class Exchange:
    """One request on a connection of its own; its answer may be a document or a stream, read as it comes."""

    def __init__(self, server, method, body=None, headers=None, door="mcp", timeout=30):
        self.socket = socket.create_connection(server.address(door), timeout=timeout)
        data = json.dumps(body).encode() if body is not None else b""
        lines = {"Host": "localhost", "Accept": "application/json, text/event-stream"} | ({"Content-Type": "application/json"} if body is not None else {}) | (headers or {})
        head = f"{method} /mcp HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + f"Content-Length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self.is_stream = self.headers.get("content-type") == "text/event-stream"

    def chunk(self):
        """The next chunk, or None at the end of the stream."""
        size = self.file.readline()
        if not size or int(size, 16) == 0:
            return None
        data = self.file.read(int(size, 16))
        self.file.readline()
        return data

    def event(self):
        """The next message of the stream (comments are skipped), or None at its end."""
        while (data := self.chunk()) is not None:
            if data.startswith(b"data: "):
                return json.loads(data[6:])
        return None

    def json(self):
        return json.loads(self.file.read(int(self.headers["content-length"])))

    def last(self):
        """The answer: the document, or the stream's last message."""
        if not self.is_stream:
            return self.json()
        message = None
        while (event := self.event()) is not None:
            message = event
        return message

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def agent_headers(agent, admin, server):
    return ({"Edict-Agent": agent} if agent else {}) | ({"Authorization": f"Bearer {server.token}"} if admin else {})


def modern(server, method, params=None, agent="agent-1", admin=False, capabilities=None, id="m", **more):
    params = dict(params or {})
    params["_meta"] = meta(capabilities, **more.pop("meta", {})) | more.pop("plain_meta", {})
    headers = {"MCP-Protocol-Version": NEWEST, "Mcp-Method": method} | agent_headers(agent, admin, server)
    for named, member in (("tools/call", "name"), ("prompts/get", "name"), ("resources/read", "uri"), ("tasks/get", "taskId"), ("tasks/update", "taskId"), ("tasks/cancel", "taskId")):
        if method == named:
            headers["Mcp-Name"] = params[member]
    return Exchange(server, "POST", {"jsonrpc": "2.0", "id": id, "method": method, "params": params}, headers, **more)


def call(server, name, arguments, **more):
    extra = {key: more.pop(key) for key in ("inputResponses", "requestState") if key in more}
    return modern(server, "tools/call", {"name": name, "arguments": arguments} | extra, **more)


class Session:
    """A client of the older era."""

    def __init__(self, server, capabilities=None, agent="agent-1", admin=False, version="2025-11-25"):
        self.server = server
        self.headers = agent_headers(agent, admin, server)
        self.ids = 0
        with self.post("initialize", {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": {"name": "t", "version": "1"}}) as begun:
            self.initialized = begun.json()["result"]
            self.headers |= {"Mcp-Session-Id": begun.headers["mcp-session-id"], "MCP-Protocol-Version": version}
        self.notify("notifications/initialized")

    def post(self, method, params=None, **more):
        self.ids += 1
        return Exchange(self.server, "POST", {"jsonrpc": "2.0", "id": self.ids, "method": method, "params": params or {}}, self.headers, **more)

    def send(self, message):
        with Exchange(self.server, "POST", message, self.headers) as sent:
            return sent.status

    def notify(self, method, params=None):
        assert self.send({"jsonrpc": "2.0", "method": method} | ({"params": params} if params else {})) == 202

    def listen(self):
        return Exchange(self.server, "GET", None, self.headers)
