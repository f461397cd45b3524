/*
 * Output for people. Text of requests is untrusted: control and bidirectional characters never reach the terminal as they are.
 */
#ifndef EDICT_CLI_SHOW_H
#define EDICT_CLI_SHOW_H

#include "cli/command.h"

#include <stdio.h>

/* Keeps newlines and tabs; everything unsafe is escaped. */
void show_text(FILE *out, struct slice text);
/* For one cell of a line: newlines are escaped, too; cut at `width` characters with an ellipsis. 0: no cut. */
void show_cell(FILE *out, struct slice text, size_t width);
/* "name: value" lines for every member of an object whose value is a string, a number or a boolean; nested ones indented. */
void show_object(FILE *out, const cJSON *object, int indent);
/* The decision as a person reads it. */
void show_decision(struct command *command, const cJSON *decision);

/* The text as a JSON string, quotes included. `.data` is NULL when the arena is exhausted. */
struct slice show_quoted(struct arena *arena, struct slice text);

#endif
