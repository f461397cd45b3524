/*
 * What the model-based tests share: a seed that is printed, random numbers, and a trace of the last operations that is printed
 * when the model and the code disagree. EDICT_TEST_SEED repeats a run; EDICT_MODEL_ROUNDS makes it longer.
 */
#ifndef EDICT_TESTS_MODEL_H
#define EDICT_TESTS_MODEL_H

#include <check.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ThreadSanitizer cannot look into a packaged RocksDB, takes its locks for none, and ends a child that makes threads. */
#ifdef __SANITIZE_THREAD__
enum { MODEL_UNDER_TSAN = 1 };
#else
enum { MODEL_UNDER_TSAN = 0 };
#endif

enum { MODEL_TRACE_LINES = 60, MODEL_TRACE_WIDTH = 160 };

struct model_trace {
    uint64_t seed, state;
    char lines[MODEL_TRACE_LINES][MODEL_TRACE_WIDTH];
    uint64_t count;
};

static inline uint64_t model_random(struct model_trace *trace) /* splitmix64 */
{
    uint64_t z = trace->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static inline uint64_t model_below(struct model_trace *trace, uint64_t limit)
{
    return model_random(trace) % limit;
}

static inline void model_begin(struct model_trace *trace, uint64_t salt)
{
    const char *given = getenv("EDICT_TEST_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    trace->seed =
        given ? strtoull(given, NULL, 10) : (uint64_t)now.tv_sec * 1000003 ^ (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32;
    trace->state = trace->seed * 31 + salt;
    trace->count = 0;
}

static inline uint64_t model_rounds(uint64_t quick)
{
    const char *more = getenv("EDICT_MODEL_ROUNDS");

    return quick * (more ? strtoull(more, NULL, 10) : 1);
}

__attribute__((format(printf, 2, 3))) static inline void model_note(struct model_trace *trace, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(trace->lines[trace->count++ % MODEL_TRACE_LINES], MODEL_TRACE_WIDTH, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static inline void model_fail(const struct model_trace *trace, const char *format, ...)
{
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    for (uint64_t i = trace->count > MODEL_TRACE_LINES ? trace->count - MODEL_TRACE_LINES : 0; i < trace->count; i++)
        fprintf(stderr, "  %llu: %s\n", (unsigned long long)i, trace->lines[i % MODEL_TRACE_LINES]);
    ck_abort_msg("EDICT_TEST_SEED=%llu, operation %llu: %s", (unsigned long long)trace->seed, (unsigned long long)trace->count,
                 message);
}

#define MODEL_CHECK(trace, holds, ...)                                                                                         \
    do {                                                                                                                       \
        if (!(holds))                                                                                                          \
            model_fail(trace, __VA_ARGS__);                                                                                    \
    } while (0)

#endif
