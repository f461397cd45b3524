/*
 * What library functions need besides Lua: the worker's parsers, their memory and caches. Nothing of it can be seen by a
 * policy: a cached result is the same, and costs the same work, as a fresh one. One thread at a time.
 */
#ifndef EDICT_POLICY_SERVICES_H
#define EDICT_POLICY_SERVICES_H

#include "base/arena.h"
#include "base/status.h"
#include "parse/shell.h"

struct re_cache;

enum {
    SERVICES_SHELL_KEPT = 4, /* command lines of one evaluation whose parse is kept: several rules look at the same one */
    /* Command lines beyond these are not understood: the grammar takes time that grows with their square. */
    SERVICES_SHELL_PIPES_MAX = 128,
    SERVICES_SHELL_HEREDOCS_MAX = 32,
    SERVICES_SHELL_MARKS_MAX = 2000 /* ; & | ( ) { } < > $ ` and line ends together */
};

struct services_shell {
    struct arena arena; /* of this entry alone, so that no parse depends on another's size */
    struct slice text;
    struct shell_script script;
    bool used;
};

struct sandbox_services {
    struct arena scratch; /* reset before each use */
    struct re_cache *re;
    struct shell_parser *shell; /* made for the first rule that asks */
    struct services_shell kept[SERVICES_SHELL_KEPT];
    unsigned next; /* the entry to replace */
};

enum status services_create(struct sandbox_services *services, struct error *error) EDICT_MUST_USE;
void services_destroy(struct sandbox_services *services); /* accepts a zeroed one */
/* Forgets what was kept: texts of one request must not stay. */
void services_forget(struct sandbox_services *services);
/* shell_parse of `line`, or what it gave before. `out` lives until services_forget or SERVICES_SHELL_KEPT further texts. */
enum status services_parse_shell(struct sandbox_services *services, struct slice line, uint64_t *work,
                                 const struct shell_script **out) EDICT_MUST_USE;

#endif
