/*
 * The head of a request. Its raw bytes are checked line by line before llhttp sees them, so that nothing that two
 * implementations might read differently gets any further (RFC 9112, 2.2, 3, 5, 6): bare CR or LF, folded lines, white space
 * around names, controls, more than one length.
 */
#include "http/internal.h"

#include <llhttp.h>
#include <strings.h>

struct head {
    struct call *call;
    struct http_header *headers;
    size_t count, capacity;
    struct slice target;
    bool value_seen;
};

/* ---- raw checks ---- */

static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *check_request_line(struct slice line)
{
    size_t first = slice_find(line, ' ', 0), second = first == SIZE_MAX ? SIZE_MAX : slice_find(line, ' ', first + 1);

    if (second == SIZE_MAX || slice_find(line, ' ', second + 1) != SIZE_MAX || second == first + 1)
        return "the request line must be: method, one space, target, one space, version";
    for (size_t i = 0; i < first; i++) {
        if (line.data[i] < 'A' || line.data[i] > 'Z')
            return "the method must be in capital letters";
    }
    for (size_t i = first + 1; i < second; i++) {
        if (line.data[i] <= ' ' || line.data[i] >= 0x7F)
            return "the target holds a character that must be percent-encoded";
    }
    line = slice_sub(line, second + 1, SIZE_MAX);
    return slice_equal(line, SLICE("HTTP/1.1")) || slice_equal(line, SLICE("HTTP/1.0"))
               ? NULL
               : "the version must be HTTP/1.1 or HTTP/1.0";
}

static const char *check_header_line(struct slice line)
{
    size_t colon = slice_find(line, ':', 0);

    if (line.data[0] == ' ' || line.data[0] == '\t')
        return "a header line must not be folded";
    if (colon == SIZE_MAX || colon == 0)
        return "a header line must be: name, colon, value";
    for (size_t i = 0; i < colon; i++) {
        if (!is_token(line.data[i]))
            return "a header's name holds a character that is not allowed there (white space before the colon, perhaps)";
    }
    for (size_t i = colon + 1; i < line.size; i++) {
        unsigned char c = (unsigned char)line.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7F)
            return "a header's value holds a control character";
    }
    return NULL;
}

/* `head` ends with the empty line. Counts header lines. */
static const char *check_lines(struct slice head, size_t *count)
{
    bool first = true;

    *count = 0;
    while (head.size > 2) {
        size_t end = slice_find(head, '\n', 0);
        struct slice line;
        const char *fault;

        if (end == SIZE_MAX || end == 0 || head.data[end - 1] != '\r')
            return "a line must end with CR LF";
        line = slice_sub(head, 0, end - 1);
        if (memchr(line.data, '\r', line.size) || memchr(line.data, '\0', line.size))
            return "a line holds a bare CR or a NUL";
        if (line.size == 0)
            return "the head holds an empty line";
        fault = first ? check_request_line(line) : check_header_line(line);
        if (fault)
            return fault;
        *count += !first;
        first = false;
        head = slice_sub(head, end + 1, SIZE_MAX);
    }
    return NULL;
}

/* ---- llhttp ---- */

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    struct head *head = parser->data;

    head->target = slice_from(head->target.data ? head->target.data : at, head->target.size + size);
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t size)
{
    struct head *head = parser->data;

    if (head->count > 0 && !head->value_seen) { /* more of the same name */
        head->headers[head->count - 1].name.size += size;
        return 0;
    }
    if (head->count == head->capacity)
        return HPE_USER;
    head->headers[head->count++].name = slice_from(at, size);
    head->value_seen = false;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size)
{
    struct head *head = parser->data;
    struct slice *value = &head->headers[head->count - 1].value;

    *value = slice_from(value->data ? value->data : at, value->size + size);
    head->value_seen = true;
    return 0;
}

static int on_value_complete(llhttp_t *parser)
{
    ((struct head *)parser->data)->value_seen = true;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED; /* bodies are read by body.c */
}

static bool map_method(unsigned method, enum http_method *out)
{
    static const struct {
        llhttp_method_t from;
        enum http_method to;
    } methods[] = {{HTTP_GET, HTTP_METHOD_GET},    {HTTP_HEAD, HTTP_METHOD_HEAD},     {HTTP_POST, HTTP_METHOD_POST},
                   {HTTP_PUT, HTTP_METHOD_PUT},    {HTTP_DELETE, HTTP_METHOD_DELETE}, {HTTP_OPTIONS, HTTP_METHOD_OPTIONS},
                   {HTTP_PATCH, HTTP_METHOD_PATCH}};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (methods[i].from == method) {
            *out = methods[i].to;
            return true;
        }
    }
    return false;
}

