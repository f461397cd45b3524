/*
 * The tools of MCP as data: what they are called, what they take and give, and which resource answers them. mcp_tool_table.c
 * holds the table, mcp_tools.c lists and calls.
 */
#ifndef EDICT_API_MCP_TOOL_H
#define EDICT_API_MCP_TOOL_H

#include "api/mcp.h"

enum mcp_type { MCP_TEXT, MCP_INTEGER, MCP_BOOLEAN, MCP_OBJECT, MCP_ANY };

struct mcp_parameter {
    const char *name;
    enum mcp_type type;
    bool required;
    const char *schema; /* JSON Schema of its value: an object's members, with a description */
};

enum { MCP_PARAMETERS_MAX = 16 };

struct mcp_tool {
    const char *name, *title, *description;
    bool admin_only;
    bool read_only, idempotent;             /* annotations */
    const struct mcp_parameter *parameters; /* ends with a name of NULL */
    const char *output;                     /* JSON Schema of structuredContent */
    /* Asks the resource; arguments have been checked against `parameters`. */
    void (*ask)(struct mcp_call *mcp, const cJSON *arguments);
    void (*render)(struct buf *out, const cJSON *document);
};

extern const struct mcp_tool mcp_tools[]; /* by name */
extern const size_t mcp_tool_count;

/* Sends the resource's answer as the tool's result. */
void mcp_tool_answered(struct api_call *call, int status, struct slice answer);
/* A result with isError that says what to change. */
void mcp_tool_fail(struct mcp_call *mcp, struct slice message);

#endif
