defaults { owner = "x", sla = "4h" }
group "a" {
  match = { operation = { "read", { prefix = "li" } }, ["context.n"] = { min = 1, max = 4, is_not = { 2, 3.5 } } },
  rules = function()
    rule "b" { tier = 1, requires = { "context.namespace" }, when = function(r, f) return owns(f.agent, r.context.namespace) end, because = { "{context.n}" } }
  end,
}
rule "c" { tier = 2, except = { { command = { glob = "ls*" } } }, cost = "1.5", because = function(r) return shell.parse(r.command).commands[1].name end }
