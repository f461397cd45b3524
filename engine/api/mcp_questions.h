/*
 * Clarifying questions: the fields that a decision lacks, as a form; and the answers, back into the request. What a user says
 * is a statement of the caller's like any other, only recorded as one that was asked for. It is never an approval.
 */
#ifndef EDICT_API_MCP_QUESTIONS_H
#define EDICT_API_MCP_QUESTIONS_H

#include "proto/json.h"

enum {
    QUESTIONS_FIELDS_MAX = 16, /* of one form */
    QUESTIONS_ROUNDS_MAX = 3,  /* forms of one request */
    QUESTIONS_TEXT_MAX = 1024  /* bytes of an answer that is text */
};

/* What has been asked and answered so far: {"asked": […], "answers": {…}}, as the state of the call. */
struct questions {
    cJSON *asked;   /* dotted names */
    cJSON *answers; /* by dotted name */
};
/* From the state that came back; empty when there is none. False when the arena is exhausted. */
bool questions_read(struct arena *arena, struct slice state, struct questions *out);
struct slice questions_write(struct arena *arena, const struct questions *questions);

/* Of `missing`, what can be asked and has not been: into `fields` (QUESTIONS_FIELDS_MAX). */
size_t questions_pick(const struct questions *questions, const struct slice *missing, size_t count, struct slice *fields);
/* The parameters of elicitation/create for them; they count as asked from now on. Empty when the arena is exhausted. */
struct slice questions_form(struct arena *arena, struct questions *questions, const struct slice *fields, size_t count);
/* Takes the answers that fit, of what has been asked. */
void questions_take(struct arena *arena, struct questions *questions, const cJSON *content);
/* The arguments with the answers in the places that are still empty; `elicited` gets the names that went in, sorted. NULL when
 * the arena is exhausted. */
cJSON *questions_fill(struct arena *arena, const struct questions *questions, const cJSON *arguments, struct slice **elicited,
                      size_t *count);

#endif
