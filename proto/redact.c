#include "proto/redact.h"

#include "base/text.h"
#include "proto/request.h"

#include <stdio.h>
#include <stdlib.h>

static const char mark_name[] = "$redacted";
/* Values were within the bounds of a request; rows hold nothing else. */
static const struct json_limits row_limits = {.bytes = 16u << 20, .depth = JSON_DEPTH_MAX + 4, .members = 65536};

/* ---- what is declared ---- */

static bool problem_is(char *problem, size_t size, const char *text)
{
    (void)snprintf(problem, size, "%s", text);
    return false;
}

static bool has_empty_part(struct slice dotted)
{
    if (dotted.size == 0 || dotted.data[0] == '.' || dotted.data[dotted.size - 1] == '.')
        return true;
    for (size_t i = 1; i < dotted.size; i++) {
        if (dotted.data[i] == '.' && dotted.data[i - 1] == '.')
            return true;
    }
    return false;
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    }
    return text_is_utf8(text);
}

bool redact_path_is_valid(struct slice dotted, char *problem, size_t problem_size)
{
    static const char *const whole[] = {"command", "justification", "operation", "conversation_id", "in_reply_to"};
    static const char *const plain[] = {"agent_identity", "estimated_cost_usd", "idempotency_key", "escalation_id", "facts"};
    struct slice first = slice_sub(dotted, 0, slice_find(dotted, '.', 0));

    if (dotted.size > REDACT_PATH_MAX || has_empty_part(dotted) || !is_printable(dotted))
        return problem_is(problem, problem_size, "a field's name has 1 to 256 bytes of printable text, and parts between dots");
    if (slice_equal_str(first, "context"))
        return true;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (slice_equal_str(first, whole[i]))
            return first.size == dotted.size || problem_is(problem, problem_size, "this field has no members");
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (slice_equal_str(first, plain[i]))
            return problem_is(problem, problem_size,
                              "this field has to stay readable: the ledger is kept and searched by it, or the engine wrote it");
    }
    return problem_is(problem, problem_size,
                      "unknown field; there are justification, command, context, context.…, operation (in plain language), "
                      "conversation_id and in_reply_to");
}

static bool covers(struct slice path, struct slice dotted)
{
    return slice_starts_with(dotted, path) && (dotted.size == path.size || dotted.data[path.size] == '.');
}

bool redact_paths_cover(const struct redact_paths *paths, struct slice dotted)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (covers(paths->items[i], dotted))
            return true;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

void redact_paths_finish(struct redact_paths *paths)
{
    struct redact_paths kept = {.items = paths->items};

    if (paths->count > 1)
        qsort(paths->items, paths->count, sizeof *paths->items, by_name);
    for (size_t i = 0; i < paths->count; i++) { /* a prefix sorts before what it covers */
        if (!redact_paths_cover(&kept, paths->items[i]))
            kept.items[kept.count++] = paths->items[i];
    }
    for (size_t i = 0; i < kept.count; i++)
        kept.hides_resource_type = kept.hides_resource_type || covers(kept.items[i], SLICE("context.resource_type")) ||
                                   covers(SLICE("context.resource_type"), kept.items[i]);
    *paths = kept;
}

/* ---- where it is in a request ---- */

struct finder {
    struct arena *arena;
    struct slice *pointers;
    size_t count, capacity;
    char pointer[2 * REDACT_PATH_MAX + 16]; /* of the value under way; escapes double a byte at most */
    bool failed;
};

static void add_pointer(struct finder *finder, size_t size)
{
    struct slice text = slice_from(finder->pointer, size);

    for (size_t i = 0; i < finder->count; i++) {
        if (slice_equal(finder->pointers[i], text))
            return;
    }
    if (finder->count == finder->capacity) {
        size_t capacity = finder->capacity ? finder->capacity * 2 : 8;

        finder->pointers = arena_grow(finder->arena, finder->pointers, finder->capacity * sizeof text, capacity * sizeof text);
        finder->capacity = capacity;
    }
    text = arena_copy(finder->arena, text);
    finder->failed = finder->failed || !finder->pointers || !text.data;
    if (!finder->failed)
        finder->pointers[finder->count++] = text;
}

static size_t push_name(struct finder *finder, size_t size, struct slice name)
{
    finder->pointer[size++] = '/';
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '~' || name.data[i] == '/') {
            finder->pointer[size++] = '~';
            finder->pointer[size++] = name.data[i] == '~' ? '0' : '1';
        } else {
            finder->pointer[size++] = name.data[i];
        }
    }
    return size;
}

