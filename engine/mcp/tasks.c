/* The tasks extension, io.modelcontextprotocol/tasks (SEP-2663): its methods, and what a task looks like. */
#include "mcp/internal.h"

static void put_time(struct json_writer *w, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(time_ms, text);
    json_key(w, name);
    json_string(w, slice_from(text, sizeof text));
}

static void put_payload(struct json_writer *w, const struct mcp_task *task)
{
    static const char *const names[] = {NULL, "inputRequests", "result", "error", NULL};

    if (!names[task->status] || task->payload.size == 0)
        return;
    json_key(w, names[task->status]);
    json_raw(w, task->payload);
}

void tasks_write(struct json_writer *w, const struct mcp_task *task, bool detailed)
{
    static const char *const names[] = {"working", "input_required", "completed", "failed", "cancelled"};

    json_key(w, "taskId");
    json_string(w, task->id);
    json_key(w, "status");
    json_string(w, slice_from_str(names[task->status]));
    if (task->message.size > 0) {
        json_key(w, "statusMessage");
        json_string(w, task->message);
    }
    put_time(w, "createdAt", task->created_ms);
    put_time(w, "lastUpdatedAt", task->updated_ms);
    json_key(w, "ttlMs");
    if (task->ttl_ms < 0)
        json_null(w);
    else
        json_i64(w, task->ttl_ms);
    json_key(w, "pollIntervalMs");
    json_i64(w, task->poll_ms);
    if (detailed)
        put_payload(w, task);
}

void mcp_answer_task(struct mcp_call *call, const struct mcp_task *task)
{
    bool created = !slice_starts_with(call->method, SLICE("tasks/"));
    struct buf out;
    struct json_writer w;

    result_begin_as(call, created ? "task" : "complete", &out, &w);
    tasks_write(&w, task, !created);
    mcp_result_end(call, &out, &w);
}

void mcp_fail_task(struct mcp_call *call)
{
    mcp_fail(call, MCP_INVALID_PARAMS, SLICE("Task not found: it never was, is another's, or has expired"));
}

/* The id, or empty after an answer. */
static struct slice begin(struct mcp_call *call)
{
    struct slice id = json_get_text(call->params, "taskId");

    if (!call->worker->server->description->tasks) {
        mcp_fail(call, MCP_METHOD_NOT_FOUND, SLICE("Method not found"));
        return (struct slice){0};
    }
    if (!(mcp_can(call) & MCP_CAN_TASKS)) {
        mcp_fail_capability(call, "{\"extensions\":{\"" MCP_TASKS "\":{}}}");
        return (struct slice){0};
    }
    if (id.size == 0 || id.size > MCP_URI_MAX) {
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/taskId: expected a text"));
        return (struct slice){0};
    }
    return id;
}

void tasks_get(struct mcp_call *call)
{
    struct slice id = begin(call);

    if (id.size > 0)
        call->worker->server->description->tasks->get(call, id);
}

void tasks_update(struct mcp_call *call)
{
    struct slice id = begin(call);
    const cJSON *responses = json_get(call->params, "inputResponses");

    if (id.size == 0)
        return;
    if (!cJSON_IsObject(responses))
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/inputResponses: expected an object"));
    else
        call->worker->server->description->tasks->update(call, id, responses);
}

void tasks_cancel(struct mcp_call *call)
{
    struct slice id = begin(call);

    if (id.size > 0)
        call->worker->server->description->tasks->cancel(call, id);
}

/* ---- ids ---- */

static void id_mac(struct mcp_server *server, struct slice name, struct slice owner, char hex[DIGEST_HEX_SIZE])
{
    struct digest mac;

    seal_mac(server, &(struct seal){.purpose = SLICE("task"), .bound = owner}, name, &mac);
    digest_format(&mac, hex);
}

enum { ID_MAC = 40 /* hex digits of the code that are shown: 160 bits */ };

struct slice mcp_task_id(struct mcp_server *server, struct arena *arena, struct slice name, struct slice owner)
{
    char hex[DIGEST_HEX_SIZE];

    id_mac(server, name, owner, hex);
    return arena_printf(arena, "%.*s.%.*s", SLICE_ARG(name), ID_MAC, hex);
}

struct slice mcp_task_name(struct mcp_server *server, struct slice id, struct slice owner)
{
    size_t dot = slice_find(id, '.', 0);
    char hex[DIGEST_HEX_SIZE];
    struct slice name;

    if (dot == SIZE_MAX)
        return (struct slice){0};
    name = slice_sub(id, 0, dot);
    id_mac(server, name, owner, hex);
    return slice_equal_secret(slice_sub(id, dot + 1, SIZE_MAX), slice_from(hex, ID_MAC)) ? name : (struct slice){0};
}
