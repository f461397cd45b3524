/*
 * Texts with fields in braces: "in your namespace ({context.namespace})". Parsed when a bundle is built; filled for every use.
 * A field that is absent shows as "unknown". "{{" is a brace. "{facts.budget.remaining_micro_usd|money}" shows micro-USD as
 * "$12.50".
 */
#ifndef EDICT_POLICY_TEMPLATE_H
#define EDICT_POLICY_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"

enum { TEMPLATE_VALUE_MAX = 256 /* bytes shown of one field; longer ones are cut, visibly */ };

struct template_part {
    struct slice literal; /* before the field */
    bool has_field;
    bool money;
    uint32_t path;
};

struct template
{
    struct template_part *parts;
    size_t count;
};

/* Gives the number of a dotted field name, or false with `problem` set to what is wrong with it. */
typedef bool (*template_path_f)(void *context, struct slice dotted, uint32_t *path, char *problem, size_t problem_size);
/* `text` must live as long as the template. False with `problem` filled, or with an empty problem when the arena is exhausted.
 */
bool template_parse(struct arena *arena, struct slice text, template_path_f resolve, void *context, struct template *out,
                    char *problem, size_t problem_size);

struct cJSON;
/* The value of a path, or NULL. */
typedef const struct cJSON *(*template_value_f)(void *context, uint32_t path);
void template_write(const struct template *source, template_value_f value, void *context, struct buf *out);

#endif