static struct slice trim(struct slice s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = slice_sub(s, 1, SIZE_MAX);
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

static const char *parse(struct head *head, struct slice bytes, int *status)
{
    llhttp_settings_t settings;
    llhttp_t parser;
    llhttp_errno_t result;

    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_field;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_complete;
    settings.on_headers_complete = on_headers_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = head;
    result = llhttp_execute(&parser, bytes.data, bytes.size);
    if (result != HPE_PAUSED && result != HPE_OK && result != HPE_PAUSED_UPGRADE)
        return result == HPE_INVALID_METHOD ? (*status = 501, "the method is not known") : "the request's head cannot be read";
    if (!map_method(parser.method, &head->call->public.method)) {
        *status = 501;
        return "the method is not implemented";
    }
    head->call->public.version_minor = parser.http_minor;
    for (size_t i = 0; i < head->count; i++)
        head->headers[i].value = trim(head->headers[i].value);
    return NULL;
}

/* ---- meaning ---- */

static bool equals_no_case(struct slice s, const char *text)
{
    return s.size == strlen(text) && strncasecmp(s.data, text, s.size) == 0;
}

/* One length, or chunks, or no body. Anything else is a way to make two readers disagree about where the request ends. */
static const char *find_framing(struct connection *connection, struct call *call, int *status)
{
    struct slice length, coding;
    size_t lengths = http_header_get(&call->public, "content-length", &length),
           codings = http_header_get(&call->public, "transfer-encoding", &coding);

    connection->chunked = codings > 0;
    connection->body_left = 0;
    if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0))
        return "more than one of Content-Length and Transfer-Encoding";
    if (codings > 0 && (call->public.version_minor == 0 || !equals_no_case(coding, "chunked"))) {
        *status = call->public.version_minor == 0 ? 400 : 501;
        return "the only transfer coding is chunked, in HTTP/1.1";
    }
    if (lengths > 0 && (length.size > 18 || !slice_to_u64(length, &connection->body_left)))
        return "Content-Length must be one decimal number";
    return NULL;
}

static bool host_is_valid(struct slice host)
{
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c != '\0' && strchr(".-_:[]", c))))
            return false;
    }
    return host.size > 0;
}

static const char *check_host(struct call *call)
{
    struct slice host = {0};
    size_t hosts = http_header_get(&call->public, "host", &host);

    if (hosts > 1 || (hosts == 0 && call->public.version_minor > 0))
        return "HTTP/1.1 needs exactly one Host header";
    return hosts == 0 || host_is_valid(host) ? NULL : "the Host header is not a host and port";
}

/* Does a list such as "keep-alive, Upgrade" hold the word? */
static bool has_word(struct slice list, const char *word)
{
    while (list.size > 0) {
        size_t comma = slice_find(list, ',', 0);

        if (equals_no_case(trim(slice_sub(list, 0, comma)), word))
            return true;
        list = comma == SIZE_MAX ? (struct slice){0} : slice_sub(list, comma + 1, SIZE_MAX);
    }
    return false;
}

static bool wants_close(const struct call *call)
{
    struct slice connection = {0};

    http_header_get(&call->public, "connection", &connection);
    return has_word(connection, "close") || (call->public.version_minor == 0 && !has_word(connection, "keep-alive"));
}

static const char *find_expectation(struct connection *connection, const struct call *call, int *status)
{
    struct slice expect;
    size_t count = http_header_get(&call->public, "expect", &expect);

    connection->expects_continue = count == 1 && equals_no_case(expect, "100-continue") && call->public.version_minor > 0;
    if (count == 0 || connection->expects_continue || call->public.version_minor == 0)
        return NULL;
    *status = 417;
    return "the only expectation that is met is 100-continue";
}

static const char *interpret(struct connection *connection, struct call *call, int *status)
{
    const char *fault = find_framing(connection, call, status);

    if (!fault)
        fault = check_host(call);
    if (!fault)
        fault = find_expectation(connection, call, status);
    if (!fault)
        fault = target_parse(call);
    call->close = wants_close(call);
    call->head_only = call->public.method == HTTP_METHOD_HEAD;
    return fault;
}

