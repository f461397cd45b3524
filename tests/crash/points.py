"""Crash points: where a run may be cut, what is then left, and whether that holds what had been answered.

Two ways. A recorded run (the shim's log of an undisturbed one) is cut after any of its operations, and the disk model makes the images. A live run meets
an injected fault. As a program it repeats one point of either; what failed prints the command.
"""

import argparse
import itertools
import pickle
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import disk
import scenario
from edictd import Edictd, Exchange, Gone, parse_replies
from verify import read_ledger, verify

WORKERS = 3
DIED = 86  # oplog.h
ABORTED = -6  # Debian's RocksDB asserts in some error paths
FAILING = ("eio", "enospc", "full", "dead", "torn")
EXIT_WAIT_S = 10
NOT_ON_DISK = ("N", "E", "I")


# ---- what had been answered ----


class Answers:
    """Follows the shim's log: whose replies have left by now. (A reply that a client never got counts too.)"""

    def __init__(self, exchanges):
        self.by_port = {}
        for exchange in exchanges:
            self.by_port.setdefault(exchange.port, {})[exchange.ordinal] = exchange
        self.buffers, self.counts, self.answered = {}, {}, []

    def apply(self, operation):
        port = operation.offset
        if operation.op != "N" or port not in self.by_port:
            return
        buffer = self.buffers.setdefault(port, bytearray())
        buffer += operation.data
        replies, size = parse_replies(buffer)
        del buffer[:size]
        for reply in replies:
            ordinal = self.counts[port] = self.counts.get(port, -1) + 1
            exchange = self.by_port[port].get(ordinal)
            if exchange:
                self.answered.append(Exchange(port, ordinal, exchange.path, exchange.request, exchange.proof, reply))


# ---- recorded runs ----


@dataclass
class Trace:
    """Lies in a folder: base (what was there before), policies, oplog, and the rest pickled."""

    folder: Path
    exchanges: list
    reference: list
    flags: list
    operations: list

    @classmethod
    def load(cls, folder):
        folder = Path(folder)
        exchanges, reference, flags = pickle.loads((folder / "trace.pickle").read_bytes())
        return cls(folder, exchanges, reference, flags, disk.read_log(folder / "work.oplog"))

    def points(self):
        """After each of these operations the power may fail."""
        return [i for i, operation in enumerate(self.operations) if operation.op not in NOT_ON_DISK]

    def checkpoint_points(self):
        """After each sync of a folder that made a signed checkpoint durable: what it covers must be durable by then."""
        renamed = [i for i, operation in enumerate(self.operations) if operation.op == "R" and operation.data.endswith(b"/ledger.checkpoint")]
        synced = [next((i for i in range(at, len(self.operations)) if self.operations[i].op == "S"), None) for at in renamed]
        return [i for i in synced if i is not None]


