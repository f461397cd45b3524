/*
 * Sessions of the older era. An id is sealed text that says what the client can do, bound to who it is: so a session costs
 * nothing here, and survives a restart. Only what a client sets (subscriptions, a log level) and where it listens is kept, for
 * the sessions used last.
 */
#include "mcp/internal.h"

#include <stdlib.h>

enum { CONTENT_SIZE = 2 + SESSION_SIZE, ID_TEXT_MAX = 256, MARKS = 65536 };

enum status sessions_create(struct sessions *sessions)
{
    pthread_mutex_init(&sessions->mutex, NULL);
    sessions->ended = calloc(MCP_SESSIONS_ENDED_MAX, SESSION_SIZE);
    sessions->ended_marks = calloc(MARKS, sizeof *sessions->ended_marks);
    return sessions->ended && sessions->ended_marks ? STATUS_OK : STATUS_NO_MEMORY;
}

static void session_delete(struct sessions *sessions, struct session *session)
{
    for (size_t i = 0; i < session->subscription_count; i++)
        free(session->subscriptions[i].uri);
    atomic_fetch_sub(&sessions->subscribed, session->subscription_count);
    sessions->count--;
    free(session);
}

void sessions_destroy(struct sessions *sessions)
{
    while (sessions->first) {
        struct session *session = sessions->first;

        sessions->first = session->next;
        session_delete(sessions, session);
    }
    free(sessions->ended);
    free(sessions->ended_marks);
    pthread_mutex_destroy(&sessions->mutex);
}

/* ---- ids ---- */

static struct seal seal_of(struct mcp_call *call)
{
    return (struct seal){.purpose = SLICE("session"), .bound = mcp_principal(call)};
}

struct slice session_issue(struct mcp_call *call, unsigned can, int revision)
{
    struct mcp_server *server = call->worker->server;
    struct seal seal = seal_of(call);
    unsigned char content[CONTENT_SIZE] = {(unsigned char)can, (unsigned char)revision};

    if (digest_random(content + 2, SESSION_SIZE, NULL) != STATUS_OK)
        return (struct slice){0};
    return seal_close(server, call->http->arena, &seal, slice_from(content, sizeof content),
                      clock_now_ms(&server->clock) / 1000 + MCP_SESSION_S);
}

/* Ids are random: hardly any call of a session that goes on has to look through the ring. */
static _Atomic uint16_t *mark_of(const struct sessions *sessions, const unsigned char id[SESSION_SIZE])
{
    return &sessions->ended_marks[id[0] << 8 | id[1]];
}

static bool has_ended(struct sessions *sessions, const unsigned char id[SESSION_SIZE])
{
    bool found = false;

    if (atomic_load(mark_of(sessions, id)) == 0)
        return false;
    pthread_mutex_lock(&sessions->mutex);
    for (size_t i = 0; i < atomic_load(&sessions->ended_count) && !found; i++)
        found = memcmp(sessions->ended[i], id, SESSION_SIZE) == 0;
    pthread_mutex_unlock(&sessions->mutex);
    return found;
}

static bool session_open(struct mcp_call *call, struct slice text)
{
    struct seal seal = seal_of(call);
    struct slice content;
    const unsigned char *bytes;

    if (!seal_open(call->worker->server, call->http->arena, &seal, text, ID_TEXT_MAX, &content) || content.size != CONTENT_SIZE)
        return false;
    bytes = (const unsigned char *)content.data;
    call->can = bytes[0] & (MCP_CAN_ELICIT | MCP_CAN_SAMPLE | MCP_CAN_LIST_ROOTS);
    call->session_revision = bytes[1];
    memcpy(call->session, bytes + 2, SESSION_SIZE);
    call->has_session = !has_ended(&call->worker->server->sessions, call->session);
    return call->has_session;
}

bool session_check(struct mcp_call *call)
{
    struct slice text = {0};
    size_t count = call->has_session ? 0 : http_header_get(call->http, "mcp-session-id", &text);
    struct slice version;

    if (count == 0)
        return true;
    /* The newest era has no sessions, and looks at no such header. */
    if (http_header_get(call->http, "mcp-protocol-version", &version) == 1 && slice_equal(version, SLICE(MCP_NEWEST)))
        return true;
    if (count == 1 && session_open(call, text))
        return true;
    mcp_fail_with(call, 404, MCP_INVALID_REQUEST,
                  SLICE("Session not found: it has ended, is too old, or is another's; initialize again"), (struct slice){0});
    return false;
}

