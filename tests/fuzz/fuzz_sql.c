/* Any bytes as SQL text: an answer, within bounds. */
#include "parse/sql.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena;
    struct sql_script sql;
    uint64_t work = 0;

    if (size > 16384)
        return 0;
    arena_create(&arena, 65536, 64u << 20);
    (void)sql_parse(slice_from(data, size), SQL_DIALECT_ANY, &arena, &work, &sql);
    arena_destroy(&arena);
    return 0;
}
