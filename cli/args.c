#include "cli/args.h"

#include "base/text.h"

#include <stdio.h>

static bool in_list(struct slice name, const char *const *list)
{
    for (; *list; list++) {
        if (slice_equal_str(name, *list))
            return true;
    }
    return false;
}

static const char *nearest(struct slice name, const char *const *list, unsigned *best)
{
    const char *found = NULL;

    for (; *list; list++) {
        unsigned distance = text_distance(name, slice_from_str(*list), 3);

        if (distance < *best) {
            *best = distance;
            found = *list;
        }
    }
    return found;
}

static enum status unknown_flag(struct slice name, const char *const *valued, const char *const *plain, struct error *error)
{
    unsigned best = 4;
    const char *one = nearest(name, valued, &best), *other = nearest(name, plain, &best);
    char where[96];

    one = other ? other : one;
    snprintf(where, sizeof where, "--%.*s", (int)(name.size > 64 ? 64 : name.size), name.data);
    if (one)
        return error_set(error, STATUS_INVALID, where, "unknown flag; did you mean --%s?", one);
    return error_set(error, STATUS_INVALID, where, "unknown flag; see edict --help");
}

static enum status add_flag(struct args *args, const char *name, const char *value, struct error *error)
{
    if (args->flag_count == ARGS_FLAGS_MAX)
        return error_set(error, STATUS_INVALID, name, "too many flags");
    args->flags[args->flag_count].name = name;
    args->flags[args->flag_count++].value = value;
    return STATUS_OK;
}

static const char *list_entry(struct slice name, const char *const *list)
{
    while (!slice_equal_str(name, *list))
        list++;
    return *list;
}

static enum status parse_flag(int argc, char *const *argv, int *at, const char *const *valued, const char *const *plain,
                              struct args *args, struct error *error)
{
    struct slice whole = slice_from_str(argv[*at]);
    size_t sign = slice_find(whole, '=', 0);
    struct slice name = slice_sub(whole, 2, sign);

    if (in_list(name, plain)) {
        if (sign != SIZE_MAX)
            return error_set(error, STATUS_INVALID, argv[*at], "this flag takes no value");
        return add_flag(args, list_entry(name, plain), NULL, error);
    }
    if (!in_list(name, valued))
        return unknown_flag(name, valued, plain, error);
    if (sign != SIZE_MAX)
        return add_flag(args, list_entry(name, valued), whole.data + sign + 1, error);
    if (*at + 1 >= argc)
        return error_set(error, STATUS_INVALID, argv[*at], "needs a value");
    return add_flag(args, list_entry(name, valued), argv[++*at], error);
}

enum status args_parse(int argc, char *const *argv, const char *const *valued, const char *const *plain, struct args *args,
                       struct error *error)
{
    bool only_words = false;
    enum status status = STATUS_OK;

    *args = (struct args){0};
    for (int i = 1; i < argc && status == STATUS_OK; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (!only_words && strncmp(argv[i], "--", 2) == 0)
            status = parse_flag(argc, argv, &i, valued, plain, args, error);
        else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
            status = strcmp(argv[i], "-h") == 0 ? add_flag(args, "help", NULL, error)
                                                : error_set(error, STATUS_INVALID, argv[i], "unknown flag; see edict --help");
        else if (args->word_count == ARGS_WORDS_MAX)
            status = error_set(error, STATUS_INVALID, argv[i], "too many words");
        else
            args->words[args->word_count++] = argv[i];
    }
    return status;
}

const char *args_get(const struct args *args, const char *name)
{
    for (size_t i = args->flag_count; i > 0; i--) {
        if (strcmp(args->flags[i - 1].name, name) == 0)
            return args->flags[i - 1].value;
    }
    return NULL;
}

const char *args_get_each(const struct args *args, const char *name, size_t position)
{
    for (size_t i = 0; i < args->flag_count; i++) {
        if (strcmp(args->flags[i].name, name) == 0 && position-- == 0)
            return args->flags[i].value;
    }
    return NULL;
}

bool args_has(const struct args *args, const char *name)
{
    for (size_t i = 0; i < args->flag_count; i++) {
        if (strcmp(args->flags[i].name, name) == 0)
            return true;
    }
    return false;
}
