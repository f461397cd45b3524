// The official TypeScript SDK, 1.x: node sdk1.mjs < PLAN
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { carryOut, plan } from "./plan.mjs";

const client = new Client({ name: "edict-tests", version: "1" });
const transport = plan.url
  ? new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers: plan.headers } })
  : new StdioClientTransport({ command: plan.command, args: plan.args });
await client.connect(transport);
await carryOut(client);
