/*
 * Bodies and parameters that come in.
 */
#ifndef EDICT_API_BODY_H
#define EDICT_API_BODY_H

#include "api/api.h"

/* Says Content-Type, once, application/json? */
bool body_is_json(struct api_call *call);
/* Is the body application/json within bounds? Else answers 415, 413 or 400 and returns false. */
bool body_check(struct api_call *call);
/* The same with another bound. */
bool body_check_up_to(struct api_call *call, size_t max);
/* The body as an object with no members but `names` (NULL-terminated); `may_be_empty`: no body at all gives an empty object.
 * Answers and returns NULL otherwise. */
cJSON *body_object(struct api_call *call, const char *const *names, bool may_be_empty);
/* Optional text member of at most `max` bytes; false (answered) when it has another type. Empty when absent. */
bool body_text(struct api_call *call, const cJSON *object, const char *name, size_t max, struct slice *out);
/* Optional integer member within [low, high]; `out` is left alone when absent. */
bool body_integer(struct api_call *call, const cJSON *object, const char *name, int64_t low, int64_t high, int64_t *out);
/* Optional money member; reads the digits as written. */
bool body_money(struct api_call *call, const cJSON *object, const char *name, bool *present, int64_t *micro_usd);
/* The header Idempotency-Key: empty when it is not sent. False (answered) when it is no key: 1 to 128 printable ASCII
 * characters, once. */
bool header_idempotency_key(struct api_call *call, struct slice *key);

/* Optional query parameters, with the same rules. Text is empty when absent. */
bool parameter_text(struct api_call *call, const char *name, struct slice *out);
/* An agent's name. */
bool parameter_agent(struct api_call *call, const char *name, struct slice *out);
bool parameter_u64(struct api_call *call, const char *name, uint64_t low, uint64_t high, uint64_t *out);
bool parameter_time(struct api_call *call, const char *name, int64_t *out_ms);
/* Refuses parameters that the resource does not know; `names` is NULL-terminated. agent_identity is always known. */
bool parameters_check(struct api_call *call, const char *const *names);

#endif
