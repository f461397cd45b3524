/* What the files of the kubectl and helm parsers share. Private. */
#ifndef EDICT_PARSE_KUBECTL_INTERNAL_H
#define EDICT_PARSE_KUBECTL_INTERNAL_H

#include "parse/kubectl.h"

enum flag_kind {
    FLAG_SWITCH,  /* may have =true or =false */
    FLAG_VALUE,   /* =value or the next word */
    FLAG_OPTIONAL /* a value only with = */
};

struct flag_spec {
    const char *name;
    char letter; /* '\0': none */
    enum flag_kind kind;
    const char *verbs; /* only for these, blank-separated; NULL: for all */
};

struct flag_table {
    const struct flag_spec *specs;
    size_t count;
};
extern const struct flag_table kubectl_flags, helm_flags;

/* One command line, split into flags and positional words. */
struct flag_reader {
    const struct flag_table *table;
    struct arena *arena;
    uint64_t *work;
    struct slice problem;
    struct slice verb; /* set once known: some flags mean different things for different verbs */
    struct kubectl_flag *flags;
    size_t flag_count;
    struct parse_word *words; /* positional */
    size_t word_count;
    struct slice *unknown;
    size_t unknown_count;
    const struct parse_word *inner; /* after "--" */
    size_t inner_count;
    bool dynamic;
    bool stops_at_second; /* old form "exec POD COMMAND…": what follows the second positional word is the command */
};

void flag_fail(struct flag_reader *reader, const char *text, struct slice about);
/* False when exhausted. */
bool flag_read(struct flag_reader *reader, const struct parse_word *argv, size_t argc);
const struct kubectl_flag *flag_find(const struct flag_reader *reader, const char *name); /* the last one; NULL */
struct slice flag_value(const struct flag_reader *reader, const char *name);
bool flag_is_set(const struct flag_reader *reader, const char *name); /* a switch, not =false */
bool flag_given(const struct flag_reader *reader, const char *names); /* any of a blank-separated list */
/* All values of the flags in `names`. False when exhausted. */
bool flag_collect(struct flag_reader *reader, const char *names, const struct parse_word **values, size_t *count);
bool flag_in_list(struct slice name, const char *list);

struct kubectl_type {
    const char *name;    /* canonical */
    const char *aliases; /* plural and short names, blank-separated */
    bool cluster_scoped;
};
const struct kubectl_type *kubectl_find_type(struct slice name);

#endif
