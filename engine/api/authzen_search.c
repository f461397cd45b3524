/*
 * AuthZEN's search for actions and subjects: each candidate is decided as a dry run would be, and those that would be approved
 * are the results. Actions are the operations that rules of the active bundle name, subjects the agents that have a manifest;
 * resources are not known here, so there is no search for them.
 *
 * A search works in slices, and the worker serves others in between. It is bounded in candidates, and by the limit of dry runs
 * of the agent that each candidate is about: where that is reached the page ends, and its token goes on from there.
 */
#include "api/authzen.h"
#include "api/body.h"
#include "api/cursor.h"
#include "api/reply.h"

/* Bounds that users meet; documented in docs/limits.md. */
enum { SEARCH_CANDIDATES_MAX = 500, SEARCH_LIMIT_DEFAULT = 50 };
enum { SEARCH_SLICE = 8, SEARCH_ARENA_BYTES_MAX = 4u << 20 };

struct search;

/* What is searched for. */
struct search_kind {
    /* Puts the next candidates (at most SEARCH_SLICE) after search->last into search->names; none: the end. */
    enum status (*more)(struct search *search, struct error *error);
    void (*put)(struct search *search, cJSON *request, struct slice name);
    void (*write)(struct json_writer *w, struct search *search, struct slice name);
};

/* In the call's arena. */
struct search {
    struct work work; /* first: the way to the next slice */
    struct api_call *call;
    const struct search_kind *kind;
    struct policy_bundle *bundle; /* whose operations are the candidates; retained */
    cJSON *request;               /* without what is searched for */
    struct slice type;            /* of subjects */
    struct slice names[SEARCH_SLICE];
    size_t name_count;
    struct arena scratch, page; /* of one decision; of one slice's candidates */
    char last[REQUEST_AGENT_MAX + 1];
    size_t last_size;
    uint64_t binding;
    uint64_t limit, found, tried;
    struct buf results;
    struct json_writer w;
};

static struct slice last_of(const struct search *search)
{
    return slice_from(search->last, search->last_size);
}

/* ---- candidates: operations ---- */

static enum status more_actions(struct search *search, struct error *error)
{
    size_t count, low = 0, high;
    const struct slice *operations = policy_bundle_operations(search->bundle, &count);

    (void)error;
    for (high = count; low < high;) { /* the first one past the last */
        size_t middle = low + (high - low) / 2;

        if (search->last_size > 0 && slice_compare(operations[middle], last_of(search)) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (search->name_count = 0; search->name_count < SEARCH_SLICE && low < count; low++)
        search->names[search->name_count++] = operations[low];
    return STATUS_OK;
}

static void put_action(struct search *search, cJSON *request, struct slice name)
{
    json_put_text(&search->scratch, request, "operation", name);
}

static void write_action(struct json_writer *w, struct search *search, struct slice name)
{
    (void)search;
    json_begin_object(w);
    json_key(w, "name");
    json_string(w, name);
    json_end_object(w);
}

static const struct search_kind search_actions = {more_actions, put_action, write_action};

/* ---- candidates: agents ---- */

/* "user:" of type user; agents of every name are of type agent. */
static struct slice prefix_of(struct search *search)
{
    return slice_equal(search->type, SLICE("agent"))
               ? (struct slice){0}
               : arena_printf(search->call->http->arena, "%.*s:", SLICE_ARG(search->type));
}

static enum status more_subjects(struct search *search, struct error *error)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};
    struct slice prefix = prefix_of(search), next, after = search->last_size > 0 ? last_of(search) : prefix;
    cJSON *list = NULL;
    const cJSON *agent;
    struct buf text;
    enum status status;

    arena_reset(&search->page);
    buf_create(&text, &search->page);
    search->name_count = 0;
    status = state_agents_list(search->call->api->shared->state, &search->page, after, SEARCH_SLICE, &text, &next, error);
    if (status == STATUS_OK)
        status = json_parse(&search->page, buf_slice(&text), &limits, &list, error);
    if (status != STATUS_OK)
        return status;
    cJSON_ArrayForEach(agent, list)
    {
        struct slice name = json_get_text(agent, "agent_identity");

        if (slice_starts_with(name, prefix))
            search->names[search->name_count++] = name;
    }
    return STATUS_OK;
}

static void put_subject(struct search *search, cJSON *request, struct slice name)
{
    json_put_text(&search->scratch, request, "agent_identity", name);
}

static void write_subject(struct json_writer *w, struct search *search, struct slice name)
{
    json_begin_object(w);
    json_key(w, "type");
    json_string(w, search->type);
    json_key(w, "id");
    json_string(w, slice_sub(name, prefix_of(search).size, name.size));
    json_end_object(w);
}

static const struct search_kind search_subjects = {more_subjects, put_subject, write_subject};

/* ---- the end ---- */

static void release(struct search *search)
{
    policy_bundle_release(search->bundle);
    arena_destroy(&search->scratch);
    arena_destroy(&search->page);
}

