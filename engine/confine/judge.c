#include "confine/judge.h"

#include "confine/child.h"

#include <pthread.h>
#include <stdlib.h>

struct judge {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    struct judge_job *first, *running;
    size_t waiting;
    bool stopping, joined;
};

/* The next job, or NULL when there will be none. */
static struct judge_job *take(struct judge *judge)
{
    struct judge_job *job;

    pthread_mutex_lock(&judge->mutex);
    while (!judge->first && !judge->stopping)
        pthread_cond_wait(&judge->wake, &judge->mutex);
    job = judge->first;
    if (job) {
        judge->first = job->next;
        judge->waiting--;
        if (judge->stopping)
            atomic_store(&job->cancelled, true);
    }
    judge->running = job;
    pthread_mutex_unlock(&judge->mutex);
    return job;
}

static void finished(struct judge *judge)
{
    pthread_mutex_lock(&judge->mutex);
    judge->running = NULL;
    pthread_mutex_unlock(&judge->mutex);
}

static void run(struct judge_job *job)
{
    static char name[] = "edictd", flag[] = "--confined";
    char *arguments[sizeof job->words / sizeof *job->words + 3] = {name, flag};
    struct child_run child = {.program = "/proc/self/exe",
                              .arguments = arguments,
                              .input = job->input,
                              .output_max = JUDGE_OUTPUT_MAX,
                              .time_ms = job->time_ms,
                              .cancelled = &job->cancelled};

    for (size_t i = 0; job->words[i]; i++)
        arguments[2 + i] = (char *)(uintptr_t)job->words[i];
    if (atomic_load(&job->cancelled)) {
        job->status = error_set(&job->error, STATUS_UNAVAILABLE, "", "was cancelled");
        return;
    }
    buf_create(&child.output, NULL);
    job->status = child_run(&child, &job->error);
    job->exit_code = child.exit_code;
    job->output = child.output;
}

static void *judge_thread(void *context)
{
    struct judge *judge = context;
    struct judge_job *job;

    while ((job = take(judge)) != NULL) {
        run(job);
        finished(judge);
        job->done(job);
    }
    return NULL;
}

enum status judge_start(struct judge **out, struct error *error)
{
    struct judge *judge = calloc(1, sizeof *judge);

    if (!judge)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    pthread_mutex_init(&judge->mutex, NULL);
    pthread_cond_init(&judge->wake, NULL);
    if (pthread_create(&judge->thread, NULL, judge_thread, judge) != 0) {
        judge->joined = true;
        judge_delete(judge);
        return error_set(error, STATUS_UNAVAILABLE, "", "cannot start the judge's thread");
    }
    *out = judge;
    return STATUS_OK;
}

bool judge_post(struct judge *judge, struct judge_job *job)
{
    struct judge_job **end;
    bool taken;

    job->next = NULL;
    pthread_mutex_lock(&judge->mutex);
    taken = !judge->stopping && judge->waiting < JUDGE_QUEUE_MAX;
    if (taken) {
        for (end = &judge->first; *end; end = &(*end)->next)
            ;
        *end = job;
        judge->waiting++;
        pthread_cond_signal(&judge->wake);
    }
    pthread_mutex_unlock(&judge->mutex);
    return taken;
}

void judge_stop(struct judge *judge)
{
    if (!judge || judge->joined)
        return;
    pthread_mutex_lock(&judge->mutex);
    judge->stopping = true;
    if (judge->running)
        atomic_store(&judge->running->cancelled, true);
    pthread_cond_signal(&judge->wake);
    pthread_mutex_unlock(&judge->mutex);
    pthread_join(judge->thread, NULL);
    judge->joined = true;
}

void judge_delete(struct judge *judge)
{
    if (!judge)
        return;
    judge_stop(judge);
    pthread_mutex_destroy(&judge->mutex);
    pthread_cond_destroy(&judge->wake);
    free(judge);
}
