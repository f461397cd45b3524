/* edict ledger checkpoint, prove, verify --proof: what an auditor takes home, and how it is checked there. */
#include "cli/ledger_proof.h"
#include "cli/ledger_offline.h"
#include "cli/show.h"
#include "engine/custody.h"
#include "ledger/tlog_proof.h"

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

static enum status open_offline(struct command *command, struct store **store, struct custody *custody, struct slice *bytes,
                                struct checkpoint *checkpoint, struct error *error)
{
    enum status status = ledger_offline_open(command, store, error);

    if (status == STATUS_OK)
        status = custody_verifiers(command->data, *store, custody, error);
    if (status == STATUS_OK)
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
    struct slice target = arena_printf(command->arena, "/v1/ledger/entries/%llu/proof", (unsigned long long)index), body;
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

static int print_checkpoint(struct command *command, struct slice key, struct slice note)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    if (key.size > 0 && key.data[key.size - 1] == '\n')
        key.size--;
    if (!command->json) {
        printf("verifier key  %.*s\n\n%.*s", SLICE_ARG(key), SLICE_ARG(note));
        return COMMAND_OK;
    }
    buf_create(&out, command->arena);
    json_begin_object(&w);
    json_key(&w, "verifier_key");
    json_string(&w, key);
    json_key(&w, "checkpoint");
    json_string(&w, note);
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
    return print_checkpoint(command, buf_slice(&key), bytes);
}

int ledger_checkpoint(struct command *command)
{
    struct slice key, note;
    int status, code;

    if (!command_no_more(command, 2))
        return COMMAND_BAD_INPUT;
    if (args_has(command->args, "offline"))
        return checkpoint_offline(command);
    code = command_call_raw(command, SLICE("/v1/ledger/key"), false, &status, &key);
    if (code == COMMAND_OK)
        code = command_call_raw(command, SLICE("/v1/ledger/checkpoint"), false, &status, &note);
    return code == COMMAND_OK ? print_checkpoint(command, key, note) : code;
}

/* ---- verify --proof: needs nothing but the files and the key ---- */

int ledger_verify_proof(struct command *command)
{
    const char *key = args_get(command->args, "key"), *entry = args_get(command->args, "entry");
    struct note_verifier verifier;
    struct checkpoint checkpoint;
    struct slice proof, record;
    struct error error = {0};
    uint64_t index;

    if (!key || !entry) {
        fprintf(stderr, "edict: verify --proof FILE needs --key VERIFIER-KEY and --entry FILE, the entry's exact bytes\n");
        return COMMAND_BAD_INPUT;
    }
    if (note_verifier_parse(slice_from_str(key), &verifier, &error) != STATUS_OK)
        return command_fail(&error);
    if (!command_read_file(command, args_get(command->args, "proof"), PROOF_FILE_MAX, &proof) ||
        !command_read_file(command, entry, RECORD_FILE_MAX, &record))
        return COMMAND_BAD_INPUT;
    if (tlog_proof_verify(command->arena, proof, record, &verifier, &index, &checkpoint, &error) != STATUS_OK) {
        command_fail(&error);
        return COMMAND_FAILED;
    }
    if (command->json)
        printf("{\"index\":%llu,\"size\":%llu,\"valid\":true}\n", (unsigned long long)index,
               (unsigned long long)checkpoint.size);
    else
        printf("entry %llu is in the log %s of %llu entries: valid\n", (unsigned long long)index, verifier.name,
               (unsigned long long)checkpoint.size);
    return COMMAND_OK;
}
