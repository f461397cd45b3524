#include "http/client.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool is_url_byte(unsigned char c)
{
    return c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

static bool is_name_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool host_is_address(const char *host)
{
    unsigned char room[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

/* The host into `out`; `*rest` is what follows it. */
static bool take_host(struct slice *rest, struct http_url *out)
{
    bool bracketed = slice_starts_with(*rest, SLICE("["));
    size_t begin = bracketed ? 1 : 0, end = begin;

    while (end < rest->size && (bracketed ? rest->data[end] != ']' : is_name_byte((unsigned char)rest->data[end])))
        end++;
    if (end == begin || end - begin > HTTP_URL_HOST_MAX || (bracketed && end == rest->size))
        return false;
    snprintf(out->host, sizeof out->host, "%.*s", (int)(end - begin), rest->data + begin);
    out->is_address = host_is_address(out->host);
    *rest = slice_sub(*rest, bracketed ? end + 1 : end, SIZE_MAX);
    return out->is_address || !bracketed;
}

static bool take_port(struct slice *rest, struct http_url *out)
{
    size_t end = 1;
    uint64_t port;

    snprintf(out->port, sizeof out->port, "%s", out->tls ? "443" : "80");
    if (!slice_starts_with(*rest, SLICE(":")))
        return true;
    while (end < rest->size && rest->data[end] >= '0' && rest->data[end] <= '9')
        end++;
    if (end > 6 || !slice_to_u64(slice_sub(*rest, 1, end), &port) || port == 0 || port > 65535)
        return false;
    snprintf(out->port, sizeof out->port, "%u", (unsigned)port);
    *rest = slice_sub(*rest, end, SIZE_MAX);
    return true;
}

enum status http_url_parse(struct slice text, struct http_url *out, struct error *error)
{
    struct slice rest;

    *out = (struct http_url){.tls = slice_starts_with(text, SLICE("https://"))};
    if (!out->tls && !slice_starts_with(text, SLICE("http://")))
        return error_set(error, STATUS_INVALID, "", "not a URL of http or https");
    for (size_t i = 0; i < text.size; i++) {
        if (!is_url_byte((unsigned char)text.data[i]) || text.data[i] == '#')
            return error_set(error, STATUS_INVALID, "", "a URL here has no fragment, white space, controls or quotes");
    }
    rest = slice_sub(text, out->tls ? 8 : 7, SIZE_MAX);
    if (slice_find(slice_sub(rest, 0, slice_find(rest, '/', 0)), '@', 0) != SIZE_MAX)
        return error_set(error, STATUS_INVALID, "", "a URL here names no user or password; put a token into a file");
    if (!take_host(&rest, out) || !take_port(&rest, out))
        return error_set(error, STATUS_INVALID, "", "the URL's host or port is not right");
    if (rest.size > 0 && rest.data[0] != '/' && rest.data[0] != '?')
        return error_set(error, STATUS_INVALID, "", "the URL's host or port is not right");
    if (rest.size + 1 > HTTP_URL_TARGET_MAX)
        return error_set(error, STATUS_TOO_LARGE, "", "the URL's path and query are longer than %d bytes", HTTP_URL_TARGET_MAX);
    snprintf(out->target, sizeof out->target, "%s%.*s", rest.size > 0 && rest.data[0] == '/' ? "" : "/", SLICE_ARG(rest));
    return STATUS_OK;
}

bool http_url_is_loopback(const struct http_url *url)
{
    struct in_addr address;

    if (inet_pton(AF_INET, url->host, &address) == 1)
        return (ntohl(address.s_addr) >> 24) == 127;
    return strcmp(url->host, "localhost") == 0 || strcmp(url->host, "::1") == 0;
}
