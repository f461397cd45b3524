/* edict ledger checkpoint, prove, verify --proof: what an auditor takes home, and how it is checked there. */
#include "cli/ledger_proof.h"
#include "base/file.h"
#include "cli/ledger_offline.h"
#include "cli/show.h"
#include "engine/custody.h"
#include "ledger/tlog_proof.h"
#include "ledger/witness.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PROVE_TRIES = 50, PROVE_PAUSE_MS = 100, PROOF_FILE_MAX = 1024 * 1024, RECORD_FILE_MAX = 65535 };

/* Where the answer goes: --out FILE, or standard output. */
static int put_out(struct command *command, struct slice bytes)
{
    const char *path = args_get(command->args, "out");
    FILE *out = path ? fopen(path, "w") : stdout;
    bool ok = out && fwrite(bytes.data, 1, bytes.size, out) == bytes.size && fflush(out) == 0;

    if (path && out && fclose(out) != 0)
        ok = false;
    if (ok)
        return COMMAND_OK;
    fprintf(stderr, "edict: %s: cannot write: %m\n", path ? path : "standard output");
    return COMMAND_FAILED;
}

/* ---- from the files in --data ---- */

/* DATA/ledger.witnessed, verified by the log's own keys. */
static enum status read_witnessed(struct command *command, const struct custody *custody, struct slice *bytes,
                                  struct checkpoint *checkpoint, struct error *error)
{
    struct slice path = arena_printf(command->arena, "%s/ledger.witnessed", command->data);
    struct note note;
    enum status status = file_read(path.data, command->arena, NOTE_BYTES_MAX, bytes, NULL, error);

    if (status == STATUS_OK)
        status = checkpoint_open(command->arena, *bytes, custody->verifiers, custody->verifier_count, checkpoint, &note, error);
    return status;
}

static enum status open_offline(struct command *command, struct store **store, struct custody *custody, struct slice *bytes,
                                struct checkpoint *checkpoint, struct error *error)
{
    enum status status = ledger_offline_open(command, store, error);

    if (status == STATUS_OK)
        status = custody_verifiers(command->data, *store, custody, error);
    if (status == STATUS_OK && args_has(command->args, "cosigned"))
        status = read_witnessed(command, custody, bytes, checkpoint, error);
    else if (status == STATUS_OK)
        status = log_checkpoint_read(command->data, custody->verifiers, custody->verifier_count, command->arena, bytes,
                                     checkpoint, error);
    return status;
}

static int prove_offline(struct command *command, uint64_t index)
{
    struct custody custody;
    struct checkpoint checkpoint;
    struct store *store = NULL;
    struct slice bytes;
    struct proof proof;
    struct error error = {0};
    struct buf out;
    enum status status = open_offline(command, &store, &custody, &bytes, &checkpoint, &error);

    if (status == STATUS_OK)
        status = proof_inclusion(store, index, checkpoint.size, &proof, &error);
    if (store)
        store->ops->close(store);
    if (status != STATUS_OK)
        return command_fail(&error);
    buf_create(&out, command->arena);
    tlog_proof_write(&out, index, &proof, bytes);
    return put_out(command, buf_slice(&out));
}

/* ---- from a running server ---- */

static int prove_online(struct command *command, uint64_t index)
{
    const struct timespec pause = {.tv_nsec = PROVE_PAUSE_MS * 1000000L};
    struct slice body, target = arena_printf(command->arena, "/v1/ledger/entries/%llu/proof%s", (unsigned long long)index,
                                             args_has(command->args, "cosigned") ? "?cosigned=yes" : "");
    int status = 0, code = COMMAND_FAILED;

    for (int i = 0; i < PROVE_TRIES; i++) {
        code = command_call_raw(command, target, i + 1 < PROVE_TRIES, &status, &body);
        if (code != COMMAND_OK || status != 503)
            break;
        nanosleep(&pause, NULL); /* its checkpoint is on the way */
    }
    return code == COMMAND_OK ? put_out(command, body) : code;
}

