#include "api/access.h"

#include "api/cors.h"
#include "api/reply.h"
#include "proto/request.h"

static bool header_is_unique(struct api_call *call, const char *name, struct slice *value, bool *present)
{
    size_t count = http_header_get(call->http, name, value);
    struct slice detail;

    *present = count > 0;
    if (count <= 1)
        return true;
    detail = arena_printf(call->http->arena, "the header %s is given %zu times; send it once", name, count);
    http_reply_problem(call->http, 400, detail, NULL, 0);
    return false;
}

/* "127.0.0.1:8081" -> "127.0.0.1"; "[::1]:8081" -> "[::1]". */
static struct slice host_without_port(struct slice host)
{
    size_t end = host.size > 0 && host.data[0] == '[' ? slice_find(host, ']', 0) : slice_find(host, ':', 0);

    if (end != SIZE_MAX && host.data[0] == '[')
        end++;
    return slice_sub(host, 0, end);
}

static bool slice_equal_no_case(struct slice a, const char *lower)
{
    size_t size = strlen(lower);

    if (a.size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = a.data[i] >= 'A' && a.data[i] <= 'Z' ? (char)(a.data[i] + 32) : a.data[i];

        if (c != lower[i])
            return false;
    }
    return true;
}

/* A page of another site that a browser was tricked into connecting here (DNS rebinding) names that site as the host. */
static bool host_is_local(struct slice host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    struct slice name = host_without_port(host);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_equal_no_case(name, names[i]))
            return true;
    }
    return false;
}

static bool access_check_host(struct api_call *call)
{
    struct slice host;
    bool present;

    if (!header_is_unique(call, "host", &host, &present))
        return false;
    if (!present || host_is_local(host))
        return true; /* HTTP/1.0 needs no Host; 1.1 without one was refused below */
    http_reply_problem(call->http, 403, SLICE("the Host header names another machine; use 127.0.0.1, [::1] or localhost"), NULL,
                       0);
    return false;
}

/* A page that this very address serves: scheme and Host, which has been found to be local. */
static bool origin_is_own(const struct api_call *call, struct slice origin)
{
    const struct slice scheme = call->http->tls ? SLICE("https://") : SLICE("http://");
    struct slice host;

    return http_header_get(call->http, "host", &host) == 1 && slice_starts_with(origin, scheme) &&
           slice_equal(slice_sub(origin, scheme.size, origin.size), host);
}

static bool access_check_origin(struct api_call *call)
{
    struct slice origin, site;
    bool present;

    if (!header_is_unique(call, "origin", &origin, &present))
        return false;
    if (present && cors_origin_is_allowed(call->api->shared, origin))
        return true; /* a page that was let in by name: its browser says cross-site */
    if (present && !origin_is_own(call, origin)) {
        http_reply_problem(call->http, 403, SLICE("this Origin is not configured; see --allow-origin"), NULL, 0);
        return false;
    }
    if (!header_is_unique(call, "sec-fetch-site", &site, &present))
        return false;
    if (present && !slice_equal(site, SLICE("none")) && !slice_equal(site, SLICE("same-origin"))) {
        http_reply_problem(call->http, 403,
                           SLICE("requests that a browser makes for another site are refused (Sec-Fetch-Site)"), NULL, 0);
        return false;
    }
    return true;
}

static void reply_unauthorized(struct api_call *call, struct slice detail)
{
    const struct http_header challenge = {SLICE("WWW-Authenticate"), SLICE("Bearer realm=\"edict\"")};

    reply_problem_with(call, 401, detail, &challenge, 1);
}

/* Is this the value of an Authorization header with the admin token? */
static bool is_admin_token(const struct api_shared *shared, struct slice value)
{
    struct slice scheme = slice_sub(value, 0, slice_find(value, ' ', 0)), token = slice_sub(value, scheme.size + 1, SIZE_MAX);

    while (token.size > 0 && token.data[0] == ' ')
        token = slice_sub(token, 1, SIZE_MAX);
    return slice_equal_no_case(scheme, "bearer") && slice_equal_secret(token, shared->admin_token);
}

bool access_is_admin(const struct api_shared *shared, const struct http_call *http)
{
    struct slice value;

    return http_header_get(http, "authorization", &value) == 1 && is_admin_token(shared, value);
}

/* A token that does not fit never falls back to the role of an agent: whoever sent it believes to be an admin. */
static bool access_check_token(struct api_call *call)
{
    struct slice value;
    bool present;

    if (!header_is_unique(call, "authorization", &value, &present))
        return false;
    if (!present)
        return true;
    if (is_admin_token(call->api->shared, value)) {
        call->role = API_ROLE_ADMIN;
        return true;
    }
    reply_unauthorized(
        call,
        SLICE(
            "the Authorization header holds no valid token; the admin token is in admin.token of the server's data directory"));
    return false;
}

static bool access_check_agent(struct api_call *call)
{
    struct slice header = {0}, parameter = {0};
    bool has_header, has_parameter;

    if (!header_is_unique(call, "edict-agent", &header, &has_header))
        return false;
    has_parameter = http_query_get(call->http, "agent_identity", &parameter) > 0;
    call->agent = has_header ? header : parameter;
    if (has_header && has_parameter && !slice_equal(header, parameter)) {
        http_reply_problem(call->http, 400,
                           SLICE("the header Edict-Agent and the parameter agent_identity name different agents"), NULL, 0);
        return false;
    }
    if ((has_header || has_parameter) && !request_agent_is_valid(call->agent)) {
        http_reply_problem(call->http, 400, SLICE("agent_identity: not an agent's name; see docs/limits.md"), NULL, 0);
        return false;
    }
    return true;
}

bool access_check(struct api_call *call)
{
    return access_check_host(call) && access_check_origin(call) && access_check_token(call) && access_check_agent(call);
}

void access_require_admin(struct api_call *call)
{
    reply_unauthorized(
        call,
        SLICE("this needs the admin token (Authorization: Bearer …); it is in admin.token of the server's data directory"));
}

bool access_names_agent(struct api_call *call, const char *what)
{
    if (call->role == API_ROLE_ADMIN || call->agent.size > 0)
        return true;
    reply_problem_with(call, 401,
                       arena_printf(call->http->arena,
                                    "%s: say which agent asks, by the header Edict-Agent or the parameter agent_identity",
                                    what),
                       NULL, 0);
    return false;
}

bool access_owns(struct api_call *call, struct slice owner, const char *what)
{
    if (!access_names_agent(call, what))
        return false;
    if (call->role == API_ROLE_ADMIN || slice_equal(call->agent, owner))
        return true;
    reply_problem_with(call, 404, arena_printf(call->http->arena, "%s does not exist, or belongs to another agent", what), NULL,
                       0);
    return false;
}
