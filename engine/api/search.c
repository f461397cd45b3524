#include "api/search.h"

#include "api/body.h"
#include "api/reply.h"

static bool check_type(struct api_call *call, struct slice type)
{
    enum record_type known;

    if (type.size == 0 || record_type_parse(type, &known))
        return true;
    reply_problem(call, 400, "type", "no such type of entry; decision, decision.outcome, agent.set and others are");
    return false;
}

static bool check_prefix(struct api_call *call, struct slice prefix)
{
    if (prefix.size == 0 || terms_has_words(prefix))
        return true;
    reply_problem(call, 400, "command_prefix", "expected the words that a command begins with");
    return false;
}

bool search_read(struct api_call *call, struct search *search)
{
    struct terms_filter *filter = &search->filter;
    uint64_t tier = 0;

    return parameter_text(call, "type", &filter->type) && parameter_agent(call, "agent", &filter->agent) &&
           parameter_u64(call, "tier", 0, 3, &tier) && parameter_text(call, "tier", &filter->tier) &&
           parameter_text(call, "operation", &filter->operation) && parameter_text(call, "rule", &filter->rule) &&
           parameter_text(call, "escalation", &filter->escalation) &&
           parameter_text(call, "command_prefix", &filter->command_prefix) &&
           parameter_time(call, "since", &search->query.since_ms) && parameter_time(call, "until", &search->query.until_ms) &&
           check_type(call, filter->type) && check_prefix(call, filter->command_prefix);
}

bool search_parse(struct api_call *call, struct search *search, struct slice type)
{
    *search = (struct search){.query = {.before = UINT64_MAX}};
    if (!search_read(call, search))
        return false;
    if (type.size > 0)
        search->filter.type = type;
    if (terms_query(call->http->arena, ledger_store(call->api->shared->ledger), &search->filter, &search->query))
        return true;
    search_end(search);
    reply_problem(call, 503, "", "out of memory; try again");
    return false;
}

void search_end(struct search *search)
{
    terms_filter_destroy(&search->filter);
}
