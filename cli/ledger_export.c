#include "cli/ledger_export.h"

#include "cli/ledger_offline.h"
#include "cli/progress.h"
#include "engine/export.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXPORT_OFFLINE_ARENA_MAX = 256 << 20 };

/* Where rows go, and how far they are whole. */
struct sink {
    FILE *out;
    const char *path; /* NULL: standard output */
    bool csv;
    uint64_t begun;        /* size of the file before */
    uint64_t bytes, whole; /* written; of them in whole rows */
    bool quoted, in_index, has_index;
    uint64_t index, last_index;   /* of the row at hand; of the last whole one */
    uint64_t rows, end, archived; /* entries below `archived` are not in the ledger any more */
    struct progress progress;
};

/* ---- rows ---- */

static void row_begin(struct sink *sink)
{
    sink->in_index = true;
    sink->has_index = false;
    sink->index = 0;
}

static void row_end(struct sink *sink, uint64_t bytes)
{
    sink->whole = bytes;
    if (sink->has_index) { /* the line of column names has none */
        sink->last_index = sink->index;
        sink->rows++;
    }
    row_begin(sink);
}

/* {"index":12,… or "12",…: the digits before the first comma. In CSV a quoted field may hold line ends. */
static void sink_follow(struct sink *sink, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.data[i];

        if (sink->in_index && c >= '0' && c <= '9') {
            sink->index = sink->index * 10 + (uint64_t)(c - '0');
            sink->has_index = true;
        } else if (c == ',') {
            sink->in_index = false;
        }
        if (c == '"' && sink->csv)
            sink->quoted = !sink->quoted;
        else if (c == '\n' && !sink->quoted)
            row_end(sink, sink->bytes + i + 1);
    }
    sink->bytes += bytes.size;
}

/* False when it cannot be written. */
static bool sink_write(void *context, struct slice bytes)
{
    struct sink *sink = context;

    if (bytes.size > 0 && fwrite(bytes.data, 1, bytes.size, sink->out) != bytes.size)
        return false;
    sink_follow(sink, bytes);
    progress_show(&sink->progress, sink->rows > 0 ? sink->last_index + 1 : 0, sink->end);
    return true;
}

static bool sink_open(struct sink *sink, struct command *command)
{
    long at = 0;

    sink->path = args_get(command->args, "out");
    sink->out = sink->path ? fopen(sink->path, args_has(command->args, "append") ? "a" : "w") : stdout;
    if (!sink->out) {
        fprintf(stderr, "edict: %s: cannot write: %m\n", sink->path);
        return false;
    }
    if (sink->path)
        at = ftell(sink->out);
    sink->begun = at > 0 ? (uint64_t)at : 0;
    progress_begin(&sink->progress, "exporting");
    if (args_has(command->args, "progress"))
        progress_always(&sink->progress);
    else if (!sink->path && isatty(STDOUT_FILENO))
        progress_never(&sink->progress);
    row_begin(sink);
    return true;
}

/* What was cut is taken off again, so that the file has whole rows only. Standard output has none to take off. */
static bool sink_close(struct sink *sink, bool complete)
{
    bool ok = fflush(sink->out) == 0 && !ferror(sink->out);

    progress_end(&sink->progress);
    if (!sink->path)
        return ok;
    if (!complete || !ok)
        (void)!ftruncate(fileno(sink->out), (off_t)(sink->begun + sink->whole));
    return fclose(sink->out) == 0 && ok;
}

/* ---- where they come from ---- */

static const char *const export_flags[] = {"format",         "agent", "tier",  "operation", "rule", "escalation",
                                           "command-prefix", "type",  "since", "until",     "from", NULL};

static struct slice export_target(struct command *command, uint64_t end)
{
    struct slice path = command_target(command, "/v1/ledger/export", export_flags);
    bool first = slice_find(path, '?', 0) == SIZE_MAX;

    return arena_printf(command->arena, "%.*s%cto=%llu%s", SLICE_ARG(path), first ? '?' : '&', (unsigned long long)end,
                        args_has(command->args, "append") ? "&header=absent" : "");
}

static int from_server(struct command *command, struct sink *sink)
{
    const struct client_watch watch = {.event_bytes = sink_write, .any_type = true, .context = sink};
    struct command quiet = *command;
    struct client client;
    struct client_answer answer = {0};
    struct error error = {0};
    cJSON *ledger;
    int64_t size = 0, archived = 0;
    int code;

    quiet.json = false;
    code = command_call(&quiet, "GET", SLICE("/v1/ledger"), NULL, &ledger);
    if (code != COMMAND_OK)
        return code;
    json_get_i64(ledger, "size", &size);
    sink->end = sink->end < (uint64_t)size ? sink->end : (uint64_t)size;
    if (json_get_i64(ledger, "archived", &archived))
        sink->archived = (uint64_t)archived;
    if (client_create(&client, args_get(command->args, "server"), command->data, &error) != STATUS_OK ||
        client_call_watched(&client, command->arena, "GET", export_target(command, sink->end), (struct slice){0}, &watch,
                            &answer, &error) != STATUS_OK)
        return ferror(sink->out) ? COMMAND_FAILED : command_fail(&error);
    return answer.status == 200 ? COMMAND_OK : command_problem(command, &answer);
}

static enum status offline_pieces(struct command *command, struct export *export, struct sink *sink, struct error *error)
{
    struct arena arena;
    struct buf piece;
    enum status status = STATUS_OK;

