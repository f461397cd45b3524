/* Subscriptions: streams that stay open and hear of changes. */
#include "mcp/internal.h"

#include <stdlib.h>

struct watched {
    enum mcp_change what; /* RESOURCE or TASK */
    struct slice id;      /* as the client said it */
    struct slice name;    /* what mcp_changed says */
};

struct mcp_listening {
    bool session;        /* of the older era, by GET */
    bool tools, prompts; /* their lists */
    bool watches;        /* resources or tasks; counted */
    struct watched watched[MCP_SUBSCRIPTIONS_MAX];
    size_t count;
};

/* Resources change often: only who wants to hear of one makes anybody look. Counted before it is looked at whether the caller
 * may hear of it, so that no change falls in between. */
static void count_watcher(struct mcp_call *call)
{
    call->listening->watches = true;
    atomic_fetch_add(&call->worker->watchers, 1);
    atomic_fetch_add(&call->worker->server->watchers, 1);
}

static void uncount(struct mcp_call *call)
{
    struct mcp_worker *worker = call->worker;

    atomic_fetch_sub(&worker->listeners, 1);
    if (!call->listening->watches)
        return;
    atomic_fetch_sub(&worker->watchers, 1);
    atomic_fetch_sub(&worker->server->watchers, 1);
}

/* ---- the end ---- */

static void send_result(struct mcp_call *call)
{
    struct buf *out = &call->worker->scratch;
    struct json_writer w = {.out = out};

    out->size = 0;
    buf_add_str(out, "data: ");
    json_begin_object(&w);
    json_key(&w, "jsonrpc");
    json_string(&w, SLICE("2.0"));
    result_write_id(call, &w);
    json_key(&w, "result");
    json_begin_object(&w);
    json_key(&w, "resultType");
    json_string(&w, SLICE("complete"));
    json_key(&w, "_meta");
    json_begin_object(&w);
    json_key(&w, MCP_META "serverInfo");
    json_raw(&w, call->worker->server->info);
    json_key(&w, MCP_META "subscriptionId");
    json_value(&w, call->http->arena, call->id);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    buf_add_str(out, "\n\n");
    if (!out->failed)
        call->gone = http_stream_write(call->http, buf_slice(out)) != STATUS_OK;
}

static void forget(struct mcp_call *call)
{
    if (call->listening->session)
        session_detach(call);
    uncount(call);
}

/* At the drain the newest era says that the subscription is over. */
static void ended(struct mcp_call *call, enum mcp_end why)
{
    forget(call);
    if (why != MCP_END_DRAIN)
        return;
    if (!call->listening->session)
        send_result(call);
    stream_finish(call);
}

/* ---- what it hears ---- */

static bool send(struct mcp_call *call, struct json_writer *w)
{
    if (!call->listening->session) {
        json_key(w, "_meta");
        json_begin_object(w);
        json_key(w, MCP_META "subscriptionId");
        if (cJSON_IsString(call->id))
            json_string(w, json_text(call->id));
        else
            json_i64(w, (int64_t)call->id->valuedouble);
        json_end_object(w);
    }
    if (stream_notification_send(call, w))
        return true;
    stream_end(call, MCP_END_GONE);
    return false;
}

static bool tell(struct mcp_call *call, const char *method, struct slice uri)
{
    struct json_writer w;

    stream_notification_begin(call->worker, method, &w);
    if (uri.size > 0) {
        json_key(&w, "uri");
        json_string(&w, uri);
    }
    return send(call, &w);
}

static bool is_open(struct mcp_worker *worker, uint64_t serial)
{
    for (const struct mcp_call *call = worker->open; call; call = call->next) {
        if (call->serial == serial)
            return true;
    }
    return false;
}

/* The stream may end with any of what it is told. */
static void tell_change(struct mcp_call *call, enum mcp_change what, struct slice name)
{
    struct mcp_worker *worker = call->worker;
    uint64_t serial = call->serial;
    struct mcp_listening *listening = call->listening;
    const struct mcp_task_methods *tasks = call->worker->server->description->tasks;

    if (what == MCP_CHANGED_TOOLS || what == MCP_CHANGED_PROMPTS) {
        if (what == MCP_CHANGED_TOOLS ? listening->tools : listening->prompts)
            (void)tell(call,
                       what == MCP_CHANGED_TOOLS ? "notifications/tools/list_changed" : "notifications/prompts/list_changed",
                       (struct slice){0});
        return;
    }
    for (size_t i = 0; i < listening->count; i++) {
        const struct watched *watched = &listening->watched[i];

        if (watched->what != what || !slice_equal(watched->name, name))
            continue;
        if (what == MCP_CHANGED_TASK)
            tasks->changed(call, watched->id, serial);
        else
            (void)tell(call, "notifications/resources/updated", watched->id);
        if (!is_open(worker, serial))
            return;
    }
}

