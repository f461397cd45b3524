/*
 * JSON at the border. Bytes are validated by our own scanner (RFC 8259, strictly, with bounds), which builds the tree in a
 * request's arena in the same pass; trees are built and written here too, in RFC 8785 canonical form. Any thread; each call
 * works in the arena it is given. Trees are cJSON's, allocated in an arena: never call cJSON_Delete or a cJSON function that
 * allocates on them.
 */
#ifndef EDICT_PROTO_JSON_H
#define EDICT_PROTO_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

#include <cjson/cJSON.h>

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    JSON_DEPTH_MAX = 32,        /* nesting of arrays and objects */
    JSON_BYTES_MAX = 64 * 1024, /* a request body */
    JSON_MEMBERS_MAX = 4096,    /* members of one object, elements of one array */
    JSON_POINTER_MAX = 200      /* bytes of a pointer shown in an error */
};
#define JSON_INTEGER_MAX INT64_C(9007199254740991) /* 2^53 - 1; larger integers are refused: "send a string" */

struct json_limits {
    size_t bytes;
    unsigned depth;
    unsigned members;
};
extern const struct json_limits json_limits_default;

/* Call once per process, before any other thread runs: from then on cJSON itself can allocate nothing. */
void json_setup(void);

/*
 * Validates `text` as exactly one RFC 8259 value: strict UTF-8, no BOM, no duplicate member names (after unescaping; not
 * quadratic), no "\u0000", no unpaired surrogates, no numbers that are not finite as a double, no integers beyond 2^53-1,
 * within `limits`. Error: STATUS_INVALID or STATUS_TOO_LARGE; `where` is "line L column C" or the JSON pointer of the value;
 * the message names the fault.
 */
enum status json_scan(struct slice text, const struct json_limits *limits, struct error *error) EDICT_MUST_USE;
/* The same, and makes a tree in `arena`, in one pass. */
enum status json_parse(struct arena *arena, struct slice text, const struct json_limits *limits, cJSON **out,
                       struct error *error) EDICT_MUST_USE;
/* The source bytes of the value at top-level member `name` of a validated object, or an empty slice. For money: numbers as
 * written. */
struct slice json_member_source(struct slice validated_object, const char *name);

/* Reading. All accept NULL and other types, and then return NULL, false, or an empty slice. */
const cJSON *json_get(const cJSON *object, const char *name);
const cJSON *json_get_slice(const cJSON *object, struct slice name);
/* "context.pod_age_hours": members by dots. */
const cJSON *json_get_path(const cJSON *object, struct slice dotted);
struct slice json_text(const cJSON *string_value);
struct slice json_get_text(const cJSON *object, const char *name);
bool json_get_i64(const cJSON *object, const char *name, int64_t *out); /* integral numbers only */
bool json_get_bool(const cJSON *object, const char *name, bool *out);
/* An integral number within +-2^53. */
bool json_is_integer(const cJSON *value, int64_t *out);
const char *json_type_name(const cJSON *value); /* "string", "number", …, "missing" for NULL */

/* Building, in `arena`; names and text are referenced, not copied, and must live as long as the tree and be NUL-terminated.
 * NULL when exhausted; every function accepts a NULL parent or value and then does nothing, so that a chain can be checked once
 * at its end with arena->exhausted. */
cJSON *json_new_object(struct arena *arena);
cJSON *json_new_array(struct arena *arena);
cJSON *json_new_text(struct arena *arena, struct slice text);
cJSON *json_new_i64(struct arena *arena, int64_t value); /* |value| <= 2^53 - 1 */
cJSON *json_new_number(struct arena *arena, double value);
cJSON *json_new_bool(struct arena *arena, bool value);
cJSON *json_new_null(struct arena *arena);
void json_put(cJSON *object, const char *constant_name, cJSON *value); /* appends; the caller sees to unique names */
void json_put_named(struct arena *arena, cJSON *object, struct slice name, cJSON *value); /* copies the name */
void json_append(cJSON *array, cJSON *value);
void json_put_text(struct arena *arena, cJSON *object, const char *constant_name, struct slice text);
void json_put_i64(struct arena *arena, cJSON *object, const char *constant_name, int64_t value);
void json_put_bool(struct arena *arena, cJSON *object, const char *constant_name, bool value);
/* A deep copy. */
cJSON *json_copy(struct arena *arena, const cJSON *value);
bool json_equal(const cJSON *a, const cJSON *b); /* by value; member order does not matter */

/* Writing. RFC 8785 (JCS): members sorted by UTF-16 code units, ECMAScript numbers, minimal escapes. `scratch` holds the sort.
 */
void json_write_canonical(struct buf *out, struct arena *scratch, const cJSON *value);
/* Compact, in the tree's own order; the same escapes and numbers. */
void json_write(struct buf *out, const cJSON *value);
/* Indented by two spaces, for people. */
void json_write_pretty(struct buf *out, const cJSON *value);
void json_write_string(struct buf *out, struct slice text); /* with quotes */
void json_write_number(struct buf *out, double value);      /* ECMAScript Number::toString; must be finite */

/*
 * A streaming writer for text whose members are already in order; what the hot path uses. It puts the commas.
 *     struct json_writer w = {.out = &buf};  json_begin_object(&w);  json_key(&w, "a");  json_i64(&w, 1);  json_end_object(&w);
 */
struct json_writer {
    struct buf *out;
    bool comma; /* a comma goes before the next key or element */
};
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key_slice(struct json_writer *w, struct slice name); /* a name that needs no escapes */
static inline void json_key(struct json_writer *w, const char *name)
{
    json_key_slice(w, slice_from_str(name)); /* here, so that the length of a literal is known to the compiler */
}
void json_string(struct json_writer *w, struct slice text);
void json_i64(struct json_writer *w, int64_t value);
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct slice json);                           /* already JSON */
void json_value(struct json_writer *w, struct arena *scratch, const cJSON *value); /* canonical; NULL writes null */

#endif
