-- Data: SQL, files, HTTP, tools.
local paths = require "lib.paths"

defaults { owner = "data team" }

-- ---- SQL ----

local personal = { "user", "customer", "person", "people", "employee", "patient", "payment", "card", "address", "salary", "account", "email", "contact" }

local function reads_personal_data(script)
  for _, statement in ipairs(script.statements) do
    for _, target in ipairs(statement.tables) do
      for _, word in ipairs(personal) do
        if target.name:lower():find(word, 1, true) then
          return target.name
        end
      end
    end
  end
  return nil
end

local function destroys(script)
  for _, statement in ipairs(script.statements) do
    if #statement.dangers > 0 then
      return "it uses " .. statement.dangers[1]
    end
    if statement.changes_rights then
      return "it changes rights"
    end
    if statement.changes_schema and (statement.verb == "drop" or statement.verb == "truncate") then
      return "it destroys a " .. (statement.object or "table")
    end
    if (statement.verb == "delete" or statement.verb == "update") and (not statement.has_where or statement.where_constant) then
      return "it changes every row of a table"
    end
  end
  return nil
end

rule "sql.read" {
  tier = 0,
  match = { operation = "sql.query", command = { exists = true } },
  when = function(request)
    local script = sql.parse(request.command)
    return script.ok and script.reads_only and not reads_personal_data(script) and not destroys(script)
  end,
  because = { "Every statement only reads", "No table with personal data is touched" },
}

rule "sql.personal-data" {
  tier = 2,
  match = { operation = "sql.query", command = { exists = true } },
  when = function(request)
    return reads_personal_data(sql.parse(request.command)) ~= nil
  end,
  because = function(request)
    return { "The table " .. reads_personal_data(sql.parse(request.command)) .. " may hold personal data" }
  end,
  approvers = { "data protection officer" },
}

rule "sql.write-outside-production" {
  tier = 1,
  match = { operation = "sql.query", command = { exists = true }, ["context.environment"] = { "development", "dev", "test", "staging" } },
  when = function(request)
    local script = sql.parse(request.command)
    if not script.ok or #script.statements ~= 1 or reads_personal_data(script) or destroys(script) then
      return false
    end
    local statement = script.statements[1]
    return statement.writes_data and not statement.changes_schema
  end,
  because = { "One statement changes chosen rows", "The environment is {context.environment}, not production" },
}

rule "sql.destructive" {
  tier = 3,
  match = { operation = "sql.query", command = { exists = true } },
  when = function(request)
    return destroys(sql.parse(request.command)) ~= nil
  end,
  because = function(request)
    return { "The statement is destructive: " .. destroys(sql.parse(request.command)) }
  end,
  alternatives = { "Name the rows with a WHERE clause", "Let a migration that was reviewed do it" },
}

-- ---- files ----

local workspace = "/workspace"

local function is_inside_workspace(request)
  return request.command == nil and path.inside(workspace, request.context.path) == true and not paths.is_secret(request.context.path) and
           not paths.is_edict(request.context.path)
end

rule "file.read-workspace" {
  tier = 0,
  match = { operation = "file.read", ["context.path"] = { prefix = "/workspace/" } },
  when = is_inside_workspace,
  because = { "The file is inside of the workspace" },
}

rule "file.write-workspace" {
  tier = 1,
  match = { operation = { "file.write", "file.delete" }, ["context.path"] = { prefix = "/workspace/" } },
  when = is_inside_workspace,
  because = { "The file is inside of the workspace, which can be restored" },
}

rule "file.secret" {
  tier = 3,
  match = { operation = { prefix = "file." }, ["context.path"] = { exists = true } },
  when = function(request)
    return paths.is_secret(request.context.path) or paths.is_edict(request.context.path)
  end,
  because = { "{context.path} holds credentials, or belongs to Edict itself" },
  alternatives = { "Ask for the one value that you need through the secret manager" },
}

-- ---- HTTP ----

rule "http.read" {
  tier = 1,
  match = { operation = "http.request", ["context.method"] = { "GET", "HEAD" }, command = { exists = false } },
  requires = { "context.url" },
  when = function(request)
    local target = url.parse(request.context.url)
    return target.ok and target.scheme == "https" and not target.userinfo and not target.host_is_address and not target.host_obscured and not target.has_port and
             #request.context.url <= 512
  end,
  because = { "A plain read of a public HTTPS address" },
}

rule "http.internal-address" {
  tier = 3,
  match = { operation = "http.request", ["context.url"] = { exists = true } },
  when = function(request)
    local target = url.parse(request.context.url)
    return target.ok and (target.host_obscured or (target.host_is_address and target.address_kind ~= "global") or target.host == "localhost" or
             target.host:find("metadata", 1, true) ~= nil)
  end,
  because = { "The address leads to internal or metadata services" },
  alternatives = { "Ask for the service to be reachable by its public name" },
}

-- ---- tools ----

rule "tool.read" {
  tier = 1,
  match = { operation = "tool.call", command = { exists = false } },
  requires = { "context.server", "context.tool" },
  when = function(request)
    return re.match("^(get|list|search|read|describe|find|count)_[a-z_]+$", request.context.tool) ~= nil
  end,
  because = { "The tool {context.tool} only reads, by its name", "Its use is logged" },
}
