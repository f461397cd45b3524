"""The official MCP clients as programs: each carries out a plan (see tests/mcp/plan.mjs) and says what it saw."""

import asyncio
import json
import shutil
import subprocess

from conftest import BUILD, ROOT

NODE = ROOT / "build/node"
NODE_PROGRAM = NODE / "node_modules/.bin/node"
INSPECTOR = NODE / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"


def http(server, agent, admin=False):
    url = server.endpoints["mcp"].rstrip("/") + "/mcp" + (f"?agent_identity={agent}" if agent else "")
    return {"url": url, "headers": {"Authorization": f"Bearer {server.token}"} if admin else {}}


def stdio(server, agent, admin=False):
    token = ["--token-file", str(server.folder / "admin.token")] if admin else []
    return {"command": str(BUILD / "edict"), "args": ["--data", str(server.folder), "mcp", "--agent", agent, *token]}


def typescript(script, plan):
    """Runs beside the packages that scripts/deps --test installs."""
    for name in ("plan.mjs", script):
        shutil.copy(ROOT / "tests/mcp" / name, NODE / name)
    shown = subprocess.run([NODE_PROGRAM, NODE / script], input=json.dumps(plan), capture_output=True, text=True, timeout=120, cwd=NODE)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def python(plan):
    import httpx2
    from mcp import Client, StdioServerParameters
    from mcp.client.streamable_http import streamable_http_client

    def as_json(result):
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def talk():
        if "url" in plan:
            server = streamable_http_client(plan["url"], http_client=httpx2.AsyncClient(headers=plan["headers"], timeout=60))
        else:
            server = StdioServerParameters(command=plan["command"], args=plan["args"])
        async with Client(server, mode=plan["mode"]) as client:
            seen = {"tools": [one.name for one in (await client.list_tools()).tools]}
            seen["results"] = [as_json(await client.call_tool(name, arguments)) for name, arguments in plan["calls"]]
            decided = next(one["structuredContent"]["decision_id"] for one in seen["results"] if "decision_id" in one.get("structuredContent", {}))
            seen["decision"] = as_json(await client.read_resource("edict://decisions/" + decided))
            seen["prompt"] = as_json(await client.get_prompt("request_approval", {"action": "delete a pod"}))
            return seen

    return asyncio.run(talk())


def inspector(plan, *words, strict=False):
    """One call of MCP Inspector's command line."""
    if "url" in plan:
        target = [plan["url"], "--transport", "http"]
        for name, value in plan["headers"].items():
            target += ["--header", f"{name}: {value}"]
    else:
        target = [plan["command"], *plan["args"], "--transport", "stdio"]
    words = ["--cli", *target, "--protocol-era", plan["mode"], *(["--strict"] if strict else []), *words]
    shown = subprocess.run([NODE_PROGRAM, INSPECTOR, *words], capture_output=True, text=True, timeout=120, cwd=NODE)
    return shown.returncode, json.loads(shown.stdout) if shown.stdout else None, shown.stderr