/* ---- the step ---- */

static struct call *new_call(struct connection *connection, struct slice *bytes, size_t size, struct evbuffer *in,
                             size_t header_count)
{
    struct call *call = worker_take_call(connection->worker);
    char *copy = call ? arena_alloc(&call->arena, size + 1) : NULL;
    struct http_header *headers = copy ? arena_array(&call->arena, header_count + 1, sizeof *headers) : NULL;

    if (!headers) {
        if (call)
            worker_return_call(connection->worker, call);
        return NULL;
    }
    evbuffer_remove(in, copy, size);
    copy[size] = '\0';
    *bytes = slice_from(copy, size);
    call->connection = connection;
    call->public.headers = headers;
    call->public.worker = connection->worker;
    call->public.tag = connection->listener->options.tag;
    call->public.peer = connection->listener->is_unix ? HTTP_PEER_UNIX : HTTP_PEER_TCP;
    call->public.tls = connection->tls;
    return call;
}

/* Nothing complete yet: is it too much already? */
static void check_partial(struct connection *connection, struct evbuffer *in, size_t size)
{
    const struct http_options *options = &connection->worker->options;
    struct evbuffer_ptr line = evbuffer_search(in, "\n", 1, NULL);

    if (line.pos < 0 && size > options->request_line_bytes_max)
        connection_refuse(connection, 414, "the request line is too long");
    else if (size > options->request_line_bytes_max + options->header_bytes_max)
        connection_refuse(connection, 431, "the headers are too long");
    else if (size > 0 && connection->requests * 2 != UINT64_MAX && !connection->paused && connection->deadline_ms == 0)
        connection_set_deadline(connection, options->header_ms);
}

/* The end of the head: LF LF with or without CR, so that a head of bare LFs is refused at once instead of waited for. */
static ssize_t find_end(struct evbuffer *in)
{
    struct evbuffer_ptr strict = evbuffer_search(in, "\r\n\r\n", 4, NULL), loose = evbuffer_search(in, "\n\n", 2, NULL);

    if (loose.pos >= 0 && (strict.pos < 0 || loose.pos < strict.pos))
        return loose.pos + 2;
    return strict.pos < 0 ? -1 : strict.pos + 4;
}

static void skip_empty_lines(struct evbuffer *in)
{
    char two[2];

    while (evbuffer_copyout(in, two, 2) == 2 && two[0] == '\r' && two[1] == '\n')
        evbuffer_drain(in, 2);
}

/* Raw limits and lines, before any memory is taken for the call. */
static bool check_raw(struct connection *connection, struct slice raw, size_t *count)
{
    const struct http_options *options = &connection->worker->options;
    size_t line = slice_find(raw, '\n', 0);
    const char *fault;

    if (line > options->request_line_bytes_max) {
        connection_refuse(connection, 414, "the request line is too long");
        return false;
    }
    if (raw.size - line > options->header_bytes_max) {
        connection_refuse(connection, 431, "the headers are too long");
        return false;
    }
    fault = check_lines(raw, count);
    if (fault)
        connection_refuse(connection, 400, fault);
    else if (*count > options->header_count_max)
        connection_refuse(connection, 431, "too many headers");
    return !fault && *count <= options->header_count_max;
}

bool head_read(struct connection *connection, struct evbuffer *in)
{
    struct slice raw;
    struct head head = {0};
    const char *fault;
    int status = 400;
    size_t count;
    ssize_t end;

    skip_empty_lines(in);
    end = find_end(in);
    if (end < 0) {
        check_partial(connection, in, evbuffer_get_length(in));
        return false;
    }
    raw = slice_from(evbuffer_pullup(in, end), (size_t)end);
    if (!check_raw(connection, raw, &count))
        return false;
    head.call = new_call(connection, &raw, (size_t)end, in, count);
    if (!head.call) {
        connection_refuse(connection, 503, "out of memory; try again");
        return false;
    }
    head.headers = (struct http_header *)(uintptr_t)head.call->public.headers;
    head.capacity = count;
    fault = parse(&head, raw, &status);
    head.call->public.header_count = head.count;
    head.call->public.target = head.target;
    if (!fault)
        fault = interpret(connection, head.call, &status);
    if (fault) {
        worker_return_call(connection->worker, head.call);
        connection_refuse(connection, status, fault);
        return false;
    }
    connection->incoming = head.call;
    return body_begin(connection);
}
