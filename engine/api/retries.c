#include "api/retries.h"

#include <pthread.h>
#include <stdlib.h>

enum { RETRIES_WAYS = 8, RETRIES_SETS = RETRIES_MAX / RETRIES_WAYS };

struct retry {
    struct digest key, body;
    int64_t time_ms; /* 0: free */
    uint64_t entry;
};

struct retries {
    pthread_mutex_t mutex;
    struct retry sets[RETRIES_SETS][RETRIES_WAYS];
};

struct retries *retries_new(void)
{
    struct retries *retries = calloc(1, sizeof *retries);

    if (retries && pthread_mutex_init(&retries->mutex, NULL) != 0) {
        free(retries);
        return NULL;
    }
    return retries;
}

void retries_delete(struct retries *retries)
{
    if (!retries)
        return;
    pthread_mutex_destroy(&retries->mutex);
    free(retries);
}

static struct retry *set_of(struct retries *retries, const struct digest *key)
{
    return retries->sets[(key->bytes[0] | key->bytes[1] << 8) % RETRIES_SETS];
}

static bool is_live(const struct retry *retry, int64_t now_ms)
{
    return retry->time_ms != 0 && retry->time_ms + RETRIES_TTL_S * INT64_C(1000) > now_ms;
}

enum retries_answer retries_look_up(struct retries *retries, const struct digest *key, const struct digest *body,
                                    int64_t now_ms, uint64_t *entry)
{
    const struct retry *set = set_of(retries, key);
    enum retries_answer answer = RETRIES_NEW;

    pthread_mutex_lock(&retries->mutex);
    for (size_t i = 0; i < RETRIES_WAYS; i++) {
        if (!is_live(&set[i], now_ms) || !digest_equal(&set[i].key, key))
            continue;
        answer = digest_equal(&set[i].body, body) ? RETRIES_SAME : RETRIES_OTHER;
        if (entry)
            *entry = set[i].entry;
    }
    pthread_mutex_unlock(&retries->mutex);
    return answer;
}

void retries_remember(struct retries *retries, const struct digest *key, const struct digest *body, int64_t now_ms,
                      uint64_t entry)
{
    struct retry *set = set_of(retries, key), *place = &set[0];

    pthread_mutex_lock(&retries->mutex);
    for (size_t i = 0; i < RETRIES_WAYS; i++) {
        if (set[i].time_ms != 0 && digest_equal(&set[i].key, key)) {
            place = &set[i];
            break;
        }
        if (set[i].time_ms < place->time_ms)
            place = &set[i]; /* a free one, or the oldest */
    }
    *place = (struct retry){.key = *key, .body = *body, .time_ms = now_ms > 0 ? now_ms : 1, .entry = entry};
    pthread_mutex_unlock(&retries->mutex);
}
