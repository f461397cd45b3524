-- memory nested tables
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    while true do t = { t } end
  end,
}