static void fail(struct search *search, const struct error *error, bool too_many)
{
    struct api_call *call = search->call;

    release(search);
    if (too_many)
        reply_too_many(call, error);
    else
        reply_error(call, error);
}

/* `more`: there may be others after the last one that was tried. */
static void finish(struct search *search, bool more)
{
    struct api_call *call = search->call;
    struct slice token = {0};
    struct buf out;
    struct json_writer w = {.out = &out};

    if (more)
        token = cursor_format(call->http->arena, search->binding,
                              arena_printf(call->http->arena, "+%.*s", SLICE_ARG(last_of(search))));
    buf_create(&out, call->http->arena);
    json_begin_object(&w);
    json_key(&w, "page");
    json_begin_object(&w);
    json_key(&w, "next_token");
    json_string(&w, token);
    json_key(&w, "count");
    json_i64(&w, (int64_t)search->found);
    json_end_object(&w);
    json_key(&w, "context");
    json_begin_object(&w);
    json_key(&w, "candidates");
    json_i64(&w, (int64_t)search->tried);
    json_key(&w, "policy_revision");
    json_string(&w, policy_bundle_revision(search->bundle));
    json_end_object(&w);
    json_key(&w, "results");
    buf_add_char(&out, '[');
    buf_add_slice(&out, buf_slice(&search->results));
    buf_add_str(&out, "]}");
    out.failed = out.failed || search->results.failed || (more && token.size == 0);
    release(search);
    reply_json(call, 200, &out);
}

/* ---- one candidate ---- */

static void decided(struct decide_call *decide)
{
    *(bool *)decide->user = true;
}

static enum status read_candidate(struct search *search, struct slice name, struct request *request, struct error *error)
{
    cJSON *object;

    arena_reset(&search->scratch);
    object = json_copy(&search->scratch, search->request);
    search->kind->put(search, object, name);
    json_put_bool(&search->scratch, object, "dry_run", true);
    return request_from_json(&search->scratch, object, (struct slice){0}, (struct slice){0}, request, error);
}

/* A dry run is decided before decide_begin returns. */
static enum status try_candidate(struct search *search, struct slice name, bool *approved, bool *too_many, struct error *error)
{
    struct decide_call *decide = NULL;
    struct request request = {0};
    bool done = false;
    enum status status = read_candidate(search, name, &request, error);

    *approved = *too_many = false;
    if (status == STATUS_OK && !(decide = arena_zalloc(&search->scratch, sizeof *decide)))
        status = error_set(error, STATUS_NO_MEMORY, "", "a candidate needs more memory than one decision may use");
    if (status != STATUS_OK)
        return status;
    *decide = (struct decide_call){.decider = &search->call->api->decider,
                                   .arena = &search->scratch,
                                   .request = request,
                                   .finished = decided,
                                   .user = &done};
    decide_begin(decide);
    if (!done)
        return error_set(error, STATUS_INTERNAL, "", "a dry run was not decided at once");
    if (decide->result == DECIDE_DONE) {
        metrics_add(&search->call->api->metrics.dry_runs, 1);
        *approved = decide->decision.outcome == DECISION_APPROVE;
        return STATUS_OK;
    }
    *error = decide->error;
    *too_many = decide->too_many;
    return error->status;
}

static void remember(struct search *search, struct slice name, bool approved)
{
    search->tried++;
    search->last_size = name.size < sizeof search->last ? name.size : sizeof search->last;
    memcpy(search->last, name.data, search->last_size);
    if (!approved)
        return;
    search->found++;
    search->kind->write(&search->w, search, name);
}

/* ---- slices ---- */

/* False when the search is over, and answered. */
static bool try_names(struct search *search)
{
    for (size_t i = 0; i < search->name_count; i++) {
        bool approved, too_many;
        struct error error = {0};

        if (search->found == search->limit || search->tried == SEARCH_CANDIDATES_MAX) {
            finish(search, true);
            return false;
        }
        if (try_candidate(search, search->names[i], &approved, &too_many, &error) != STATUS_OK) {
            if (too_many && search->tried > 0)
                finish(search, true); /* as far as the dry runs reach */
            else
                fail(search, &error, too_many);
            return false;
        }
        remember(search, search->names[i], approved);
    }
    return true;
}

static void run_slice(struct work *work)
{
    struct search *search = (struct search *)work;
    struct error error = {0};

    if (http_call_is_aborted(search->call->http)) { /* nobody is there to read it */
        finish(search, true);
        return;
    }
    if (search->kind->more(search, &error) != STATUS_OK) {
        fail(search, &error, false);
        return;
    }
    if (search->name_count == 0) {
        finish(search, false);
        return;
    }
    if (try_names(search))
        api_post(search->call->api, &search->work);
}

/* ---- the beginning ---- */

/* What a token belongs to: everything but the token itself. */
static uint64_t binding_of(struct api_call *call, const cJSON *body, uint64_t limit)
{
    static const char *const members[] = {"subject", "action", "resource", "context"};
    uint64_t hash = slice_hash(call->http->path, limit);
    struct buf text;

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        buf_create(&text, call->http->arena);
        if (json_get(body, members[i]))
            json_write_canonical(&text, call->http->arena, json_get(body, members[i]));
        hash = slice_hash(buf_slice(&text), hash + i);
    }
    return hash ^ hash >> 32;
}