    arena_create(&arena, 1 << 20, EXPORT_OFFLINE_ARENA_MAX);
    buf_create(&piece, &arena);
    if (!args_has(command->args, "append"))
        export_write_head(export, &piece);
    do {
        if (!export->done)
            status = export_next(export, &piece, error);
        if (status == STATUS_OK && !sink_write(sink, buf_slice(&piece)))
            status = error_set(error, STATUS_IO, "", "cannot write");
        arena_reset(&arena);
        buf_create(&piece, &arena);
    } while (status == STATUS_OK && !export->done);
    arena_destroy(&arena);
    return status;
}

static struct slice flag(struct command *command, const char *name)
{
    return slice_from_str(args_get(command->args, name));
}

static bool bad_flag(const char *name, const char *expected)
{
    fprintf(stderr, "edict: --%s: expected %s\n", name, expected);
    return false;
}

static bool read_number(struct command *command, const char *name, uint64_t *out)
{
    return flag(command, name).size == 0 || slice_to_u64(flag(command, name), out) || bad_flag(name, "a whole number");
}

static bool read_time(struct command *command, const char *name, int64_t *out)
{
    return flag(command, name).size == 0 || clock_parse(flag(command, name), out) ||
           bad_flag(name, "a time such as 2026-07-28T12:34:56Z");
}

static bool check_type(struct slice type)
{
    enum record_type known;

    return type.size == 0 || record_type_parse(type, &known) ||
           bad_flag("type", "a type of entry, such as decision, decision.outcome or agent.set");
}

static bool check_prefix(struct slice prefix)
{
    return prefix.size == 0 || terms_has_words(prefix) || bad_flag("command-prefix", "the words that a command begins with");
}

static bool offline_filters(struct command *command, struct export *export)
{
    uint64_t tier = 0;

    export->filter = (struct terms_filter){.type = flag(command, "type"),
                                           .agent = flag(command, "agent"),
                                           .tier = flag(command, "tier"),
                                           .operation = flag(command, "operation"),
                                           .rule = flag(command, "rule"),
                                           .escalation = flag(command, "escalation"),
                                           .command_prefix = flag(command, "command-prefix")};
    export->query.before = UINT64_MAX;
    return check_type(export->filter.type) && check_prefix(export->filter.command_prefix) &&
           (read_number(command, "tier", &tier) && tier <= 3 ? true : bad_flag("tier", "0, 1, 2 or 3")) &&
           read_number(command, "from", &export->query.from) && read_time(command, "since", &export->query.since_ms) &&
           read_time(command, "until", &export->query.until_ms);
}

static int from_files(struct command *command, struct sink *sink)
{
    struct export export = {.format = sink->csv ? EXPORT_CSV : EXPORT_JSONL};
    struct store *store = NULL;
    struct error error = {0};
    uint64_t size = 0;
    enum status status;

    if (!offline_filters(command, &export))
        return COMMAND_BAD_INPUT;
    status = ledger_offline_open(command, &store, &error);
    if (status == STATUS_OK)
        status = ledger_store_head(store, &size, NULL, &error);
    if (status == STATUS_OK)
        status = ledger_store_first(store, &sink->archived, &error);
    sink->end = sink->end < size ? sink->end : size;
    if (status == STATUS_OK)
        status = export_begin(&export, store, sink->end, command->arena, &error);
    if (status == STATUS_OK)
        status = offline_pieces(command, &export, sink, &error);
    export_end(&export);
    if (store)
        store->ops->close(store);
    if (status == STATUS_OK)
        return COMMAND_OK;
    return ferror(sink->out) ? COMMAND_FAILED : command_fail(&error);
}

/* ---- the command ---- */

static void report(const struct sink *sink, uint64_t from, int code, bool broken_pipe)
{
    if (broken_pipe)
        return; /* who read has what he wanted */
    if (code == COMMAND_OK && sink->archived > from && sink->end > 0)
        fprintf(stderr, "edict: entries below %llu are archived, and not in this export\n", (unsigned long long)sink->archived);
    if (code == COMMAND_OK && (sink->path || sink->progress.shown))
        fprintf(stderr, "edict: %llu entries exported; complete up to entry %llu\n", (unsigned long long)sink->rows,
                (unsigned long long)(sink->end > 0 ? sink->end - 1 : 0));
    if (code == COMMAND_OK || code == COMMAND_BAD_INPUT)
        return;
    if (sink->rows > 0)
        fprintf(stderr,
                "edict: the export is incomplete: it has whole rows up to entry %llu; go on with --from %llu --append\n",
                (unsigned long long)sink->last_index, (unsigned long long)(sink->last_index + 1));
}

static bool read_format(struct command *command, struct sink *sink)
{
    enum export_format format = EXPORT_JSONL;

    if (flag(command, "format").size > 0 && !export_format_parse(flag(command, "format"), &format))
        return bad_flag("format", "jsonl or csv");
    sink->csv = format == EXPORT_CSV;
    return true;
}

int ledger_export(struct command *command)
{
    struct sink sink = {.end = UINT64_MAX};
    uint64_t from = 0;
    bool broken_pipe;
    int code;

    if (!command_no_more(command, 2) || !read_format(command, &sink) || !read_number(command, "to", &sink.end) ||
        !read_number(command, "from", &from) || !sink_open(&sink, command))
        return COMMAND_BAD_INPUT;
    signal(SIGPIPE, SIG_IGN);
    code = args_has(command->args, "offline") ? from_files(command, &sink) : from_server(command, &sink);
    broken_pipe = ferror(sink.out) && errno == EPIPE;
    if (!sink_close(&sink, code == COMMAND_OK)) {
        broken_pipe = broken_pipe || errno == EPIPE;
        if (!broken_pipe)
            fprintf(stderr, "edict: %s: cannot write: %m\n", sink.path ? sink.path : "standard output");
        code = COMMAND_FAILED;
    }
    report(&sink, from, code, broken_pipe);
    return code;
}
