#include "engine/terms.h"

#include <stdio.h>

enum { TERMS_RECORD_ARENA_MAX = 64 << 20 };

static void add_term(struct ledger_entry *entry, char kind, struct slice value)
{
    if (entry->term_count < LEDGER_TERMS_MAX && value.size > 0)
        entry->terms[entry->term_count++] = (struct ledger_term){.kind = kind, .value = value};
}

/* ---- commands ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Words with single spaces between them. `.data` is NULL when the arena is exhausted. */
static struct slice fold_spaces(struct arena *arena, struct slice text)
{
    char *folded = arena_alloc(arena, text.size + 1);
    size_t size = 0;

    for (size_t i = 0; folded && i < text.size; i++) {
        if (!is_space(text.data[i]))
            folded[size++] = text.data[i];
        else if (size > 0 && folded[size - 1] != ' ')
            folded[size++] = ' ';
    }
    if (size > 0 && folded[size - 1] == ' ')
        size--;
    return slice_from(folded, size);
}

/* The first `words` words of a folded text; all of it when there are fewer. */
static struct slice first_words(struct slice folded, size_t words)
{
    size_t end = 0;

    for (size_t i = 0; i < words && end < folded.size; i++) {
        end = slice_find(folded, ' ', end + (i > 0));
        if (end == SIZE_MAX)
            return folded;
    }
    return slice_sub(folded, 0, end);
}

/* What a decision's command is found by: nothing where the record only commits to it. */
static struct slice indexed_command(const struct decision *decision)
{
    const cJSON *pointer, *pointers = decision->redaction ? decision->redaction->pointers : NULL;

    cJSON_ArrayForEach(pointer, pointers)
    {
        if (slice_equal(json_text(pointer), SLICE("/request/command")))
            return (struct slice){0};
    }
    for (size_t i = 0; i < decision->redact.count; i++) {
        if (slice_equal(decision->redact.pointers[i], SLICE("/request/command")))
            return (struct slice){0};
    }
    return decision->request.command;
}

static bool add_command(struct arena *arena, const struct decision *decision, struct ledger_entry *entry)
{
    struct slice command = indexed_command(decision), folded, last = {0};

    if (command.size == 0)
        return true;
    folded = fold_spaces(arena, command);
    for (size_t words = 1; folded.data && words <= TERMS_COMMAND_WORDS; words++) {
        struct slice prefix = first_words(folded, words);

        if (prefix.size > TERMS_COMMAND_BYTES_MAX || prefix.size == last.size)
            break;
        add_term(entry, LEDGER_TERM_COMMAND, prefix);
        last = prefix;
    }
    return folded.data != NULL;
}

/* ---- entries ---- */

/* The escalation that a decision opens, joins, or whose grant it uses. */
static struct slice escalation_of(const struct decision *decision)
{
    if (decision->effects.grant_id.size == 0)
        return decision->escalation_id;
    for (size_t i = 0; i < decision->facts.grant_count; i++) {
        if (slice_equal(decision->facts.grants[i].id, decision->effects.grant_id))
            return decision->facts.grants[i].escalation_id;
    }
    return (struct slice){0};
}

static void add_rules(const struct verdict *verdict, struct ledger_entry *entry)
{
    size_t left = TERMS_RULES_MAX;

    for (size_t i = 0; i < verdict->rule_count && left > 0; i++, left--)
        add_term(entry, LEDGER_TERM_RULE, verdict->rules[i].name);
    for (size_t i = 0; i < verdict->error_count && left > 0; i++, left--)
        add_term(entry, LEDGER_TERM_RULE, verdict->errors[i].rule);
}

