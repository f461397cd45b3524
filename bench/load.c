/*
 * A load generator for one server on loopback: keep-alive connections, requests from a file (one body a line, sent in turn),
 * each timed. Closed loop as fast as answers come, or with --rate at a fixed pace, where a request's time counts from when it
 * was due, so that waiting in line is not hidden.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, BUCKETS = 64 * 40, ANSWER_MAX = 256 * 1024 };

struct connection {
    int fd;
    char in[16384];
    size_t have;
    uint64_t begun_ns;
    bool busy;
};

struct load {
    int epoll, port, connections;
    const char *path;
    double seconds, rate;
    char **requests;
    size_t *sizes;
    size_t request_count, next;
    struct connection *all;
    uint64_t done, errors, max_ns;
    uint64_t buckets[BUCKETS]; /* 40 to each doubling of nanoseconds */
    uint64_t due_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t bucket_of(uint64_t ns)
{
    unsigned exponent = 63 - (unsigned)__builtin_clzll(ns | 1);
    uint64_t base = UINT64_C(1) << exponent;

    return exponent * 40 + (size_t)((double)(ns - base) / (double)base * 40);
}

static double bucket_ms(size_t bucket)
{
    double base = (double)(UINT64_C(1) << (bucket / 40));

    return (base + base * ((double)(bucket % 40) + 1) / 40) / 1e6;
}

static double percentile_ms(const struct load *load, double share)
{
    uint64_t wanted = (uint64_t)((double)load->done * share), seen = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        seen += load->buckets[i];
        if (seen > wanted)
            return bucket_ms(i);
    }
    return (double)load->max_ns / 1e6;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void read_requests(struct load *load, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    if (!file)
        fail(path);
    while ((size = getline(&line, &capacity, file)) > 0) {
        char *request = malloc((size_t)size + strlen(load->path) + 256);
        size_t body = (size_t)size - (line[size - 1] == '\n');

        load->requests = realloc(load->requests, (load->request_count + 1) * sizeof *load->requests);
        load->sizes = realloc(load->sizes, (load->request_count + 1) * sizeof *load->sizes);
        load->sizes[load->request_count] = (size_t)sprintf(
            request,
            "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json, text/event-stream\r\nContent-Type: "
            "application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
            load->path, body, (int)body, line);
        load->requests[load->request_count++] = request;
    }
    free(line);
    fclose(file);
}

static void send_one(struct load *load, struct connection *connection, uint64_t begun_ns)
{
    size_t which = load->next++ % load->request_count;

    connection->begun_ns = begun_ns;
    connection->busy = true;
    if (send(connection->fd, load->requests[which], load->sizes[which], MSG_NOSIGNAL) != (ssize_t)load->sizes[which])
        fail("send");
}

/* The size of the whole answer, or 0 while its head is incomplete. */
static size_t answer_size(const struct connection *connection)
{
    const char *end = memmem(connection->in, connection->have, "\r\n\r\n", 4);
    size_t head = end ? (size_t)(end - connection->in) : 0;
    const char *length = memmem(connection->in, head, "Content-Length: ", 16);

    if (!length)
        length = memmem(connection->in, head, "content-length: ", 16);
    return length ? (size_t)(end + 4 - connection->in) + strtoul(length + 16, NULL, 10) : 0;
}

/* True when an answer is complete. */
static bool receive(struct load *load, struct connection *connection)
{
    ssize_t size = recv(connection->fd, connection->in + connection->have, sizeof connection->in - connection->have, 0);
    size_t whole;
    uint64_t ns;

    if (size <= 0 && errno != EAGAIN)
        fail("recv");
    connection->have += size > 0 ? (size_t)size : 0;
    whole = answer_size(connection);
    if (whole == 0 || connection->have < whole)
        return false;
    ns = now_ns() - connection->begun_ns;
    load->errors += memcmp(connection->in, "HTTP/1.1 200", 12) != 0;
    load->buckets[bucket_of(ns)]++;
    load->max_ns = ns > load->max_ns ? ns : load->max_ns;
    load->done++;
    connection->have = 0;
    connection->busy = false;
    return true;
}

static void open_connections(struct load *load)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)load->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    load->epoll = epoll_create1(0);
    load->all = calloc((size_t)load->connections, sizeof *load->all);
    for (int i = 0; i < load->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &load->all[i]};
        int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
            fail("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        load->all[i].fd = fd;
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

/* With a rate: everything that is due goes out on whatever connection is free; what finds none keeps its due time. */
static void send_due(struct load *load, uint64_t now)
{
    for (int i = 0; i < load->connections && load->due_ns <= now; i++) {
        if (load->all[i].busy)
            continue;
        send_one(load, &load->all[i], load->due_ns);
        load->due_ns += (uint64_t)(1e9 / load->rate);
    }
}

static bool every_connection_is_busy(const struct load *load)
{
    for (int i = 0; i < load->connections; i++) {
        if (!load->all[i].busy)
            return false;
    }
    return true;
}

/* Sleeps until there is an answer or the next request is due: a generator that spins would take a processor from the server. */
static int wait_for_events(struct load *load, struct epoll_event *events, int size)
{
    uint64_t now = now_ns(), left = load->due_ns > now ? load->due_ns - now : 0;
    struct timespec timeout = {.tv_nsec = (long)(left < 100000000 ? left : 100000000)};

    if (load->rate <= 0)
        return epoll_wait(load->epoll, events, size, 100);
    return epoll_pwait2(load->epoll, events, size, every_connection_is_busy(load) ? NULL : &timeout, NULL);
}

static void run(struct load *load)
{
    uint64_t begun = now_ns(), end = begun + (uint64_t)(load->seconds * 1e9), now = begun;
    struct epoll_event events[256];

    load->due_ns = begun;
    for (int i = 0; i < load->connections && load->rate <= 0; i++)
        send_one(load, &load->all[i], now_ns());
    while (now < end) {
        int count = wait_for_events(load, events, 256);

        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (receive(load, connection) && load->rate <= 0)
                send_one(load, connection, now_ns());
        }
        now = now_ns();
        if (load->rate > 0)
            send_due(load, now);
    }
    load->seconds = (double)(now - begun) / 1e9;
}

int main(int argc, char **argv)
{
    struct load load = {.connections = 64, .seconds = 5};

    if (argc < 3) {
        fprintf(stderr, "usage: bench_load PORT FILE [CONNECTIONS [SECONDS [RATE [PATH]]]]\n");
        return 2;
    }
    load.port = atoi(argv[1]);
    if (argc > 3)
        load.connections = atoi(argv[3]);
    if (argc > 4)
        load.seconds = atof(argv[4]);
    if (argc > 5)
        load.rate = atof(argv[5]);
    if (load.connections < 1 || load.connections > CONNECTIONS_MAX)
        return 2;
    load.path = argc > 6 ? argv[6] : "/v1/evaluate";
    read_requests(&load, argv[2]);
    open_connections(&load);
    run(&load);
    printf("{\"requests\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_"
           "ms\":%.3f,\"errors\":%llu}\n",
           (unsigned long long)load.done, load.seconds, (double)load.done / load.seconds, percentile_ms(&load, 0.5),
           percentile_ms(&load, 0.99), percentile_ms(&load, 0.999), (double)load.max_ns / 1e6, (unsigned long long)load.errors);
    return 0;
}
