/* Any bytes from a client, in two pieces: the worker answers what is a request, refuses the rest, and forgets the connection.
 */
#include "http/http.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void answer(void *context, struct http_call *call)
{
    struct slice value, body = call->body;
    struct http_reply reply = {.status = 200, .content_type = SLICE("text/plain"), .body = &body, .body_count = 1};

    (void)context;
    http_header_get(call, "host", &value);
    http_query_get(call, "a", &value);
    for (size_t i = 0; i < http_path_segment_count(call); i++)
        (void)http_path_segment(call, i, &value);
    if (call->method == HTTP_METHOD_PUT) {
        http_stream_begin(call, &reply);
        (void)http_stream_write(call, call->path);
        http_stream_end(call);
        return;
    }
    http_reply(call, &reply);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct http_listener listener = {.handler = answer};
    struct http_counters counters;
    struct error error;
    struct http_worker *worker = http_worker_new(NULL, &error);
    int ends[2];
    size_t first = size > 0 ? data[0] % (size + 1) : 0;
    char sink[65536];

    if (!worker || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
        abort();
    if (http_worker_adopt(worker, ends[0], &listener, &error) != STATUS_OK)
        abort();
    (void)!send(ends[1], data, first, MSG_NOSIGNAL);
    http_worker_poll(worker);
    (void)!send(ends[1], data + first, size - first, MSG_NOSIGNAL);
    shutdown(ends[1], SHUT_WR);
    for (int i = 0; i < 8; i++) {
        http_worker_poll(worker);
        (void)!recv(ends[1], sink, sizeof sink, 0);
    }
    http_worker_counters(worker, &counters);
    if (counters.calls_active > 1)
        abort(); /* every call is answered at once */
    close(ends[1]);
    http_worker_delete(worker);
    return 0;
}
