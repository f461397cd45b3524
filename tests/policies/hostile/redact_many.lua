-- redact: more than fit
-- expect: refused
-- message: more than 256 fields
for i = 1, 300 do redact { "context.f" .. i } end
rule "hostile" { tier = 0, match = { operation = "x" } }
