/*
 * File names as text: nothing is looked up, so a symbolic link can still lead elsewhere. POSIX syntax.
 */
#ifndef EDICT_PARSE_PATH_H
#define EDICT_PARSE_PATH_H

#include "parse/word.h"

enum { PATH_INPUT_MAX = 4096 };

struct path_result {
    bool ok; /* not empty, no NUL, not too long, not dynamic */
    struct slice problem;
    struct slice
        path; /* normalized when ok: no "." or empty parts, ".." resolved where possible, no '/' at the end but of "/" */
    bool absolute;
    bool escapes; /* a relative path that begins with ".." after normalization, or ".." above "/" */
    bool dynamic; /* begins with ~, or holds $ or a backquote: a shell would replace it */
};

enum status path_parse(struct slice path, struct arena *arena, uint64_t *work, struct path_result *out) EDICT_MUST_USE;

bool path_is_absolute(struct slice path);
/*
 * Whether `path` is `base` or below it, by normalized text. A relative `path` is taken as relative to `base`. False whenever
 * either is not ok, and for a relative `base` unless `path` is relative too and both have no leading "..".
 */
enum status path_inside(struct slice base, struct slice path, struct arena *arena, uint64_t *work, bool *inside) EDICT_MUST_USE;
/* The part after the last '/', and what is before it; pure views. */
struct slice path_base_name(struct slice path);
struct slice path_directory(struct slice path);

#endif
