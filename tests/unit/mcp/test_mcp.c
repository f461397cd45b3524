/* The MCP library: sealed texts, ids and sessions by themselves, and exchanges over a socket pair without a server. */
#include "http/http.h"
#include "mcp/internal.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 65536, POLLS = 200 };

static int64_t now_ms = 1000000000;

static int64_t tell_time(void *context)
{
    (void)context;
    return now_ms;
}

/* ---- a server with one tool, one resource ---- */

static void run_echo(struct mcp_call *call, const cJSON *arguments)
{
    mcp_answer_tool(call, json_get_text(arguments, "text"), (struct slice){0}, false);
}

static void read_thing(struct mcp_call *call)
{
    mcp_answer_resource(call, call->uri_id);
}

static const struct mcp_parameter parameters[] = {
    {.name = "text", .type = MCP_TEXT, .required = true, .schema = "\"type\":\"string\""}, {.name = NULL}};
static const struct mcp_tool tools[] = {
    {.name = "echo", .title = "Echo", .description = "Says it again", .parameters = parameters, .run = run_echo}};
static const struct mcp_resource resources[] = {{.uri = "x://thing/{id}/end",
                                                 .name = "thing",
                                                 .title = "Thing",
                                                 .description = "A thing",
                                                 .mime = "text/plain",
                                                 .read = read_thing}};
static const struct mcp_description description = {.name = "t",
                                                   .title = "T",
                                                   .version = "1",
                                                   .tools = tools,
                                                   .tool_count = 1,
                                                   .resources = resources,
                                                   .resource_count = 1,
                                                   .logs = true};

struct fixture {
    struct http_worker *http;
    struct mcp_server *server;
    struct mcp_worker *worker;
    struct arena arena;
};

static void post(void *context, struct work *work)
{
    http_worker_post(context, &work->link);
}

static void posted(void *context, struct inbox_item *oldest)
{
    (void)context;
    work_run_all(oldest);
}

static void handle(void *context, struct http_call *http)
{
    mcp_handle(context, http, NULL);
}

static void setup(struct fixture *f)
{
    static const char key[MCP_KEY_SIZE] = "key";
    const struct clock clock = {.now_ms = tell_time};
    struct error error = {0};

    json_setup();
    f->http = http_worker_new(NULL, &error);
    f->server = mcp_server_new(&description, slice_from(key, sizeof key), clock, 1);
    ck_assert(f->http && f->server);
    f->worker = mcp_worker_new(f->server, 0, f->http, post, f->http);
    http_worker_on_posted(f->http, posted, NULL);
    arena_create(&f->arena, 4096, 1 << 20);
}

static void teardown(struct fixture *f)
{
    arena_destroy(&f->arena);
    http_worker_delete(f->http);
    mcp_worker_delete(f->worker);
    mcp_server_delete(f->server);
}

/* One exchange; the whole answer as text. */
static void exchange(struct fixture *f, const char *method, const char *headers, const char *body, char answer[ANSWER_MAX])
{
    struct http_listener listener = {.handler = handle, .context = f->worker};
    char head[1024];
    struct error error = {0};
    size_t have = 0;
    int ends[2], size = snprintf(head, sizeof head,
                                 "%s /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
                                 method, headers, strlen(body));

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    ck_assert_int_eq(http_worker_adopt(f->http, ends[0], &listener, &error), STATUS_OK);
    ck_assert_int_eq(send(ends[1], head, (size_t)size, 0), size);
    ck_assert_int_eq(send(ends[1], body, strlen(body), 0), (ssize_t)strlen(body));
    for (int i = 0; i < POLLS; i++) {
        ssize_t got;

        http_worker_poll(f->http);
        got = recv(ends[1], answer + have, ANSWER_MAX - 1 - have, 0);
        have += got > 0 ? (size_t)got : 0;
    }
    answer[have] = '\0';
    close(ends[1]);
    http_worker_poll(f->http);
}

/* ---- seals ---- */

