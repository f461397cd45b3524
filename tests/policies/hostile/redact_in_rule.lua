-- redact is for the file's own level
-- expect: error
-- message: redact
rule "hostile" {
  tier = 0,
  when = function() redact { "command" } return true end,
}