void listen_told(struct mcp_worker *worker, enum mcp_change what, struct slice name)
{
    struct mcp_call *next;
    struct mcp_server *server = worker->server;
    uint64_t workers;

    for (struct mcp_call *call = worker->open; call; call = next) {
        next = call->next;
        if (call->listening)
            tell_change(call, what, name);
    }
    if (worker->index != 0 || what != MCP_CHANGED_RESOURCE || atomic_load(&server->sessions.subscribed) == 0)
        return;
    workers = sessions_mark(server, name);
    for (size_t i = 0; i < server->worker_count; i++) {
        if (workers & UINT64_C(1) << (i % 64))
            (void)server_post(server->workers[i], MESSAGE_FLUSH, what, NULL, 0, (struct slice){0});
    }
}

/* A session's stream says what is pending; one that another took the place of ends. */
static void flush(struct mcp_call *call)
{
    bool current = true, there = true;

    while (there) {
        char *uri = session_take(call, &current);

        there = uri && tell(call, "notifications/resources/updated", slice_from_str(uri));
        free(uri);
    }
    if (!current && call->ended)
        stream_end(call, MCP_END_CANCELLED);
}

void listen_flush(struct mcp_worker *worker)
{
    struct mcp_call *next;

    for (struct mcp_call *call = worker->open; call; call = next) {
        next = call->next;
        if (call->listening && call->listening->session)
            flush(call);
    }
}

void listen_flush_all(struct mcp_server *server)
{
    for (size_t i = 0; i < server->worker_count; i++) {
        if (server->workers[i] && atomic_load(&server->workers[i]->listeners) > 0)
            (void)server_post(server->workers[i], MESSAGE_FLUSH, MCP_CHANGED_RESOURCE, NULL, 0, (struct slice){0});
    }
}

void mcp_tell_task(struct mcp_worker *worker, uint64_t stream, const struct mcp_task *task)
{
    struct json_writer w;

    for (struct mcp_call *call = worker->open; call; call = call->next) {
        if (call->serial != stream || !call->listening)
            continue;
        stream_notification_begin(worker, "notifications/tasks", &w);
        tasks_write(&w, task, true);
        (void)send(call, &w);
        return;
    }
}

/* ---- subscriptions/listen ---- */

static void watch(struct mcp_call *call, enum mcp_change what, struct slice id, struct slice name)
{
    struct mcp_listening *listening = call->listening;

    for (size_t i = 0; i < listening->count; i++) {
        if (listening->watched[i].what == what && slice_equal(listening->watched[i].id, id))
            return; /* wished for twice, told once */
    }
    if (listening->count < MCP_SUBSCRIPTIONS_MAX)
        listening->watched[listening->count++] = (struct watched){.what = what, .id = id, .name = name};
}

static void take_resources(struct mcp_call *call, const cJSON *uris)
{
    const cJSON *uri;

    cJSON_ArrayForEach(uri, uris)
    {
        if (cJSON_IsString(uri) && resources_may_watch(call, json_text(uri)))
            watch(call, MCP_CHANGED_RESOURCE, json_text(uri), json_text(uri));
    }
}

static void take_tasks(struct mcp_call *call, const cJSON *ids)
{
    const struct mcp_task_methods *tasks = call->worker->server->description->tasks;
    const cJSON *id;

    cJSON_ArrayForEach(id, ids)
    {
        struct slice text = json_text(id), name = {0};

        if (text.size > 0 && text.size <= MCP_URI_MAX)
            name = tasks->watch(call, text);
        if (name.size > 0)
            watch(call, MCP_CHANGED_TASK, text, name);
    }
}

static void write_ids(struct json_writer *w, const char *member, const struct mcp_listening *listening, enum mcp_change what)
{
    bool any = false;

    for (size_t i = 0; i < listening->count; i++)
        any = any || listening->watched[i].what == what;
    if (!any)
        return;
    json_key(w, member);
    json_begin_array(w);
    for (size_t i = 0; i < listening->count; i++) {
        if (listening->watched[i].what == what)
            json_string(w, listening->watched[i].id);
    }
    json_end_array(w);
}

