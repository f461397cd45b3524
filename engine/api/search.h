/*
 * The parameters that every list of what the ledger holds understands: agent, tier, operation, rule, escalation,
 * command_prefix, type, since, until. A resource names those that it takes to parameters_check.
 */
#ifndef EDICT_API_SEARCH_H
#define EDICT_API_SEARCH_H

#include "api/api.h"
#include "engine/terms.h"

#define SEARCH_NAMES "agent", "tier", "operation", "rule", "escalation", "command_prefix", "since", "until"

struct search {
    struct terms_filter filter;
    struct ledger_query query;
};

/* Fills both, in place, after parameters_check; answers and returns false when one is wrong. Ends with search_end. `type` is
 * the only type of entries that the resource shows; empty: any. */
bool search_parse(struct api_call *call, struct search *search, struct slice type);
/* Only the parameters' values, into a zeroed search. */
bool search_read(struct api_call *call, struct search *search);
void search_end(struct search *search);

#endif