def record(folder, steps, seed=0, base=None, flags=(), before=()):
    """`base`: an image to start from, and `before` what had been answered until then."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    server = Edictd(folder / "work", scenario.write_policies(folder / "policies"), flags, shim=True)
    if base:
        disk.write_image(base, folder / "base")
        disk.write_image(base, folder / "work")
    try:
        server.start()
        exchanges = scenario.run(server, steps, seed)
        client = server.client()
        reference = read_ledger(client).entries
        client.close()
        code = server.stop()
    finally:
        server.kill()
    if code != 0 or not all(exchange.reply for exchange in exchanges):
        raise AssertionError(f"the undisturbed run failed:\n{server.text()}")
    (folder / "trace.pickle").write_bytes(pickle.dumps((list(before) + exchanges, reference, list(flags))))
    return Trace.load(folder)


def walk(trace, wanted):
    """For each wanted (point, variant, seed), in order of points: its image, and what had been answered."""
    model = disk.Disk(trace.folder / "base" if (trace.folder / "base").exists() else None)
    answers, by_point = Answers(trace.exchanges), {}
    earlier = [exchange for exchange in trace.exchanges if exchange.reply and exchange.port == 0]
    for point, variant, seed in wanted:
        by_point.setdefault(point, []).append((variant, seed))
    for i, operation in enumerate(trace.operations):
        model.apply(operation)
        answers.apply(operation)
        for variant, seed in by_point.get(i, ()):
            yield (i, variant, seed), model.image(variant, seed), earlier + answers.answered


def repeat_command(trace, point):
    return f"build/venv/bin/python tests/crash/points.py recorded {trace.folder} --point {point[0]} --variant {point[1]} --seed {point[2]}"


def check_image(trace, point, image, answered):
    work = trace.folder / "-".join(map(str, point))
    disk.write_image(image, work)
    faults = verify(work, trace.folder / "policies", answered, trace.reference, trace.flags)
    if not faults:
        shutil.rmtree(work)
        work.with_name(work.name + ".log").unlink()
    return [f"{fault}\n  again: {repeat_command(trace, point)}" for fault in faults]


def in_parallel(jobs):
    """Runs (function, arguments…) tuples, a few at a time, without holding more of them than that; returns all faults."""
    faults, room = [], threading.Semaphore(2 * WORKERS)

    def run(function, *arguments):
        try:
            return function(*arguments)
        finally:
            room.release()

    with ThreadPoolExecutor(WORKERS) as pool:
        futures = []
        for job in jobs:
            room.acquire()
            futures.append(pool.submit(run, *job))
        for future in futures:
            faults += future.result()
    return faults


def sweep(trace, wanted):
    return in_parallel((check_image, trace, *found) for found in walk(trace, wanted))


def every_point(trace, share=1):
    """Each point with all bytes and names lost, and with one of the other variants in turn, no pair twice; `share`: one in so many
    points, and those where a checkpoint has just become durable (which may be among the former)."""
    others = itertools.cycle(disk.VARIANTS[1:])
    told = [(point, disk.LOST, point) for point in trace.checkpoint_points()] if share > 1 else []
    shared = [(point, variant, point) for point in trace.points()[::share] for variant in (disk.LOST, next(others))]
    return list(dict.fromkeys(told + shared))


# ---- live runs ----


def count_kinds(operations):
    """How many operations of each kind a run has, as the shim counts them."""
    kinds = {"W": "write", "S": "sync", "C": "meta", "D": "meta", "T": "meta", "A": "meta", "R": "meta", "U": "meta", "X": "meta", "L": "meta"}
    counts = {"write": 0, "sync": 0, "meta": 0}
    for operation in operations:
        if operation.op in kinds:
            counts[kinds[operation.op]] += 1
    return counts


def fault_met(operations):
    """Was the fault met by anything that must end the process? (RocksDB's own log of messages is not such a thing.)"""
    names = {operation.object: disk.text(operation) for operation in operations if operation.op in "CDE"}
    return any(operation.op == "I" and not names.get(operation.object, "").endswith("/LOG") for operation in operations)


def run_live(server, steps, seed):
    """Exchanges and the exit code; None when it went on although it should have stopped."""
    exchanges = []
    try:
        server.start()
        exchanges = scenario.run(server, steps, seed)
    except Gone:
        pass
    fault = server.environment.get("CRASH_FAULT", "")
    if fault_met(disk.read_log(server.oplog)) and not fault.startswith("meta") and ":short" not in fault:
        try:
            return exchanges, server.wait(EXIT_WAIT_S)
        except subprocess.TimeoutExpired:
            return exchanges, None
    return exchanges, server.stop()


def judge_exit(server, fault, operations, code):
    """An I/O error must have ended the process, and it must have said so."""
    kind, _, action = fault.split(":")[:3]
    met = fault_met(operations)
    if action == "die":
        expected = (DIED,) if met else (0,)
    elif kind == "meta":
        expected = (0, 1, ABORTED)
    else:
        expected = (1, ABORTED) if met and action in FAILING else (0, 1)[: 1 + (action in FAILING)]
    if "stopping" in server.text():
        expected = (*expected, 0)  # after the last commit, in a flush whose rows the log has: nobody needs to know
    if code not in expected:
        return [f"exit code {code} instead of {expected} (None: it went on); it said: {server.text()[-800:]}"]
    if code in (1, ABORTED) and not re.search("^edictd: .*(cannot|failed|recovers from the log)", server.text(), re.M):
        return [f"ended without a message: {server.text()[-800:]}"]
    return []


def check_live(folder, fault, steps, seed, must_meet=False):
    """One run with a fault: did it stop as it must, and is everything answered there, on the disk as it is and after a power failure on top?"""
    folder = Path(folder)
    folder.mkdir(parents=True)
    policies = scenario.write_policies(folder / "policies")
    server = Edictd(folder / "work", policies, shim=True, fault=fault)
    try:
        exchanges, code = run_live(server, steps, seed)
    finally:
        server.kill()
    operations = disk.read_log(server.oplog)
    faults = judge_exit(server, fault, operations, code)
    if must_meet and not any(operation.op == "I" for operation in operations):
        faults.append("the run never met the fault")
    model, answers = disk.Disk(), Answers(exchanges)
    for operation in operations:
        model.apply(operation)
        answers.apply(operation)
    disk.write_image(model.image(disk.LOST), folder / "lost")
    faults += verify(folder / "work", policies, answers.answered)
    faults += [f"with the power gone: {fault}" for fault in verify(folder / "lost", policies, answers.answered)]
    if not faults:
        shutil.rmtree(folder)
    return [f"{fault}: {text}\n  again: build/venv/bin/python tests/crash/points.py live {fault} --steps {steps} --seed {seed}" for text in faults]


def count_live(folder, steps, seed):
    """The kinds of an undisturbed run of the same length."""
    return count_kinds(record(folder, steps, seed).operations)


def every_fault(counts, kind, action, first=1, share=1):
    """For every number that occurs, and a few more, since runs differ a little; or one in so many."""
    return [f"{kind}:{n}:{action}" for n in range(first, counts[kind] + 3, share)]


def check_faults(folder, faults, steps, seed):
    return in_parallel((check_live, Path(folder) / fault.replace(":", "-"), fault, steps, seed) for fault in faults)


# ---- one point again ----


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    recorded = kinds.add_parser("recorded", help="a point of a recorded run")
    recorded.add_argument("folder", type=Path)
    recorded.add_argument("--point", type=int, required=True)
    recorded.add_argument("--variant", choices=(*disk.VARIANTS, disk.KEPT), required=True)
    live = kinds.add_parser("live", help="a run with an injected fault")
    live.add_argument("fault", help="kind:number:fault, such as sync:17:eio; with :PART only what has this in its path is counted")
    live.add_argument("--steps", type=int, required=True)
    live.add_argument("--folder", type=Path, default=Path("build/crash-live"))
    for one in (recorded, live):
        one.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.kind == "recorded":
        faults = sweep(Trace.load(arguments.folder.resolve()), [(arguments.point, arguments.variant, arguments.seed)])
    else:
        shutil.rmtree(arguments.folder, ignore_errors=True)
        faults = check_live(arguments.folder.resolve(), arguments.fault, arguments.steps, arguments.seed)
    print("\n".join(faults) or "no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
