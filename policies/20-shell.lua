-- Shell commands. What only reads is approved, what is dangerous is denied, and about everything else a human decides.
local commands = require "lib.commands"

defaults { owner = "security team" }

rule "shell.read-only" {
  tier = 0,
  description = "A command line of which every part is known and only reads",
  match = { operation = "shell.exec", command = { exists = true } },
  when = function(request)
    local script = shell.parse(request.command)
    return commands.only_reads(script) and not commands.danger(script)
  end,
  because = { "Every command in the line is known and only reads", "Nothing is written, elevated, or sent away" },
}

rule "shell.dangerous" {
  tier = 3,
  description = "Whatever the operation is called: these commands are never run by agents",
  match = { command = { exists = true }, operation = { is_not = "sql.query" } },
  when = function(request)
    return commands.danger(shell.parse(request.command)) ~= nil
  end,
  because = function(request)
    return { "The command is dangerous: " .. commands.danger(shell.parse(request.command)) }
  end,
  alternatives = { "Describe the goal to the owning team; they have safer means" },
}

rule "shell.not-understood" {
  tier = 2,
  match = { operation = "shell.exec", command = { exists = true } },
  when = function(request)
    local script = shell.parse(request.command)
    return not script.ok or script.opaque
  end,
  because = function(request)
    local script = shell.parse(request.command)
    return { "What the command line would run cannot be known beforehand" .. (script.problem and " (" .. script.problem .. ")" or "") }
  end,
  next_steps = "Send plain commands with fixed arguments.",
}

rule "shell.many-denials" {
  tier = 2,
  description = "An agent that keeps running into denials is looked at",
  match = { ["facts.history.all.h1.denied"] = { min = 10 } },
  because = { "{facts.history.all.h1.denied} of your requests were denied within the last hour" },
}