/* ---- what is kept; all under the mutex ---- */

static struct session *find(struct sessions *sessions, const unsigned char id[SESSION_SIZE])
{
    for (struct session **at = &sessions->first; *at; at = &(*at)->next) {
        struct session *session = *at;

        if (memcmp(session->id, id, SESSION_SIZE) != 0)
            continue;
        *at = session->next;
        session->next = sessions->first;
        sessions->first = session;
        return session;
    }
    return NULL;
}

/* The one unused for longest that does not listen, or else the one unused for longest. */
static void make_room(struct sessions *sessions)
{
    struct session **oldest = NULL, **idle = NULL, *gone;

    for (struct session **at = &sessions->first; *at; at = &(*at)->next) {
        oldest = at;
        idle = (*at)->stream == 0 ? at : idle;
    }
    if (idle)
        oldest = idle;
    if (!oldest)
        return;
    gone = *oldest;
    *oldest = gone->next;
    session_delete(sessions, gone);
}

static struct session *obtain(struct sessions *sessions, const unsigned char id[SESSION_SIZE])
{
    struct session *session = find(sessions, id);

    if (session)
        return session;
    if (sessions->count >= MCP_SESSIONS_MAX)
        make_room(sessions);
    session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    memcpy(session->id, id, SESSION_SIZE);
    session->level = MCP_INFO;
    session->next = sessions->first;
    sessions->first = session;
    sessions->count++;
    return session;
}

static void forget(struct sessions *sessions, const unsigned char id[SESSION_SIZE])
{
    struct session *session = find(sessions, id);

    if (!session)
        return;
    sessions->first = session->next;
    session_delete(sessions, session);
}

static void remember_ended(struct sessions *sessions, const unsigned char id[SESSION_SIZE])
{
    size_t count = atomic_load(&sessions->ended_count);

    if (count == MCP_SESSIONS_ENDED_MAX)
        atomic_fetch_sub(mark_of(sessions, sessions->ended[sessions->ended_next]), 1);
    memcpy(sessions->ended[sessions->ended_next], id, SESSION_SIZE);
    atomic_fetch_add(mark_of(sessions, id), 1);
    sessions->ended_next = (sessions->ended_next + 1) % MCP_SESSIONS_ENDED_MAX;
    if (count < MCP_SESSIONS_ENDED_MAX)
        atomic_store(&sessions->ended_count, count + 1);
}

/* ---- DELETE ---- */

void session_end(struct mcp_call *call)
{
    struct mcp_server *server = call->worker->server;
    struct sessions *sessions = &server->sessions;

    if (!call->has_session) {
        http_reply_problem(call->http, 405, SLICE("there are no sessions in " MCP_NEWEST), NULL, 0);
        return;
    }
    pthread_mutex_lock(&sessions->mutex);
    forget(sessions, call->session);
    remember_ended(sessions, call->session);
    pthread_mutex_unlock(&sessions->mutex);
    listen_flush_all(server);
    stream_cancel_all(server, call->session, (struct slice){0});
    http_reply_body(call->http, 204, NULL, (struct slice){0});
}

/* ---- log levels ---- */

enum mcp_level session_level(struct mcp_call *call)
{
    struct sessions *sessions = &call->worker->server->sessions;
    struct session *session = NULL;
    enum mcp_level level = MCP_INFO;

    if (!call->has_session)
        return level;
    pthread_mutex_lock(&sessions->mutex);
    session = find(sessions, call->session);
    if (session)
        level = session->level;
    pthread_mutex_unlock(&sessions->mutex);
    return level;
}

static void keep_level(struct mcp_call *call, enum mcp_level level)
{
    struct sessions *sessions = &call->worker->server->sessions;
    struct session *session;

    if (!call->has_session)
        return;
    pthread_mutex_lock(&sessions->mutex);
    session = obtain(sessions, call->session);
    if (session)
        session->level = level;
    pthread_mutex_unlock(&sessions->mutex);
}

