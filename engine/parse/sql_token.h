/* SQL text to tokens. Private to the SQL parser. */
#ifndef EDICT_PARSE_SQL_TOKEN_H
#define EDICT_PARSE_SQL_TOKEN_H

#include "parse/sql.h"

enum sql_token_kind { SQL_WORD, SQL_NAME /* quoted */, SQL_STRING, SQL_NUMBER, SQL_PARAMETER, SQL_MARK /* one byte */ };

struct sql_token {
    enum sql_token_kind kind;
    struct slice text; /* words in lower case, names without quotes */
    size_t start, end; /* in the input */
    unsigned depth;    /* of brackets around it; that of an opening or closing bracket is the outer one */
};

struct sql_tokens {
    struct sql_token *items;
    size_t count, capacity;
    bool has_comments;
    const char *problem; /* NULL when understood */
};

/* False when the arena is exhausted. */
bool sql_tokenize(struct slice text, enum sql_dialect dialect, struct arena *arena, uint64_t *work, struct sql_tokens *out);

bool sql_in_list(struct slice word, const char *list); /* blank-separated */

#endif
