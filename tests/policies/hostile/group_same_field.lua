-- a rule that would replace what its group demands
-- expect: refused
-- message: the group already says
group "narrow" {
  match = { ["context.environment"] = "test" },
  rules = function() rule "hostile" { tier = 0, match = { ["context.environment"] = "production" } } end,
}
