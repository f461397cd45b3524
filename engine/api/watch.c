#include "api/watch.h"

#include "api/api.h"

#include <stdio.h>

enum { WATCH_URI_MAX = 192 };

static void tell(const struct api_shared *shared, const char *folder, struct slice name)
{
    char uri[WATCH_URI_MAX];
    int size = snprintf(uri, sizeof uri, "edict://%s%.*s", folder, SLICE_ARG(name));

    if (size > 0 && (size_t)size < sizeof uri)
        mcp_changed(shared->mcp, MCP_CHANGED_RESOURCE, slice_from(uri, (size_t)size));
}

static void tell_escalation(const struct api_shared *shared, uint64_t number)
{
    char text[32];
    struct slice id = slice_from(text, (size_t)snprintf(text, sizeof text, "ESC-%llu", (unsigned long long)number));

    tell(shared, "escalations/", id);
    mcp_changed(shared->mcp, MCP_CHANGED_TASK, id);
}

static void changed(void *context, const struct state_change *change)
{
    struct api_shared *shared = context;

    if (change->kind == STATE_CHANGED_ESCALATION)
        waiters_notify(shared, change->number);
    if (!shared->mcp || !mcp_is_watched(shared->mcp))
        return;
    switch (change->kind) {
    case STATE_CHANGED_ESCALATION:
        tell_escalation(shared, change->number);
        break;
    case STATE_CHANGED_AGENT:
        tell(shared, "agents/", change->name);
        break;
    case STATE_CHANGED_DECISION:
        tell(shared, "decisions/", change->name);
        break;
    case STATE_CHANGED_POLICIES:
        tell(shared, "policies", change->name);
        break;
    }
}

static bool wants_all(void *context)
{
    const struct api_shared *shared = context;

    return shared->mcp && mcp_is_watched(shared->mcp);
}

struct state_watcher watch_state(struct api_shared *shared)
{
    return (struct state_watcher){.context = shared, .changed = changed, .wants_all = wants_all};
}
