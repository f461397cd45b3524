/*
 * An agent's question, from JSON to a validated struct, and back to the canonical form that is recorded and digested.
 * Everything lives in the arena of the call. Any thread.
 */
#ifndef EDICT_PROTO_REQUEST_H
#define EDICT_PROTO_REQUEST_H

#include "proto/digest.h"
#include "proto/json.h"

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    REQUEST_AGENT_MAX = 128,           /* bytes of agent_identity: [A-Za-z0-9] then [A-Za-z0-9._:@/-] */
    REQUEST_OPERATION_MAX = 64,        /* [a-z][a-z0-9_.:-]{0,63} */
    REQUEST_PLAIN_LANGUAGE_MAX = 2048, /* an operation in plain words */
    REQUEST_COMMAND_MAX = 16384,
    REQUEST_JUSTIFICATION_MAX = 4096,
    REQUEST_ID_MAX = 128 /* conversation_id, in_reply_to, escalation_id, idempotency_key: printable ASCII */
};

enum request_explain { REQUEST_EXPLAIN_NO, REQUEST_EXPLAIN_YES, REQUEST_EXPLAIN_FULL };

struct request {
    struct slice agent_identity;
    struct slice operation;
    bool plain_language; /* the operation is not a name: no rule may see this request */
    struct slice command;
    struct slice justification;
    const cJSON *context; /* an object, or NULL */
    struct slice conversation_id;
    struct slice in_reply_to;
    struct slice escalation_id; /* "ESC-456": a retry of what was approved */
    struct slice idempotency_key;
    bool has_estimate;
    int64_t estimated_cost_micro_usd; /* 0 without an estimate */
    enum request_explain explain;
    bool dry_run;
    bool hides_resource_type; /* context.resource_type is redacted: the history counters, which are kept by it, see none */
    /*
     * What a policy sees and what is recorded: an object with exactly the members agent_identity, operation, and, where given,
     * command, justification, context, conversation_id, in_reply_to, estimated_cost_usd (normalised text such as "12.50"). No
     * key, flag, or id of ours.
     */
    cJSON *view;
};

/*
 * `body` is raw JSON. `bound_agent` (may be empty) is the only agent the credentials allow; it is the default of
 * agent_identity. STATUS_INVALID with a JSON pointer and what to change; unknown members are refused by name with the nearest
 * known one. With escalation_id, only agent_identity (and idempotency_key, explain, dry_run) is required: the stored action is
 * used.
 */
enum status request_parse(struct arena *arena, struct slice body, struct slice bound_agent, struct request *out,
                          struct error *error) EDICT_MUST_USE;
/* The same from a tree (JSON-RPC params, MCP arguments); `source` is the object's own text, for money as written; it may be
 * empty when numbers may be taken from their doubles (shortest decimal). */
enum status request_from_json(struct arena *arena, const cJSON *object, struct slice source, struct slice bound_agent,
                              struct request *out, struct error *error) EDICT_MUST_USE;
/* Restores a request from its recorded view. */
enum status request_from_view(struct arena *arena, cJSON *view, struct request *out, struct error *error) EDICT_MUST_USE;

/* An action's digest, computed only where something depends on it: an escalation or a grant of the agent. */
struct request_action {
    bool known;
    struct digest digest;
};
/*
 * The digest that binds a grant to exactly one action: HMAC-SHA-256(key, "edict-action-v1\n" + RFC 8785 of {agent_identity,
 * command, context, cost_micro_usd (text), operation, tenant}). Not of justification, idempotency key or flags. Does nothing
 * where it is known. False when the arena is exhausted.
 */
bool request_action_learn(struct arena *arena, const struct request *request, struct slice tenant, struct slice key,
                          struct request_action *action) EDICT_MUST_USE;
/* HMAC-SHA-256 under a key of the store over "edict-body-v1\n" and the canonical parsed request without the idempotency key,
 * with its flags: what "the same body" means. It is in records, and keyed so that nobody who reads one can guess the body. */
bool request_body_digest(struct arena *arena, const struct request *request, struct slice key,
                         struct digest *out) EDICT_MUST_USE;
/* The resource type of the history counters: context.resource_type where it is text of at most 64 bytes and not redacted, else
 * "". */
struct slice request_resource_type(const struct request *request);

bool request_agent_is_valid(struct slice agent);
bool request_operation_is_name(struct slice operation);

#endif
