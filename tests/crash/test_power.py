"""The power fails: whatever the disk makes of what was not synced, everything that was answered is there."""

import random
import re
import subprocess
import sys
import threading

import disk
import points
import pytest
import scenario
from edictd import SHIM, Edictd, Gone
from verify import verify

SHARDS = 8
STEPS, QUICK_SHARE = 40, 21
BLOCK = 4096  # ledger/wal.h
pytestmark = pytest.mark.timeout(1200)


# ---- the shim and the model ----

OPERATIONS = """
import os, sys
root = sys.argv[1]
def put(name, data, sync):
    fd = os.open(f"{root}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, data)
    if sync:
        os.fsync(fd)
    os.close(fd)
def sync_folder(name):
    fd = os.open(f"{root}/{name}", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)
put("synced", b"a" * 1000, True)
put("removed", b"r" * 10, True)
put("renamed.new", b"new", False)
sync_folder("")
put("synced", b"b" * 1000, False)
fd = os.open(f"{root}/synced", os.O_RDWR)
os.pwrite(fd, b"X" * 10, 100)
os.close(fd)
put("nameless", b"n" * 10, True)
os.rename(f"{root}/renamed.new", f"{root}/renamed")
os.unlink(f"{root}/removed")
os.mkdir(f"{root}/folder")
put("folder/inside", b"i", True)
fd = os.open(f"{root}/shorter", os.O_RDWR | os.O_CREAT, 0o600)
os.writev(fd, [b"s" * 600, b"t" * 600])
os.ftruncate(fd, 700)
os.close(fd)
"""


