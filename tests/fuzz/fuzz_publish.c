/*
 * What comes back from outside, as any bytes: the first one chooses between lists, sizes and cosignatures as texts, and an HTTP
 * answer over a real connection on loopback. What is accepted has to be within its bounds, and written again the same.
 */
#include "ledger/checkpoint.h"
#include "publish/settings.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 4096, BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* ---- texts ---- */

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_list(struct slice text)
{
    struct witness list[WITNESSES_MAX];
    struct error error;
    size_t count;

    if (witness_list_parse(text, list, &count, &error) != STATUS_OK)
        return;
    must(count <= WITNESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct note_verifier again;
        struct buf key;

        buf_create(&key, NULL);
        note_verifier_write(&key, &list[i].verifier);
        must(note_verifier_parse(buf_slice(&key), &again, &error) == STATUS_OK &&
             note_verifier_equal(&again, &list[i].verifier));
        buf_destroy(&key);
    }
}

static void fuzz_size(struct slice text)
{
    char again[32];
    uint64_t number;

    if (!witness_size_parse(text, &number))
        return;
    snprintf(again, sizeof again, "%llu\n", (unsigned long long)number);
    must(slice_equal_str(text, again));
}

static void fuzz_cosignature(struct slice body)
{
    static const char text[] = "log.example\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    static struct note_verifier verifier = {.name = "w", .type = NOTE_COSIGNATURE};
    struct arena arena;
    struct slice line;
    struct error error;
    uint64_t time_s;

    arena_create(&arena, 16384, 8u << 20);
    /* Nobody can have signed for this key: no bytes may be taken for a signature. */
    must(witness_cosignature_read(&arena, body, SLICE(text), &verifier, 1800000000, &line, &time_s, &error) != STATUS_OK);
    arena_destroy(&arena);
}

static void fuzz_places(struct slice text)
{
    static struct publish_settings settings;
    struct error error;

    if (publish_places_parse(text, &settings, &error) == STATUS_OK) {
        must(settings.place_count <= PUBLISH_PLACES_MAX);
        (void)!publish_settings_check(&settings, &error);
    }
}

/* ---- an HTTP answer ---- */

static int listener = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what the server says */
static char answer_bytes[BYTES_MAX];
static size_t answer_size;

static void *serve(void *context)
{
    (void)context;
    for (;;) {
        char request[4096];
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        (void)!read(fd, request, sizeof request);
        pthread_mutex_lock(&mutex);
        for (size_t sent = 0; sent < answer_size;) {
            ssize_t more = send(fd, answer_bytes + sent, answer_size - sent, MSG_NOSIGNAL);

            if (more <= 0)
                break;
            sent += (size_t)more;
        }
        pthread_mutex_unlock(&mutex);
        close(fd);
    }
    return NULL;
}

static struct http_client *connect_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct http_url url;
    struct error error;
    pthread_t thread;
    char text[64];

    listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 16) == 0);
    must(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    must(pthread_create(&thread, NULL, serve, NULL) == 0);
    snprintf(text, sizeof text, "http://127.0.0.1:%u/", (unsigned)ntohs(address.sin_port));
    must(http_url_parse(slice_from_str(text), &url, &error) == STATUS_OK);
    return http_client_new(&url, &(struct http_client_options){.answer_bytes_max = ANSWER_MAX}, &error);
}

static void fuzz_answer(struct slice bytes)
{
    static struct http_client *client;
    const struct http_client_request request = {.method = "GET", .target = SLICE("/")};
    struct http_client_answer answer;
    struct arena arena;
    struct error error;

    if (!client)
        client = connect_client();
    pthread_mutex_lock(&mutex);
    answer_size = bytes.size < BYTES_MAX ? bytes.size : BYTES_MAX;
    memcpy(answer_bytes, bytes.data, answer_size);
    pthread_mutex_unlock(&mutex);
    arena_create(&arena, 16384, 8u << 20);
    if (http_client_call(client, &request, &arena, &answer, &error) == STATUS_OK)
        must(answer.status >= 200 && answer.body.size <= ANSWER_MAX);
    arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static void (*const kinds[])(struct slice) = {fuzz_list, fuzz_size, fuzz_cosignature, fuzz_places, fuzz_answer};

    if (size > 0)
        kinds[data[0] % (sizeof kinds / sizeof *kinds)](slice_from(data + 1, size - 1));
    return 0;
}
