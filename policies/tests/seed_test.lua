-- The messages that everything began with.
local deployer = {
  agent = { namespace = "team-alpha", privileges = { "k8s:delete:pod", "k8s:scale:deployment", "k8s:deploy:production" } },
  quota = { compute = { cpu_cores = 16, memory_gb = 64 } },
  usage = { compute = { cpu_cores = 12, memory_gb = 40 } },
}

test "a failed pod of the own namespace, older than a day" {
  facts = deployer,
  request = {
    agent_identity = "team-alpha-deploy-001", operation = "delete", command = "kubectl delete pod old-pod-123",
    context = { namespace = "team-alpha", environment = "production", resource_type = "pod", pod_status = "Failed", pod_age_hours = 48 },
  },
  expect = { decision = "approve", tier = 1, rules = { "k8s.delete-failed-pod" } },
}

test "the same pod, too young" {
  facts = deployer,
  request = {
    agent_identity = "team-alpha-deploy-001", operation = "delete",
    context = { namespace = "team-alpha", environment = "production", resource_type = "pod", pod_status = "Failed", pod_age_hours = 3 },
  },
  expect = { decision = "escalate", tier = 2, undecided = true },
}

test "without its age" {
  facts = deployer,
  request = {
    agent_identity = "team-alpha-deploy-001", operation = "delete",
    context = { namespace = "team-alpha", environment = "production", resource_type = "pod", pod_status = "Failed" },
  },
  expect = { decision = "escalate", tier = 2, missing = { "context.pod_age_hours" } },
}

test "the pod of another team" {
  facts = deployer,
  request = {
    agent_identity = "team-alpha-deploy-001", operation = "delete",
    context = { namespace = "team-beta", environment = "production", resource_type = "pod", pod_status = "Failed", pod_age_hours = 48 },
  },
  expect = { decision = "deny", tier = 3, rules = { "k8s.destroy-in-other-namespace" } },
}

test "scaling from 3 to 5" {
  facts = deployer,
  request = {
    agent_identity = "team-alpha-deploy-001", operation = "scale", command = "kubectl scale deployment web-app --replicas=5 -n team-alpha",
    context = { namespace = "team-alpha", environment = "staging", resource_type = "deployment", resource_name = "web-app", current_replicas = 3, target_replicas = 5 },
  },
  expect = { decision = "approve", tier = 1, rules = { "k8s.scale-own" } },
}

test "scaling beyond limit and quota" {
  facts = deployer,
  request = {
    agent_identity = "team-alpha-deploy-001", operation = "scale",
    context = { namespace = "team-alpha", environment = "staging", resource_type = "deployment", current_replicas = 3, target_replicas = 50 },
  },
  expect = { decision = "escalate", tier = 2, rules = { "k8s.scale-beyond-limit", "k8s.scale-beyond-quota" } },
}

test "an overage" {
  facts = { budget = { limit_micro_usd = 500000000, spent_micro_usd = 450000000 } },
  request = { agent_identity = "a", operation = "spend", estimated_cost_usd = "75.00" },
  expect = { decision = "escalate", tier = 2 },
}

test "reading in another namespace" {
  facts = { agent = { namespace = "finops" } },
  request = { agent_identity = "finops-agent-001", operation = "read", context = { namespace = "team-beta", resource_type = "namespace" } },
  expect = { decision = "escalate", tier = 2, rules = { "k8s.read-other-namespace" } },
}
