#include "engine/commit.h"

#include <pthread.h>

struct commit {
    struct ledger_txn txn; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool done;
};

/* In the sequencer's thread. */
static void committed(struct ledger_txn *txn)
{
    struct commit *commit = (struct commit *)txn;

    pthread_mutex_lock(&commit->mutex);
    commit->done = true;
    pthread_cond_signal(&commit->wake);
    pthread_mutex_unlock(&commit->mutex);
}

static enum status wait_for(struct ledger *ledger, struct commit *commit, struct error *error)
{
    if (ledger_submit(ledger, &commit->txn) != STATUS_OK)
        return error_set(error, STATUS_UNAVAILABLE, "", "the ledger takes nothing at the moment; try again");
    pthread_mutex_lock(&commit->mutex);
    while (!commit->done)
        pthread_cond_wait(&commit->wake, &commit->mutex);
    pthread_mutex_unlock(&commit->mutex);
    if (commit->txn.result == LEDGER_OK)
        return STATUS_OK;
    return error_set(error, commit->txn.result == LEDGER_UNKNOWN ? STATUS_IO : STATUS_CONFLICT, "",
                     commit->txn.result == LEDGER_UNKNOWN ? "the ledger cannot be written" : "the ledger refused the entry");
}

static enum status run(struct ledger *ledger, const struct event *event, const struct event_archived *archived,
                       int64_t archived_time_ms, uint64_t *index, struct error *error)
{
    struct commit commit = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    struct arena arena;
    struct buf body;
    enum status status = STATUS_OK;

    arena_create(&arena, 8192, 1 << 20);
    buf_create(&body, &arena);
    event_write_body(&body, &arena, event);
    commit.txn.entry_count = 1;
    commit.txn.archived_to = archived ? (uint64_t)archived->to : 0;
    commit.txn.archived_erases = archived && archived->erases;
    commit.txn.archived_time_ms = archived_time_ms;
    commit.txn.done = committed;
    commit.txn.entries[0] = (struct ledger_entry){.type = event->type,
                                                  .tenant = RECORD_TENANT_DEFAULT,
                                                  .as_of = ledger_sequenced(ledger),
                                                  .body = buf_slice(&body),
                                                  .event = event};
    if (body.failed)
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK)
        status = wait_for(ledger, &commit, error);
    *index = commit.txn.entries[0].index;
    arena_destroy(&arena);
    pthread_cond_destroy(&commit.wake);
    pthread_mutex_destroy(&commit.mutex);
    return status;
}

enum status commit_event(struct ledger *ledger, const struct event *event, uint64_t *index, struct error *error)
{
    return run(ledger, event, NULL, 0, index, error);
}

enum status commit_archived(struct ledger *ledger, const struct event *event, int64_t time_ms, uint64_t *index,
                            struct error *error)
{
    return run(ledger, event, &event->archived, time_ms, index, error);
}
