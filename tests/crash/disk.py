"""What a disk may hold after a power failure: a model of files and folders, fed with the shim's log, that makes images of the root folder.

Two copies of everything are kept: what a running program sees, and what has been made durable. Only fsync and fdatasync of a file make its bytes and
size durable; only fsync of a folder makes names in it durable. Between the two lies what a file system may do, and VARIANTS name points of it.
"""

import random
import struct
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path

RECORD = struct.Struct("<IIQQII")
SECTOR = 512

# What the disk makes of what was not synced.
LOST = "lost"  # bytes and names are gone
NAMED = "named"  # bytes are gone, names have come through
TORN = "torn"  # names have come through; of each file's unsynced bytes a beginning, cut at or within a sector
ZEROED = "zeroed"  # names and sizes have come through, bytes are zeroes
SECTORS = "sectors"  # as torn, but single sectors have come through, in no order
MIXED = "mixed"  # names up to some moment; each file any of the above
KEPT = "kept"  # everything has come through: only the process has died
VARIANTS = (LOST, NAMED, TORN, ZEROED, SECTORS, MIXED)


@dataclass
class Operation:
    op: str
    object: int
    offset: int
    length: int
    data: bytes


def read_log(path):
    """The operations in the shim's log; one that was cut off at the end is left out."""
    data, at, operations = Path(path).read_bytes(), 0, []
    while at + RECORD.size <= len(data):
        op, number, offset, length, size, _ = RECORD.unpack_from(data, at)
        if at + RECORD.size + size > len(data):
            break
        at += RECORD.size
        operations.append(Operation(chr(op), number, offset, length, data[at : at + size]))
        at += size
    return operations


@dataclass
class Node:
    folder: bool
    # A file's.
    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list = field(default_factory=list)  # (offset, bytes), or (size, None) for a new size; since the last sync
    # A folder's: name -> Node.
    children: dict = field(default_factory=dict)
    durable_children: dict = field(default_factory=dict)


def change(content, offset, data):
    """Applies one pending change to a copy of a file."""
    if data is None:
        if len(content) > offset:
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def text(operation):
    return operation.data.decode()


class Disk:
    """Starts as `base`, a folder that is taken to be durable, or empty."""

    def __init__(self, base=None):
        self.root = Node(folder=True)
        self.objects = {}
        self.journal = []  # (folder, name, Node or None): changes of names that no sync has made durable, in order
        if base:
            self._load(self.root, Path(base))

    def _load(self, folder, path):
        for item in path.iterdir():
            if item.is_dir() or item.is_file():
                node = Node(folder=item.is_dir())
                folder.children[item.name] = folder.durable_children[item.name] = node
                if node.folder:
                    self._load(node, item)
                else:
                    node.live, node.durable = bytearray(item.read_bytes()), bytearray(item.read_bytes())

    # ---- names ----

    def _folder(self, path):
        """The folder that holds a path, and the name in it."""
        folder, parts = self.root, path.split("/")
        for part in parts[:-1]:
            folder = folder.children[part]
        return folder, parts[-1]

    def _node(self, path):
        node = self.root
        for part in filter(None, path.split("/")):
            node = node.children.get(part)
            if node is None:
                return Node(folder=False)  # made in a way that does not matter, such as RocksDB's own log of messages
        return node

    def _set(self, path, node):
        folder, name = self._folder(path)
        if node is None:
            if name not in folder.children:
                return
            del folder.children[name]
        else:
            folder.children[name] = node
        self.journal.append((folder, name, node))

    # ---- operations ----

    def apply(self, operation):
        handler = {
            "C": self._create, "D": self._create, "E": self._existing, "W": self._write, "T": self._truncate, "A": self._allocate, "S": self._sync,
            "R": self._rename, "U": self._unlink, "X": self._unlink, "L": self._link, "N": lambda _: None, "I": lambda _: None,
        }.get(operation.op)
        if handler is None:
            raise AssertionError(f"the shim could not follow: {text(operation)}")
        handler(operation)

    def _create(self, operation):
        node = Node(folder=operation.op == "D")
        self.objects[operation.object] = node
        self._set(text(operation), node)

    def _existing(self, operation):
        self.objects[operation.object] = self._node(text(operation))

    def _change(self, node, offset, data):
        change(node.live, offset, data)
        node.pending.append((offset, data))

    def _write(self, operation):
        self._change(self.objects[operation.object], operation.offset, operation.data)

    def _truncate(self, operation):
        node = self.objects[operation.object]
        if len(node.live) != operation.offset:
            self._change(node, operation.offset, None)

    def _allocate(self, operation):
        node = self.objects[operation.object]
        if len(node.live) < operation.offset + operation.length:
            self._change(node, operation.offset + operation.length, None)

    def _sync(self, operation):
        node = self.objects[operation.object]
        if node.folder:
            node.durable_children = dict(node.children)
            self.journal = [entry for entry in self.journal if entry[0] is not node]
        for offset, data in node.pending:
            change(node.durable, offset, data)
        node.pending.clear()

    def _rename(self, operation):
        old, new = text(operation).split("\0")
        folder, name = self._folder(old)
        if name in folder.children:
            node = folder.children[name]
            self._set(old, None)
            self._set(new, node)

    def _link(self, operation):
        old, new = text(operation).split("\0")
        self._set(new, self._node(old))

    def _unlink(self, operation):
        self._set(text(operation), None)

    # ---- images ----

    def image(self, variant, seed=0):
        """{path: bytes, or None for a folder} of what a machine finds that loses power now."""
        chance = random.Random(f"{variant}/{seed}")
        names = {LOST: 0, MIXED: chance.randint(0, len(self.journal))}.get(variant, len(self.journal))
        overlays = {}
        for folder, name, node in self.journal[:names]:
            overlays.setdefault(id(folder), {})[name] = node
        out = {}
        self._collect(self.root, "", overlays, variant, chance, out)
        return out

    def _collect(self, folder, prefix, overlays, variant, chance, out):
        children = {**folder.durable_children, **overlays.get(id(folder), {})}
        for name, node in sorted(children.items()):
            if node is None:
                continue
            if node.folder:
                out[prefix + name] = None
                self._collect(node, prefix + name + "/", overlays, variant, chance, out)
            else:
                out[prefix + name] = content(node, variant, chance)


