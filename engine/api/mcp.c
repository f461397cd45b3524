#include "api/mcp.h"

#include "api/body.h"
#include "api/evaluate.h"
#include "api/reply.h"
#include "proto/digest.h"

enum { LISTS_TTL_MS = 3600000 };

static const char instructions[] =
    "Edict decides whether an agent's action may go ahead. Before doing anything that changes, deletes, deploys, spends or "
    "reads "
    "something sensitive, call evaluate_request with who you are, the operation, the exact command where there is one, and the "
    "context. approve: go ahead. escalate: wait for a human (wait_for_approval with the escalation's id), then send the same "
    "request again. deny: do not do it; the answer says what to do instead. Report what happened with report_outcome. Say who "
    "you "
    "are by agent_identity, by the header Edict-Agent, or by ?agent_identity= in the server's address.";

bool api_mcp_is_admin(const struct mcp_call *mcp)
{
    return api_mcp_caller(mcp)->role == API_ROLE_ADMIN;
}

/* Role and name, by the connection: an admin who names an agent is not that agent. */
static struct slice principal(const struct mcp_call *mcp)
{
    const struct api_call *call = api_mcp_caller(mcp);

    return arena_printf(call->http->arena, "%s:%.*s", api_mcp_is_admin(mcp) ? "admin" : "agent",
                        SLICE_ARG(call->connection_agent));
}

static void refused(void *user)
{
    evaluate_count_refused(user);
}

/* An agent that one message of a batch names is not that of the next. */
static void begin(void *user)
{
    struct api_call *call = user;

    call->agent = call->connection_agent;
    call->captured = NULL;
    call->begun_ns = clock_monotonic_ns();
}

static const struct mcp_method methods[] = {{"governance/evaluate", api_mcp_governance}};
static const struct http_header async_headers[] = {{{"Edict-Durability", 16}, {"async", 5}}};

struct mcp_server *api_mcp_new(struct api_shared *shared)
{
    static const struct slice purpose = {"edict-mcp-key-v1\n", 17};
    struct digest key;

    shared->mcp_description = (struct mcp_description){.name = "edict",
                                                       .title = "Edict policy decision point",
                                                       .version = EDICT_VERSION,
                                                       .instructions = instructions,
                                                       .tools = api_mcp_tools,
                                                       .tool_count = api_mcp_tool_count,
                                                       .resources = api_mcp_resources,
                                                       .resource_count = api_mcp_resource_count,
                                                       .prompts = api_mcp_prompts,
                                                       .prompt_count = api_mcp_prompt_count,
                                                       .methods = methods,
                                                       .method_count = 1,
                                                       .tasks = &api_mcp_task_methods,
                                                       .list_ttl_ms = LISTS_TTL_MS,
                                                       .principal = principal,
                                                       .begin = begin,
                                                       .refused = refused,
                                                       .headers = async_headers,
                                                       .header_count = shared->durable ? 0 : 1};
    digest_hmac_sha256(state_action_key(shared->state), &purpose, 1, &key);
    shared->mcp =
        mcp_server_new(&shared->mcp_description, slice_from(key.bytes, sizeof key.bytes), shared->clock, shared->worker_count);
    return shared->mcp;
}

/* ---- the route ---- */

void api_mcp(struct api_call *call)
{
    if (call->http->method == HTTP_METHOD_POST && !body_check(call))
        evaluate_count_refused(call);
    else
        mcp_handle(call->api->mcp, call->http, call);
}

/* ---- asking a resource ---- */

struct slice api_mcp_escape(struct mcp_call *mcp, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    struct buf out;

    buf_create(&out, mcp->http->arena);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
            c == '~') {
            buf_add_char(&out, (char)c);
        } else {
            buf_add_char(&out, '%');
            buf_add_char(&out, digits[c >> 4]);
            buf_add_char(&out, digits[c & 15]);
        }
    }
    return buf_slice(&out);
}

void api_mcp_ask(struct mcp_call *mcp, enum http_method method, struct slice path, struct slice query, struct slice body,
                 void (*handle)(struct api_call *call),
                 void (*answered)(struct api_call *call, int status, struct slice answer))
{
    struct api_call *call = api_mcp_caller(mcp);

    call->http->method = method;
    call->http->raw_path = path;
    call->http->path = path;
    call->http->query = query;
    call->http->body = body;
    call->user = mcp;
    call->captured = answered;
    handle(call);
}
