-- Does a kubectl command do what the request's context claims, and no more?
local kubernetes = {}

local verbs_of = {
  read = set { "get", "describe", "logs", "top", "explain", "events" },
  list = set { "get", "describe", "top", "events" },
  delete = set { "delete" },
  scale = set { "scale" },
  create = set { "create", "run", "expose" },
  update = set { "patch", "set", "label", "annotate", "rollout", "autoscale" },
  deploy = set { "set", "rollout", "create" },
}

local function one_target(parsed, context)
  if #parsed.targets ~= 1 then
    return "the command names " .. #parsed.targets .. " resources"
  end
  local target = parsed.targets[1]
  if target.dynamic or not target.known then
    return "the command's resource is not known beforehand"
  end
  if context.resource_type and target.type ~= kubectl.type(context.resource_type) then
    return "the command is about a " .. target.type .. ", and the context about a " .. context.resource_type
  end
  if context.resource_name and target.name and target.name ~= context.resource_name then
    return "the command names " .. target.name .. ", and the context " .. context.resource_name
  end
  return nil
end

local function redirects_elsewhere(parsed)
  if parsed.impersonates or parsed.credentials or parsed.insecure or parsed.kubeconfig or parsed.context or parsed.cluster or parsed.user or parsed.server then
    return "the command uses another identity, cluster or credentials"
  end
  return nil
end

local function goes_wider(parsed)
  if parsed.all_namespaces or parsed.all or parsed.has_selector or parsed.prune or parsed.recursive or parsed.kustomize or #parsed.files > 0 then
    return "the command may reach more than one resource"
  end
  if parsed.force or parsed.raw or parsed.patch or parsed.subresource or parsed.privileged or #parsed.inner > 0 then
    return "the command uses a flag that exceeds the request"
  end
  return nil
end

-- nil when the command is absent, or agrees with operation and context; else in which way it does not.
function kubernetes.disagreement(request)
  if request.command == nil then
    return nil
  end
  local context = request.context or {}
  local parsed = kubectl.parse(request.command)
  if not parsed.ok then
    return "the command is not one plain kubectl command" .. (parsed.problem and " (" .. parsed.problem .. ")" or "")
  end
  if parsed.dynamic or parsed.namespace_dynamic then
    return "the command is not fixed beforehand"
  end
  local allowed = verbs_of[request.operation]
  if not allowed or not set.has(allowed, parsed.verb) then
    return "the command's verb (" .. tostring(parsed.verb) .. ") is not the operation (" .. request.operation .. ")"
  end
  if parsed.namespace and parsed.namespace ~= context.namespace then
    return "the command is about namespace " .. parsed.namespace .. ", and the context about " .. tostring(context.namespace)
  end
  if request.operation == "scale" and (not parsed.has_replicas or parsed.replicas ~= context.target_replicas) then
    return "the command's number of replicas is not the context's target_replicas"
  end
  if request.operation == "list" or request.operation == "read" then
    if parsed.all_namespaces or parsed.raw then
      return "the command may reach more than the context's namespace"
    end
    for _, target in ipairs(parsed.targets) do
      if target.type == "secret" and context.resource_type ~= "secret" then
        return "the command reads secrets, and the context says nothing of them"
      end
    end
    return redirects_elsewhere(parsed)
  end
  return redirects_elsewhere(parsed) or goes_wider(parsed) or one_target(parsed, context)
end

function kubernetes.agrees(request)
  return kubernetes.disagreement(request) == nil
end

function kubernetes.is_production(request)
  local environment = request.context and request.context.environment
  return environment == nil or environment == "production" or environment == "prod"
end

return kubernetes
