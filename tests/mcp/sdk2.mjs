// The official TypeScript SDK, 2.x: node sdk2.mjs < PLAN
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { carryOut, plan } from "./plan.mjs";

const client = new Client({ name: "edict-tests", version: "1" }, { versionNegotiation: { mode: plan.mode } });
const transport = plan.url
  ? new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers: plan.headers } })
  : new StdioClientTransport({ command: plan.command, args: plan.args });
await client.connect(transport);
await carryOut(client);
