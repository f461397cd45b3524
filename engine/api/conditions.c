#include "api/conditions.h"

#include "api/reply.h"

struct slice conditions_tag(struct api_call *call, uint64_t version)
{
    return arena_printf(call->http->arena, "\"%llu\"", (unsigned long long)version);
}

/* The next of a list of tags: false at its end, or where it is no tag (`bad`). `opaque` is what stands between the quotes. */
static bool next_tag(struct slice *rest, struct slice *opaque, bool *weak, bool *bad)
{
    size_t end;

    while (rest->size > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t' || rest->data[0] == ','))
        *rest = slice_sub(*rest, 1, rest->size);
    if (rest->size == 0)
        return false;
    *weak = slice_starts_with(*rest, SLICE("W/"));
    if (*weak)
        *rest = slice_sub(*rest, 2, rest->size);
    end = rest->size > 0 && rest->data[0] == '"' ? slice_find(*rest, '"', 1) : SIZE_MAX;
    if (end == SIZE_MAX) {
        *bad = true;
        return false;
    }
    *opaque = slice_sub(*rest, 1, end);
    *rest = slice_sub(*rest, end + 1, rest->size);
    return true;
}

/* If-Match compares strongly: a weak tag, and one that no version has, match nothing. One of several tags is enough for RFC
 * 9110, but a change is checked against one version, so several are refused. */
static bool read_if_match(struct slice value, uint64_t *version)
{
    struct slice opaque, more;
    bool weak = false, bad = false;

    if (slice_equal(value, SLICE("*"))) {
        *version = STATE_AGENT_PRESENT;
        return true;
    }
    if (!next_tag(&value, &opaque, &weak, &bad) || next_tag(&value, &more, &(bool){false}, &bad) || bad)
        return false;
    if (weak || !slice_to_u64(opaque, version) || *version == 0 || *version >= STATE_AGENT_NEVER)
        *version = STATE_AGENT_NEVER;
    return true;
}

bool conditions_of_change(struct api_call *call, uint64_t *version)
{
    struct slice match, none;
    size_t matches = http_header_get(call->http, "if-match", &match);
    size_t nones = http_header_get(call->http, "if-none-match", &none);

    *version = STATE_AGENT_ANY;
    if (nones > 0 && (nones > 1 || matches > 0 || !slice_equal(none, SLICE("*")))) {
        reply_problem(call, 400, "If-None-Match",
                      "a change takes only \"*\" (make it, do not replace it), and no If-Match besides");
        return false;
    }
    if (nones == 1)
        *version = STATE_AGENT_ABSENT;
    if (matches == 0 || (matches == 1 && read_if_match(match, version)))
        return true;
    reply_problem(call, 400, "If-Match", "send one entity tag as GET gave it, such as \"41\" with its quotes, or *");
    return false;
}

bool conditions_seen(const struct api_call *call, uint64_t version)
{
    struct slice value, opaque;
    bool weak, bad = false;
    uint64_t number;

    if (http_header_get(call->http, "if-none-match", &value) != 1)
        return false;
    if (slice_equal(value, SLICE("*")))
        return true;
    while (next_tag(&value, &opaque, &weak, &bad)) {
        if (slice_to_u64(opaque, &number) && number == version)
            return true;
    }
    return false;
}
