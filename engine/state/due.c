/* What time has brought: asked by the housekeeping thread. */
#include "state/internal.h"

#include <stdio.h>

/* Registry locked. False when the item no longer holds. */
static bool make_event(struct state *state, struct arena *arena, const struct heap_item *item, struct event *event)
{
    if (item->number > 0) {
        const struct escalation *escalation = escalations_find(state, item->number);

        if (!escalation || escalation->state != ESCALATION_PENDING)
            return false;
        *event = (struct event){.type = RECORD_ESCALATION_EXPIRED, .by = SLICE("system")};
        event->expired.escalation_id = arena_printf(arena, "ESC-%llu", (unsigned long long)item->number);
        event->expired.agent = arena_copy(arena, escalation->agent->node.key);
    } else {
        const struct reservation *reservation = money_find(state, slice_from(item->decision_id, sizeof item->decision_id));

        if (!reservation)
            return false;
        *event = (struct event){.type = RECORD_RESERVATION_EXPIRED, .by = SLICE("system")};
        event->expired.decision_id = arena_copy(arena, slice_from(item->decision_id, sizeof item->decision_id));
        event->expired.agent = arena_copy(arena, reservation->agent->node.key);
    }
    return true;
}

/* Due items stay in the heap until their entry is there: one that was not committed is found again. */
enum status state_due(struct state *state, struct arena *arena, int64_t now_ms, size_t max, struct event *events, size_t *count,
                      struct error *error)
{
    struct heap_item *kept = arena_array(arena, max, sizeof *kept);

    *count = 0;
    if (!kept)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    pthread_mutex_lock(&state->registry);
    while (*count < max && state->due.count > 0 && state->due.items[0].time_ms <= now_ms) {
        struct heap_item item = state->due.items[0];

        heap_pop(&state->due);
        if (make_event(state, arena, &item, &events[*count]))
            kept[(*count)++] = item;
    }
    for (size_t i = 0; i < *count; i++)
        (void)heap_push(&state->due, &kept[i]); /* there was room for it a moment ago */
    pthread_mutex_unlock(&state->registry);
    return arena->exhausted ? error_set(error, STATUS_NO_MEMORY, "", "out of memory") : STATUS_OK;
}