bool terms_of_decision(struct arena *arena, const struct decision *decision, struct ledger_entry *entry)
{
    static const struct slice tiers[] = {{"0", 1}, {"1", 1}, {"2", 1}, {"3", 1}};

    entry->term_count = 0;
    add_term(entry, LEDGER_TERM_AGENT, decision->request.agent_identity);
    add_term(entry, LEDGER_TERM_TIER, tiers[decision->verdict.tier & 3]);
    if (!decision->request.plain_language)
        add_term(entry, LEDGER_TERM_OPERATION, decision->request.operation);
    /* One that is opened here has no number yet; the ledger adds it. */
    if (decision->effects.escalation != DECISION_ESCALATION_OPEN)
        add_term(entry, LEDGER_TERM_ESCALATION, escalation_of(decision));
    add_rules(&decision->verdict, entry);
    return add_command(arena, decision, entry);
}

static struct slice agent_of(const struct event *event)
{
    switch (event->type) {
    case RECORD_OUTCOME:
        return event->outcome.agent;
    case RECORD_AGENT_SET:
        return event->agent_set.agent;
    case RECORD_USAGE_SET:
        return event->usage_set.agent;
    case RECORD_BUDGET_RAISED:
        return event->budget_raised.agent;
    case RECORD_ESCALATION_RESOLVED:
        return event->resolved.agent;
    case RECORD_ESCALATION_EXPIRED:
    case RECORD_RESERVATION_EXPIRED:
        return event->expired.agent;
    case RECORD_DECISION_ERASED:
        return event->erased.agent;
    default:
        return (struct slice){0};
    }
}

static struct slice event_escalation(const struct event *event)
{
    switch (event->type) {
    case RECORD_BUDGET_RAISED:
        return event->budget_raised.escalation_id;
    case RECORD_ESCALATION_RESOLVED:
        return event->resolved.escalation_id;
    case RECORD_ESCALATION_EXPIRED:
        return event->expired.escalation_id;
    case RECORD_DECISION_ERASED:
        return event->erased.escalation_id;
    default:
        return (struct slice){0};
    }
}

void terms_of_event(const struct event *event, struct ledger_entry *entry)
{
    entry->term_count = 0;
    add_term(entry, LEDGER_TERM_AGENT, agent_of(event));
    add_term(entry, LEDGER_TERM_ESCALATION, event_escalation(event));
}

/* ---- from records ---- */

static enum status load_blob(void *context, const struct digest *hash, struct arena *arena, struct slice *bytes,
                             struct error *error)
{
    return store_get(context, STORE_BLOBS, slice_from(hash->bytes, DIGEST_SIZE), arena, bytes, error);
}

static enum status read_decision(struct store *store, const struct record_header *header, struct slice body,
                                 struct arena *arena, struct terms_record *out, struct error *error)
{
    const struct decision_loader loader = {.load = load_blob, .context = store};
    enum status status = decision_from_record(arena, header, out->entry.index, body, &loader, &out->decision, error);

    if (status == STATUS_OK && !terms_of_decision(arena, &out->decision, &out->entry))
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    return status;
}

enum status terms_of_record(struct store *store, uint64_t index, struct slice record, struct arena *arena,
                            struct terms_record *out, struct error *error)
{
    struct record_header header;
    struct slice body;
    enum status status = record_split(record, &header, &body, error);

    if (status != STATUS_OK)
        return status;
    out->entry = (struct ledger_entry){.type = header.type, .index = index, .time_ms = header.time_ms, .number = header.number};
    if (header.type == RECORD_DECISION)
        return read_decision(store, &header, body, arena, out, error);
    status = event_from_body(arena, header.type, body, &out->event, error);
    if (status == STATUS_OK)
        terms_of_event(&out->event, &out->entry);
    return status;
}

/* ---- searching ---- */

static bool has_term(const struct ledger_entry *entry, const struct ledger_term *wanted)
{
    char number[32];

    if (wanted->kind == LEDGER_TERM_TYPE)
        return slice_equal_str(wanted->value, record_type_name(entry->type));
    if (wanted->kind == LEDGER_TERM_ESCALATION && entry->number != LEDGER_NUMBER_NONE) {
        snprintf(number, sizeof number, "ESC-%llu", (unsigned long long)entry->number);
        if (slice_equal_str(wanted->value, number))
            return true;
    }
    for (size_t i = 0; i < entry->term_count; i++) {
        if (entry->terms[i].kind == wanted->kind && slice_equal(entry->terms[i].value, wanted->value))
            return true;
    }
    return false;
}

