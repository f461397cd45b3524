#include "http/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BIND_BACKLOG = 4096 };

struct bind_parsed {
    struct sockaddr_storage address;
    socklen_t size;
};

static enum status bad_address(struct slice where, struct error *error)
{
    return error_set(error, STATUS_INVALID, "",
                     "\"%.*s\" is no address: expected ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080",
                     (int)(where.size > 64 ? 64 : where.size), where.data);
}

static bool split(struct slice where, struct slice *host, uint16_t *port)
{
    size_t colon = where.size;
    uint64_t number;

    while (colon > 0 && where.data[colon - 1] != ':')
        colon--;
    if (colon < 2 || !slice_to_u64(slice_sub(where, colon, SIZE_MAX), &number) || number > 65535)
        return false;
    *host = slice_sub(where, 0, colon - 1);
    *port = (uint16_t)number;
    return host->size < INET6_ADDRSTRLEN + 2;
}

static bool parse_host(struct slice host, uint16_t port, struct bind_parsed *out, bool *is_loopback)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->address;
    char text[INET6_ADDRSTRLEN + 4];

    memset(out, 0, sizeof *out);
    if (slice_equal(host, SLICE("localhost")))
        host = SLICE("127.0.0.1");
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        snprintf(text, sizeof text, "%.*s", (int)host.size - 2, host.data + 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out->size = sizeof *v6;
        *is_loopback = inet_pton(AF_INET6, text, &v6->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
    }
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(host));
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out->size = sizeof *v4;
    if (inet_pton(AF_INET, text, &v4->sin_addr) != 1)
        return false;
    *is_loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    return true;
}

static void format(struct slice host, uint16_t port, struct bind_address *out)
{
    out->port = port;
    snprintf(out->text, sizeof out->text, "%.*s:%u", SLICE_ARG(host), port);
}

static enum status parse(struct slice where, struct bind_parsed *parsed, struct slice *host, struct bind_address *out,
                         struct error *error)
{
    uint16_t port;

    if (!split(where, host, &port) || !parse_host(*host, port, parsed, &out->is_loopback))
        return bad_address(where, error);
    if (slice_equal(*host, SLICE("localhost")))
        *host = SLICE("127.0.0.1");
    format(*host, port, out);
    return STATUS_OK;
}

enum status bind_parse(struct slice where, struct bind_address *address, struct error *error)
{
    struct bind_parsed parsed;
    struct slice host;

    return parse(where, &parsed, &host, address, error);
}

static enum status bind_failed(const char *address, struct error *error)
{
    if (errno == EADDRINUSE)
        return error_set(error, STATUS_CONFLICT, address,
                         "the address is in use; stop the other program, or choose another port (0 picks a free one)");
    if (errno == EACCES)
        return error_set(error, STATUS_DENIED, address, "this port needs privileges; choose one above 1023");
    return error_set(error, STATUS_IO, address, "cannot listen: %m");
}

static int open_socket(const struct bind_parsed *parsed, bool share)
{
    int one = 1, fd = socket(parsed->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        (!share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0) &&
        bind(fd, (const struct sockaddr *)&parsed->address, parsed->size) == 0)
        return fd;
    one = errno;
    close(fd);
    errno = one;
    return -1;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static void set_port(struct bind_parsed *parsed, uint16_t port)
{
    if (parsed->address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&parsed->address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&parsed->address)->sin_port = htons(port);
}

/* Sharing lets a second server of the same user join unnoticed, so the address is first taken without it: somebody else's
 * socket then shows. */
static bool is_free(const struct bind_parsed *parsed)
{
    int fd = open_socket(parsed, false);
    bool listening = fd >= 0 && listen(fd, 1) == 0;
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
    return listening;
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

enum status bind_tcp(struct slice where, size_t count, int *fds, struct bind_address *bound, struct error *error)
{
    struct bind_parsed parsed;
    struct slice host;
    enum status status = parse(where, &parsed, &host, bound, error);

    if (status != STATUS_OK)
        return status;
    if (bound->port != 0 && !is_free(&parsed))
        return bind_failed(bound->text, error);
    for (size_t i = 0; i < count; i++) {
        fds[i] = open_socket(&parsed, true);
        if (fds[i] < 0 || listen(fds[i], BIND_BACKLOG) != 0) {
            status = bind_failed(bound->text, error);
            close_all(fds, fds[i] < 0 ? i : i + 1);
            return status;
        }
        if (i == 0) {
            format(host, bound_port(fds[0]), bound);
            set_port(&parsed, bound->port);
        }
    }
    return STATUS_OK;
}

static bool answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;

    if (fd >= 0)
        close(fd);
    return connected;
}

/* Removes what an earlier process left; anything but a socket is not ours to remove. */
static enum status make_way(const char *path, const struct sockaddr_un *address, struct error *error)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return STATUS_OK;
    if (!S_ISSOCK(info.st_mode))
        return error_set(error, STATUS_CONFLICT, path,
                         "there is a file of another kind where the socket should be; remove it or choose another path");
    if (answers(address))
        return error_set(error, STATUS_CONFLICT, path,
                         "another process listens on this socket; stop it, or choose another path");
    unlink(path);
    return STATUS_OK;
}

enum status bind_unix(const char *path, int *fd, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    enum status status;
    mode_t before;

    if (strlen(path) >= sizeof address.sun_path)
        return error_set(error, STATUS_INVALID, path, "a socket's path has at most %zu bytes; choose a shorter one with --unix",
                         sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    status = make_way(path, &address, error);
    if (status != STATUS_OK)
        return status;
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    before = umask(0177);
    if (*fd < 0 || bind(*fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(*fd, BIND_BACKLOG) != 0) {
        umask(before);
        status = error_set(error, STATUS_IO, path, "cannot listen: %m");
        if (*fd >= 0)
            close(*fd);
        return status;
    }
    umask(before);
    return STATUS_OK;
}
