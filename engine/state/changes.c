/* What has changed in a group of entries, told to the watcher once the group is durable. The sequencer's thread. */
#include "state/internal.h"

#include <stdlib.h>

static bool is_wanted(struct state *state, enum state_change_kind kind)
{
    const struct state_watcher *watcher = &state->watcher;

    if (!watcher->changed)
        return false;
    return kind == STATE_CHANGED_ESCALATION || (watcher->wants_all && watcher->wants_all(watcher->context));
}

static bool make_room(struct state *state)
{
    size_t capacity = state->changed_capacity ? state->changed_capacity * 2 : 64;
    struct changed *grown;

    if (state->changed_count < state->changed_capacity)
        return true;
    grown = realloc(state->changed, capacity * sizeof *grown);
    if (!grown)
        return false; /* long polls end at their time, and subscribers miss one change */
    state->changed = grown;
    state->changed_capacity = capacity;
    return true;
}

void changes_note(struct state *state, enum state_change_kind kind, uint64_t number, struct slice name)
{
    struct changed *changed;

    if (name.size > CHANGED_NAME_MAX || !is_wanted(state, kind) || !make_room(state))
        return;
    changed = &state->changed[state->changed_count++];
    *changed = (struct changed){.kind = kind, .number = number, .size = name.size};
    if (name.size > 0)
        memcpy(changed->name, name.data, name.size);
}

void changes_note_event(struct state *state, const struct event *event)
{
    const struct slice none = {0};

    switch (event->type) {
    case RECORD_OUTCOME:
        changes_note(state, STATE_CHANGED_DECISION, 0, event->outcome.decision_id);
        changes_note(state, STATE_CHANGED_AGENT, 0, event->outcome.agent);
        break;
    case RECORD_DECISION_ERASED:
        changes_note(state, STATE_CHANGED_DECISION, 0, event->erased.decision_id);
        break;
    case RECORD_AGENT_SET:
        changes_note(state, STATE_CHANGED_AGENT, 0, event->agent_set.agent);
        break;
    case RECORD_USAGE_SET:
        changes_note(state, STATE_CHANGED_AGENT, 0, event->usage_set.agent);
        break;
    case RECORD_BUDGET_RAISED:
        changes_note(state, STATE_CHANGED_AGENT, 0, event->budget_raised.agent);
        break;
    case RECORD_RESERVATION_EXPIRED:
        changes_note(state, STATE_CHANGED_AGENT, 0, event->expired.agent);
        break;
    case RECORD_POLICY_ACTIVATED:
        changes_note(state, STATE_CHANGED_POLICIES, 0, none);
        break;
    default: /* escalations note themselves; the rest shows in no document that can be watched */
        break;
    }
}

void changes_tell(struct state *state)
{
    for (size_t i = 0; i < state->changed_count; i++) {
        const struct changed *changed = &state->changed[i];
        const struct state_change change = {
            .kind = changed->kind, .number = changed->number, .name = slice_from(changed->name, changed->size)};

        state->watcher.changed(state->watcher.context, &change);
    }
    state->changed_count = 0;
}

void state_watch(struct state *state, const struct state_watcher *watcher)
{
    state->watcher = *watcher;
}
