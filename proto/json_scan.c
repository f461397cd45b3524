/*
 * The validator of RFC 8259, which builds the tree on the way where one is wanted: the nodes that cJSON would make. One pass
 * over the bytes, with an explicit bound on depth; validating alone allocates nothing for ordinary documents. Duplicate member
 * names are found by hash when their object ends: pairwise for few, by sorting for many.
 */
#include "base/text.h"
#include "proto/json_lex.h"

#include <limits.h>
#include <stdlib.h>

enum { SCAN_PAIRWISE_MAX = 32 }; /* members up to which comparing each with each is cheaper than sorting */

const struct json_limits json_limits_default = {.bytes = JSON_BYTES_MAX, .depth = JSON_DEPTH_MAX, .members = JSON_MEMBERS_MAX};

/* Fills `node`, where the tree is wanted. */
static enum status scan_value(struct json_lex *s, unsigned depth, cJSON *node);

/* ---- names ---- */

static bool push_name(struct json_lex *s, const struct json_name *name)
{
    if (s->name_count == s->name_capacity) {
        size_t capacity = s->name_capacity * 2;
        struct json_name *grown = malloc(capacity * sizeof *grown);

        if (!grown)
            return false;
        memcpy(grown, s->names, s->name_count * sizeof *grown);
        if (s->names != s->local)
            free(s->names);
        s->names = grown;
        s->name_capacity = capacity;
    }
    s->names[s->name_count++] = *name;
    return true;
}

static bool same_name(const struct json_lex *s, const struct json_name *a, const struct json_name *b)
{
    struct slice x = slice_sub(s->text, a->at, a->at + a->size), y = slice_sub(s->text, b->at, b->at + b->size);
    size_t i = 0, j = 0;

    if (a->hash != b->hash)
        return false;
    while (i < x.size && j < y.size) {
        if (json_lex_character(x, &i) != json_lex_character(y, &j))
            return false;
    }
    return i == x.size && j == y.size;
}

static int compare_names(const void *a, const void *b)
{
    const struct json_name *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static enum status duplicate_name(struct json_lex *s, const struct json_name *name)
{
    return json_lex_fail(s, name->at - 1, STATUS_INVALID, "the member \"%.*s\" is given twice",
                         (int)(name->size > 64 ? 64 : name->size), s->text.data + name->at);
}

static enum status check_duplicates(struct json_lex *s, size_t from)
{
    struct json_name *names = s->names + from;
    size_t count = s->name_count - from;

    if (count <= SCAN_PAIRWISE_MAX) {
        for (size_t i = 1; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                if (names[i].hash == names[j].hash && same_name(s, &names[i], &names[j]))
                    return duplicate_name(s, &names[i]);
            }
        }
        return STATUS_OK;
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (same_name(s, &names[i - 1], &names[i]))
            return duplicate_name(s, &names[i]);
    }
    return STATUS_OK;
}

/* ---- the tree ---- */

static enum status no_memory(struct json_lex *s)
{
    return error_set(s->error, STATUS_NO_MEMORY, "", "the JSON value needs more memory than one call may use");
}

/* The decoded text, NUL-terminated; what is decoded is never longer than what is written. */
static char *build_text(struct json_lex *s, const struct json_lex_text *text)
{
    struct slice source = slice_sub(s->text, text->at, text->at + text->size);
    size_t size = 0, at = 0;
    char *copy;

    if (!text->escaped)
        return (char *)(uintptr_t)arena_copy(s->arena, source).data;
    copy = arena_alloc(s->arena, source.size + 1);
    while (copy && at < source.size) {
        if (source.data[at] == '\\')
            size += text_encode_utf8(json_lex_character(source, &at), copy + size);
        else
            copy[size++] = source.data[at++];
    }
    if (copy)
        copy[size] = '\0';
    return copy;
}

/* A further child; as in cJSON, the first one's `prev` is the last. */
static cJSON *build_child(struct json_lex *s, cJSON *parent)
{
    cJSON *child = arena_zalloc(s->arena, sizeof *child);

    if (!child)
        return NULL;
    if (parent->child) {
        child->prev = parent->child->prev;
        child->prev->next = child;
    } else {
        parent->child = child;
    }
    parent->child->prev = child;
    return child;
}

/* ---- values ---- */

static enum status scan_name(struct json_lex *s, cJSON *node)
{
    struct json_lex_text text;
    enum status status;

    if (json_lex_peek(s) != '"')
        return json_lex_fail(s, s->at, STATUS_INVALID,
                             json_lex_peek(s) < 0 ? "the text ends too early" : "expected a member name in double quotes");
    status = json_lex_string(s, true, &text);
    if (status != STATUS_OK)
        return status;
    if (!push_name(s, &(struct json_name){.hash = text.hash, .at = text.at, .size = text.size}))
        return error_set(s->error, STATUS_NO_MEMORY, "", "out of memory");
    if (node && !(node->string = build_text(s, &text)))
        return no_memory(s);
    json_lex_skip_space(s);
    if (json_lex_peek(s) != ':')
        return json_lex_fail(s, s->at, STATUS_INVALID, "expected ':' after a member name");
    s->at++;
    json_lex_skip_space(s);
    return STATUS_OK;
}

static enum status scan_item(struct json_lex *s, unsigned depth, bool named, cJSON *parent)
{
    cJSON *node = parent ? build_child(s, parent) : NULL;
    enum status status = parent && !node ? no_memory(s) : STATUS_OK;

