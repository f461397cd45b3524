-- What nobody may do, and what a human sees first.
local function production(fields)
  local context = { namespace = "team-alpha", environment = "production" }
  for name, value in pairs(fields) do
    context[name] = value
  end
  return context
end

local denied = {
  { "safety.delete-production-namespace", "delete", production { resource_type = "namespace" } },
  { "safety.system-namespace", "update", production { namespace = "kube-system", resource_type = "configmap" } },
  { "safety.secrets-of-others", "read", production { namespace = "team-beta", resource_type = "secret" } },
  { "safety.cluster-admin", "grant", production { role = "cluster-admin" } },
  { "safety.privileged-workload", "create", production { resource_type = "pod", privileged = true } },
  { "safety.host-access", "create", production { resource_type = "pod", host_path = "/" } },
  { "safety.disable-audit", "delete", production { resource_type = "audit-log" } },
  { "safety.edict", "delete", production { resource_type = "deployment", resource_name = "edictd" } },
  { "k8s.destroy-in-other-namespace", "exec", production { namespace = "team-beta", resource_type = "pod" } },
  { "http.internal-address", "http.request", { method = "GET", url = "http://169.254.169.254/latest/meta-data/" } },
  { "http.internal-address", "http.request", { method = "GET", url = "http://0xa9fea9fe/" } },
  { "http.internal-address", "http.request", { method = "GET", url = "http://localhost:8081/v1/agents" } },
  { "file.secret", "file.read", { path = "/home/agent/.ssh/id_ed25519" } },
  { "file.secret", "file.read", { path = "/srv/edict/data/admin.token" } },
  { "file.secret", "file.write", { path = "/etc/shadow" } },
}

for i, case in ipairs(denied) do
  test("denied " .. i .. ": " .. case[1]) {
    request = { agent_identity = "a", operation = case[2], context = case[3] },
    expect = { decision = "deny", tier = 3, rules = { case[1] } },
  }
end

local escalated = {
  { "safety.delete-namespace", "delete", { namespace = "team-alpha", environment = "dev", resource_type = "namespace" } },
  { "safety.own-secrets", "read", production { resource_type = "secret" } },
  { "safety.access-rights", "create", production { resource_type = "rolebinding" } },
  { "safety.grants", "grant", production { role = "viewer" } },
  { "safety.exec-in-production", "exec", production { resource_type = "pod" } },
  { "k8s.delete-in-production", "delete", production { resource_type = "deployment" } },
  { "k8s.change-other-namespace", "update", production { namespace = "team-beta", resource_type = "deployment" } },
}

for i, case in ipairs(escalated) do
  test("escalated " .. i .. ": " .. case[1]) {
    request = { agent_identity = "a", operation = case[2], context = case[3] },
    expect = { decision = "escalate", tier = 2, rules = { case[1] } },
  }
end

test "production is left alone at night" {
  facts = { now = "2026-07-28T23:30:00Z", agent = { privileges = { "k8s:deploy:production" } } },
  request = { agent_identity = "a", operation = "deploy", context = production { resource_type = "deployment" } },
  expect = { decision = "escalate", rules = { "k8s.change-production-off-hours" } },
}

test "and on Sundays" {
  facts = { now = "2026-07-26T12:00:00Z", agent = { privileges = { "k8s:deploy:production" } } },
  request = { agent_identity = "a", operation = "deploy", context = production { resource_type = "deployment" } },
  expect = { decision = "escalate", rules = { "k8s.change-production-off-hours" } },
}

test "a deployment in working hours" {
  facts = { agent = { privileges = { "k8s:deploy:production" } } },
  request = { agent_identity = "a", operation = "deploy", context = production { resource_type = "deployment" } },
  expect = { decision = "approve", tier = 1, rules = { "k8s.deploy-own-production" } },
}

test "outside of production" {
  request = { agent_identity = "a", operation = "update", context = { namespace = "team-alpha", environment = "staging", resource_type = "deployment" } },
  expect = { decision = "approve", tier = 1, rules = { "k8s.change-own-outside-production" } },
}

test "a disposable job" {
  facts = { agent = { privileges = { "k8s:delete:*" } } },
  request = { agent_identity = "a", operation = "delete", context = { namespace = "team-alpha", environment = "dev", resource_type = "job" } },
  expect = { decision = "approve", tier = 1, rules = { "k8s.delete-own-disposable" } },
}

