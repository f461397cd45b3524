// The official TypeScript SDK, 1.x: node sdk1.mjs URL. Prints what it saw as JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const client = new Client({ name: "edict-tests", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const tools = (await client.listTools()).tools.map((tool) => tool.name);
const decided = await client.callTool({ name: "evaluate_request", arguments: { operation: "read", context: { i: 1 } } });
const refused = await client.callTool({ name: "evaluate_request", arguments: { operaton: "read" } });
const decision = await client.readResource({ uri: "edict://decisions/" + decided.structuredContent.decision_id });
const prompt = await client.getPrompt({ name: "request_approval", arguments: { action: "delete a pod" } });
console.log(JSON.stringify({ server: client.getServerVersion(), tools, decided, refused, decision, prompt }));
await client.close();
