/*
 * Redaction: values of a request, and texts made from them, that a record only commits to. In place of the value the record has
 * {"$redacted":"<hex>"}, the commitment; salt and value are a row beside the records, which can be erased; then nobody can tell
 * any more what the value was, and the tree still verifies.
 *
 *   commitment = HMAC-SHA-256(salt, "edict-redacted-v1\n" + RFC 8785 of [pointer, value])
 *   row        = 32 random bytes of salt, then RFC 8785 of value
 *
 * `pointer` is the RFC 6901 pointer of the value in the record's body. Pure; memory is the arena of the call. Any thread.
 */
#ifndef EDICT_PROTO_REDACT_H
#define EDICT_PROTO_REDACT_H

#include "proto/digest.h"
#include "proto/json.h"

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    REDACT_PATHS_MAX = 256,  /* declared by one bundle */
    REDACT_PATH_MAX = 256,   /* bytes of one */
    REDACT_BYTES_MAX = 8192, /* of all of them: records name them */
    REDACT_SALT_SIZE = 32
};

/* ---- what is declared ---- */

/* Dotted field names: "justification", "context.patient.name". By name, none twice, none below another. */
struct redact_paths {
    struct slice *items;
    size_t count, bytes;
    bool hides_resource_type; /* request_resource_type() sees nothing */
};

/* May this field be declared? Else says why not. */
bool redact_path_is_valid(struct slice dotted, char *problem, size_t problem_size);
/* Sorts and removes what another covers. */
void redact_paths_finish(struct redact_paths *paths);
/* Is the field, or one that it is part of, declared? */
bool redact_paths_cover(const struct redact_paths *paths, struct slice dotted);

/* ---- where it is in a request ---- */

/*
 * Pointers ("/request/context/patient") of the declared values that `view` has. A path that meets something that has no members
 * (a text, a list) before its end names all of that; a member whose own name has the dots counts like the members they
 * separate; so another shape of the same data is not plain. An operation's name stays; one in plain language goes. False when
 * exhausted.
 */
bool redact_find(struct arena *arena, const struct redact_paths *paths, const cJSON *view, struct slice **pointers,
                 size_t *count) EDICT_MUST_USE;

/* ---- commitments ---- */

/* False when the arena is exhausted. */
bool redact_commit(struct arena *arena, struct slice salt, struct slice pointer, const cJSON *value,
                   struct digest *out) EDICT_MUST_USE;
/* The value of a row that is what `commitment` commits to. CORRUPT when it is not. */
enum status redact_open(struct arena *arena, struct slice row, struct slice pointer, const struct digest *commitment,
                        cJSON **value, struct error *error) EDICT_MUST_USE;

/* {"$redacted": hex} */
cJSON *redact_mark(struct arena *arena, const struct digest *commitment);
/* The commitment of a mark; false when `node` is none. */
bool redact_mark_read(const cJSON *node, struct digest *commitment);

/* The node that an RFC 6901 pointer names, or NULL. */
cJSON *redact_resolve(cJSON *root, struct slice pointer);
/* `node` keeps its name and its place, and becomes a copy of `value` that shares what is below. */
void redact_become(cJSON *node, const cJSON *value);

#endif
