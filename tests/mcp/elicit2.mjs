// The official TypeScript SDK, 2.x, with a user who answers questions: node elicit2.mjs URL MODE ACTION. Prints what was asked and decided.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, mode, action] = process.argv.slice(2);
const asked = [];
const client = new Client({ name: "edict-tests", version: "1" }, { versionNegotiation: { mode }, capabilities: { elicitation: { form: {} } } });
client.setRequestHandler("elicitation/create", async (request) => {
  asked.push(request.params);
  return action === "accept" ? { action, content: { "context.current_replicas": 3, "context.environment": "staging" } } : { action };
});
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const result = await client.callTool({ name: "evaluate_request", arguments: { operation: "scale", context: { name: "web" } } });
console.log(JSON.stringify({ asked, result }));
await client.close();
