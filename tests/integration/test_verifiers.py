"""The log through other people's eyes: npm's @sigstore/verify, transparency-dev/merkle's verifier and vectors; and every byte through ours."""

import base64
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from conftest import BUILD, ROOT
from test_tlog import checkpoint_of, decide, size_of

NODE = ROOT / "build/node"


def proof_file(server, index):
    answer = server.call("GET", f"/v1/ledger/entries/{index}/proof", admin=True)
    assert answer.status == 200, answer.body
    return answer.body


def record_of(server, index):
    return server.call("GET", f"/v1/ledger/entries/{index}", admin=True).body


def test_sigstore_verifies_checkpoints_and_proofs(simple):
    decide(simple, 300)
    size = size_of(simple)
    checkpoint_of(simple, size)
    key = simple.call("GET", "/v1/ledger/key", admin=True).body.decode()
    indexes = sorted({0, 1, 2, 255, 256, 257, size - 2, size - 1, *range(0, size, 37)})
    proofs = [{"record": base64.b64encode(record_of(simple, i)).decode(), "file": proof_file(simple, i).decode()} for i in indexes]
    shutil.copy(ROOT / "tests/verify/npm/verify.mjs", NODE / "verify.mjs")
    shown = subprocess.run([NODE / "node_modules/.bin/node", "verify.mjs"], input=json.dumps({"key": key, "proofs": proofs}), capture_output=True, text=True, timeout=120, cwd=NODE)
    assert shown.returncode == 0, shown.stderr
    seen = json.loads(shown.stdout)
    assert seen["proofs"] == len(indexes) and int(seen["size"]) >= size and seen["refused"] > 400
    proofs[0]["record"] = proofs[1]["record"]  # and it can say no
    shown = subprocess.run([NODE / "node_modules/.bin/node", "verify.mjs"], input=json.dumps({"key": key, "proofs": proofs}), capture_output=True, text=True, timeout=120, cwd=NODE)
    assert shown.returncode != 0


def test_transparency_dev_agrees_on_right_and_wrong_proofs(tmp_path):
    """tests/verify/vectors writes proofs with the verdict of github.com/transparency-dev/merkle; ledger/proof.c has to have the same."""
    go = "/usr/lib/go/bin/go" if os.path.exists("/usr/lib/go/bin/go") else "go"
    environment = {**os.environ, "GO111MODULE": "on", "GOFLAGS": "-mod=readonly", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOMODCACHE": str(ROOT / "build/go"), "GOCACHE": str(tmp_path / "cache")}
    vectors = tmp_path / "vectors"
    with open(vectors, "wb") as out:
        made = subprocess.run([go, "run", "."], cwd=ROOT / "tests/verify/vectors", env=environment, stdout=out, stderr=subprocess.PIPE, text=True, timeout=300)
    assert made.returncode == 0, made.stderr

    def agree(lines):
        return subprocess.run([BUILD / "tests/proof_vectors"], input=lines, capture_output=True, text=True, timeout=300)

    text = vectors.read_text()
    shown = agree(text)
    assert shown.returncode == 0, shown.stdout
    seen = json.loads(shown.stdout)
    assert seen["good"] > 7000 and seen["bad"] > 100_000
    for kind in ("inclusion", "consistency"):
        one = next(line for line in text.splitlines() if line.startswith(kind + " ok"))
        assert agree(one.replace(" ok ", " bad ", 1) + "\n").returncode == 1  # it would say so


# Its authors have since turned this verdict round: trees of size 0 are an error, whatever their roots.
TURNED_ROUND = "consistency/additional/sizes-are-equal-and-proof-is-not-empty-where-both-sizes-are-zero.json"


def published_vectors():
    """The files of transparency-dev/merkle's testdata/, as lines for proof_vectors; tests/verify/published says where they come from."""
    folder = ROOT / "build/cargo/sigstore-merkle-0.15.1/test-data/merkle/testdata"

    def spell(text):
        data = base64.b64decode(text)
        if data.startswith(b"don't care"):  # equal roots of equal sizes, whatever they are; here a root has 32 bytes
            data = data.ljust(32)
        return data.hex() or "-"

    for path in sorted(folder.rglob("*.json")):
        case = json.loads(path.read_text())
        kind = path.relative_to(folder).parts[0]
        numbers, hashes = {"inclusion": (("leafIdx", "treeSize"), ("root", "leafHash")), "consistency": (("size1", "size2"), ("root1", "root2"))}[kind]
        wrong = case["wantErr"] or str(path.relative_to(folder)) == TURNED_ROUND
        words = [kind, "bad" if wrong else "ok", *(str(case[name]) for name in numbers)]
        words += [spell(text) for text in [*(case[name] for name in hashes), *(case["proof"] or [])]]
        yield path.relative_to(folder), " ".join(words) + "\n"


def test_transparency_devs_own_vector_files():
    cases = list(published_vectors())
    counted = {kind: sum(path.parts[0] == kind for path, _ in cases) for kind in ("inclusion", "consistency")}
    assert counted == {"inclusion": 98, "consistency": 97}
    for path, line in cases:
        shown = subprocess.run([BUILD / "tests/proof_vectors"], input=line, capture_output=True, text=True, timeout=60)
        assert shown.returncode == 0, (path, shown.stdout)


def test_our_own_verifier_sees_every_changed_byte(simple, tmp_path):
    decide(simple, 40)
    checkpoint_of(simple, size_of(simple))
    index = size_of(simple) - 3
    record, proof = record_of(simple, index), proof_file(simple, index)
    key = simple.call("GET", "/v1/ledger/key", admin=True).body.decode().strip()
    files = {"record": record, "proof": proof}

    def verifies(**changed):
        folder = tmp_path / "-".join(f"{name}{at}" for name, (at, _) in changed.items() or {"good": (0, b"")}.items())
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(changed[name][1] if name in changed else data)
        words = [BUILD / "edict", "ledger", "verify", "--proof", folder / "proof", "--key", key, "--entry", folder / "record"]
        code = subprocess.run(words, capture_output=True, timeout=120).returncode
        shutil.rmtree(folder)
        assert code in (0, 1, 2), code  # never a crash
        return code == 0

    def change(job):
        name, at = job
        data = bytearray(files[name])
        data[at] ^= 1 << (at % 8)
        return job if verifies(**{name: (at, bytes(data))}) else None

    assert verifies()
    jobs = [(name, at) for name, data in files.items() for at in range(len(data))]
    assert len(jobs) > 800
    with ThreadPoolExecutor(2) as pool:
        assert [job for job in pool.map(change, jobs) if job] == []


def test_a_kept_checkpoint_with_a_changed_byte_does_not_verify(simple, tmp_path):
    decide(simple, 10)
    simple.stop()
    copy = tmp_path / "copy"
    shutil.copytree(simple.folder, copy, ignore=shutil.ignore_patterns("*.sock"))
    good = simple.cli("ledger", "verify", data=copy)
    assert good.returncode == 0, good.stderr
    path = copy / "ledger.checkpoint"
    kept = path.read_bytes()
    for at in range(len(kept)):
        path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
        assert simple.cli("ledger", "verify", data=copy).returncode != 0, at
