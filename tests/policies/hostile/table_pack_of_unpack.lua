-- table pack of unpack
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 5000 do t[i] = i end
    local all = {}
    for i = 1, 1000 do all[i] = table.pack(table.unpack(t)) end
    return true
  end,
}
