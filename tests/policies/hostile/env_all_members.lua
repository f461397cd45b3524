-- all that a policy can reach by name
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local names = {}
    for name in pairs(_ENV) do names[#names + 1] = name end
    local all = table.concat(names, " ")
    return all == "assert cidr defaults error glob group has_privilege helm ipairs kubectl math money owns pairs path pcall re require rule select semver set shell sql string table time tonumber tostring type url"
  end,
}