int ledger_prove(struct command *command)
{
    const char *text = command_word(command, 2, "the index of an entry");
    uint64_t index;

    if (!text || !command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    if (!slice_to_u64(slice_from_str(text), &index)) {
        fprintf(stderr, "edict: \"%s\" is no index; entries are numbered from 0\n", text);
        return COMMAND_BAD_INPUT;
    }
    return args_has(command->args, "offline") ? prove_offline(command, index) : prove_online(command, index);
}

/* ---- checkpoint ---- */

/* Where it has gone: a line a place. */
static void print_target(const cJSON *target)
{
    struct slice state = json_get_text(target, "state"), time = json_get_text(target, "time"),
                 problem = json_get_text(target, "error");
    int64_t size = 0;

    json_get_i64(target, "size", &size);
    printf("  %-10.*s %.*s  ", SLICE_ARG(state), SLICE_ARG(json_get_text(target, "kind")));
    show_cell(stdout, json_get_text(target, "name"), 0);
    if (size > 0)
        printf("  %lld entries, %.*s", (long long)size, SLICE_ARG(time));
    putchar('\n');
    if (problem.size > 0) {
        fputs("             ", stdout);
        show_cell(stdout, problem, 0);
        putchar('\n');
    }
}

static void print_publishing(const cJSON *publishing)
{
    const cJSON *target, *targets = json_get(publishing, "targets"), *witnessed = json_get(publishing, "witnessed");
    int64_t witnesses = 0, quorum = 0, size = 0, count = 0;

    if (cJSON_GetArraySize(targets) > 0)
        puts("\npublished to");
    cJSON_ArrayForEach(target, targets) print_target(target);
    json_get_i64(publishing, "witnesses", &witnesses);
    json_get_i64(publishing, "quorum", &quorum);
    if (witnesses == 0)
        return;
    if (json_get_i64(witnessed, "size", &size) && json_get_i64(witnessed, "cosignatures", &count))
        printf("\nwitnessed    %lld entries, by %lld of %lld witnesses; the quorum is %lld\n", (long long)size,
               (long long)count, (long long)witnesses, (long long)(quorum > 0 ? quorum : 1));
    else
        printf("\nwitnessed    nothing yet; the quorum is %lld of %lld witnesses\n", (long long)(quorum > 0 ? quorum : 1),
               (long long)witnesses);
}

/* While two keys sign: the one before, and until when. */
static const cJSON *signing_along(const cJSON *keys)
{
    const cJSON *newest = json_get(keys, "handovers") ? json_get(keys, "handovers")->child : NULL;
    const struct clock clock = clock_system();
    int64_t until_ms;

    if (!newest || !clock_parse(json_get_text(newest, "until"), &until_ms) || until_ms <= clock_now_ms(&clock))
        return NULL;
    return newest;
}

static void print_keys(struct slice key, const cJSON *keys)
{
    const cJSON *along = signing_along(keys);
    struct slice old, until;

    printf("verifier key  %.*s\n", SLICE_ARG(key));
    if (!along)
        return;
    old = json_get_text(along, "old_key");
    until = json_get_text(along, "until");
    printf("before        %.*s, which signs along until %.*s\n", SLICE_ARG(old), SLICE_ARG(until));
}

/* `keys` and `publishing` may be NULL. */
static int print_checkpoint(struct command *command, struct slice key, struct slice note, const cJSON *keys,
                            const cJSON *publishing)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    if (key.size > 0 && key.data[key.size - 1] == '\n')
        key.size--;
    if (!command->json) {
        print_keys(key, keys);
        printf("\n%.*s", SLICE_ARG(note));
        if (publishing)
            print_publishing(publishing);
        return COMMAND_OK;
    }
    buf_create(&out, command->arena);
    json_begin_object(&w);
    json_key(&w, "verifier_key");
    json_string(&w, key);
    json_key(&w, "checkpoint");
    json_string(&w, note);
    if (signing_along(keys)) {
        json_key(&w, "old_verifier_key");
        json_string(&w, json_get_text(signing_along(keys), "old_key"));
    }
    if (publishing) {
        struct buf text;

        buf_create(&text, command->arena);
        json_write(&text, publishing);
        json_key(&w, "publishing");
        json_raw(&w, buf_slice(&text));
    }
    json_end_object(&w);
    printf("%.*s\n", (int)out.size, out.data);
    return COMMAND_OK;
}

static int checkpoint_offline(struct command *command)
{
    struct custody custody;
    struct checkpoint checkpoint;
    struct store *store = NULL;
    struct slice bytes;
    struct error error = {0};
    struct buf key;
    enum status status = open_offline(command, &store, &custody, &bytes, &checkpoint, &error);

    if (store)
        store->ops->close(store);
    if (status != STATUS_OK)
        return command_fail(&error);
    buf_create(&key, command->arena);
    note_verifier_write(&key, &custody.verifiers[0]);
    return print_checkpoint(command, buf_slice(&key), bytes, NULL, NULL);
}

