/*
 * What library functions need besides Lua: the worker's parsers, their scratch memory and caches. None of it carries anything
 * from one evaluation into another. One thread at a time.
 */
#ifndef EDICT_POLICY_SERVICES_H
#define EDICT_POLICY_SERVICES_H

#include "base/arena.h"
#include "base/status.h"

struct re_cache;
struct shell_parser;

struct sandbox_services {
    struct arena scratch; /* reset before each use */
    struct re_cache *re;
    struct shell_parser *shell;
};

enum status services_create(struct sandbox_services *services, struct error *error) EDICT_MUST_USE;
void services_destroy(struct sandbox_services *services); /* accepts a zeroed one */

#endif