    if (status == STATUS_OK && named)
        status = scan_name(s, node);
    return status == STATUS_OK ? scan_value(s, depth, node) : status;
}

/* The inside of an object or array, from the opening bracket to past the closing one. */
static enum status scan_items(struct json_lex *s, unsigned depth, char close, cJSON *node)
{
    unsigned count = 0;
    enum status status = STATUS_OK;

    if (depth > s->limits->depth)
        return json_lex_fail(s, s->at, STATUS_TOO_LARGE, "nested deeper than %u", s->limits->depth);
    if (node)
        node->type = close == '}' ? cJSON_Object : cJSON_Array;
    s->at++;
    json_lex_skip_space(s);
    if (json_lex_peek(s) == close) {
        s->at++;
        return STATUS_OK;
    }
    while (status == STATUS_OK) {
        if (++count > s->limits->members)
            return json_lex_fail(s, s->at, STATUS_TOO_LARGE, "more than %u members or elements", s->limits->members);
        status = scan_item(s, depth, close == '}', node);
        if (status != STATUS_OK)
            break;
        json_lex_skip_space(s);
        if (json_lex_peek(s) == close) {
            s->at++;
            break;
        }
        if (json_lex_peek(s) != ',')
            return json_lex_fail(s, s->at, STATUS_INVALID,
                                 json_lex_peek(s) < 0 ? "the text ends too early" : "expected ',' or '%c'", close);
        s->at++;
        json_lex_skip_space(s);
    }
    return status;
}

static enum status scan_object(struct json_lex *s, unsigned depth, cJSON *node)
{
    size_t names = s->name_count;
    enum status status = scan_items(s, depth, '}', node);

    if (status == STATUS_OK)
        status = check_duplicates(s, names);
    s->name_count = names;
    return status;
}

static enum status scan_text_value(struct json_lex *s, cJSON *node)
{
    struct json_lex_text text;
    enum status status = json_lex_string(s, false, &text);

    if (status != STATUS_OK || !node)
        return status;
    node->type = cJSON_String;
    node->valuestring = build_text(s, &text);
    return node->valuestring ? STATUS_OK : no_memory(s);
}

static enum status scan_number(struct json_lex *s, cJSON *node)
{
    double value;
    enum status status = json_lex_number(s, &value);

    if (status != STATUS_OK || !node)
        return status;
    node->type = cJSON_Number;
    node->valuedouble = value;
    node->valueint = value >= INT_MAX ? INT_MAX : value <= INT_MIN ? INT_MIN : (int)value;
    return STATUS_OK;
}

static enum status scan_word(struct json_lex *s, const char *word, int type, cJSON *node)
{
    if (!slice_starts_with(slice_sub(s->text, s->at, SIZE_MAX), slice_from_str(word)))
        return json_lex_fail(s, s->at, STATUS_INVALID, "expected a value");
    s->at += strlen(word);
    if (node) {
        node->type = type;
        node->valueint = type == cJSON_True;
    }
    return STATUS_OK;
}

static enum status scan_value(struct json_lex *s, unsigned depth, cJSON *node)
{
    switch (json_lex_peek(s)) {
    case -1:
        return json_lex_fail(s, s->at, STATUS_INVALID, "the text ends where a value is expected");
    case '{':
        return scan_object(s, depth + 1, node);
    case '[':
        return scan_items(s, depth + 1, ']', node);
    case '"':
        return scan_text_value(s, node);
    case 't':
        return scan_word(s, "true", cJSON_True, node);
    case 'f':
        return scan_word(s, "false", cJSON_False, node);
    case 'n':
        return scan_word(s, "null", cJSON_NULL, node);
    default:
        return scan_number(s, node);
    }
}

static enum status scan_text(struct slice text, const struct json_limits *limits, struct arena *arena, cJSON *root,
                             struct error *error)
{
    struct json_lex s;
    enum status status;

    s.text = text;
    s.at = 0;
    s.limits = limits;
    s.error = error;
    s.arena = arena;
    s.names = s.local;
    s.name_count = 0;
    s.name_capacity = JSON_LEX_NAMES_LOCAL;
    if (text.size > limits->bytes)
        return error_set(error, STATUS_TOO_LARGE, "", "the JSON text is larger than %zu bytes", limits->bytes);
    if (slice_starts_with(text, SLICE("\xEF\xBB\xBF")))
        return json_lex_fail(&s, 0, STATUS_INVALID, "the text begins with a byte order mark; send it without");
    json_lex_skip_space(&s);
    status = scan_value(&s, 0, root);
    json_lex_skip_space(&s);
    if (status == STATUS_OK && s.at < text.size)
        status = json_lex_fail(&s, s.at, STATUS_INVALID, "text after the end of the JSON value");
    if (s.names != s.local)
        free(s.names);
    return status;
}

enum status json_scan(struct slice text, const struct json_limits *limits, struct error *error)
{
    return scan_text(text, limits, NULL, NULL, error);
}

enum status json_parse(struct arena *arena, struct slice text, const struct json_limits *limits, cJSON **out,
                       struct error *error)
{
    cJSON *root = arena_zalloc(arena, sizeof *root);
    enum status status;

    if (!root)
        return error_set(error, STATUS_NO_MEMORY, "", "the JSON value needs more memory than one call may use");
    status = scan_text(text, limits, arena, root, error);
    if (status == STATUS_OK)
        *out = root;
    return status;
}
