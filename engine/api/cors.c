#include "api/cors.h"

enum { REQUEST_ID_BYTES_MAX = 256, STANDING_MAX = 4, OPTIONS_HEADERS_MAX = 5 };

/* What a page may read of an answer besides its body, and send besides what every page may. */
static const struct slice exposed = {
    "ETag, Link, Location, Retry-After, WWW-Authenticate, Idempotency-Replayed, Edict-Durability, X-Request-ID, Mcp-Session-Id",
    sizeof "ETag, Link, Location, Retry-After, WWW-Authenticate, Idempotency-Replayed, Edict-Durability, X-Request-ID, "
           "Mcp-Session-Id" -
        1};
static const struct slice accepted = {
    "Authorization, Content-Type, Edict-Agent, Idempotency-Key, If-Match, If-None-Match, X-Request-ID, Last-Event-ID, "
    "Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name",
    sizeof "Authorization, Content-Type, Edict-Agent, Idempotency-Key, If-Match, If-None-Match, X-Request-ID, Last-Event-ID, "
           "Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name" -
        1};

bool cors_origin_is_allowed(const struct api_shared *shared, struct slice origin)
{
    for (size_t i = 0; i < shared->origin_count; i++) {
        if (slice_equal(shared->origins[i], origin))
            return true;
    }
    return false;
}

/* The call's origin where it is a configured one; empty otherwise. */
static struct slice configured_origin(const struct api_call *call)
{
    struct slice origin = {0};

    if (call->api->shared->origin_count == 0 || http_header_get(call->http, "origin", &origin) != 1 ||
        !cors_origin_is_allowed(call->api->shared, origin))
        return (struct slice){0};
    return origin;
}

/* AuthZEN asks for its identifier in every answer, errors too. */
static struct slice request_id(const struct api_call *call)
{
    struct slice id = {0};

    if (!slice_starts_with(call->http->raw_path, SLICE("/access/")) || http_header_get(call->http, "x-request-id", &id) != 1 ||
        id.size > REQUEST_ID_BYTES_MAX)
        return (struct slice){0};
    return id;
}

bool cors_begin(struct api_call *call)
{
    struct slice origin = configured_origin(call), id = request_id(call);
    struct http_header *standing;
    size_t count = 0;

    if (call->api->shared->origin_count == 0 && id.size == 0)
        return true;
    standing = arena_array(call->http->arena, STANDING_MAX, sizeof *standing);
    if (!standing) {
        http_reply_problem(call->http, 503, SLICE("out of memory; try again"), NULL, 0);
        return false;
    }
    if (call->api->shared->origin_count > 0) /* also for others: a cache must not give one origin's answer to another */
        standing[count++] = (struct http_header){SLICE("Vary"), SLICE("Origin")};
    if (origin.size > 0) {
        standing[count++] = (struct http_header){SLICE("Access-Control-Allow-Origin"), origin};
        standing[count++] = (struct http_header){SLICE("Access-Control-Expose-Headers"), exposed};
    }
    if (id.size > 0)
        standing[count++] = (struct http_header){SLICE("X-Request-ID"), id};
    call->http->standing = standing;
    call->http->standing_count = count;
    return true;
}

void cors_reply_options(struct api_call *call, struct slice allowed)
{
    struct http_header headers[OPTIONS_HEADERS_MAX] = {{SLICE("Allow"), allowed}};
    struct http_reply reply = {.status = 204, .headers = headers, .header_count = 1};
    bool is_preflight = http_header_get(call->http, "access-control-request-method", NULL) > 0;

    if (is_preflight && configured_origin(call).size > 0) {
        headers[reply.header_count++] = (struct http_header){SLICE("Access-Control-Allow-Methods"), allowed};
        headers[reply.header_count++] = (struct http_header){SLICE("Access-Control-Allow-Headers"), accepted};
        headers[reply.header_count++] = (struct http_header){SLICE("Access-Control-Max-Age"), SLICE("600")};
    }
    http_reply(call->http, &reply);
}
