#include "http/internal.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>

struct slice http_method_name(enum http_method method)
{
    static const struct slice names[] = {{"GET", 3},    {"HEAD", 4},    {"POST", 4}, {"PUT", 3},
                                         {"DELETE", 6}, {"OPTIONS", 7}, {"PATCH", 5}};

    return names[method];
}

size_t http_header_get(const struct http_call *call, const char *name, struct slice *value)
{
    size_t size = strlen(name), count = 0;

    if (value)
        *value = (struct slice){0};
    for (size_t i = 0; i < call->header_count; i++) {
        const struct http_header *header = &call->headers[i];

        if (header->name.size != size || strncasecmp(header->name.data, name, size) != 0)
            continue;
        if (count++ == 0 && value)
            *value = header->value;
    }
    return count;
}

size_t http_query_get(const struct http_call *call, const char *name, struct slice *value)
{
    struct slice rest = call->query;
    size_t count = 0;

    if (value)
        *value = (struct slice){0};
    while (rest.size > 0) {
        size_t end = slice_find(rest, '&', 0), sign;
        struct slice pair = slice_sub(rest, 0, end);

        sign = slice_find(pair, '=', 0);
        if (slice_equal_str(target_decode(call->arena, slice_sub(pair, 0, sign), true), name) && count++ == 0 && value)
            *value = sign == SIZE_MAX ? (struct slice){"", 0}
                                      : target_decode(call->arena, slice_sub(pair, sign + 1, SIZE_MAX), true);
        rest = end == SIZE_MAX ? (struct slice){0} : slice_sub(rest, end + 1, SIZE_MAX);
    }
    return count;
}

size_t http_path_segment_count(const struct http_call *call)
{
    size_t count = 0;

    if (call->raw_path.size <= 1)
        return 0;
    for (size_t i = 0; i < call->raw_path.size; i++)
        count += call->raw_path.data[i] == '/';
    return count;
}

bool http_path_segment(const struct http_call *call, size_t index, struct slice *segment)
{
    struct slice rest = slice_sub(call->raw_path, 1, SIZE_MAX);
    size_t end;

    if (index >= http_path_segment_count(call))
        return false;
    for (; index > 0; index--)
        rest = slice_sub(rest, slice_find(rest, '/', 0) + 1, SIZE_MAX);
    end = slice_find(rest, '/', 0);
    rest = slice_sub(rest, 0, end);
    if (!memchr(rest.data ? rest.data : "", '%', rest.size)) {
        *segment = rest;
        return true;
    }
    *segment = target_decode(call->arena, rest, false);
    return segment->data != NULL;
}

static const struct call *call_of(const struct http_call *public)
{
    return (const struct call *)public;
}

static int call_fd(const struct http_call *public)
{
    const struct call *call = call_of(public);

    return call->connection ? bufferevent_getfd(call->connection->bev) : -1;
}

bool http_peer_uid(const struct http_call *call, uid_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (call->peer != HTTP_PEER_UNIX || getsockopt(call_fd(call), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *uid = peer.uid;
    return true;
}

struct slice http_peer_text(const struct http_call *call)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char text[INET6_ADDRSTRLEN];
    uid_t uid;

    if (http_peer_uid(call, &uid))
        return arena_printf(call->arena, "unix:uid=%u", uid);
    if (getpeername(call_fd(call), (struct sockaddr *)&address, &size) != 0)
        return SLICE("gone");
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        return arena_printf(call->arena, "[%s]:%u", text, ntohs(v6->sin6_port));
    }
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;

        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        return arena_printf(call->arena, "%s:%u", text, ntohs(v4->sin_port));
    }
    return SLICE("unix");
}

struct ssl_st *http_call_ssl(const struct http_call *call)
{
    const struct connection *connection = call_of(call)->connection;

    return connection && connection->tls ? bufferevent_openssl_get_ssl(connection->bev) : NULL;
}

bool http_call_is_aborted(const struct http_call *call)
{
    return call_of(call)->aborted;
}