static enum status read_page(struct search *search, const cJSON *body, struct error *error)
{
    const cJSON *page = json_get(body, "page"), *limit = json_get(page, "limit"), *token = json_get(page, "token");
    struct api_call *call = search->call;
    struct slice after;
    int64_t number = SEARCH_LIMIT_DEFAULT;

    if (page && !cJSON_IsObject(page))
        return error_set(error, STATUS_INVALID, "/page", "expected an object");
    if (limit && (!json_is_integer(limit, &number) || number < 0 || number > SEARCH_CANDIDATES_MAX))
        return error_set(error, STATUS_INVALID, "/page/limit", "expected a whole number from 0 to %d", SEARCH_CANDIDATES_MAX);
    search->limit = (uint64_t)number;
    search->binding = binding_of(call, body, search->limit);
    if (!token || (cJSON_IsString(token) && json_text(token).size == 0))
        return STATUS_OK;
    if (!cJSON_IsString(token) || !cursor_parse(call->http->arena, search->binding, json_text(token), &after) ||
        after.data[0] != '+' || after.size > sizeof search->last)
        return error_set(error, STATUS_INVALID, "/page/token", "not a next_token of this very search; begin without one");
    search->last_size = after.size - 1;
    memcpy(search->last, after.data + 1, search->last_size);
    return STATUS_OK;
}

/* The request is checked with a candidate that fits, so that what is wrong with it is told, and not taken for "nobody". */
static enum status read_request(struct search *search, const struct authzen_parts *parts, struct slice candidate,
                                struct error *error)
{
    const struct api_call *call = search->call;
    struct request request = {0};
    enum status status;

    search->request = authzen_request(call->http->arena, parts, error);
    if (!search->request)
        return error->status;
    status = read_candidate(search, candidate, &request, error);
    if (status == STATUS_OK && call->role != API_ROLE_ADMIN && call->agent.size > 0 &&
        !slice_equal(call->agent, request.agent_identity))
        status = error_set(error, STATUS_DENIED, "/subject", "differs from the agent that the header or the parameter names");
    return status;
}

static struct search *begin(struct api_call *call, const struct search_kind *kind)
{
    struct search *search = arena_zalloc(call->http->arena, sizeof *search);
    struct policy_bundle *bundle = search ? activation_bundle(call->api->shared->activation) : NULL;

    if (!bundle) {
        reply_problem(call, 503, "", search ? "no policies are active yet" : "out of memory; try again");
        return NULL;
    }
    search->call = call;
    search->kind = kind;
    search->bundle = bundle;
    arena_create(&search->scratch, 16384, SEARCH_ARENA_BYTES_MAX);
    arena_create(&search->page, 4096, SEARCH_ARENA_BYTES_MAX);
    buf_create(&search->results, call->http->arena);
    search->w = (struct json_writer){.out = &search->results};
    search->work.run = run_slice;
    return search;
}

static void start(struct search *search, const cJSON *body, const struct authzen_parts *parts, struct slice candidate)
{
    struct error error = {0};
    enum status status = read_page(search, body, &error);

    if (status == STATUS_OK)
        status = read_request(search, parts, candidate, &error);
    if (status == STATUS_OK)
        run_slice(&search->work);
    else
        fail(search, &error, false);
}

void api_authzen_search_action(struct api_call *call)
{
    static const cJSON missing;
    const cJSON *body = authzen_body(call);
    struct search *search = body ? begin(call, &search_actions) : NULL;
    const cJSON *subject = json_get(body, "subject");

    if (search)
        start(search, body,
              &(struct authzen_parts){.subject = subject ? subject : &missing,
                                      .resource = json_get(body, "resource"),
                                      .context = json_get(body, "context")},
              SLICE("read"));
}

/* A type that no subject can have finds nobody, and is told instead. */
static bool type_is_known(struct api_call *call, const cJSON *subject)
{
    cJSON *somebody = json_new_object(call->http->arena);
    struct slice identity;
    struct error error = {0};

    json_put_text(call->http->arena, somebody, "type", json_get_text(subject, "type"));
    json_put_text(call->http->arena, somebody, "id", SLICE("a"));
    if (authzen_identity(call->http->arena, somebody, &identity, &error))
        return true;
    reply_error(call, &error);
    return false;
}

void api_authzen_search_subject(struct api_call *call)
{
    static const cJSON missing;
    const cJSON *body = authzen_body(call), *subject = json_get(body, "subject"), *action = json_get(body, "action");
    struct search *search = body && type_is_known(call, subject) ? begin(call, &search_subjects) : NULL;

    if (!search)
        return;
    search->type = json_get_text(subject, "type");
    start(search, body,
          &(struct authzen_parts){.subject = subject,
                                  .any_subject = true,
                                  .action = action ? action : &missing,
                                  .resource = json_get(body, "resource"),
                                  .context = json_get(body, "context")},
          SLICE("a"));
}
