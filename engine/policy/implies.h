/* Which matches are wider than others; for the static checks. Errs towards "not known": false. Pure. */
#ifndef EDICT_POLICY_IMPLIES_H
#define EDICT_POLICY_IMPLIES_H

#include "policy/rule.h"

/* Whatever `narrow` matches, `wide` matches, too. */
bool implies_match(const struct match *narrow, const struct match *wide);
bool implies_value(const struct match_value *narrow, const struct match_value *wide);
/* No value can hold. */
bool implies_nothing(const struct match_value *value);

#endif
