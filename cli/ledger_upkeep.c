#include "cli/ledger_upkeep.h"

#include "cli/ledger_archive.h"
#include "cli/progress.h"
#include "cli/show.h"
#include "engine/restore.h"
#include "engine/upkeep.h"
#include "engine/workbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the same work with and without a server ---- */

static enum status run_on_files(const struct workbench *workbench, struct custody *custody, const char *folder,
                                struct upkeep_request *request, struct error *error)
{
    struct checkpointer *checkpointer = NULL;
    struct upkeep_options options = {.ledger = workbench->ledger, .custody = custody, .clock = clock_system()};
    struct checkpointer_options signing = {.ledger = workbench->ledger,
                                           .folder = folder,
                                           .signers = custody->signers,
                                           .signer_count = custody->signer_count,
                                           .until_ms = custody->until_ms,
                                           .clock = options.clock};
    enum status status = custody_compare(custody, workbench->store, ledger_durable(workbench->ledger), error);

    if (status == STATUS_OK)
        status = custody_keep_proof(custody, workbench->store, clock_now_ms(&options.clock), error);
    if (status == STATUS_OK)
        status = checkpointer_start(&signing, &checkpointer, error);
    if (status != STATUS_OK)
        return status;
    options.checkpointer = checkpointer;
    upkeep_run(&options, request);
    checkpointer_stop(checkpointer);
    *error = request->error;
    return request->status;
}

int upkeep_offline(struct command *command, struct upkeep_request *request)
{
    struct workbench workbench;
    struct custody custody;
    struct error error = {0};
    enum status status = workbench_open(command->data, NULL, &workbench, &error);

    if (status != STATUS_OK)
        return command_fail(&error);
    status = custody_open(command->data, (struct slice){0}, workbench.store, &custody, &error);
    if (status == STATUS_OK)
        status = run_on_files(&workbench, &custody, command->data, request, &error);
    workbench_close(&workbench);
    if (status != STATUS_OK)
        return command_fail(&error);
    custody_close(&custody);
    return COMMAND_OK;
}

int upkeep_online(struct command *command, const char *target, const cJSON *body, cJSON **answer)
{
    command->patient = true;
    return command_call(command, "POST", slice_from_str(target), body, answer);
}

static struct slice key_text(struct command *command, const struct note_verifier *key)
{
    struct buf out;

    buf_create(&out, command->arena);
    note_verifier_write(&out, key);
    return buf_slice(&out);
}

static bool read_seconds(struct command *command, int64_t *overlap_s)
{
    const char *text = args_get(command->args, "overlap-s");
    uint64_t value;

    *overlap_s = CUSTODY_OVERLAP_S_DEFAULT;
    if (!text)
        return true;
    if (slice_to_u64(slice_from_str(text), &value) && value <= CUSTODY_OVERLAP_S_MAX) {
        *overlap_s = (int64_t)value;
        return true;
    }
    fprintf(stderr, "edict: --overlap-s: expected 0 to %d seconds\n", CUSTODY_OVERLAP_S_MAX);
    return false;
}

/* A reason that goes into the ledger. */
static bool read_reason(struct command *command, bool required, struct slice *reason)
{
    *reason = slice_from_str(args_get(command->args, "reason"));
    if (reason->size > EVENT_REASON_MAX || (required && reason->size == 0)) {
        fprintf(stderr, "edict: --reason TEXT %s; it is recorded in the ledger, in at most %d bytes\n",
                required ? "says why" : "is too long", EVENT_REASON_MAX);
        return false;
    }
    return true;
}

/* ---- backup ---- */

bool upkeep_absolute_path(const char *text, char out[FILE_PATH_MAX])
{
    char here[FILE_PATH_MAX];
    size_t size;
    int length;

    if (text[0] == '\0') {
        fprintf(stderr, "edict: the folder to make has an empty name\n");
        return false;
    }
    if (text[0] != '/' && !getcwd(here, sizeof here)) {
        fprintf(stderr, "edict: where am I? %m\n");
        return false;
    }
    length = text[0] == '/' ? snprintf(out, FILE_PATH_MAX, "%s", text) : snprintf(out, FILE_PATH_MAX, "%s/%s", here, text);
    for (size = strlen(out); size > 1 && out[size - 1] == '/';)
        out[--size] = '\0';
    if (length < FILE_PATH_MAX)
        return true;
    fprintf(stderr, "edict: %s: the path is too long\n", text);
    return false;
}

