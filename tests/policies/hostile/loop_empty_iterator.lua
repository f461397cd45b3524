-- loop empty iterator
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for _ in function() return 1 end do end
  end,
}