void session_set_level(struct mcp_call *call)
{
    static const char *const names[] = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
    struct slice name = json_get_text(call->params, "level");

    if (!call->worker->server->description->logs) {
        mcp_fail(call, MCP_METHOD_NOT_FOUND, SLICE("Method not found"));
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!slice_equal_str(name, names[i]))
            continue;
        keep_level(call, (enum mcp_level)i);
        mcp_answer_empty(call);
        return;
    }
    mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/level: expected a level such as info"));
}

/* ---- subscriptions ---- */

static struct subscription *find_subscription(struct session *session, struct slice uri)
{
    for (size_t i = 0; session && i < session->subscription_count; i++) {
        if (slice_equal_str(uri, session->subscriptions[i].uri))
            return &session->subscriptions[i];
    }
    return NULL;
}

static bool add_subscription(struct sessions *sessions, struct session *session, struct slice uri)
{
    char *copy;

    if (find_subscription(session, uri))
        return true;
    if (session->subscription_count >= MCP_SUBSCRIPTIONS_MAX || !(copy = strndup(uri.data, uri.size)))
        return false;
    session->subscriptions[session->subscription_count++] = (struct subscription){.uri = copy};
    atomic_fetch_add(&sessions->subscribed, 1);
    return true;
}

bool session_subscribe(struct mcp_call *call, struct slice uri)
{
    struct sessions *sessions = &call->worker->server->sessions;
    struct session *session;
    bool ok;

    pthread_mutex_lock(&sessions->mutex);
    session = obtain(sessions, call->session);
    ok = session && add_subscription(sessions, session, uri);
    pthread_mutex_unlock(&sessions->mutex);
    return ok;
}

void session_unsubscribe(struct mcp_call *call, struct slice uri)
{
    struct sessions *sessions = &call->worker->server->sessions;
    struct session *session;
    struct subscription *subscription;

    pthread_mutex_lock(&sessions->mutex);
    session = find(sessions, call->session);
    subscription = find_subscription(session, uri);
    if (subscription) {
        free(subscription->uri);
        *subscription = session->subscriptions[--session->subscription_count];
        atomic_fetch_sub(&sessions->subscribed, 1);
    }
    pthread_mutex_unlock(&sessions->mutex);
}

uint64_t sessions_mark(struct mcp_server *server, struct slice uri)
{
    struct sessions *sessions = &server->sessions;
    uint64_t workers = 0;

    pthread_mutex_lock(&sessions->mutex);
    for (struct session *session = sessions->first; session; session = session->next) {
        struct subscription *subscription = find_subscription(session, uri);

        if (!subscription)
            continue;
        subscription->pending = true;
        if (session->stream != 0)
            workers |= UINT64_C(1) << (session->worker % 64);
    }
    pthread_mutex_unlock(&sessions->mutex);
    return workers;
}

/* ---- the stream of a session ---- */

bool session_attach(struct mcp_call *stream)
{
    struct sessions *sessions = &stream->worker->server->sessions;
    struct session *session;

    pthread_mutex_lock(&sessions->mutex);
    session = obtain(sessions, stream->session);
    if (session) {
        session->stream = stream->serial; /* a client that comes again does not know that its earlier stream is still open */
        session->worker = stream->worker->index;
    }
    pthread_mutex_unlock(&sessions->mutex);
    return session != NULL;
}

void session_detach(struct mcp_call *stream)
{
    struct sessions *sessions = &stream->worker->server->sessions;
    struct session *session;

    pthread_mutex_lock(&sessions->mutex);
    session = find(sessions, stream->session);
    if (session && session->stream == stream->serial)
        session->stream = 0;
    pthread_mutex_unlock(&sessions->mutex);
}

char *session_take(struct mcp_call *stream, bool *current)
{
    struct sessions *sessions = &stream->worker->server->sessions;
    struct session *session;
    char *uri = NULL;

    pthread_mutex_lock(&sessions->mutex);
    session = find(sessions, stream->session);
    *current = session && session->stream == stream->serial;
    for (size_t i = 0; *current && i < session->subscription_count && !uri; i++) {
        if (!session->subscriptions[i].pending)
            continue;
        session->subscriptions[i].pending = false;
        uri = strdup(session->subscriptions[i].uri);
    }
    pthread_mutex_unlock(&sessions->mutex);
    return uri;
}
