/*
 * Texts that go out and have to come back unchanged: a message authentication code (HMAC-SHA-256 under the server's key) over
 * their purpose, what they are bound to, when they expire, and what they say. Not secret: who holds one can read it.
 */
#include "base/u64be.h"
#include "mcp/internal.h"
#include "proto/base64.h"

enum { EXPIRY_SIZE = 8 };

/* Each part is framed by its length, so that no two lists of parts are one text. */
void seal_mac(struct mcp_server *server, const struct seal *seal, struct slice content, struct digest *out)
{
    unsigned char sizes[2][8] = {{0}};
    const struct slice parts[] = {
        SLICE("edict-mcp-v1\n"), slice_from(sizes[0], 8), seal->purpose, slice_from(sizes[1], 8), seal->bound, content};

    u64be_put(sizes[0], seal->purpose.size);
    u64be_put(sizes[1], seal->bound.size);
    digest_hmac_sha256(slice_from(server->key, sizeof server->key), parts, sizeof parts / sizeof *parts, out);
}

struct slice seal_close(struct mcp_server *server, struct arena *arena, const struct seal *seal, struct slice content,
                        int64_t expires_s)
{
    unsigned char expiry[EXPIRY_SIZE];
    struct digest mac;
    struct buf bytes, text;

    u64be_put(expiry, (uint64_t)expires_s);
    buf_create(&bytes, arena);
    buf_create(&text, arena);
    buf_add(&bytes, expiry, sizeof expiry);
    buf_add_slice(&bytes, content);
    if (bytes.failed)
        return (struct slice){0};
    seal_mac(server, seal, buf_slice(&bytes), &mac);
    buf_add(&bytes, mac.bytes, sizeof mac.bytes);
    base64_write(&text, bytes.data, bytes.size);
    return bytes.failed || text.failed ? (struct slice){0} : buf_slice(&text);
}

bool seal_open(struct mcp_server *server, struct arena *arena, const struct seal *seal, struct slice text, size_t max,
               struct slice *content)
{
    unsigned char *bytes = text.size <= max ? arena_alloc(arena, text.size + 1) : NULL;
    struct digest mac;
    size_t size;

    if (!bytes || !base64_read(text, bytes, text.size, &size) || size < EXPIRY_SIZE + DIGEST_SIZE)
        return false;
    seal_mac(server, seal, slice_from(bytes, size - DIGEST_SIZE), &mac);
    if (!slice_equal_secret(slice_from(mac.bytes, DIGEST_SIZE), slice_from(bytes + size - DIGEST_SIZE, DIGEST_SIZE)) ||
        (int64_t)u64be_get(bytes) * 1000 < clock_now_ms(&server->clock))
        return false;
    *content = slice_from(bytes + EXPIRY_SIZE, size - EXPIRY_SIZE - DIGEST_SIZE);
    return true;
}
