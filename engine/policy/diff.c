/* What an activation changes, in one line for the ledger and for people. */
#include "policy/bundle.h"

enum { DIFF_NAMES_MAX = 20 };

struct diff {
    struct buf *out;
    size_t named; /* of the list that is being written */
    size_t left_out;
};

static void begin_list(struct diff *diff)
{
    diff->named = diff->left_out = 0;
}

static void add_name(struct diff *diff, const char *what, struct slice name)
{
    if (diff->named == DIFF_NAMES_MAX) {
        diff->left_out++;
        return;
    }
    buf_add_str(diff->out, diff->named == 0 ? "; " : ", ");
    if (diff->named == 0)
        buf_add_str(diff->out, what);
    buf_add_slice(diff->out, name);
    diff->named++;
}

static void end_list(struct diff *diff)
{
    if (diff->left_out > 0)
        buf_printf(diff->out, " and %zu more", diff->left_out);
}

/* Rules are in name order in both: those of `from` that `to` lacks. */
static void list_absent(struct diff *diff, const char *what, const struct policy_bundle *from, const struct policy_bundle *to)
{
    begin_list(diff);
    for (size_t i = 0, j = 0; i < from->rule_count; i++) {
        while (j < to->rule_count && slice_compare(to->rules[j].name, from->rules[i].name) < 0)
            j++;
        if (j == to->rule_count || !slice_equal(to->rules[j].name, from->rules[i].name))
            add_name(diff, what, from->rules[i].name);
    }
    end_list(diff);
}

static void list_tiers(struct diff *diff, const struct policy_bundle *old, const struct policy_bundle *fresh)
{
    begin_list(diff);
    for (size_t i = 0, j = 0; i < fresh->rule_count && j < old->rule_count;) {
        const struct rule *new_rule = &fresh->rules[i], *old_rule = &old->rules[j];
        int order = slice_compare(old_rule->name, new_rule->name);

        if (order == 0 && old_rule->tier != new_rule->tier) {
            add_name(diff, "tier of ", new_rule->name);
            if (diff->left_out == 0)
                buf_printf(diff->out, " %d to %d", old_rule->tier, new_rule->tier);
        }
        i += order >= 0;
        j += order <= 0;
    }
    end_list(diff);
}

static void list_files(struct diff *diff, const struct policy_bundle *old, const struct policy_bundle *fresh)
{
    begin_list(diff);
    for (size_t i = 0; i < fresh->file_count; i++) {
        const struct bundle_file *before = bundle_find_file(old, fresh->files[i].path);

        if (!before || !slice_equal(before->source, fresh->files[i].source))
            add_name(diff, "files written ", fresh->files[i].path);
    }
    end_list(diff);
    begin_list(diff);
    for (size_t i = 0; i < old->file_count; i++) {
        if (!bundle_find_file(fresh, old->files[i].path))
            add_name(diff, "files removed ", old->files[i].path);
    }
    end_list(diff);
}

/* Paths of `from` that `to` does not cover: with `to` the new bundle, what becomes readable. */
static void list_redacts(struct diff *diff, const char *what, const struct redact_paths *from, const struct redact_paths *to)
{
    begin_list(diff);
    for (size_t i = 0; from && i < from->count; i++) {
        if (!to || !redact_paths_cover(to, from->items[i]))
            add_name(diff, what, from->items[i]);
    }
    end_list(diff);
}

void policy_bundle_diff(const struct policy_bundle *old, const struct policy_bundle *fresh, struct buf *out)
{
    struct diff diff = {.out = out};

    buf_printf(out, "%zu rules", fresh->rule_count);
    if (!old)
        return;
    buf_printf(out, ", before %zu", old->rule_count);
    list_absent(&diff, "added ", fresh, old);
    list_absent(&diff, "removed ", old, fresh);
    list_tiers(&diff, old, fresh);
    list_redacts(&diff, "redacts no longer ", old->redacts, fresh->redacts);
    list_redacts(&diff, "redacts ", fresh->redacts, old->redacts);
    list_files(&diff, old, fresh);
}
