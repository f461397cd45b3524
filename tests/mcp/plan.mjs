// What the scripts for the two SDKs share: a plan comes in on standard input, what was seen goes out as JSON.
// {"url", "headers"} or {"command", "args"}: the server; "mode": of version negotiation; "calls": [[tool, arguments], …].
import fs from "node:fs";

export const plan = JSON.parse(fs.readFileSync(0, "utf8"));

export async function carryOut(client) {
  const tools = (await client.listTools()).tools.map((tool) => tool.name);
  const results = [];
  for (const [name, args] of plan.calls) results.push(await client.callTool({ name, arguments: args }));
  const decided = results.find((result) => result.structuredContent?.decision_id);
  const decision = await client.readResource({ uri: "edict://decisions/" + decided.structuredContent.decision_id });
  const prompt = await client.getPrompt({ name: "request_approval", arguments: { action: "delete a pod" } });
  console.log(JSON.stringify({ server: client.getServerVersion(), tools, results, decision, prompt }));
  await client.close();
}