START_TEST(test_a_seal_gives_back_what_was_sealed_and_nothing_else)
{
    struct fixture f = {0};
    const struct seal seal = {.purpose = SLICE("state"), .bound = SLICE("agent-1")};
    struct slice text, content;
    char *copy;

    setup(&f);
    text = seal_close(f.server, &f.arena, &seal, SLICE("content"), now_ms / 1000 + 10);
    ck_assert(seal_open(f.server, &f.arena, &seal, text, 1000, &content));
    ck_assert(slice_equal(content, SLICE("content")));
    ck_assert(!seal_open(f.server, &f.arena, &seal, text, text.size - 1, &content)); /* too long */
    copy = malloc(text.size);
    for (size_t i = 0; i < text.size; i++) {
        memcpy(copy, text.data, text.size);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        ck_assert(!seal_open(f.server, &f.arena, &seal, slice_from(copy, text.size), 1000, &content));
        ck_assert(!seal_open(f.server, &f.arena, &seal, slice_from(text.data, i), 1000, &content));
    }
    free(copy);
    teardown(&f);
}
END_TEST

START_TEST(test_a_seal_is_bound_and_expires)
{
    struct fixture f = {0};
    const struct seal seal = {.purpose = SLICE("state"), .bound = SLICE("agent-1")};
    const struct seal others[] = {
        {SLICE("session"), SLICE("agent-1")}, {SLICE("state"), SLICE("agent-2")}, {SLICE("statea"), SLICE("gent-1")}};
    struct slice text, content;

    setup(&f);
    text = seal_close(f.server, &f.arena, &seal, SLICE(""), now_ms / 1000 + 10);
    for (size_t i = 0; i < 3; i++)
        ck_assert(!seal_open(f.server, &f.arena, &others[i], text, 1000, &content));
    now_ms += 10000;
    ck_assert(seal_open(f.server, &f.arena, &seal, text, 1000, &content));
    ck_assert_uint_eq(content.size, 0);
    now_ms += 1;
    ck_assert(!seal_open(f.server, &f.arena, &seal, text, 1000, &content));
    teardown(&f);
}
END_TEST

START_TEST(test_ids_of_tasks)
{
    struct fixture f = {0};
    struct slice id;

    setup(&f);
    id = mcp_task_id(f.server, &f.arena, SLICE("evaluate-ESC-7"), SLICE("agent-1"));
    ck_assert_uint_eq(id.size, 14 + 1 + 40);
    ck_assert(slice_equal(mcp_task_name(f.server, id, SLICE("agent-1")), SLICE("evaluate-ESC-7")));
    ck_assert_uint_eq(mcp_task_name(f.server, id, SLICE("agent-2")).size, 0);
    ck_assert_uint_eq(mcp_task_name(f.server, slice_sub(id, 0, id.size - 1), SLICE("agent-1")).size, 0);
    ck_assert_uint_eq(mcp_task_name(f.server, SLICE("evaluate-ESC-7"), SLICE("agent-1")).size, 0);
    ck_assert_uint_eq(mcp_task_name(f.server, SLICE(""), SLICE("agent-1")).size, 0);
    teardown(&f);
}
END_TEST

/* ---- what a client declares ---- */

static unsigned can(struct fixture *f, const char *text)
{
    cJSON *tree = NULL;
    struct error error;

    ck_assert_int_eq(json_parse(&f->arena, slice_from_str(text), &json_limits_default, &tree, &error), STATUS_OK);
    return era_can(tree);
}

START_TEST(test_abilities)
{
    struct fixture f = {0};

    setup(&f);
    ck_assert_uint_eq(can(&f, "{}"), 0);
    ck_assert_uint_eq(can(&f, "{\"elicitation\":{}}"), MCP_CAN_ELICIT);
    ck_assert_uint_eq(can(&f, "{\"elicitation\":{\"form\":{}},\"sampling\":{}}"), MCP_CAN_ELICIT | MCP_CAN_SAMPLE);
    ck_assert_uint_eq(can(&f, "{\"elicitation\":{\"url\":{}},\"roots\":{}}"), MCP_CAN_LIST_ROOTS);
    ck_assert_uint_eq(can(&f, "{\"elicitation\":true,\"extensions\":{\"io.modelcontextprotocol/tasks\":{}}}"), MCP_CAN_TASKS);
    teardown(&f);
}
END_TEST

/* ---- sessions ---- */

static void make_session(struct fixture *f, struct mcp_call *call, unsigned char number)
{
    *call = (struct mcp_call){.worker = f->worker, .has_session = true, .serial = number + 1U};
    memset(call->session, number, sizeof call->session);
}

