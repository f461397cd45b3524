-- Kubernetes: what agents may do in their own namespace.
local kubernetes = require "lib.kubernetes"

defaults { owner = "platform team" }

local verbs = { "create", "read", "list", "update", "delete", "scale", "deploy", "exec" }

rule "k8s.read-own" {
  tier = 0,
  description = "Reading resources of the agent's own namespace",
  match = { operation = { "read", "list" }, ["context.resource_type"] = { is_not = { "secret", "namespace" } } },
  requires = { "context.namespace" },
  when = function(request, facts)
    return owns(facts.agent, request.context.namespace) and kubernetes.agrees(request)
  end,
  because = { "Reading changes nothing", "The namespace is yours ({context.namespace})" },
}

rule "k8s.delete-failed-pod" {
  tier = 1,
  description = "Cleaning up pods that have failed long ago",
  match = { operation = "delete", ["context.resource_type"] = "pod", ["context.pod_status"] = "Failed" },
  requires = { "context.namespace", "context.pod_age_hours" },
  when = function(request, facts)
    return request.context.pod_age_hours > 24 and owns(facts.agent, request.context.namespace) and has_privilege(facts.agent, "k8s:delete:pod") and
             kubernetes.agrees(request)
  end,
  because = {
    "Resource is in your namespace ({context.namespace})",
    "Pod is in Failed state (safe to delete)",
    "Pod is >24h old (matches the clean-up policy)",
    "Single pod deletion (low blast radius)",
    "Within your declared privileges",
  },
  next_steps = "Proceed with the deletion. This action is logged to the decision ledger for audit purposes.",
}

rule "k8s.delete-own-disposable" {
  tier = 1,
  description = "Deleting pods and jobs outside of production",
  match = { operation = "delete", ["context.resource_type"] = { "pod", "job" }, ["context.environment"] = { "development", "dev", "test", "staging" } },
  requires = { "context.namespace" },
  when = function(request, facts)
    return owns(facts.agent, request.context.namespace) and has_privilege(facts.agent, "k8s:delete:" .. request.context.resource_type) and
             kubernetes.agrees(request)
  end,
  because = { "Resource is in your namespace ({context.namespace})", "The environment is {context.environment}, not production", "A {context.resource_type} is made anew by its controller" },
}

local function cores_needed(request)
  local context = request.context
  local more = context.target_replicas - (context.current_replicas or 0)
  return more > 0 and more * (context.cpu_cores_per_replica or 1) or 0
end

local function fits_quota(request, facts)
  local quota = facts.quota and facts.quota.compute and facts.quota.compute.cpu_cores
  local used = facts.usage and facts.usage.compute and facts.usage.compute.cpu_cores
  return quota ~= nil and used ~= nil and used + cores_needed(request) <= quota
end

rule "k8s.scale-own" {
  tier = 1,
  description = "Scaling a deployment of the own namespace within quota and limit",
  match = { operation = "scale", ["context.resource_type"] = { "deployment", "statefulset" }, ["context.target_replicas"] = { min = 0, max = 10 } },
  requires = { "context.namespace", "context.current_replicas" },
  when = function(request, facts)
    return owns(facts.agent, request.context.namespace) and has_privilege(facts.agent, "k8s:scale:" .. request.context.resource_type) and
             fits_quota(request, facts) and kubernetes.agrees(request)
  end,
  because = function(request, facts)
    local context = request.context
    return {
      "Current CPU: " .. facts.usage.compute.cpu_cores .. " cores, quota: " .. facts.quota.compute.cpu_cores .. " cores; " .. cores_needed(request) .. " more fit",
      "Budget remaining: " .. money.text(facts.budget.remaining_micro_usd),
      "Namespace: " .. context.namespace .. " (yours)",
      "Target replicas: " .. context.target_replicas .. " (at most the limit of 10)",
    }
  end,
  next_steps = "Proceed with scaling. Logged to the audit trail.",
}

rule "k8s.scale-beyond-limit" {
  tier = 2,
  match = { operation = "scale", ["context.target_replicas"] = { min = 11 } },
  because = { "{context.target_replicas} replicas are more than the limit of 10" },
  next_steps = "Ask the platform team for a higher limit.",
}

rule "k8s.scale-beyond-quota" {
  tier = 2,
  match = { operation = "scale", ["context.target_replicas"] = { min = 0 } },
  when = function(request, facts)
    return not fits_quota(request, facts)
  end,
  because = { "The additional replicas do not fit the CPU quota that is declared for you, or no quota and usage are known" },
}

