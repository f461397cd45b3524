/* Documents as text that people and models read. */
#include "api/mcp.h"

enum { RENDER_DEPTH_MAX = 8 };

static void add_scalar(struct buf *out, const cJSON *value)
{
    if (cJSON_IsString(value))
        buf_add_slice(out, json_text(value));
    else if (cJSON_IsNumber(value))
        json_write_number(out, value->valuedouble);
    else
        buf_add_str(out, cJSON_IsTrue(value) ? "yes" : cJSON_IsFalse(value) ? "no" : "none");
}

static void add_indent(struct buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_add_str(out, "  ");
}

/* What is null or empty says nothing. */
static bool says_something(const cJSON *value)
{
    return !cJSON_IsNull(value) && !((cJSON_IsArray(value) || cJSON_IsObject(value)) && !value->child) &&
           !(cJSON_IsString(value) && json_text(value).size == 0);
}

static void add_members(struct buf *out, const cJSON *container, unsigned depth)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, container)
    {
        bool nested = cJSON_IsObject(member) || cJSON_IsArray(member);

        if (!says_something(member) || depth > RENDER_DEPTH_MAX)
            continue;
        add_indent(out, depth);
        if (member->string) {
            buf_add_str(out, member->string);
            buf_add_str(out, nested ? ":\n" : ": ");
        } else {
            buf_add_str(out, nested ? "-\n" : "- ");
        }
        if (nested) {
            add_members(out, member, depth + 1);
        } else {
            add_scalar(out, member);
            buf_add_char(out, '\n');
        }
    }
}

void api_mcp_render_document(struct buf *out, const cJSON *document)
{
    add_members(out, document, 0);
}

static void add_line(struct buf *out, const char *name, struct slice value)
{
    if (value.size == 0)
        return;
    buf_add_str(out, name);
    buf_add_slice(out, value);
    buf_add_char(out, '\n');
}

static void add_list(struct buf *out, const char *title, const cJSON *list)
{
    const cJSON *item;

    if (!list || !list->child)
        return;
    buf_add_str(out, title);
    cJSON_ArrayForEach(item, list)
    {
        buf_add_str(out, "- ");
        add_scalar(out, item);
        buf_add_char(out, '\n');
    }
}

void api_mcp_render_decision(struct buf *out, const cJSON *decision)
{
    int64_t tier = 0;

    json_get_i64(decision, "tier", &tier);
    buf_add_str(out, "Decision: ");
    buf_add_slice(out, json_get_text(decision, "decision"));
    buf_printf(out, " (tier %lld)\n\n", (long long)tier);
    add_line(out, "", json_get_text(decision, "rationale"));
    add_line(out, "\nNext steps: ", json_get_text(decision, "next_steps"));
    add_list(out, "\nMissing, ask again with:\n", json_get(decision, "missing"));
    add_list(out, "\nInstead you could:\n", json_get(decision, "alternatives"));
    buf_add_char(out, '\n');
    add_line(out, "Escalation: ", json_get_text(decision, "escalation_id"));
    add_line(out, "Decision id: ", json_get_text(decision, "decision_id"));
    add_line(out, "Audit log id: ", json_get_text(decision, "audit_log_id"));
}

/* ---- the same from a decision that was just made ---- */

static void add_texts(struct buf *out, const char *title, const struct slice *texts, size_t count)
{
    if (count > 0)
        buf_add_str(out, title);
    for (size_t i = 0; i < count; i++)
        add_line(out, "- ", texts[i]);
}

void api_mcp_render_decided(struct buf *out, struct arena *arena, const struct decision *decision)
{
    const struct verdict *verdict = &decision->verdict;

    buf_add_str(out, "Decision: ");
    buf_add_str(out, decision_outcome_name(decision->outcome));
    buf_printf(out, " (tier %d)\n\n", verdict->tier);
    add_line(out, "", decision->rationale);
    add_line(out, "\nNext steps: ", decision_next_steps(arena, decision));
    add_texts(out, "\nMissing, ask again with:\n", verdict->missing, verdict->missing_count);
    add_texts(out, "\nInstead you could:\n", verdict->alternatives, verdict->alternative_count);
    buf_add_char(out, '\n');
    add_line(out, "Escalation: ", decision->escalation_id);
    if (!decision->sequenced)
        return;
    add_line(out, "Decision id: ", decision->id);
    buf_printf(out, "Audit log id: audit-%llu\n", (unsigned long long)decision->ledger_index);
}
