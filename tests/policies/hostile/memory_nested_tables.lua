-- memory nested tables
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    while true do t = { t } end
  end,
}
