/*
 * The command line of `edict`: words and flags. Pure.
 */
#ifndef EDICT_CLI_ARGS_H
#define EDICT_CLI_ARGS_H

#include "base/slice.h"
#include "base/status.h"

enum { ARGS_WORDS_MAX = 16, ARGS_FLAGS_MAX = 32 };

struct args {
    const char *words[ARGS_WORDS_MAX + 1]; /* what is no flag, in order, NULL-terminated; "-" is a word */
    size_t word_count;
    struct {
        const char *name, *value; /* "json", NULL for a flag without value */
    } flags[ARGS_FLAGS_MAX];
    size_t flag_count;
};

/* `valued` and `plain` name the flags that exist (NULL-terminated); an unknown one is an error with the nearest known name. */
enum status args_parse(int argc, char *const *argv, const char *const *valued, const char *const *plain, struct args *args,
                       struct error *error) EDICT_MUST_USE;
/* The last value given, or NULL. */
const char *args_get(const struct args *args, const char *name);
/* The value given as number `position`, from 0, of a flag that may be repeated; NULL past the last. */
const char *args_get_each(const struct args *args, const char *name, size_t position);
bool args_has(const struct args *args, const char *name);

#endif
