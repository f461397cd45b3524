/* Any bytes as JSON and as a request: refused or understood; what is understood is what cJSON's own parser sees in it, and is
 * written and read again the same. */
#include "proto/request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_round_trip(struct arena *arena, const cJSON *tree)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = 1u << 20};
    struct buf first, second;
    cJSON *again = NULL;
    struct error error;

    buf_create(&first, arena);
    buf_create(&second, arena);
    json_write_canonical(&first, arena, tree);
    if (first.failed)
        return;
    if (json_parse(arena, buf_slice(&first), &limits, &again, &error) != STATUS_OK || !json_equal(tree, again))
        abort();
    json_write_canonical(&second, arena, again);
    if (!second.failed && !slice_equal(buf_slice(&first), buf_slice(&second)))
        abort();
}

static void check_against_cjson(const cJSON *tree, const unsigned char *data, size_t size)
{
    cJSON *other;

    cJSON_InitHooks(NULL);
    other = cJSON_ParseWithLength((const char *)data, size);
    if (!other || !json_equal(tree, other) || !json_equal(other, tree))
        abort();
    cJSON_Delete(other);
    json_setup();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena;
    struct request request;
    struct request_action action = {0};
    struct error error;
    cJSON *tree = NULL;

    json_setup();
    arena_create(&arena, 16384, 16u << 20);
    if (json_parse(&arena, slice_from(data, size), &json_limits_default, &tree, &error) == STATUS_OK) {
        check_against_cjson(tree, data, size);
        check_round_trip(&arena, tree);
    }
    if (request_parse(&arena, slice_from(data, size), (struct slice){0}, &request, &error) == STATUS_OK &&
        !request_action_learn(&arena, &request, SLICE("default"), SLICE("key"), &action) && !arena.exhausted)
        abort();
    arena_destroy(&arena);
    return 0;
}
