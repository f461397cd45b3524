/*
 * The envelope of JSON-RPC 2.0: what every method answers with.
 */
#ifndef EDICT_API_JSONRPC_H
#define EDICT_API_JSONRPC_H

#include "api/api.h"
#include "proto/json.h"

enum {
    JSONRPC_PARSE_ERROR = -32700,
    JSONRPC_INVALID_REQUEST = -32600,
    JSONRPC_METHOD_NOT_FOUND = -32601,
    JSONRPC_INVALID_PARAMS = -32602,
    JSONRPC_INTERNAL_ERROR = -32603,
    JSONRPC_UNAVAILABLE = -32000, /* governance/evaluate: overload, try again */
    JSONRPC_ID_MAX = 256
};

struct jsonrpc_call {
    struct api_call *call;
    const cJSON *id; /* text, an integer, or NULL where it could not be read */
};

void jsonrpc_write_id(struct json_writer *w, struct arena *arena, const cJSON *id);
/* Answers with an error object. `data` is JSON or empty. */
void jsonrpc_fail(struct jsonrpc_call *rpc, int http_status, int code, struct slice message);
void jsonrpc_fail_with(struct jsonrpc_call *rpc, int http_status, int code, struct slice message, struct slice data);

#endif