def content(node, variant, chance):
    if variant == MIXED:
        variant = chance.choice((LOST, TORN, ZEROED, SECTORS, KEPT))
    if variant == KEPT or not node.pending:
        return bytes(node.live)
    if variant in (LOST, NAMED):
        return bytes(node.durable)
    out = bytearray(node.durable)
    if variant == TORN:
        return torn(node, out, chance)
    if variant == SECTORS:
        return sectors(node, chance)
    for offset, data in node.pending:
        change(out, offset, data if data is None else bytes(len(data)))
    return bytes(out)


def torn(node, out, chance):
    """Pending changes in order up to a random byte of them, every other time at the boundary of a sector."""
    sizes = [0]
    for _, data in node.pending:
        sizes.append(sizes[-1] + (len(data) if data is not None else 1))
    cut = chance.randint(0, sizes[-1])
    whole = max(0, bisect_left(sizes, cut + 1) - 1)
    for offset, data in node.pending[:whole]:
        change(out, offset, data)
    if whole < len(node.pending):
        offset, data = node.pending[whole]
        keep = cut - sizes[whole]
        if data is not None and keep > 0:
            if chance.random() < 0.5:
                keep = max(0, (offset + keep) // SECTOR * SECTOR - offset)
            change(out, offset, data[:keep])
    return bytes(out)


def sectors(node, chance):
    """Of the sectors that were written since the last sync, some hold what is new and some what was there before."""
    out = bytearray(node.live)
    touched = {at // SECTOR for offset, data in node.pending if data for at in range(offset, offset + len(data), SECTOR)}
    touched |= {(offset + len(data) - 1) // SECTOR for offset, data in node.pending if data}
    for sector in sorted(touched):
        start, end = sector * SECTOR, min((sector + 1) * SECTOR, len(out))
        if start < end and chance.random() < 0.5:
            out[start:end] = bytes(node.durable[start:end]).ljust(end - start, b"\0")
    return bytes(out)


def write_image(image, folder):
    folder = Path(folder)
    folder.mkdir(parents=True)
    for path, data in image.items():
        if data is None:
            (folder / path).mkdir(mode=0o700)
        else:
            (folder / path).write_bytes(data)
            (folder / path).chmod(0o600)
