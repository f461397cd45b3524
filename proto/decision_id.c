/* The id of a recorded decision without parsing it: whoever goes through a whole ledger wants no more of it. */
#include "proto/decision.h"

static const struct slice member = {"\"id\":\"", 6};

/* Past the string that begins at `at`, or past the end. */
static size_t skip_string(struct slice text, size_t at)
{
    for (at++; at < text.size && text.data[at] != '"'; at++)
        at += text.data[at] == '\\';
    return at + 1;
}

/* Where the id's text begins, or SIZE_MAX. In the outermost object what begins so is a name: after a text come ',' and '}'. */
static size_t find_id(struct slice body)
{
    size_t depth = 0;

    for (size_t at = 0; at < body.size;) {
        char c = body.data[at];

        if (c == '"') {
            if (depth == 1 && slice_starts_with(slice_sub(body, at, SIZE_MAX), member))
                return at + member.size;
            at = skip_string(body, at);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
    }
    return SIZE_MAX;
}

/* The id whose text begins at `at`. */
static bool take_id(struct slice body, size_t at, struct uuid *out)
{
    return at < body.size && body.size - at > UUID_TEXT_SIZE && body.data[at + UUID_TEXT_SIZE] == '"' &&
           uuid_parse(slice_sub(body, at, at + UUID_TEXT_SIZE), out);
}

bool decision_id_of_body(struct slice body, struct uuid *out)
{
    return take_id(body, find_id(body), out);
}

/* It follows the facts, an object. Within them another one would have to, too, and look like an id. */
bool decision_id_likely(struct slice body, struct uuid *out)
{
    static const char sign[] = "},\"id\":\"";
    const char *end = body.data + body.size, *at = body.data;

    while ((at = memmem(at, (size_t)(end - at), sign, sizeof sign - 1))) {
        at += sizeof sign - 1;
        if (take_id(body, (size_t)(at - body.data), out))
            return true;
    }
    return false;
}
