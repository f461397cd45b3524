/*
 * What the doors of OpenID AuthZEN share: the Authorization API 1.0 (evaluations, search, metadata) and its Access Request and
 * Approval Profile (draft 1). docs/authzen.md has the mapping. Everything lives in the call's arena.
 */
#ifndef EDICT_API_AUTHZEN_H
#define EDICT_API_AUTHZEN_H

#include "api/api.h"

/* ---- authzen_map.c: subject, action, resource and context as a request ---- */

struct authzen_parts {
    const cJSON *subject, *action, *resource, *context;
    bool any_subject; /* only the properties of the subject count */
};

/* The agent_identity of a subject: the id of type "agent", "type:id" of others. False with `error` set. */
bool authzen_identity(struct arena *arena, const cJSON *subject, struct slice *identity, struct error *error);
/* The request as POST /v1/evaluate takes it, without operation where the action is NULL, without agent_identity for any
 * subject; NULL with `error` set when a part is missing or wrong. */
cJSON *authzen_request(struct arena *arena, const struct authzen_parts *parts, struct error *error);
/* The body of a call as an object; unknown members are left alone (the specification's rule). NULL when answered. */
cJSON *authzen_body(struct api_call *call);
/* "http://127.0.0.1:8081": what the caller reached, or --public-url; without a slash at its end. */
struct slice authzen_base(const struct api_call *call);

/* ---- authzen_task.c: an escalation as the profile's task ---- */

struct authzen_task {
    struct slice id;         /* the decision that opened it: not to be guessed */
    struct slice escalation; /* "ESC-456" */
    struct slice agent, status;
    const cJSON *document; /* of the escalation */
};

/* `id` is that of a task, of any evaluation that joined it, or the escalation's. NOT_FOUND. Durable state. */
enum status authzen_task_load(struct api_call *call, struct slice id, struct authzen_task *task,
                              struct error *error) EDICT_MUST_USE;
/* From the escalation's document. */
bool authzen_task_from(const cJSON *document, struct authzen_task *task);
bool authzen_task_is(const struct authzen_task *task, const char *status);
/* Members "task" and, once approved, "result". */
void authzen_task_write(struct json_writer *w, const struct api_call *call, const struct authzen_task *task);
/* Member "access_request" of a requestable denial. */
void authzen_task_write_denial(struct json_writer *w, const struct authzen_task *task);
/* The identifier that guides nobody but the approver: the first rule that asks. */
struct slice authzen_task_template(const struct authzen_task *task);

/* The profile's problem types. */
void authzen_problem(struct api_call *call, int status, const char *type, struct slice detail);

/* ---- authzen_approval.c: re-evaluation with context.approval ---- */

struct authzen_approval {
    bool presented, found;
    struct authzen_task task;
};

/* Reads context.approval; a reference that is none of this agent's is `presented` and not `found`. */
void authzen_approval_read(struct api_call *call, const cJSON *context, struct slice agent, struct authzen_approval *approval);
/* What the decision context says about it: approval where its grant was used, else reason and next_action. */
void authzen_approval_write(struct json_writer *w, const struct api_call *call, const struct authzen_approval *approval,
                            const cJSON *decision, bool requestable);

#endif
