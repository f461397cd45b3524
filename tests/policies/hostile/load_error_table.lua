-- load error table
-- expect: refused
-- message: not a text
error({})