START_TEST(test_what_a_session_subscribes_to_is_told_once)
{
    struct fixture f = {0};
    struct mcp_call call;
    bool current;
    char *uri, text[32];

    setup(&f);
    make_session(&f, &call, 1);
    for (int i = 0; i < MCP_SUBSCRIPTIONS_MAX; i++) {
        snprintf(text, sizeof text, "x://%d", i);
        ck_assert(session_subscribe(&call, slice_from_str(text)));
    }
    ck_assert(session_subscribe(&call, SLICE("x://0"))); /* twice is once */
    ck_assert(!session_subscribe(&call, SLICE("x://one more")));
    ck_assert(mcp_is_watched(f.server));
    ck_assert_uint_eq(sessions_mark(f.server, SLICE("x://7")), 0); /* pending: nobody listens */
    ck_assert(session_attach(&call));
    ck_assert_uint_eq(sessions_mark(f.server, SLICE("x://7")), 1);
    uri = session_take(&call, &current);
    ck_assert(current);
    ck_assert_str_eq(uri, "x://7");
    free(uri);
    ck_assert_ptr_null(session_take(&call, &current));
    session_unsubscribe(&call, SLICE("x://7"));
    ck_assert_uint_eq(sessions_mark(f.server, SLICE("x://7")), 0);
    call.serial = 99; /* another stream */
    ck_assert_ptr_null(session_take(&call, &current));
    ck_assert(!current);
    teardown(&f);
}
END_TEST

START_TEST(test_the_session_unused_for_longest_makes_room)
{
    struct fixture f = {0};
    struct mcp_call call;

    setup(&f);
    for (unsigned i = 0; i < MCP_SESSIONS_MAX + 10; i++) {
        make_session(&f, &call, 0);
        memcpy(call.session, &i, sizeof i);
        ck_assert(session_subscribe(&call, SLICE("x://a")));
    }
    ck_assert_uint_eq(f.server->sessions.count, MCP_SESSIONS_MAX);
    ck_assert_uint_eq(atomic_load(&f.server->sessions.subscribed), MCP_SESSIONS_MAX);
    teardown(&f);
}
END_TEST

/* ---- exchanges ---- */

#define JSON "Content-Type: application/json\r\n"

START_TEST(test_exchanges)
{
    static const struct {
        const char *body, *wanted;
    } cases[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/"
         "call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"text\":\"hi\"}}}",
         "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"isError\":false}}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}",
         "/text: is missing; echo needs it"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"txt\":\"\"}}}",
         "did you mean text?"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"x://thing/7/end\"}}",
         "\"text\":\"7\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"x://thing//end\"}}",
         "Resource not found"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"x://thing/a/b/end\"}}",
         "Resource not found"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"x://thing/end\"}}",
         "Resource not found"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}", "HTTP/1.1 202 Accepted"},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"edict-0-1\",\"result\":{}}", "HTTP/1.1 202 Accepted"},
        {"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"nothing\"}]",
         "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}},{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"loud\"}}", "-32602"},
        {"{", "-32700"},
    };
    struct fixture f = {0};
    char *answer = malloc(ANSWER_MAX);

    setup(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        exchange(&f, "POST", JSON, cases[i].body, answer);
        ck_assert_msg(strstr(answer, cases[i].wanted), "%s: %s", cases[i].body, answer);
    }
    exchange(&f, "GET", "", "", answer);
    ck_assert(strstr(answer, "HTTP/1.1 405 "));
    exchange(&f, "DELETE", "Mcp-Session-Id: no\r\n", "", answer);
    ck_assert(strstr(answer, "HTTP/1.1 404 "));
    free(answer);
    teardown(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mcp");
    TCase *tests = tcase_create("mcp");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, test_a_seal_gives_back_what_was_sealed_and_nothing_else);
    tcase_add_test(tests, test_a_seal_is_bound_and_expires);
    tcase_add_test(tests, test_ids_of_tasks);
    tcase_add_test(tests, test_abilities);
    tcase_add_test(tests, test_what_a_session_subscribes_to_is_told_once);
    tcase_add_test(tests, test_the_session_unused_for_longest_makes_room);
    tcase_add_test(tests, test_exchanges);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
