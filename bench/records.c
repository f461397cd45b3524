#include "records.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { RECORDS_AGENTS = 200, RECORDS_RESOURCES = 5000 };

static const char *const operations[] = {"read", "list", "scale", "delete", "deploy", "update", "exec", "create"};
static const char *const rules[] = {"k8s.read-own-namespace", "k8s.scale-within-bounds", "k8s.delete-failed-pod",
                                    "k8s.foreign-namespace",  "cost.over-budget",        "k8s.many-deletions",
                                    "access.grant",           "deploy.canary",           "k8s.secrets",
                                    "db.read-only",           "db.schema-change",        "net.internal-only",
                                    "storage.delete-bucket",  "mail.external",           "edict.default"};
static const char *const words[] = {"the",     "service", "needs",  "more",    "replicas",  "before", "tonight",   "because",
                                    "traffic", "grew",    "failed", "pods",    "older",     "than",   "a",         "day",
                                    "are",     "in",      "its",    "staging", "namespace", "and",    "customers", "wait"};

void records_create(struct records *records, uint64_t seed, size_t size)
{
    assert(size >= RECORDS_SIZE_MIN && size <= RECORDS_SIZE_MAX);
    *records = (struct records){.random = seed * 2 + 1, .size = size};
    uuid_generator_create(&records->uuids);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(struct records *records)
{
    uint64_t z = records->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(struct records *records, unsigned bound)
{
    return (unsigned)(next_random(records) % bound);
}

/* Small numbers often, large ones seldom: a few agents and rules do most of the work, as in life. */
static unsigned skewed(struct records *records, unsigned bound)
{
    unsigned a = below(records, bound), b = below(records, bound);

    return a < b ? a : b;
}

static void add_term(struct ledger_entry *entry, char kind, const char *value)
{
    entry->terms[entry->term_count++] = (struct ledger_term){.kind = kind, .value = slice_from_str(value)};
}

static void add_terms(struct records *records, struct record_sample *sample, struct buf *body)
{
    static const char *const tiers[] = {"1", "1", "1", "1", "1", "2", "0", "3"};
    struct ledger_entry *entry = &sample->txn.entries[0];
    const char *tier = tiers[below(records, 8)];

    add_term(entry, LEDGER_TERM_AGENT, sample->agent);
    add_term(entry, LEDGER_TERM_TIER, tier);
    add_term(entry, LEDGER_TERM_OPERATION, sample->operation);
    buf_printf(body, ",\"verdict\":{\"rules\":[");
    for (int i = 0; i < RECORDS_RULES; i++) {
        const char *rule = rules[skewed(records, sizeof rules / sizeof *rules)];

        add_term(entry, LEDGER_TERM_RULE, rule);
        buf_printf(body, "%s{\"name\":\"%s\"}", i ? "," : "", rule);
    }
    buf_printf(body, "],\"tier\":%s}}", tier);
}

static void add_justification(struct records *records, struct buf *body, size_t size)
{
    size_t end = body->size + size;

    while (body->size < end) {
        const char *word = words[below(records, sizeof words / sizeof *words)];
        size_t length = strlen(word);

        buf_add(body, word, length < end - body->size ? length : end - body->size);
        if (body->size < end)
            buf_add_char(body, ' ');
    }
}

static void write_body(struct records *records, struct record_sample *sample, size_t size)
{
    char id[UUID_TEXT_SIZE], tail_bytes[512];
    struct buf body = {.data = sample->body, .capacity = sizeof sample->body};
    struct buf tail = {.data = tail_bytes, .capacity = sizeof tail_bytes};

    uuid_format(&sample->id, id);
    buf_printf(&body, "{\"agent_identity\":\"%s\",\"body_digest\":\"", sample->agent);
    for (int i = 0; i < 4; i++)
        buf_printf(&body, "%016llx", (unsigned long long)next_random(records));
    buf_printf(
        &body,
        "\",\"context\":{\"environment\":\"production\",\"namespace\":\"team-%u\",\"pod_age_hours\":%u,\"resource_name\":"
        "\"web-%u\",\"resource_type\":\"pod\"},\"id\":\"%.36s\",\"justification\":\"",
        skewed(records, 20), below(records, 400), below(records, RECORDS_RESOURCES), id);
    buf_printf(&tail, "\",\"operation\":\"%s\",\"policy_revision\":\"", sample->operation);
    buf_add_str(&tail, "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"");
    add_terms(records, sample, &tail);
    assert(body.size + tail.size < size);
    add_justification(records, &body, size - body.size - tail.size);
    buf_add_slice(&body, buf_slice(&tail));
    assert(body.data == sample->body && tail.data == tail_bytes && body.size == size);
    sample->txn.entries[0].body = buf_slice(&body);
}

void records_next(struct records *records, uint64_t index, struct record_sample *sample)
{
    struct clock wall = clock_system();
    struct record_header header = {.type = RECORD_DECISION,
                                   .tenant = RECORD_TENANT_DEFAULT,
                                   .semantics = 1,
                                   .as_of = index,
                                   .time_ms = clock_now_ms(&wall)};
    size_t header_size = record_write_header(&header, sample->header);

    if (uuid_generate(&records->uuids, header.time_ms, &sample->id) != STATUS_OK) {
        (void)fprintf(stderr, "bench: the system gives no random bytes\n");
        exit(1);
    }
    sample->txn = (struct ledger_txn){.entry_count = 1};
    sample->txn.entries[0] =
        (struct ledger_entry){.type = RECORD_DECISION, .tenant = RECORD_TENANT_DEFAULT, .as_of = index, .id = sample->id.bytes};
    (void)snprintf(sample->agent, sizeof sample->agent, "team-%03u-agent-001", skewed(records, RECORDS_AGENTS));
    (void)snprintf(sample->operation, sizeof sample->operation, "%s",
                   operations[skewed(records, sizeof operations / sizeof *operations)]);
    write_body(records, sample, records->size - header_size);
    memcpy(sample->whole, sample->header, header_size);
    memcpy(sample->whole + header_size, sample->body, sample->txn.entries[0].body.size);
    sample->whole_size = records->size;
}
