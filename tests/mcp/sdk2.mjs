// The official TypeScript SDK, 2.x: node sdk2.mjs URL MODE (legacy or auto). Prints what it saw as JSON.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const client = new Client({ name: "edict-tests", version: "1" }, { versionNegotiation: { mode: process.argv[3] } });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const tools = (await client.listTools()).tools.map((tool) => tool.name);
const decided = await client.callTool({ name: "evaluate_request", arguments: { operation: "read", context: { i: 1 } } });
const refused = await client.callTool({ name: "evaluate_request", arguments: { operaton: "read" } });
const decision = await client.readResource({ uri: "edict://decisions/" + decided.structuredContent.decision_id });
const prompt = await client.getPrompt({ name: "request_approval", arguments: { action: "delete a pod" } });
console.log(JSON.stringify({ server: client.getServerVersion(), tools, decided, refused, decision, prompt }));
await client.close();
