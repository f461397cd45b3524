#include "engine/redaction.h"

#include "engine/verdict_rules.h"

struct planner {
    const struct policy_bundle *bundle;
    struct arena *arena;
    struct decision *decision;
    struct slice *pointers;
    size_t count, capacity;
    bool failed;
};

/* ---- which texts ---- */

static bool is_plain(struct planner *planner, struct slice text)
{
    const struct decision *decision = planner->decision;

    for (size_t i = 0; i < decision->verdict.rule_count; i++) {
        struct slice rule = decision->verdict.rules[i].name;

        if (policy_text_is_plain(planner->bundle, decision->request.view, decision->facts_json, planner->arena, rule, text))
            return true;
    }
    return verdict_rules_says(planner->arena, decision, text);
}

static void add(struct planner *planner, struct slice pointer)
{
    planner->failed = planner->failed || !pointer.data || planner->count == planner->capacity;
    if (!planner->failed)
        planner->pointers[planner->count++] = pointer;
}

static void add_text(struct planner *planner, struct slice text, const char *pointer)
{
    if (text.size > 0 && !is_plain(planner, text))
        add(planner, slice_from_str(pointer));
}

static bool add_texts(struct planner *planner, const struct slice *texts, size_t count, const char *list)
{
    size_t before = planner->count;

    for (size_t i = 0; i < count; i++) {
        if (!is_plain(planner, texts[i]))
            add(planner, arena_printf(planner->arena, "/verdict/%s/%zu", list, i));
    }
    return planner->count > before;
}

/* An error's message is Lua's: it may quote whatever the rule was working on. */
static bool add_errors(struct planner *planner)
{
    for (size_t i = 0; i < planner->decision->verdict.error_count; i++)
        add(planner, arena_printf(planner->arena, "/verdict/errors/%zu/message", i));
    return planner->decision->verdict.error_count > 0;
}

static void add_derived(struct planner *planner)
{
    const struct decision *decision = planner->decision;
    const struct verdict *verdict = &decision->verdict;
    bool told = add_texts(planner, verdict->reasons, verdict->reason_count, "reasons");

    told = add_errors(planner) || told;
    add_texts(planner, verdict->alternatives, verdict->alternative_count, "alternatives");
    add_text(planner, verdict->next_steps, "/verdict/next_steps");
    if (told) /* the reasons again, under words of ours */
        add(planner, SLICE("/rationale"));
}

/* ---- the plan ---- */

static bool make_room(struct planner *planner, const struct slice *found, size_t count)
{
    const struct verdict *verdict = &planner->decision->verdict;

    planner->capacity = count + verdict->reason_count + verdict->alternative_count + verdict->error_count + 2;
    planner->pointers = arena_array(planner->arena, planner->capacity, sizeof *planner->pointers);
    for (size_t i = 0; planner->pointers && i < count; i++)
        planner->pointers[planner->count++] = found[i];
    return planner->pointers != NULL;
}

static enum status out_of_memory(struct error *error)
{
    return error_set(error, STATUS_NO_MEMORY, "", "the record needs more memory than one call may use");
}

static enum status draw_salts(struct planner *planner, struct error *error)
{
    size_t size = planner->count * REDACT_SALT_SIZE;
    char *salts = arena_alloc(planner->arena, size);

    if (!salts)
        return out_of_memory(error);
    if (digest_random(salts, size, error) != STATUS_OK)
        return error_set(error, STATUS_UNAVAILABLE, "", "the system gives no random bytes to redact with; nothing was decided");
    planner->decision->redact =
        (struct decision_redact_plan){.pointers = planner->pointers, .salts = salts, .count = planner->count};
    return STATUS_OK;
}

enum status redaction_plan(const struct policy_bundle *bundle, struct arena *arena, struct decision *decision,
                           struct error *error)
{
    const struct redact_paths *paths = policy_bundle_redacts(bundle);
    struct planner planner = {.bundle = bundle, .arena = arena, .decision = decision};
    struct slice *found = NULL;
    size_t count = 0;

    decision->redact = (struct decision_redact_plan){0};
    if (!paths)
        return STATUS_OK;
    if (!redact_find(arena, paths, decision->request.view, &found, &count))
        return out_of_memory(error);
    if (count == 0)
        return STATUS_OK;
    if (!make_room(&planner, found, count))
        return out_of_memory(error);
    add_derived(&planner);
    return planner.failed || arena->exhausted ? out_of_memory(error) : draw_salts(&planner, error);
}

bool redaction_take(struct arena *arena, const struct decision *decision, struct ledger_txn *txn)
{
    const struct decision_redaction *redaction = decision->redaction;
    struct ledger_private *rows;

    if (!redaction)
        return true;
    rows = arena_array(arena, redaction->value_count, sizeof *rows);
    for (size_t i = 0; rows && i < redaction->value_count; i++)
        rows[i] = (struct ledger_private){.path = redaction->values[i].pointer, .value = redaction->values[i].row};
    txn->privates = rows;
    txn->private_count = redaction->value_count;
    return rows != NULL;
}