static bool command_begins(struct terms_filter *filter, const struct decision *decision)
{
    struct slice folded = fold_spaces(&filter->arena, indexed_command(decision));

    if (folded.size == 0 || !slice_starts_with(folded, filter->command))
        return false;
    return filter->command_open || folded.size == filter->command.size || folded.data[filter->command.size] == ' ';
}

static enum status look_at_record(void *context, uint64_t index, struct slice record, bool *matches, struct error *error)
{
    struct terms_filter *filter = context;
    struct terms_record found;
    enum status status;

    arena_reset(&filter->arena);
    status = terms_of_record(filter->store, index, record, &filter->arena, &found, error);
    *matches = status == STATUS_OK;
    for (size_t i = 0; *matches && i < filter->query->term_count; i++)
        *matches = has_term(&found.entry, &filter->query->terms[i]);
    if (*matches && filter->command_prefix.size > 0)
        *matches = found.entry.type == RECORD_DECISION && command_begins(filter, &found.decision);
    return status;
}

bool terms_has_words(struct slice command_prefix)
{
    size_t i = 0;

    while (i < command_prefix.size && is_space(command_prefix.data[i]))
        i++;
    return i < command_prefix.size;
}

/* The longest beginning in whole words that is indexed; false when the arena is exhausted. */
static bool query_command(struct arena *arena, struct terms_filter *filter, struct ledger_query *query)
{
    struct slice whole, term = {0};
    size_t stars = slice_ends_with(filter->command_prefix, SLICE("*"));
    struct slice typed = slice_sub(filter->command_prefix, 0, filter->command_prefix.size - stars);

    filter->command = fold_spaces(arena, typed);
    if (!filter->command.data)
        return false;
    filter->command_open = stars > 0 && (typed.size == 0 || !is_space(typed.data[typed.size - 1]));
    whole = filter->command;
    if (filter->command_open) { /* without the last word, of which only the beginning is known */
        while (whole.size > 0 && whole.data[whole.size - 1] != ' ')
            whole.size--;
        whole.size -= whole.size > 0;
    }
    for (size_t words = 1; words <= TERMS_COMMAND_WORDS; words++) {
        struct slice prefix = first_words(whole, words);

        if (prefix.size > 0 && prefix.size <= TERMS_COMMAND_BYTES_MAX)
            term = prefix;
    }
    if (term.size > 0)
        query->terms[query->term_count++] = (struct ledger_term){.kind = LEDGER_TERM_COMMAND, .value = term};
    query->filter_old_only = term.size == filter->command.size && !filter->command_open;
    return true;
}

static void query_term(struct ledger_query *query, char kind, struct slice value)
{
    if (value.size > 0)
        query->terms[query->term_count++] = (struct ledger_term){.kind = kind, .value = value};
}

bool terms_query(struct arena *arena, struct store *store, struct terms_filter *filter, struct ledger_query *query)
{
    query->term_count = 0;
    query->filter_old_only = true;
    query_term(query, LEDGER_TERM_ESCALATION, filter->escalation);
    query_term(query, LEDGER_TERM_RULE, filter->rule);
    query_term(query, LEDGER_TERM_AGENT, filter->agent);
    query_term(query, LEDGER_TERM_OPERATION, filter->operation);
    query_term(query, LEDGER_TERM_TIER, filter->tier);
    query_term(query, LEDGER_TERM_TYPE, filter->type);
    filter->store = store;
    filter->query = query;
    arena_create(&filter->arena, 65536, TERMS_RECORD_ARENA_MAX);
    query->filter = look_at_record;
    query->filter_context = filter;
    return filter->command_prefix.size == 0 || query_command(arena, filter, query);
}

void terms_filter_destroy(struct terms_filter *filter)
{
    arena_destroy(&filter->arena);
}
