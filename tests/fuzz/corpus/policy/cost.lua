-- Money. That no budget is exceeded is guaranteed by the engine (edict.over-budget); these rules are about what is sensible.
defaults { owner = "FinOps team", approvers = { "FinOps team" }, sla = 14400 }

local small = money.micro("10")

local function is_small(_, facts)
  return facts.cost.estimated_micro_usd <= small
end

-- A spend request says what it costs; a command would be something else.
rule "cost.small-spend" {
  tier = 0,
  match = { operation = "spend", command = { exists = false } },
  requires = { "estimated_cost_usd" },
  when = is_small,
  because = function(_, facts)
    return { "The cost (" .. money.text(facts.cost.estimated_micro_usd) .. ") is small", "It fits your remaining budget of " .. money.text(facts.budget.remaining_micro_usd) }
  end,
}

rule "cost.spend-within-budget" {
  tier = 1,
  match = { operation = "spend", command = { exists = false } },
  requires = { "estimated_cost_usd" },
  when = function(request, facts)
    return not is_small(request, facts) and facts.cost.estimated_micro_usd <= facts.budget.remaining_micro_usd
  end,
  because = function(_, facts)
    return {
      "The cost (" .. money.text(facts.cost.estimated_micro_usd) .. ") fits your remaining budget of " .. money.text(facts.budget.remaining_micro_usd),
      "Current budget utilization: " .. facts.budget.utilization_percent .. "%",
    }
  end,
}

rule "cost.over-budget" {
  tier = 2,
  description = "Says more about what edict.over-budget stops",
  match = { ["facts.cost.estimated_micro_usd"] = { min = 1 }, ["facts.agent.known"] = true },
  when = function(_, facts)
    return facts.cost.estimated_micro_usd > facts.budget.remaining_micro_usd
  end,
  because = { "Current budget utilization: {facts.budget.utilization_percent}%", "Per policy, budget overages require FinOps team approval" },
  next_steps = "A reviewer of the FinOps team decides. Typical time: 4 hours.",
  alternatives = { "Wait for the next month's budget", "Split the work so that a part of it fits" },
}

rule "cost.large-share" {
  tier = 2,
  match = { ["facts.cost.estimated_micro_usd"] = { min = 1 }, ["facts.agent.known"] = true },
  when = function(_, facts)
    return facts.cost.estimated_micro_usd * 2 > facts.budget.limit_micro_usd
  end,
  because = { "One request would take more than half of your monthly budget" },
}
