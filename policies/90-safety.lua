-- Production safety: what no agent does, whoever it is.
defaults { owner = "security team" }

rule "safety.delete-production-namespace" {
  tier = 3,
  match = { operation = "delete", ["context.resource_type"] = { "namespace", "ns", "namespaces" }, ["context.environment"] = { is_not = { "development", "dev", "test" } } },
  because = { "Deleting a namespace removes everything in it, and this one may be in production" },
  alternatives = { "Delete single resources", "Ask the platform team to retire the namespace" },
}

rule "safety.delete-namespace" {
  tier = 2,
  match = { operation = "delete", ["context.resource_type"] = { "namespace", "ns", "namespaces" } },
  because = { "Deleting a namespace removes everything in it" },
}

rule "safety.system-namespace" {
  tier = 3,
  match = { operation = { "create", "update", "delete", "scale", "deploy", "exec", "grant" }, ["context.namespace"] = { "kube-system", "kube-public", "kube-node-lease", "istio-system", "cert-manager" } },
  because = { "{context.namespace} keeps the cluster running; agents do not change it" },
  alternatives = { "Ask the platform team; changes there go through their pipeline" },
}

rule "safety.secrets-of-others" {
  tier = 3,
  match = { operation = { "read", "list", "create", "update", "delete" }, ["context.resource_type"] = { "secret", "secrets" } },
  when = function(request, facts)
    return not (facts.agent.known and request.context.namespace ~= nil and owns(facts.agent, request.context.namespace))
  end,
  because = { "Secrets of other teams are theirs alone" },
  alternatives = { "Ask the owning team for access to what the secret protects" },
}

rule "safety.own-secrets" {
  tier = 2,
  match = { operation = { "read", "list", "create", "update", "delete" }, ["context.resource_type"] = { "secret", "secrets" } },
  because = { "A human sees to it that secrets stay where they belong" },
}

rule "safety.cluster-admin" {
  tier = 3,
  match = { operation = { "create", "update", "grant" }, ["context.role"] = { "cluster-admin", "admin", "system:masters" } },
  because = { "Granting {context.role} is privilege escalation" },
  alternatives = { "Ask for a role that holds just the rights that the task needs" },
}

rule "safety.access-rights" {
  tier = 2,
  match = { operation = { "create", "update", "delete", "grant" }, ["context.resource_type"] = { "role", "rolebinding", "clusterrole", "clusterrolebinding", "serviceaccount" } },
  because = { "Access rights are changed by people" },
  approvers = { "security team" },
}

rule "safety.grants" {
  tier = 2,
  match = { operation = "grant" },
  because = { "Access rights are changed by people" },
}

rule "safety.privileged-workload" {
  tier = 3,
  match = { operation = { "create", "update", "deploy" }, ["context.privileged"] = true },
  because = { "A privileged container can take over its node" },
  alternatives = { "Run the container without privileges and add the single capability that it needs" },
}

rule "safety.host-access" {
  tier = 3,
  match = { operation = { "create", "update", "deploy" }, ["context.host_path"] = { exists = true } },
  because = { "Mounting a path of the host ({context.host_path}) lets a workload leave its container" },
  alternatives = { "Use a persistent volume" },
}

rule "safety.exec-in-production" {
  tier = 2,
  match = { operation = "exec", ["context.environment"] = { is_not = { "development", "dev", "test" } } },
  because = { "Executing in a running container bypasses review" },
}

rule "safety.disable-audit" {
  tier = 3,
  match = { ["context.resource_type"] = { "audit", "audit-log", "auditpolicy", "audit-policy", "audit-sink" }, operation = { "update", "delete", "scale", "deploy" } },
  because = { "Auditing is not changed by those who are audited" },
  alternatives = { "Report what makes auditing a problem to the security team" },
}

rule "safety.edict" {
  tier = 3,
  description = "The decision point is not changed by those it decides on",
  match = { ["context.resource_name"] = { prefix = "edict" }, operation = { "update", "delete", "scale", "exec", "deploy" } },
  because = { "Edict is not changed by the agents that it governs" },
  alternatives = { "Ask the people who run Edict" },
}
