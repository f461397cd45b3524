// The official TypeScript server with one tool that echoes, stateless and answering JSON: what bench/run compares MCP with.
// node echo_server.mjs PORT
import http from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

const listener = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const server = new McpServer({ name: "echo", version: "1" });
  server.registerTool("evaluate_request", { description: "echo" }, async () => ({ content: [{ type: "text", text: "echo" }] }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  await server.connect(transport);
  await transport.handleRequest(request, response, JSON.parse(Buffer.concat(chunks)));
});
listener.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
