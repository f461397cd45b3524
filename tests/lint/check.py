#!/usr/bin/env python3
"""Checks of the sources themselves: check.py CHECK [ROOT]. CHECK is format, headers, includes, hygiene, or selftest, which shows that each can fail."""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Folder: module name, and whose headers it may include. The most specific folder counts.
MODULES = {
    "engine/base": ("base", set()),
    "engine/confine": ("confine", {"base"}),
    "engine/parse": ("parse", {"base"}),
    "proto": ("proto", {"base"}),
    "ledger": ("ledger", {"base", "proto"}),
    "engine/policy": ("policy", {"base", "proto", "parse"}),
    "engine/state": ("state", {"base", "proto", "ledger"}),
    "engine/http": ("http", {"base"}),
    "engine/publish": ("publish", {"base", "proto", "ledger", "http"}),
    "engine/mcp": ("mcp", {"base", "proto", "http"}),
    "engine/api": ("api", {"base", "confine", "proto", "ledger", "policy", "state", "http", "publish", "engine", "mcp"}),
    "engine/server": ("server", {"base", "confine", "proto", "ledger", "policy", "state", "http", "publish", "engine", "api", "mcp"}),
    "engine": ("engine", {"base", "proto", "ledger", "policy", "state"}),
    "cli": ("cli", {"base", "proto", "ledger", "policy", "state", "engine"}),
}
# Outside headers and the only places that may know them.
OUTSIDE = {
    r"rocksdb/": ("ledger/rocks.h",),
    r"xxhash\.h": ("ledger/wal_scan.c", "ledger/index_sum.c"),
    r"(lua|lauxlib|lualib)\.h": ("engine/policy/",),
    r"curl/": ("advisor/",),
    r"event2?/": ("engine/http/", "bench/"),
    r"openssl/(ssl|err)": ("engine/http/",),
    r"csv\.h": ("engine/export.c",),
    r"llhttp\.h": ("engine/http/", "cli/client.c", "bench/"),
    r"tree_sitter/": ("engine/parse/",),
    r"(seccomp|linux/landlock)\.h": ("engine/confine/",),
}
LINES_MAX = 600
BYTES_MAX = 1_000_000
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE_PATHS = re.compile(r"(?<![A-Za-z0-9_./])/(work|farm)/")


def files(root, *suffixes):
    try:
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True).stdout.decode().split("\0")
    except subprocess.CalledProcessError:
        listed = [str(path.relative_to(root)) for path in Path(root).rglob("*") if path.is_file()]
    return [name for name in sorted(listed) if name and (not suffixes or name.endswith(suffixes)) and (Path(root) / name).is_file()]


def module_of(name):
    for folder in sorted(MODULES, key=len, reverse=True):
        if name.startswith(folder + "/"):
            return folder, *MODULES[folder]
    return None


def check_format(root):
    names = files(root, ".c", ".h")
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=root, capture_output=True, text=True)
    return sorted({line.split(":")[0] + ": not formatted; run scripts/format" for line in run.stderr.splitlines() if "error" in line or "warning" in line})


def check_includes(root):
    faults = []
    for name in files(root, ".c", ".h"):
        text = (Path(root) / name).read_text(errors="replace")
        found = module_of(name)
        for line, include in re.findall(r'^(#include\s+[<"]([^>"]+)[>"])', text, re.M):
            for pattern, places in OUTSIDE.items():
                if re.match(pattern, include) and not name.startswith(places):
                    faults.append(f"{name}: {line}: only {' and '.join(places)} may know this header")
            module = include.split("/")[0]
            if found and "/" in include and module in {one for one, _ in MODULES.values()} and module != found[1] and module not in found[2]:
                faults.append(f"{name}: {line}: {found[1]} may not know {module}")
    decide = Path(root) / "engine/decide.h"
    if decide.exists() and re.search(r"lua_State|rocksdb_|http_|bufferevent", decide.read_text()):
        faults.append("engine/decide.h: exposes a type of Lua, RocksDB or HTTP")
    return faults


