#include "cli/show.h"

#include "base/text.h"

static size_t show_escaped(FILE *out, struct slice text, enum text_escape how, size_t width)
{
    char bytes[TEXT_ESCAPED_MAX];
    size_t at = 0, shown = 0, size;

    while (at < text.size) {
        if (width > 0 && shown + 1 >= width && at + 1 < text.size) {
            fputs("…", out);
            return shown + 1;
        }
        at += text_escape_next(text, at, how, bytes, &size);
        fwrite(bytes, 1, size, out);
        shown++;
    }
    return shown;
}

void show_text(FILE *out, struct slice text)
{
    show_escaped(out, text, TEXT_ESCAPE_TERMINAL, 0);
}

void show_cell(FILE *out, struct slice text, size_t width)
{
    size_t shown = show_escaped(out, text, TEXT_ESCAPE_LINE, width);

    for (; shown < width; shown++)
        fputc(' ', out);
}

static void show_scalar(FILE *out, const cJSON *value)
{
    if (cJSON_IsString(value))
        show_escaped(out, json_text(value), TEXT_ESCAPE_LINE, 0);
    else if (cJSON_IsNumber(value))
        fprintf(out, "%.15g", value->valuedouble);
    else
        fputs(cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "-", out);
}

static void show_member(FILE *out, const cJSON *value, int indent)
{
    fprintf(out, "%*s", indent, "");
    if (value->string) {
        show_escaped(out, slice_from_str(value->string), TEXT_ESCAPE_LINE, 0);
        fputs(cJSON_IsObject(value) || cJSON_IsArray(value) ? ":" : ": ", out);
    } else {
        fputs("- ", out);
    }
    if (cJSON_IsObject(value) || cJSON_IsArray(value)) {
        fputc('\n', out);
        show_object(out, value, indent + 2);
        return;
    }
    show_scalar(out, value);
    fputc('\n', out);
}

void show_object(FILE *out, const cJSON *object, int indent)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, object)
    {
        if (!cJSON_IsNull(member))
            show_member(out, member, indent);
    }
}

static const char *decision_colour(const struct command *command, struct slice decision)
{
    if (!command->colour)
        return "";
    return slice_equal(decision, SLICE("approve")) ? "\033[32m"
           : slice_equal(decision, SLICE("deny"))  ? "\033[31m"
                                                   : "\033[33m";
}

static void show_line(const char *name, struct slice value)
{
    if (value.size == 0)
        return;
    printf("%-14s ", name);
    show_text(stdout, value);
    putchar('\n');
}

static void show_list(const char *name, const cJSON *list)
{
    const cJSON *item;
    bool first = true;

    cJSON_ArrayForEach(item, list)
    {
        printf("%-14s ", first ? name : "");
        show_text(stdout, cJSON_IsObject(item) ? json_get_text(item, "rule") : json_text(item));
        if (cJSON_IsObject(item)) {
            fputs(": ", stdout);
            show_text(stdout, json_get_text(item, "message"));
        }
        putchar('\n');
        first = false;
    }
}

static const char *state_colour(const struct command *command, struct slice state)
{
    if (!command->colour)
        return "";
    if (slice_equal(state, SLICE("matched")))
        return "\033[32m";
    if (slice_equal(state, SLICE("failed")) || slice_equal(state, SLICE("missing")))
        return "\033[31m";
    return "\033[2m";
}

static void show_explained_rule(struct command *command, const cJSON *rule)
{
    struct slice state = json_get_text(rule, "state"), detail = json_get_text(rule, "detail");
    int64_t tier = 0, line = 0, fuel = 0, memory = 0;

    json_get_i64(rule, "tier", &tier);
    json_get_i64(rule, "line", &line);
    json_get_i64(rule, "fuel", &fuel);
    json_get_i64(rule, "memory_bytes", &memory);
    fputs(state_colour(command, state), stdout);
    show_cell(stdout, state, 11);
    fputs(command->colour ? "\033[0m" : "", stdout);
    printf("tier %lld  ", (long long)tier);
    show_cell(stdout, json_get_text(rule, "rule"), 36);
    printf(" %.*s:%lld  fuel %lld, memory %lld\n", SLICE_ARG(json_get_text(rule, "file")), (long long)line, (long long)fuel,
           (long long)memory);
    for (size_t at = 0, end; at < detail.size; at = end == SIZE_MAX ? detail.size : end + 1) {
        end = slice_find(detail, '\n', at);
        printf("%11s", "");
        show_text(stdout, slice_sub(detail, at, end));
        putchar('\n');
    }
}

/* `rules` always, `facts` when the explanation is a full one. */
static void show_explanation(struct command *command, const cJSON *explanation)
{
    const cJSON *rule, *facts = json_get(explanation, "facts");

    puts("\nrules considered");
    cJSON_ArrayForEach(rule, json_get(explanation, "rules"))
    {
        show_explained_rule(command, rule);
    }
    if (facts) {
        puts("\nfacts");
        show_object(stdout, facts, 2);
    }
}

void show_decision(struct command *command, const cJSON *decision)
{
    struct slice outcome = json_get_text(decision, "decision");
    int64_t tier = 0;

    json_get_i64(decision, "tier", &tier);
    printf("%s", decision_colour(command, outcome));
    show_text(stdout, outcome);
    printf("%s (tier %lld)\n\n", command->colour ? "\033[0m" : "", (long long)tier);
    show_text(stdout, json_get_text(decision, "rationale"));
    printf("\n\n");
    show_text(stdout, json_get_text(decision, "next_steps"));
    printf("\n\n");
    show_list("rules", json_get(decision, "rules"));
    show_list("missing", json_get(decision, "missing"));
    show_list("errors", json_get(decision, "errors"));
    show_list("alternatives", json_get(decision, "alternatives"));
    show_line("escalation", json_get_text(decision, "escalation_id"));
    show_line("grant", json_get_text(decision, "grant_id"));
    show_line("decision id", json_get_text(decision, "decision_id"));
    show_line("audit log id", json_get_text(decision, "audit_log_id"));
    show_line("policies", json_get_text(decision, "policy_revision"));
    if (json_get(decision, "explanation") && !cJSON_IsNull(json_get(decision, "explanation"))) {
        show_explanation(command, json_get(decision, "explanation"));
    }
}

struct slice show_quoted(struct arena *arena, struct slice text)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, arena);
    json_string(&w, text);
    return out.failed ? (struct slice){0} : buf_slice(&out);
}
