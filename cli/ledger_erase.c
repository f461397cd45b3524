/* edict ledger erase: values that records only commit to, of decisions by id, or of all of an agent's. */
#include "cli/ledger_erase.h"
#include "cli/show.h"

enum { CURSOR_MAX = 512 };

struct erase {
    struct command *command;
    cJSON *body;
    int64_t decisions, values; /* that something was erased of; erased */
};

static cJSON *make_body(struct command *command, struct arena *arena, const char *reason)
{
    cJSON *body = json_new_object(arena), *fields = json_new_array(arena);
    struct slice rest = slice_from_str(args_get(command->args, "fields") ? args_get(command->args, "fields") : "");

    json_put_text(arena, body, "reason", slice_from_str(reason));
    while (rest.size > 0) {
        size_t comma = slice_find(rest, ',', 0);

        json_append(fields, json_new_text(arena, arena_copy(arena, slice_sub(rest, 0, comma))));
        rest = comma == SIZE_MAX ? (struct slice){0} : slice_sub(rest, comma + 1, SIZE_MAX);
    }
    if (fields && fields->child)
        json_put(body, "fields", fields);
    return body;
}

static int erase_one(struct erase *erase, struct slice id)
{
    struct command *command = erase->command;
    struct slice escaped = client_escape(command->arena, id);
    cJSON *answer;
    int64_t erased = 0;
    int code = command_call(command, "POST", arena_printf(command->arena, "/v1/decisions/%.*s/erase", SLICE_ARG(escaped)),
                            erase->body, &answer);

    if (code != COMMAND_OK)
        return code;
    json_get_i64(answer, "erased", &erased);
    erase->values += erased;
    erase->decisions += erased > 0;
    if (command->json)
        return code;
    show_text(stdout, id);
    printf(erased > 0 ? ": %lld erased\n" : ": nothing left to erase\n", (long long)erased);
    return code;
}

/* ---- of an agent ---- */

static struct slice page_target(struct command *command, struct slice cursor)
{
    const char *before = args_get(command->args, "before");
    struct buf target;

    buf_create(&target, command->arena);
    buf_add_str(&target, "/v1/decisions?limit=100&agent=");
    buf_add_slice(&target, client_escape(command->arena, slice_from_str(args_get(command->args, "agent"))));
    if (before) {
        buf_add_str(&target, "&until=");
        buf_add_slice(&target, client_escape(command->arena, slice_from_str(before)));
    }
    if (cursor.size > 0) {
        buf_add_str(&target, "&cursor=");
        buf_add_slice(&target, client_escape(command->arena, cursor));
    }
    return buf_slice(&target);
}

/* "/request/context/patient" and "context.patient.name": is one in the other? */
static bool is_related(struct slice path, struct slice name)
{
    const struct slice prefix = SLICE("/request/");
    struct slice rest = slice_sub(path, prefix.size, SIZE_MAX);
    size_t i = 0;

    while (i < rest.size && i < name.size && (rest.data[i] == name.data[i] || (rest.data[i] == '/' && name.data[i] == '.')))
        i++;
    if (!slice_starts_with(path, prefix))
        return false;
    return i == rest.size ? i == name.size || name.data[i] == '.' : i == name.size && rest.data[i] == '/';
}

/* With fields, decisions that have none of them are none of our business. */
static bool has_field(const struct erase *erase, const cJSON *decision)
{
    const cJSON *fields = json_get(erase->body, "fields"), *field, *pointer;

    cJSON_ArrayForEach(pointer, json_get(decision, "redacted"))
    {
        if (!fields)
            return true;
        cJSON_ArrayForEach(field, fields)
        {
            if (is_related(json_text(pointer), json_text(field)))
                return true;
        }
    }
    return false;
}

static int erase_page(struct erase *erase, struct slice *cursor)
{
    struct command quiet = *erase->command;
    const cJSON *decision;
    cJSON *page;
    int code;

    quiet.json = false;
    code = command_call(&quiet, "GET", page_target(erase->command, *cursor), NULL, &page);
    if (code != COMMAND_OK)
        return code;
    cJSON_ArrayForEach(decision, json_get(page, "decisions"))
    {
        if (code == COMMAND_OK && has_field(erase, decision))
            code = erase_one(erase, json_get_text(decision, "decision_id"));
    }
    *cursor = json_get_text(page, "next_cursor");
    return code;
}

/* A page at a time, however many there are. */
static int erase_of_agent(struct erase *erase)
{
    char kept[CURSOR_MAX];
    struct slice cursor = {0};
    int code;

    do {
        code = erase_page(erase, &cursor);
        if (cursor.size > sizeof kept) {
            fprintf(stderr, "edict: the server's cursor is longer than %d bytes; not all decisions were looked at\n",
                    CURSOR_MAX);
            return COMMAND_FAILED;
        }
        if (cursor.size > 0)
            memcpy(kept, cursor.data, cursor.size);
        cursor.data = kept;
        arena_reset(erase->command->arena);
    } while (code == COMMAND_OK && cursor.size > 0);
    return code;
}

static int erase_by_id(struct erase *erase)
{
    int code = COMMAND_OK;

    for (size_t i = 2; code == COMMAND_OK && i < erase->command->args->word_count; i++)
        code = erase_one(erase, slice_from_str(erase->command->args->words[i]));
    return code;
}

int ledger_erase(struct command *command)
{
    struct erase erase = {.command = command};
    const char *reason = args_get(command->args, "reason"), *agent = args_get(command->args, "agent");
    bool by_id = command->args->word_count > 2;
    struct arena arena; /* lives longer than a page */
    int code;

    if (by_id == (agent != NULL)) {
        fprintf(stderr, "edict: ledger erase: name decisions by their ids, or an agent by --agent, and not both\n");
        return COMMAND_BAD_INPUT;
    }
    if (by_id && args_get(command->args, "before")) {
        fprintf(stderr, "edict: --before goes with --agent\n");
        return COMMAND_BAD_INPUT;
    }
    if (!reason || !reason[0]) {
        fprintf(stderr, "edict: --reason: say why; it stays in the ledger, so do not repeat what is to be erased\n");
        return COMMAND_BAD_INPUT;
    }
    arena_create(&arena, 4096, 1 << 20);
    erase.body = make_body(command, &arena, reason);
    code = by_id ? erase_by_id(&erase) : erase_of_agent(&erase);
    arena_destroy(&arena);
    if (code == COMMAND_OK && !command->json)
        printf("%lld value%s of %lld decision%s erased\n", (long long)erase.values, erase.values == 1 ? "" : "s",
               (long long)erase.decisions, erase.decisions == 1 ? "" : "s");
    return code;
}