test "the twenty-first deletion within an hour" {
  facts = { agent = { privileges = { "k8s:delete:*" } }, history = { similar = { h1 = { approved = 20 } } } },
  request = { agent_identity = "a", operation = "delete", context = { namespace = "team-alpha", environment = "dev", resource_type = "job" } },
  expect = { decision = "escalate", tier = 2, rules = { "k8s.many-deletions" } },
}

test "an agent that is denied again and again" {
  facts = { history = { all = { h1 = { denied = 10 } } } },
  request = { agent_identity = "a", operation = "read", context = { namespace = "team-alpha", resource_type = "pod" } },
  expect = { decision = "escalate", tier = 2, rules = { "shell.many-denials" } },
}

test "reading one's own" {
  request = { agent_identity = "a", operation = "list", context = { namespace = "team-alpha", resource_type = "pod" } },
  expect = { decision = "approve", tier = 0, rules = { "k8s.read-own" } },
}

test "money" {
  cases = {
    { request = { agent_identity = "a", operation = "spend", estimated_cost_usd = "3.50" }, expect = { decision = "approve", tier = 0, rules = { "cost.small-spend" } } },
    { request = { agent_identity = "a", operation = "spend", estimated_cost_usd = "80.00" }, expect = { decision = "approve", tier = 1, rules = { "cost.spend-within-budget" } } },
    { request = { agent_identity = "a", operation = "spend", estimated_cost_usd = "300.00" }, expect = { decision = "escalate", tier = 2, rules = { "cost.large-share" } } },
    { request = { agent_identity = "a", operation = "spend" }, expect = { decision = "escalate", missing = { "estimated_cost_usd" } } },
  },
}

test "data" {
  cases = {
    { request = { agent_identity = "a", operation = "sql.query", command = "SELECT id, total FROM orders WHERE day > '2026-01-01' LIMIT 10" }, expect = { decision = "approve", tier = 0, rules = { "sql.read" } } },
    { request = { agent_identity = "a", operation = "sql.query", command = "SELECT email FROM customers" }, expect = { decision = "escalate", rules = { "sql.personal-data" } } },
    { request = { agent_identity = "a", operation = "sql.query", command = "DROP TABLE orders" }, expect = { decision = "deny", rules = { "sql.destructive" } } },
    { request = { agent_identity = "a", operation = "sql.query", command = "DELETE FROM orders" }, expect = { decision = "deny", rules = { "sql.destructive" } } },
    { request = { agent_identity = "a", operation = "sql.query", command = "DELETE FROM orders WHERE 1=1" }, expect = { decision = "deny", rules = { "sql.destructive" } } },
    { request = { agent_identity = "a", operation = "sql.query", command = "SELECT 1; DROP TABLE orders" }, expect = { decision = "deny", rules = { "sql.destructive" } } },
    { request = { agent_identity = "a", operation = "sql.query", command = "UPDATE orders SET done = true WHERE id = 7", context = { environment = "staging" } }, expect = { decision = "approve", tier = 1, rules = { "sql.write-outside-production" } } },
    { request = { agent_identity = "a", operation = "sql.query", command = "UPDATE orders SET done = true WHERE id = 7", context = { environment = "production" } }, expect = { decision = "escalate" } },
    { request = { agent_identity = "a", operation = "file.read", context = { path = "/workspace/src/main.c" } }, expect = { decision = "approve", tier = 0, rules = { "file.read-workspace" } } },
    { request = { agent_identity = "a", operation = "file.write", context = { path = "/workspace/out/report.txt" } }, expect = { decision = "approve", tier = 1, rules = { "file.write-workspace" } } },
    { request = { agent_identity = "a", operation = "file.read", context = { path = "/workspace/../etc/passwd" } }, expect = { decision = "escalate" } },
    { request = { agent_identity = "a", operation = "http.request", context = { method = "GET", url = "https://example.com/status" } }, expect = { decision = "approve", tier = 1, rules = { "http.read" } } },
    { request = { agent_identity = "a", operation = "http.request", context = { method = "POST", url = "https://example.com/status" } }, expect = { decision = "escalate" } },
    { request = { agent_identity = "a", operation = "tool.call", context = { server = "issues", tool = "list_issues" } }, expect = { decision = "approve", tier = 1, rules = { "tool.read" } } },
    { request = { agent_identity = "a", operation = "tool.call", context = { server = "issues", tool = "delete_issue" } }, expect = { decision = "escalate" } },
  },
}
