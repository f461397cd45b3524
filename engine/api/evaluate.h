/*
 * Decisions at the doors: what REST and JSON-RPC share between "a request has been parsed" and "write the answer".
 */
#ifndef EDICT_API_EVALUATE_H
#define EDICT_API_EVALUATE_H

#include "api/api.h"

/* Starts the decision of `request`; `answer` is called when it is known. `parsed_ns` is when parsing ended. Answers by itself
 * only when out of memory. */
void evaluate_start(struct api_call *call, const struct request *request, uint64_t parsed_ns, bool ask_human,
                    void (*answer)(struct decide_call *decide));
/* The same where the client can be asked, or has been. */
struct evaluate_asking {
    bool ask_human;               /* the caller wants a reviewer to decide */
    bool ask_first;               /* where something is missing, DECIDE_ASKS is an answer that the caller understands */
    bool never_escalate;          /* DECIDE_ASKS instead of any escalation */
    const struct slice *elicited; /* fields of the request that were asked for; sorted, in the call's arena */
    size_t elicited_count;
};
void evaluate_start_asking(struct api_call *call, const struct request *request, uint64_t parsed_ns,
                           const struct evaluate_asking *asking, void (*answer)(struct decide_call *decide));
/* The response object, with the explanation asked for. */
void evaluate_write(struct decide_call *decide, enum decision_form form, struct buf *out);
/* The HTTP status for a decision that failed. */
int evaluate_failure_status(const struct decide_call *decide);
/* The header Idempotency-Key, where given, is the field. Answers and returns false when they differ. */
bool evaluate_merge_key(struct api_call *call, struct request *request);
/* Counts a request that was not understood. */
void evaluate_count_refused(struct api_call *call);

#endif