static int print_backup(const struct command *command, const char *path, uint64_t size, const char *root)
{
    if (!command->json)
        printf("%s holds %llu entries, root %s\n", path, (unsigned long long)size, root);
    return COMMAND_OK;
}

static int backup_offline(struct command *command, const char *path)
{
    struct upkeep_request request = {.task = UPKEEP_BACKUP, .with_key = args_has(command->args, "with-key")};
    char root[DIGEST_HEX_SIZE + 1] = {0};
    int code;

    snprintf(request.path, sizeof request.path, "%s", path);
    code = upkeep_offline(command, &request);
    if (code != COMMAND_OK)
        return code;
    digest_format(&request.root, root);
    if (command->json) {
        cJSON *out = json_new_object(command->arena);
        struct buf text;

        json_put_text(command->arena, out, "folder", slice_from_str(path));
        json_put_text(command->arena, out, "root", slice_from_str(root));
        json_put_i64(command->arena, out, "size", (int64_t)request.size);
        buf_create(&text, command->arena);
        json_write(&text, out);
        printf("%.*s\n", (int)text.size, text.data);
    }
    return print_backup(command, path, request.size, root);
}

static int backup_online(struct command *command, const char *path)
{
    cJSON *body = json_new_object(command->arena), *answer = NULL;
    int64_t size = 0;
    int code;

    json_put_text(command->arena, body, "to", slice_from_str(path));
    if (args_has(command->args, "with-key"))
        json_put(body, "with_key", json_new_bool(command->arena, true));
    code = upkeep_online(command, "/v1/ledger/backup", body, &answer);
    if (code != COMMAND_OK)
        return code;
    json_get_i64(answer, "size", &size);
    return print_backup(command, path, (uint64_t)size,
                        arena_printf(command->arena, "%.*s", SLICE_ARG(json_get_text(answer, "root"))).data);
}

int ledger_backup(struct command *command)
{
    const char *target = command_word(command, 2, "the folder to make");
    char path[FILE_PATH_MAX];

    if (!target || !command_no_more(command, 3) || !upkeep_absolute_path(target, path))
        return COMMAND_BAD_INPUT;
    return args_has(command->args, "offline") ? backup_offline(command, path) : backup_online(command, path);
}

/* ---- rotate-key ---- */

static int print_rotation(const struct command *command, uint64_t index, struct slice new_key, struct slice old_key,
                          struct slice until)
{
    if (command->json)
        return COMMAND_OK;
    printf("entry %llu hands the log over\nverifier key  %.*s\nbefore        %.*s, which signs along until %.*s\n",
           (unsigned long long)index, SLICE_ARG(new_key), SLICE_ARG(old_key), SLICE_ARG(until));
    return COMMAND_OK;
}

static void print_rotation_json(struct command *command, uint64_t index, struct slice new_key, struct slice old_key,
                                const char until[CLOCK_TEXT_SIZE])
{
    struct slice fresh = show_quoted(command->arena, new_key), old = show_quoted(command->arena, old_key);

    printf("{\"ledger_index\":%llu,\"new_key\":%.*s,\"old_key\":%.*s,\"until\":\"%.*s\"}\n", (unsigned long long)index,
           SLICE_ARG(fresh), SLICE_ARG(old), CLOCK_TEXT_SIZE, until);
}

static int rotate_offline(struct command *command, struct slice reason, int64_t overlap_s)
{
    struct upkeep_request request = {.task = UPKEEP_ROTATE_KEY, .by = "operator", .reason = reason, .overlap_s = overlap_s};
    char until[CLOCK_TEXT_SIZE];
    struct slice fresh, old;
    int code = upkeep_offline(command, &request);

    if (code != COMMAND_OK)
        return code;
    clock_format(request.until_ms, until);
    fresh = key_text(command, &request.new_key);
    old = key_text(command, &request.old_key);
    if (command->json)
        print_rotation_json(command, request.index, fresh, old, until);
    return print_rotation(command, request.index, fresh, old, slice_from(until, sizeof until));
}