@pytest.fixture
def model(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    environment = {"LD_PRELOAD": str(SHIM), "CRASH_ROOT": str(work), "CRASH_LOG": str(tmp_path / "oplog")}
    subprocess.run([sys.executable, "-c", OPERATIONS, str(work)], env=environment, check=True, timeout=60)
    out = disk.Disk()
    for operation in disk.read_log(tmp_path / "oplog"):
        out.apply(operation)
    return out


def test_what_was_not_synced_is_lost(model):
    image = model.image(disk.LOST)
    assert image == {"synced": b"a" * 1000, "removed": b"r" * 10, "renamed.new": b""}


def test_names_may_come_through_without_bytes(model):
    image = model.image(disk.NAMED)
    assert image == {"synced": b"a" * 1000, "nameless": b"n" * 10, "renamed": b"", "folder": None, "folder/inside": b"i", "shorter": b""}


def test_sizes_may_come_through_without_bytes(model):
    image = model.image(disk.ZEROED)
    assert image["synced"] == b"a" * 100 + bytes(10) + b"a" * 890 + bytes(1000)
    assert image["shorter"] == bytes(700)
    assert image["renamed"] == bytes(3)


def test_a_torn_tail_is_a_beginning_of_what_was_written(model):
    whole = b"a" * 1000 + b"b" * 1000
    tails = {len(model.image(disk.TORN, seed)["synced"]) for seed in range(60)}
    for seed in range(60):
        image = model.image(disk.TORN, seed)["synced"]
        assert image in (whole[: len(image)], (whole[:100] + b"X" * 10 + whole[110:])) or image[100:110].strip(b"a").strip(b"X") == b""
    assert {0, 488} & {(tail - 1000) % 512 for tail in tails} and len(tails) > 10


def test_mixed_images_differ_by_seed_and_repeat(model):
    assert model.image(disk.MIXED, 5) == model.image(disk.MIXED, 5)
    assert len({tuple(sorted(model.image(disk.MIXED, seed))) for seed in range(40)}) > 3


def test_everything_kept_is_what_the_program_sees(model, tmp_path):
    image = model.image(disk.KEPT)
    assert image == {str(p.relative_to(tmp_path / "work")): None if p.is_dir() else p.read_bytes() for p in (tmp_path / "work").rglob("*")}


# ---- edictd ----


@pytest.fixture(scope="module")
def trace(module_folder):
    """One undisturbed run, long enough for flushes, new logs and compactions."""
    return points.record(module_folder / "run", STEPS)


def log_writes(operations):
    """(number of the operation, path, offset) of each write of the write-ahead log."""
    paths = {}
    for i, operation in enumerate(operations):
        if operation.op == "C":
            paths[operation.object] = disk.text(operation).removesuffix(".new")
        if operation.op == "W" and paths.get(operation.object, "").endswith(".wal"):
            yield i, paths[operation.object], operation.offset


def log_turns(trace):
    """How often the log's files were turned to anew."""
    return sum(offset == BLOCK for _, _, offset in log_writes(trace.operations))


def test_the_shim_sees_every_change(trace):
    """The model's files are the files on the disk, byte for byte; and the run had what it was meant to have."""
    model = disk.Disk()
    for operation in trace.operations:
        model.apply(operation)
    for path, data in model.image(disk.KEPT).items():
        assert data is None or (trace.folder / "work" / path).read_bytes() == data, path
    created = [disk.text(operation) for operation in trace.operations if operation.op == "C"]
    assert sum(path.endswith(".sst") for path in created) > 10
    assert log_turns(trace) > 3
    assert sum(operation.op == "U" and disk.text(operation).endswith(".sst") for operation in trace.operations) >= 2  # compacted away


def test_a_checkpoint_at_a_share_of_the_points_is_one_point(trace):
    """Images are folders named for their point: a point that is asked for twice would be in its own way."""
    for share in range(1, 41):
        wanted = points.every_point(trace, share)
        assert len(set(wanted)) == len(wanted), f"one in {share}"
        assert share == 1 or {point for point, _, _ in wanted} >= set(trace.checkpoint_points())


@pytest.mark.parametrize("shard", range(SHARDS))
def test_nothing_answered_is_lost(trace, full, shard):
    wanted = points.every_point(trace, 1 if full else QUICK_SHARE)[shard::SHARDS]
    faults = points.sweep(trace, wanted)
    print(f"{len(wanted)} crash points of {len(trace.points())} operations")
    assert not faults, "\n".join(faults[:5])


def test_a_server_that_does_not_sync_is_found_out(folder):
    """With --durability async a power failure loses what was answered. If the checks do not see that, they see nothing."""
    trace = points.record(folder / "run", 12, flags=("--durability", "async"))
    faults = points.sweep(trace, [(point, disk.LOST, 0) for point in trace.points()[::20]])
    assert any("was answered" in fault for fault in faults)


def test_the_power_fails_again_while_recovering(folder, full):
    """From an image of a power failure a second run starts, and is cut in turn."""
    first = points.record(folder / "first", 24)
    cut = first.points()[len(first.points()) * 3 // 4]
    _, image, answered = next(points.walk(first, [(cut, disk.TORN, 1)]))
    for exchange in answered:
        exchange.port = 0  # of no connection of the second run
    second = points.record(folder / "second", 2, seed=1, base=image, before=answered)
    wanted = points.every_point(second, 1 if full else QUICK_SHARE)
    faults = points.sweep(second, wanted)
    print(f"{len(wanted)} crash points of {len(second.points())} operations")
    assert not faults, "\n".join(faults[:5])


@pytest.mark.parametrize("seed", range(2))
def test_the_process_dies_at_a_write_or_a_sync(folder, full, seed):
    faults = [f"{kind}:{number}:die" for kind in ("write", "sync") for number in (range(3, 100, 6) if full else (40 + seed, 90 - seed))]
    found = points.check_faults(folder, faults, 8, seed)
    assert not found, "\n".join(found[:5])


# ---- damage that is no torn tail ----


def start_on(image, folder, trace):
    disk.write_image(image, folder)
    server = Edictd(folder, trace.folder / "policies")
    try:
        server.start()
        return "started"
    except Gone:
        return server.text()
    finally:
        server.kill()


def newest(image, pattern):
    return max(path for path in image if re.search(pattern, path))


def with_flipped_byte(image, path, at):
    data = bytearray(image[path])
    data[at] ^= 0x40
    return {**image, path: bytes(data)}


def number_at(image, path, offset):
    """Of the record of the write-ahead log that begins there."""
    return int.from_bytes(image[path][offset + 8 : offset + 16], "little")


@pytest.fixture(scope="module")
def idle(trace):
    """A moment with everything synced and both files of the log in use: the image, and where the last writes of the log lie, the
    newest last."""
    writes = list(log_writes(trace.operations))
    model, done = disk.Disk(), 0
    for i, operation in enumerate(trace.operations):
        model.apply(operation)
        done += done < len(writes) and writes[done][0] == i
        if operation.op != "S" or done < len(writes) * 2 // 3 or len({path for _, path, _ in writes[done - 3 : done]}) > 1:
            continue
        image = model.image(disk.LOST)
        _, path, offset = writes[done - 1]
        # (What was synced may be another file: then older bytes of the log lie where the last write went.)
        if len(image.get(newest(image, "MANIFEST"), b"")) > 600 and number_at(image, path, offset) == number_at(image, path, writes[done - 2][2]) + 1:
            return image, [(path, offset) for _, path, offset in writes[:done]]
    raise AssertionError("the run has no such moment")


def test_damage_within_the_log_is_not_taken_for_a_torn_tail(folder, trace, idle):
    """Else what was answered would be dropped without a word."""
    image, writes = idle
    path, offset = writes[-2]
    for at in (*range(offset, offset + 32), offset + 32 + 11):
        said = start_on(with_flipped_byte(image, path, at), folder / f"{at}", trace)
        assert "is damaged or missing" in said, (path, at, said)
    for path in {path for path, _ in writes}:
        for at in (0, 8, 16, 31):
            said = start_on(with_flipped_byte(image, path, at), folder / f"{path.replace('/', '-')}-{at}", trace)
            assert "first block" in said and "is damaged" in said, (path, at, said)
    manifest = newest(image, "MANIFEST")
    assert "Corruption" in start_on(with_flipped_byte(image, manifest, 300), folder / "manifest", trace)


def test_a_log_that_is_missing_is_not_taken_for_an_empty_one(folder, trace, idle):
    image, writes = idle
    names = sorted({path for path, _ in writes})
    assert len(names) == 2
    for gone in ([names[0]], [names[1]], names):
        said = start_on({path: data for path, data in image.items() if path not in gone}, folder / "-".join(gone).replace("/", "-"), trace)
        assert "write-ahead log" in said and "missing" in said, (gone, said)


def test_rubbish_after_the_last_write_is_a_torn_tail(folder, trace, idle):
    image, writes = idle
    path, offset = writes[-1]
    end = offset + (32 + int.from_bytes(image[path][offset + 24 : offset + 32], "little") + BLOCK - 1) // BLOCK * BLOCK
    for tail in (b"\0" * 3000, b"\x05" * 3000, random.Random(1).randbytes(40000), image[path][offset : offset + 2000]):
        data = image[path][:end] + tail + image[path][end + len(tail) :]
        said = start_on({**image, path: data}, folder / f"{len(tail)}-{tail[0]}-{path.replace('/', '-')}", trace)
        assert said == "started", (path, said)
    manifest = newest(image, "MANIFEST")
    for tail in (b"\0" * 3000, b"\x05" * 3000, random.Random(1).randbytes(40000)):
        said = start_on({**image, manifest: image[manifest] + tail}, folder / f"{len(tail)}-{tail[0]}-manifest", trace)
        assert said == "started", said


def test_the_last_write_in_pieces_is_a_torn_tail(folder, trace, idle):
    """Any of its sectors may be missing: nobody had been answered."""
    image, writes = idle
    path, offset = writes[-1]
    size = 32 + int.from_bytes(image[path][offset + 24 : offset + 32], "little")
    for sector in range(offset, offset + size, 512):
        data = bytearray(image[path])
        data[sector : sector + 512] = b"\xff" * len(data[sector : sector + 512])
        assert start_on({**image, path: bytes(data)}, folder / f"{sector}", trace) == "started", sector


def test_damage_within_rocksdbs_log_is_not_taken_for_a_torn_tail(folder):
    """It has what was committed without waiting."""
    trace = points.record(folder / "run", 12, flags=("--durability", "async"))
    model = disk.Disk()
    for operation in trace.operations[: len(trace.operations) * 2 // 3]:
        model.apply(operation)
    image = model.image(disk.KEPT)
    log = max((path for path in image if re.search(r"/[0-9]+\.log$", path)), key=lambda path: len(image[path]))
    assert len(image[log]) > 5000
    said = start_on(with_flipped_byte(image, log, 100), folder / "damaged", trace)
    assert "Corruption" in said, said


# ---- kill -9 ----


def kill_again_and_again(folder, seed, rounds):
    chance, answered = random.Random(seed), []
    policies = scenario.write_policies(folder / "policies")
    for turn in range(rounds):
        server = Edictd(folder / "work", policies)
        server.start()
        timer = threading.Timer(chance.uniform(0.02, 0.5), server.kill)
        timer.start()
        answered += scenario.run(server, 40, seed=f"{seed}.{turn}")
        timer.join()
        server.kill()
        faults = verify(folder / "work", policies, answered)
        assert not faults, f"seed {seed}, round {turn}: " + "\n".join(faults[:5])


def test_kill_9_again_and_again_under_load(folder, full):
    """The same data, more of it each round; killed at a moment that the seed chooses."""
    for seed in range(5 if full else 1):
        (folder / str(seed)).mkdir()
        kill_again_and_again(folder / str(seed), seed, 10 if full else 4)