rule "k8s.change-own-outside-production" {
  tier = 1,
  description = "Creating and changing workloads in development, test and staging",
  match = {
    operation = { "create", "update", "deploy" },
    ["context.resource_type"] = { "deployment", "service", "configmap", "job", "cronjob", "pod", "ingress", "horizontalpodautoscaler" },
    ["context.environment"] = { "development", "dev", "test", "staging" },
  },
  requires = { "context.namespace" },
  when = function(request, facts)
    return owns(facts.agent, request.context.namespace) and kubernetes.agrees(request)
  end,
  because = { "Resource is in your namespace ({context.namespace})", "The environment is {context.environment}, not production" },
}

-- Monday to Friday, 07:00 to 18:00 UTC: somebody is there when it goes wrong.
local function is_working_time(facts)
  local now = time.parts(facts.now_ms)
  return now.weekday <= 5 and now.hour >= 7 and now.hour < 18
end

rule "k8s.deploy-own-production" {
  tier = 1,
  description = "Deploying to production in working hours, by agents that may",
  match = { operation = { "update", "deploy" }, ["context.resource_type"] = "deployment", ["context.environment"] = "production" },
  requires = { "context.namespace" },
  when = function(request, facts)
    return owns(facts.agent, request.context.namespace) and has_privilege(facts.agent, "k8s:deploy:production") and is_working_time(facts) and
             kubernetes.agrees(request)
  end,
  because = { "Resource is in your namespace ({context.namespace})", "You are declared to deploy to production", "It is working time, so people can react" },
}

rule "k8s.change-production-off-hours" {
  tier = 2,
  match = { operation = { "create", "update", "deploy", "scale" }, ["context.environment"] = "production" },
  when = function(_, facts)
    return not is_working_time(facts)
  end,
  because = { "Production is changed in working hours only (Monday to Friday, 07:00 to 18:00 UTC)" },
  next_steps = "Wait for working hours, or for the on-call engineer.",
}

rule "k8s.delete-in-production" {
  tier = 2,
  match = {
    operation = "delete",
    ["context.resource_type"] = { "deployment", "statefulset", "daemonset", "service", "persistentvolumeclaim", "persistentvolume", "ingress", "configmap", "secret", "cronjob" },
    ["context.environment"] = { is_not = { "development", "dev", "test", "staging" } },
  },
  because = { "Deleting a {context.resource_type} in production takes a service or its data away" },
  alternatives = { "Scale it to 0 replicas first, and delete it a week later" },
}

rule "k8s.command-disagrees" {
  tier = 2,
  description = "The context is a claim; the command is what would run",
  match = { operation = verbs, command = { exists = true }, ["context.resource_type"] = { exists = true } },
  when = function(request)
    return not kubernetes.agrees(request)
  end,
  because = function(request)
    return { "The command does not do what the request says: " .. kubernetes.disagreement(request) }
  end,
  next_steps = "Send the command whose effect the context describes, or describe what the command does.",
}

rule "k8s.many-deletions" {
  tier = 2,
  match = { operation = "delete", ["facts.history.similar.h1.approved"] = { min = 20 } },
  because = { "You were allowed {facts.history.similar.h1.approved} such deletions within the last hour; a human looks before more follow" },
}

rule "k8s.read-other-namespace" {
  tier = 2,
  match = { operation = { "read", "list" }, ["context.namespace"] = { exists = true } },
  when = function(request, facts)
    return facts.agent.known and not owns(facts.agent, request.context.namespace)
  end,
  because = { "This is a cross-namespace read request: {context.namespace} is not your namespace", "The owner of {context.namespace} has to agree" },
  next_steps = "Say what you read, for what purpose and for how long; a reviewer asks the owner of the namespace.",
}

rule "k8s.change-other-namespace" {
  tier = 2,
  match = { operation = { "create", "update", "scale", "deploy" }, ["context.namespace"] = { exists = true } },
  when = function(request, facts)
    return facts.agent.known and not owns(facts.agent, request.context.namespace)
  end,
  because = { "{context.namespace} is not your namespace; its owner has to agree to changes" },
}

rule "k8s.destroy-in-other-namespace" {
  tier = 3,
  match = { operation = { "delete", "exec", "grant" }, ["context.namespace"] = { exists = true } },
  when = function(request, facts)
    return facts.agent.known and not owns(facts.agent, request.context.namespace)
  end,
  because = { "{context.namespace} belongs to another team: deleting and executing there is theirs" },
  alternatives = { "Ask the owning team to do it, with their own agent" },
}
