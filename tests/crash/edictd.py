"""One edictd under test, with or without the shim, and a client that keeps what it asked and what was answered."""

import itertools
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EDICT_BUILD", ROOT / "build" / "dev")).resolve()
SHIM = BUILD / "tests" / "crash_shim.so"
WAIT_S = 20
BUFFER_BYTES = 65536  # RocksDB's smallest memtable: flushes and compactions come after some hundred kilobytes
LOG_BYTES = 131072  # of each file of the write-ahead log, so that they are overwritten again and again


numbers = itertools.count()


class Gone(Exception):
    """The server is not there any more, or never came."""


class Edictd:
    """`work` is what the shim watches; the data directory is work/data, and all that is not part of it lies beside `work`."""

    def __init__(self, work, policies, flags=(), shim=False, fault=None, release=None):
        self.work = Path(work)
        self.data = self.work / "data"
        self.policies = Path(policies)
        self.flags = list(flags)
        self.log = self.work.parent / (self.work.name + ".log")
        self.oplog = self.work.parent / (self.work.name + ".oplog")
        self.environment = os.environ | {"EDICT_WAL_BYTES": str(LOG_BYTES)}
        if shim:
            self.environment |= {"LD_PRELOAD": str(SHIM), "CRASH_ROOT": str(self.work), "CRASH_LOG": str(self.oplog), "CRASH_BUFFER": str(BUFFER_BYTES)}
        if fault:
            self.environment["CRASH_FAULT"] = fault
        if release:
            self.environment["CRASH_RELEASE"] = str(release)
        # A socket's path is short, and what a test leaves lies deep in the build folder.
        self.socket = Path(tempfile.gettempdir()) / f"edict-crash-{os.getpid()}-{next(numbers)}.sock"
        self.process = None

    def start(self):
        """Waits until it is ready; raises Gone when it ends before."""
        self.work.mkdir(exist_ok=True)
        endpoints = self.data / "edictd.json"
        endpoints.unlink(missing_ok=True)
        command = [
            str(BUILD / "edictd"), "--data", str(self.data), "--policies", str(self.policies),
            "--mcp", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--unix", str(self.socket), "--threads", "2", *self.flags,
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=self.environment)
        deadline = time.monotonic() + WAIT_S
        while not endpoints.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Gone(f"edictd ended with {self.process.poll()} before it was ready")
            time.sleep(0.003)
        host, port = json.loads(endpoints.read_text())["rest"].removeprefix("http://").rsplit(":", 1)
        self.address = (host, int(port))
        self.token = (self.data / "admin.token").read_text().strip()
        return self

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait(self, timeout_s=WAIT_S):
        return self.process.wait(timeout=timeout_s)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait(timeout=WAIT_S)
        self.socket.unlink(missing_ok=True)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def client(self, exchanges=None):
        return Client(self.address, self.token, exchanges)

    def cli(self, *words):
        return subprocess.run([str(BUILD / "edict"), "--data", str(self.data), *words], capture_output=True, text=True, timeout=120, cwd=ROOT)


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Exchange:
    """`proof` is (record type, bytes): if this was answered with success, an entry of that type holds those bytes."""

    port: int
    ordinal: int  # among the requests of this connection
    path: str
    request: object
    proof: tuple = None
    reply: Reply = None


def parse_replies(data):
    """Complete HTTP replies at the beginning of what a server sent, and how many bytes they are."""
    replies, at = [], 0
    while (end := data.find(b"\r\n\r\n", at)) >= 0:
        lines = data[at:end].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        size = int(headers.get("content-length", 0))
        if end + 4 + size > len(data):
            break
        replies.append(Reply(int(lines[0].split()[1]), headers, bytes(data[end + 4 : end + 4 + size])))
        at = end + 4 + size
    return replies, at


@dataclass(eq=False)
class Client:
    address: tuple
    token: str
    exchanges: list = None
    connection: object = None
    count: int = 0
    buffer: bytearray = field(default_factory=bytearray)

    def __post_init__(self):
        try:
            self.connection = socket.create_connection(self.address, timeout=WAIT_S)
        except OSError as failure:
            raise Gone(str(failure)) from failure

    def send(self, method, path, body=None, admin=True, proof=None):
        data = b"" if body is None else json.dumps(body).encode()
        token = f"Authorization: Bearer {self.token}\r\n" if admin else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{token}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        exchange = Exchange(self.connection.getsockname()[1], self.count, path, body, proof)
        self.count += 1
        if self.exchanges is not None:
            self.exchanges.append(exchange)
        try:
            self.connection.sendall(head.encode() + data)
        except OSError as failure:
            raise Gone(str(failure)) from failure
        return exchange

    def receive(self, exchange):
        try:
            while True:
                replies, size = parse_replies(self.buffer)
                if replies:
                    del self.buffer[:size]
                    exchange.reply = replies[0]
                    return exchange.reply
                more = self.connection.recv(262144)
                if not more:
                    raise Gone("the connection was closed")
                self.buffer += more
        except OSError as failure:
            raise Gone(str(failure)) from failure

    def call(self, method, path, body=None, admin=True, proof=None):
        return self.receive(self.send(method, path, body, admin, proof))

    def close(self):
        self.connection.close()