/* `rest` is what is left of the path at `node`, whose pointer has `size` bytes. Depth: the parts of a path. */
static void find_below(struct finder *finder, const cJSON *node, struct slice rest, size_t size)
{
    size_t dot = 0;

    if (rest.size == 0 || !cJSON_IsObject(node)) {
        add_pointer(finder, size);
        return;
    }
    while (dot != SIZE_MAX && !finder->failed) {
        const cJSON *member;
        struct slice name;

        dot = slice_find(rest, '.', dot == 0 ? 0 : dot + 1);
        name = slice_sub(rest, 0, dot);
        member = json_get_slice(node, name);
        if (member)
            find_below(finder, member, dot == SIZE_MAX ? (struct slice){0} : slice_sub(rest, dot + 1, SIZE_MAX),
                       push_name(finder, size, name));
    }
}

bool redact_find(struct arena *arena, const struct redact_paths *paths, const cJSON *view, struct slice **pointers,
                 size_t *count)
{
    static const char root[] = "/request";
    struct finder finder = {.arena = arena};

    memcpy(finder.pointer, root, sizeof root - 1);
    for (size_t i = 0; i < paths->count; i++) {
        if (!slice_equal_str(paths->items[i], "operation") || !request_operation_is_name(json_get_text(view, "operation")))
            find_below(&finder, view, paths->items[i], sizeof root - 1);
    }
    *pointers = finder.pointers;
    *count = finder.count;
    return !finder.failed;
}

/* ---- commitments ---- */

bool redact_commit(struct arena *arena, struct slice salt, struct slice pointer, const cJSON *value, struct digest *out)
{
    struct buf text;
    struct json_writer w = {.out = &text};
    struct slice parts[2] = {SLICE("edict-redacted-v1\n")};

    buf_create(&text, arena);
    json_begin_array(&w);
    json_string(&w, pointer);
    json_value(&w, arena, value);
    json_end_array(&w);
    parts[1] = buf_slice(&text);
    if (!text.failed)
        digest_hmac_sha256(salt, parts, 2, out);
    return !text.failed;
}

enum status redact_open(struct arena *arena, struct slice row, struct slice pointer, const struct digest *commitment,
                        cJSON **value, struct error *error)
{
    struct digest found;
    enum status status;

    if (row.size <= REDACT_SALT_SIZE)
        return error_set(error, STATUS_CORRUPT, "", "a redacted value's row is too short");
    status = json_parse(arena, slice_sub(row, REDACT_SALT_SIZE, SIZE_MAX), &row_limits, value, error);
    if (status != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, "", "a redacted value's row is not a salt and JSON");
    if (!redact_commit(arena, slice_sub(row, 0, REDACT_SALT_SIZE), pointer, *value, &found))
        return error_set(error, STATUS_NO_MEMORY, "", "a redacted value needs more memory than one call may use");
    if (!digest_equal(&found, commitment))
        return error_set(error, STATUS_CORRUPT, "", "a redacted value is not what the record commits to");
    return STATUS_OK;
}

cJSON *redact_mark(struct arena *arena, const struct digest *commitment)
{
    cJSON *mark = json_new_object(arena);
    char hex[DIGEST_HEX_SIZE];

    digest_format(commitment, hex);
    json_put_text(arena, mark, mark_name, arena_copy(arena, slice_from(hex, sizeof hex)));
    return mark;
}

bool redact_mark_read(const cJSON *node, struct digest *commitment)
{
    return cJSON_IsObject(node) && node->child && !node->child->next && strcmp(node->child->string, mark_name) == 0 &&
           digest_parse(json_text(node->child), commitment);
}

/* ---- pointers ---- */

static struct slice unescape(char *out, struct slice part)
{
    size_t size = 0;

    for (size_t i = 0; i < part.size; i++) {
        if (part.data[i] == '~' && i + 1 < part.size && (part.data[i + 1] == '0' || part.data[i + 1] == '1'))
            out[size++] = part.data[++i] == '0' ? '~' : '/';
        else
            out[size++] = part.data[i];
    }
    return slice_from(out, size);
}

/* RFC 6901: digits, without leading zeros. */
static bool read_position(struct slice part, int *out)
{
    uint64_t position = 0;

    if (!slice_to_u64(part, &position) || position >= INT32_MAX || (part.size > 1 && part.data[0] == '0'))
        return false;
    *out = (int)position;
    return true;
}

cJSON *redact_resolve(cJSON *root, struct slice pointer)
{
    char name[2 * REDACT_PATH_MAX];
    size_t at = 0;

    while (root && at < pointer.size) {
        size_t next = slice_find(pointer, '/', at + 1);
        struct slice part = slice_sub(pointer, at + 1, next);
        int position;

        if (pointer.data[at] != '/' || part.size > sizeof name)
            return NULL;
        if (cJSON_IsArray(root))
            root = read_position(part, &position) ? cJSON_GetArrayItem(root, position) : NULL;
        else
            root = (cJSON *)(uintptr_t)json_get_slice(root, unescape(name, part));
        at = next == SIZE_MAX ? pointer.size : next;
    }
    return root;
}

void redact_become(cJSON *node, const cJSON *value)
{
    node->type = value->type;
    node->child = value->child;
    node->valuestring = value->valuestring;
    node->valueint = value->valueint;
    node->valuedouble = value->valuedouble;
}
