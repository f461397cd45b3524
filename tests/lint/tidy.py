#!/usr/bin/env python3
"""clang-tidy over the sources of a build folder: tidy.py BUILD. A file that has not changed since it was found clean, and whose headers have not, is skipped."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def digest(paths):
    sum_ = hashlib.sha256()
    for path in sorted(paths):
        sum_.update(str(path).encode() + b"\0" + path.read_bytes())
    return sum_.hexdigest()


def main():
    build = Path(sys.argv[1]).resolve()
    commands = json.loads((build / "compile_commands.json").read_text())
    sources = sorted({Path(one["file"]) for one in commands if Path(one["file"]).is_relative_to(ROOT) and not Path(one["file"]).is_relative_to(ROOT / "build")})
    headers = digest([path for folder in ("engine", "proto", "ledger", "cli") for path in (ROOT / folder).rglob("*.h")] + [ROOT / ".clang-tidy"])
    cache_file = build / "tidy-clean.json"
    clean = set(json.loads(cache_file.read_text())) if cache_file.exists() else set()

    def check(source):
        key = hashlib.sha256((headers + digest([source])).encode()).hexdigest()
        if key in clean:
            return key, ""
        run = subprocess.run(["clang-tidy", "--quiet", "-p", build, source], capture_output=True, text=True, cwd=ROOT)
        return (key, "") if run.returncode == 0 else (None, run.stdout)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, sources))
    cache_file.write_text(json.dumps(sorted(key for key, _ in results if key)))
    faults = [text for key, text in results if not key]
    print("".join(faults), end="")
    print(f"tidy: {len(sources)} files, {len(faults)} with faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