/* First of all: what of the wishes will be fulfilled. */
static bool acknowledge(struct mcp_call *call)
{
    struct json_writer w;

    stream_notification_begin(call->worker, "notifications/subscriptions/acknowledged", &w);
    json_key(&w, "notifications");
    json_begin_object(&w);
    if (call->listening->prompts) {
        json_key(&w, "promptsListChanged");
        json_bool(&w, true);
    }
    write_ids(&w, "resourceSubscriptions", call->listening, MCP_CHANGED_RESOURCE);
    write_ids(&w, "taskIds", call->listening, MCP_CHANGED_TASK);
    if (call->listening->tools) {
        json_key(&w, "toolsListChanged");
        json_bool(&w, true);
    }
    json_end_object(&w);
    return send(call, &w);
}

static bool is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(json_get(object, name));
}

static bool check_wishes(struct mcp_call *call, const cJSON *wishes)
{
    const struct mcp_description *description = call->worker->server->description;

    if (!cJSON_IsObject(wishes)) {
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/notifications: expected an object"));
        return false;
    }
    if (json_get(wishes, "taskIds") && description->tasks && !(mcp_can(call) & MCP_CAN_TASKS)) {
        mcp_fail_capability(call, "{\"extensions\":{\"" MCP_TASKS "\":{}}}");
        return false;
    }
    if (cJSON_GetArraySize(json_get(wishes, "resourceSubscriptions")) + cJSON_GetArraySize(json_get(wishes, "taskIds")) >
        MCP_SUBSCRIPTIONS_MAX) {
        mcp_fail(call, MCP_INVALID_PARAMS,
                 SLICE("/params/notifications: a stream subscribes to at most 64 resources and tasks"));
        return false;
    }
    if (mcp_can_stream(call))
        return true;
    mcp_fail_with(call, 406, MCP_INVALID_REQUEST, SLICE("subscriptions/listen answers with a stream: accept text/event-stream"),
                  (struct slice){0});
    return false;
}

static bool open_stream(struct mcp_call *call)
{
    call->listening = arena_zalloc(call->http->arena, sizeof *call->listening);
    if (call->listening && mcp_stream_open(call)) {
        mcp_park(call, ended);
        atomic_fetch_add(&call->worker->listeners, 1);
        return true;
    }
    call->listening = NULL;
    mcp_fail_with(call, 503, MCP_INTERNAL_ERROR, SLICE("too many open streams; try again"), (struct slice){0});
    return false;
}

void listen_start(struct mcp_call *call)
{
    const struct mcp_description *description = call->worker->server->description;
    const cJSON *wishes = json_get(call->params, "notifications");

    if (!check_wishes(call, wishes) || !open_stream(call))
        return;
    call->listening->tools = is_true(wishes, "toolsListChanged") && description->tools_change;
    call->listening->prompts = is_true(wishes, "promptsListChanged") && description->prompts_change;
    if (json_get(wishes, "resourceSubscriptions") || json_get(wishes, "taskIds"))
        count_watcher(call);
    take_resources(call, json_get(wishes, "resourceSubscriptions"));
    if (description->tasks)
        take_tasks(call, json_get(wishes, "taskIds"));
    (void)acknowledge(call);
}

/* ---- GET, of the older era ---- */

void listen_get(struct mcp_call *call)
{
    if (!call->has_session) {
        http_reply_problem(call->http, 405, SLICE("there are no sessions in " MCP_NEWEST "; see subscriptions/listen"), NULL,
                           0);
        return;
    }
    if (!mcp_can_stream(call)) {
        http_reply_problem(call->http, 406, SLICE("this is a stream: accept text/event-stream"), NULL, 0);
        return;
    }
    if (!open_stream(call))
        return;
    call->listening->session = call->listening->tools = call->listening->prompts = true;
    if (!session_attach(call)) {
        stream_end(call, MCP_END_GONE);
        return;
    }
    listen_flush_all(call->worker->server); /* also ends the stream that this one takes the place of */
    if (http_stream_write(call->http, SLICE(":\n\n")) != STATUS_OK)
        stream_end(call, MCP_END_GONE);
}