int ledger_checkpoint(struct command *command)
{
    const bool cosigned = args_has(command->args, "cosigned");
    struct command quiet = *command;
    struct slice key, note;
    cJSON *publishing = NULL, *keys = NULL;
    int status, code;

    quiet.json = false; /* one document, not four */
    if (!command_no_more(command, 2))
        return COMMAND_BAD_INPUT;
    if (args_has(command->args, "offline"))
        return checkpoint_offline(command);
    code = command_call_raw(command, SLICE("/v1/ledger/key"), false, &status, &key);
    if (code == COMMAND_OK)
        code =
            command_call_raw(command, cosigned ? SLICE("/v1/ledger/checkpoint?cosigned=yes") : SLICE("/v1/ledger/checkpoint"),
                             false, &status, &note);
    if (code == COMMAND_OK)
        code = command_call(&quiet, "GET", SLICE("/v1/ledger/publishing"), NULL, &publishing);
    if (code == COMMAND_OK)
        code = command_call(&quiet, "GET", SLICE("/v1/ledger/keys"), NULL, &keys);
    return code == COMMAND_OK ? print_checkpoint(command, key, note, keys, publishing) : code;
}

/* ---- verify --proof: needs nothing but the files and the key ---- */

/* How many of the witnesses in FILE have cosigned; prints and returns an exit code where that is not enough. */
static int count_witnesses(struct command *command, const struct note *note, size_t *cosigned)
{
    const char *path = args_get(command->args, "witness"), *text = args_get(command->args, "witness-quorum");
    struct witness *witnesses = arena_array(command->arena, WITNESSES_MAX, sizeof *witnesses);
    struct error error = {0};
    uint64_t quorum = 1;
    struct slice list;
    size_t count;

    if (!witnesses || !command_read_file(command, path, WITNESS_LIST_BYTES_MAX, &list))
        return COMMAND_BAD_INPUT;
    if (text && (!slice_to_u64(slice_from_str(text), &quorum) || quorum > WITNESSES_MAX)) {
        fprintf(stderr, "edict: --witness-quorum: expected a whole number up to %d\n", WITNESSES_MAX);
        return COMMAND_BAD_INPUT;
    }
    if (witness_list_parse(list, witnesses, &count, &error) != STATUS_OK)
        return command_fail(&error);
    if (witness_count(note, witnesses, count, cosigned, &error) != STATUS_OK) {
        command_fail(&error);
        return COMMAND_FAILED;
    }
    if (*cosigned >= quorum)
        return COMMAND_OK;
    fprintf(stderr, "edict: %zu of the witnesses in %s have cosigned the checkpoint, and %llu should have\n", *cosigned, path,
            (unsigned long long)quorum);
    return COMMAND_FAILED;
}

static void print_valid(const struct command *command, const char *origin, uint64_t index, uint64_t size, size_t cosigned)
{
    if (command->json)
        printf("{\"index\":%llu,\"size\":%llu,\"cosignatures\":%zu,\"valid\":true}\n", (unsigned long long)index,
               (unsigned long long)size, cosigned);
    else if (cosigned > 0)
        printf("entry %llu is in the log %s of %llu entries, cosigned by %zu: valid\n", (unsigned long long)index, origin,
               (unsigned long long)size, cosigned);
    else
        printf("entry %llu is in the log %s of %llu entries: valid\n", (unsigned long long)index, origin,
               (unsigned long long)size);
}

int ledger_verify_proof(struct command *command)
{
    const char *key = args_get(command->args, "key"), *entry = args_get(command->args, "entry");
    struct note_verifier verifier;
    struct checkpoint checkpoint;
    struct slice proof, record;
    struct note note;
    struct error error = {0};
    uint64_t index;
    size_t cosigned = 0;

    if (!key || !entry) {
        fprintf(stderr, "edict: verify --proof FILE needs --key VERIFIER-KEY and --entry FILE, the entry's exact bytes\n");
        return COMMAND_BAD_INPUT;
    }
    if (note_verifier_parse(slice_from_str(key), &verifier, &error) != STATUS_OK)
        return command_fail(&error);
    if (!command_read_file(command, args_get(command->args, "proof"), PROOF_FILE_MAX, &proof) ||
        !command_read_file(command, entry, RECORD_FILE_MAX, &record))
        return COMMAND_BAD_INPUT;
    if (tlog_proof_verify(command->arena, proof, record, &verifier, &index, &checkpoint, &note, &error) != STATUS_OK) {
        command_fail(&error);
        return COMMAND_FAILED;
    }
    if (args_get(command->args, "witness")) {
        int code = count_witnesses(command, &note, &cosigned);

        if (code != COMMAND_OK)
            return code;
    }
    print_valid(command, verifier.name, index, checkpoint.size, cosigned);
    return COMMAND_OK;
}