def check_hygiene(root):
    faults = []
    for name in files(root):
        path = Path(root) / name
        data = path.read_bytes()
        if len(data) > BYTES_MAX:
            faults.append(f"{name}: {len(data)} bytes")
        if name.startswith(("tests/fuzz/corpus/", "tests/policies/hostile/")) or b"\0" in data:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            faults.append(f"{name}: not UTF-8")
            continue
        source = name.endswith((".c", ".h"))
        if "\r" in text:
            faults.append(f"{name}: carriage returns")
        if data and not data.endswith(b"\n"):
            faults.append(f"{name}: no newline at the end")
        if re.search(r"[ \t]+$", text, re.M):
            faults.append(f"{name}: white space at the end of a line")
        if source and "\t" in text:
            faults.append(f"{name}: tabs")
        if source and text.count("\n") > LINES_MAX:
            faults.append(f"{name}: {text.count(chr(10))} lines; more than {LINES_MAX} are two files")
        if not name.startswith("tests/lint/") and WORDS.search(text):
            faults.append(f"{name}: marks unfinished work ({WORDS.search(text).group()})")
        if not name.startswith("tests/lint/") and MACHINE_PATHS.search(text):
            faults.append(f"{name}: names a path of one machine")
    folders = {str(Path(name).parent) for name in files(root, ".c", ".lua") if module_of(name) or name.startswith(("policies/", "bench/"))}
    for folder in sorted(folders):
        if not any((Path(root) / parent / "README.md").exists() for parent in (folder, str(Path(folder).parent)) if parent != "."):
            faults.append(f"{folder}: no README.md")
    return faults


def check_headers(root):
    """Every header of a module compiles by itself, with gcc and clang."""
    with tempfile.TemporaryDirectory() as view:
        for folder, (module, _) in MODULES.items():
            (Path(view) / module).symlink_to(Path(root).resolve() / folder)
        jobs = [(compiler, name) for name in files(root, ".h") if module_of(name) for compiler in ("gcc", "clang")]
        lua = subprocess.run(["pkg-config", "--cflags", "lua5.4", "libcjson", "libevent"], capture_output=True, text=True).stdout.split()

        def compile_one(job):
            compiler, name = job
            words = [compiler, "-std=gnu17", "-D_GNU_SOURCE", "-I", view, "-I", "/usr/share/include/llhttp", *lua, "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
            run = subprocess.run([*words, "-x", "c", "-include", str(Path(root).resolve() / name), os.devnull], capture_output=True, text=True)
            return f"{name}: {compiler}: {run.stderr.splitlines()[0] if run.stderr else 'failed'}" if run.returncode else None

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return [fault for fault in pool.map(compile_one, jobs) if fault]


CHECKS = {"format": check_format, "headers": check_headers, "includes": check_includes, "hygiene": check_hygiene}

BAD = {
    "format": ("engine/base/a.c", "int  a ;\n"),
    "headers": ("engine/base/a.h", "struct a { size_t size; };\n"),
    "includes": ("engine/base/a.c", '#include "ledger/ledger.h"\n'),
    "hygiene": ("engine/base/a.c", "int a; \n"),
}
MORE_BAD = [
    ("includes", "ledger/a.c", "#include <rocksdb/c.h>\n"),
    ("includes", "engine/api/a.c", "#include <lua.h>\n"),
    ("includes", "engine/decide.h", "struct http_call;\n"),
    ("hygiene", "engine/base/a.c", "/* TODO */\n"),
    ("hygiene", "a.md", "see /" + "work/main\n"),
    ("hygiene", "a.txt", "no newline"),
    ("hygiene", "engine/base/a.h", "\n" * 800),
    ("hygiene", "engine/base/a.c", "int a;\n"),  # a folder without a README
]


def selftest():
    faults = []
    for check, name, text in [(check, *bad) for check, bad in BAD.items()] + MORE_BAD:
        with tempfile.TemporaryDirectory() as root:
            path = Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if check == "format":
                (Path(root) / ".clang-format").write_text("BasedOnStyle: LLVM\n")
            if not CHECKS[check](root):
                faults.append(f"{check} accepts {name}: {text[:40]!r}")
    return faults


def main():
    name = sys.argv[1]
    root = sys.argv[2] if len(sys.argv) > 2 else Path(__file__).resolve().parents[2]
    faults = selftest() if name == "selftest" else CHECKS[name](str(root))
    for fault in faults:
        print(fault)
    print(f"{name}: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