static int rotate_online(struct command *command, struct slice reason, int64_t overlap_s)
{
    cJSON *body = json_new_object(command->arena), *answer = NULL;
    int64_t index = 0;
    int code;

    if (reason.size > 0)
        json_put_text(command->arena, body, "reason", reason);
    json_put_i64(command->arena, body, "overlap_s", overlap_s);
    code = upkeep_online(command, "/v1/ledger/rotate-key", body, &answer);
    if (code != COMMAND_OK)
        return code;
    json_get_i64(answer, "ledger_index", &index);
    return print_rotation(command, (uint64_t)index, json_get_text(answer, "new_key"), json_get_text(answer, "old_key"),
                          json_get_text(answer, "until"));
}

int ledger_rotate_key(struct command *command)
{
    struct slice reason;
    int64_t overlap_s;

    if (!command_no_more(command, 2) || !read_reason(command, false, &reason) || !read_seconds(command, &overlap_s))
        return COMMAND_BAD_INPUT;
    return args_has(command->args, "offline") ? rotate_offline(command, reason, overlap_s)
                                              : rotate_online(command, reason, overlap_s);
}

/* ---- restore, new-origin ---- */

static void print_origin(struct command *command, const struct note_verifier *fresh)
{
    struct slice key = key_text(command, fresh), origin = show_quoted(command->arena, slice_from_str(fresh->name)),
                 quoted = show_quoted(command->arena, key);

    if (command->json)
        printf("{\"origin\":%.*s,\"verifier_key\":%.*s}\n", SLICE_ARG(origin), SLICE_ARG(quoted));
    else
        printf(
            "the log goes on as %s\nverifier key  %.*s\nGive this key to whoever checks the log; the one before is of another "
            "origin.\n",
            fresh->name, SLICE_ARG(key));
}

int ledger_new_origin(struct command *command)
{
    struct custody_change change = {.by = "operator", .origin = slice_from_str(args_get(command->args, "origin"))};
    struct workbench workbench;
    struct note_verifier fresh;
    struct error error = {0};
    enum status status;

    if (!command_no_more(command, 2) || !read_reason(command, true, &change.reason))
        return COMMAND_BAD_INPUT;
    status = workbench_open(command->data, NULL, &workbench, &error);
    if (status == STATUS_OK)
        status = custody_new_origin(command->data, workbench.ledger, (struct slice){0}, &change, &fresh, &error);
    workbench_close(&workbench);
    if (status != STATUS_OK)
        return command_fail(&error);
    print_origin(command, &fresh);
    return COMMAND_OK;
}

static void show_step(void *context, const char *step, uint64_t done, uint64_t all)
{
    struct progress *progress = context;

    if (!progress->step || strcmp(progress->step, step) != 0) {
        progress_end(progress);
        progress_begin(progress, step);
    }
    progress_show(progress, done, all);
}

static enum status put_back(void *context, struct store *live, struct store **out, struct error *error)
{
    return ledger_archive_put_back(context, live, out, error);
}

static int run_restore(struct command *command, struct restore_options *options)
{
    struct restore_result result;
    struct progress progress = {0};
    struct error error = {0};
    enum status status;

    options->progress = show_step;
    options->context = &progress;
    status = restore_run(options, &result, &error);
    progress_end(&progress);
    if (status != STATUS_OK) {
        command_fail(&error);
        return status == STATUS_INVALID ? COMMAND_BAD_INPUT : COMMAND_FAILED;
    }
    if (!command->json)
        printf("%llu entries verified, a checkpoint over %llu of them by %s, %llu rows of state as folded\n",
               (unsigned long long)result.verified.entries, (unsigned long long)result.signed_size, result.old.name,
               (unsigned long long)result.rows);
    print_origin(command, &result.fresh);
    return COMMAND_OK;
}

int ledger_restore(struct command *command)
{
    const char *backup = command_word(command, 2, "the folder of the backup"), *key = args_get(command->args, "key");
    struct restore_options options = {
        .backup = backup,
        .folder = command->data,
        .change = {.by = "operator", .origin = slice_from_str(args_get(command->args, "origin"))}};
    struct note_verifier verifier;
    struct error error = {0};

    if (!backup || !command_no_more(command, 3) || !read_reason(command, true, &options.change.reason))
        return COMMAND_BAD_INPUT;
    if (key && note_verifier_parse(slice_from_str(key), &verifier, &error) != STATUS_OK)
        return command_fail(&error);
    options.key = key ? &verifier : NULL;
    options.put_back = put_back;
    options.put_back_context = command;
    options.unfolded = args_has(command->args, "unfolded");
    return run_restore(command, &options);
}
