#include "parse/semver.h"

static bool is_identifier_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool is_number(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.size > 0;
}

static bool take_number(struct slice text, size_t *at, uint64_t *out)
{
    size_t start = *at;

    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9')
        ++*at;
    return (*at - start == 1 || (*at > start && text.data[start] != '0')) && slice_to_u64(slice_sub(text, start, *at), out);
}

/* Dot-separated identifiers; numeric ones without leading zeros when `strict`. */
static bool check_identifiers(struct slice text, bool strict)
{
    size_t start = 0;

    for (size_t i = 0; i <= text.size; i++) {
        struct slice part;

        if (i < text.size && text.data[i] != '.') {
            if (!is_identifier_char(text.data[i]))
                return false;
            continue;
        }
        part = slice_sub(text, start, i);
        if (part.size == 0 || (strict && part.size > 1 && part.data[0] == '0' && is_number(part)))
            return false;
        start = i + 1;
    }
    return true;
}

/* How many of the three numbers were there; 0 for bad text. x, X and * end the numbers. */
static int parse_partial(struct slice text, struct semver *out)
{
    uint64_t *const numbers[] = {&out->major, &out->minor, &out->patch};
    size_t at = text.size > 0 && (text.data[0] == 'v' || text.data[0] == 'V') ? 1 : 0;
    size_t plus;
    int count = 0;

    *out = (struct semver){0};
    while (count < 3) {
        if (count > 0 && (at >= text.size || text.data[at] != '.'))
            break;
        at += count > 0 ? 1 : 0;
        if (at < text.size && strchr("xX*", text.data[at]) != NULL && text.data[at] != '\0')
            return at + 1 == text.size || slice_equal_str(slice_sub(text, at + 1, text.size), ".x") ||
                           slice_equal_str(slice_sub(text, at + 1, text.size), ".*")
                       ? -1 - count
                       : 0;
        if (!take_number(text, &at, numbers[count]))
            return 0;
        count++;
    }
    if (count < 3)
        return at == text.size ? -1 - count : 0;
    plus = slice_find(text, '+', at);
    if (at < text.size && text.data[at] == '-') {
        out->prerelease = slice_sub(text, at + 1, plus);
        if (!check_identifiers(out->prerelease, true))
            return 0;
        at = plus == SIZE_MAX ? text.size : plus;
    }
    if (at < text.size && text.data[at] == '+') {
        out->build = slice_sub(text, at + 1, text.size);
        return check_identifiers(out->build, false) ? 3 : 0;
    }
    return at == text.size ? 3 : 0;
}

bool semver_parse(struct slice text, struct semver *out, uint64_t *work)
{
    *work += (text.size < SEMVER_INPUT_MAX ? text.size : SEMVER_INPUT_MAX) + 1;
    return text.size <= SEMVER_INPUT_MAX && parse_partial(text, out) == 3;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_identifiers(struct slice a, struct slice b)
{
    bool a_number = is_number(a), b_number = is_number(b);

    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && a.size != b.size) /* no leading zeros: the longer is the greater */
        return a.size < b.size ? -1 : 1;
    return slice_compare(a, b);
}

static struct slice next_identifier(struct slice *rest)
{
    size_t dot = slice_find(*rest, '.', 0);
    struct slice part = slice_sub(*rest, 0, dot);

    *rest = dot == SIZE_MAX ? (struct slice){0} : slice_sub(*rest, dot + 1, rest->size);
    return part;
}

static int compare_prerelease(struct slice a, struct slice b)
{
    if (a.size == 0 || b.size == 0)
        return (a.size == 0) - (b.size == 0);
    while (a.size > 0 && b.size > 0) {
        int order = compare_identifiers(next_identifier(&a), next_identifier(&b));

        if (order != 0)
            return order;
    }
    return (a.size > 0) - (b.size > 0);
}

int semver_compare(const struct semver *a, const struct semver *b, uint64_t *work)
{
    int order = compare_numbers(a->major, b->major);

    *work += a->prerelease.size + b->prerelease.size + 1;
    if (order == 0)
        order = compare_numbers(a->minor, b->minor);
    if (order == 0)
        order = compare_numbers(a->patch, b->patch);
    return order != 0 ? order : compare_prerelease(a->prerelease, b->prerelease);
}

/* ---- ranges ---- */

/* low <= version < high; unset ends are open. */
struct bounds {
    struct semver low, high;
    bool has_low, has_high, low_open, high_closed;
    bool negated; /* != : outside of the bounds */
    bool nothing; /* <* and >* */
};

static bool is_within(const struct semver *version, const struct bounds *bounds, uint64_t *work)
{
    bool within = !bounds->nothing;

    if (bounds->has_low) {
        int order = semver_compare(version, &bounds->low, work);

        within = within && (bounds->low_open ? order > 0 : order >= 0);
    }
    if (bounds->has_high) {
        int order = semver_compare(version, &bounds->high, work);

        within = within && (bounds->high_closed ? order <= 0 : order < 0);
    }
    return within != bounds->negated;
}

/* The first version past all that begin like `v` in `parts` numbers; as the prerelease "0", so that no prerelease of it counts.
 */
static struct semver after(const struct semver *v, int parts)
{
    struct semver next = {.major = v->major, .prerelease = SLICE("0")};

    if (parts <= 1)
        next.major++;
    else if (parts == 2) {
        next.minor = v->minor + 1;
    } else {
        next.minor = v->minor;
        next.patch = v->patch + 1;
    }
    return next;
}

static void set_span(struct bounds *bounds, const struct semver *v, int parts)
{
    bounds->low = *v;
    bounds->has_low = true;
    bounds->high = after(v, parts);
    bounds->has_high = true;
}

static int caret_parts(const struct semver *v, int parts)
{
    if (v->major > 0 || parts <= 1)
        return 1;
    if (v->minor > 0 || parts == 2)
        return 2;
    return 3;
}

static void set_exact(struct bounds *bounds, const struct semver *v)
{
    bounds->low = bounds->high = *v;
    bounds->has_low = bounds->has_high = bounds->high_closed = true;
}

/* `parts` numbers were written. */
static void set_bounds(struct bounds *bounds, struct slice op, const struct semver *v, int parts)
{
    *bounds = (struct bounds){.negated = slice_equal_str(op, "!=")};
    if (parts == 0) {
        bounds->nothing = slice_equal_str(op, "<") || slice_equal_str(op, ">");
    } else if (slice_equal_str(op, ">=")) {
        bounds->low = *v;
        bounds->has_low = true;
    } else if (slice_equal_str(op, "<")) {
        bounds->high = *v;
        bounds->has_high = true;
        if (parts < 3)
            bounds->high.prerelease = SLICE("0");
    } else if (slice_equal_str(op, ">")) {
        bounds->low = parts == 3 ? *v : after(v, parts);
        bounds->has_low = true;
        bounds->low_open = parts == 3;
    } else if (slice_equal_str(op, "<=")) {
        bounds->high = parts == 3 ? *v : after(v, parts);
        bounds->has_high = true;
        bounds->high_closed = parts == 3;
    } else if (slice_equal_str(op, "~")) {
        set_span(bounds, v, parts <= 1 ? 1 : 2);
    } else if (slice_equal_str(op, "^")) {
        set_span(bounds, v, caret_parts(v, parts));
    } else if (parts < 3) {
        set_span(bounds, v, parts);
    } else {
        set_exact(bounds, v);
    }
}

static struct slice take_operator(struct slice *text)
{
    static const char *const operators[] = {">=", "<=", "!=", "==", ">", "<", "=", "~>", "~", "^"};

    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        struct slice op = slice_from_str(operators[i]);

        if (slice_starts_with(*text, op)) {
            *text = slice_sub(*text, op.size, text->size);
            return slice_equal_str(op, "~>") ? SLICE("~") : op;
        }
    }
    return SLICE("=");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

static struct slice skip_spaces(struct slice text)
{
    size_t at = 0;

    while (at < text.size && is_space(text.data[at]))
        at++;
    return slice_sub(text, at, text.size);
}

static struct slice take_version(struct slice *text)
{
    size_t end = 0;
    struct slice version;

    while (end < text->size && !is_space(text->data[end]))
        end++;
    version = slice_sub(*text, 0, end);
    *text = slice_sub(*text, end, text->size);
    return version;
}

struct set {
    const struct semver *version;
    bool all;         /* every comparator so far holds */
    bool prereleases; /* one of them names a prerelease of the version's numbers */
    uint64_t *work;
};

static void apply(struct set *set, const struct bounds *bounds, const struct semver *named)
{
    set->all = set->all && is_within(set->version, bounds, set->work);
    set->prereleases |= named->prerelease.size > 0 && named->major == set->version->major &&
                        named->minor == set->version->minor && named->patch == set->version->patch;
}

/* "1.2 - 1.4": the text after the first version begins with a dash between blanks. */
static bool take_hyphen(struct slice *text)
{
    struct slice rest = skip_spaces(*text);

    if (rest.size < 2 || rest.data[0] != '-' || !is_space(rest.data[1]))
        return false;
    *text = skip_spaces(slice_sub(rest, 1, rest.size));
    return true;
}

static bool apply_next(struct set *set, struct slice *text)
{
    bool bare = (text->data[0] >= '0' && text->data[0] <= '9') || text->data[0] == 'v';
    struct slice op = take_operator(text);
    struct semver version;
    struct bounds bounds;
    struct slice word;
    int parts;

    *text = skip_spaces(*text);
    word = take_version(text);
    parts = parse_partial(word, &version);
    if (parts == 0 || word.size > SEMVER_INPUT_MAX)
        return false;
    parts = parts < 0 ? -1 - parts : parts;
    if (bare && take_hyphen(text)) {
        set_bounds(&bounds, SLICE(">="), &version, parts);
        apply(set, &bounds, &version);
        parts = parse_partial(take_version(text), &version);
        if (parts == 0)
            return false;
        parts = parts < 0 ? -1 - parts : parts;
        op = SLICE("<=");
    }
    set_bounds(&bounds, slice_equal_str(op, "==") ? SLICE("=") : op, &version, parts);
    apply(set, &bounds, &version);
    return true;
}

static bool apply_set(const struct semver *version, struct slice text, bool *valid, uint64_t *work)
{
    struct set set = {.version = version, .all = true, .work = work};

    text = skip_spaces(text);
    while (text.size > 0 && *valid) {
        *valid = apply_next(&set, &text);
        text = skip_spaces(text);
    }
    return *valid && set.all && (version->prerelease.size == 0 || set.prereleases);
}

bool semver_satisfies(const struct semver *version, struct slice range, bool *valid, uint64_t *work)
{
    bool satisfied = false;

    *work += (range.size < SEMVER_RANGE_MAX ? range.size : SEMVER_RANGE_MAX) + 1;
    *valid = range.size > 0 && range.size <= SEMVER_RANGE_MAX;
    for (size_t at = 0; at <= range.size && *valid;) {
        size_t bar = slice_find(range, '|', at);
        size_t end = bar == SIZE_MAX ? range.size : bar;

        if (skip_spaces(slice_sub(range, at, end)).size == 0 ||
            (end < range.size && (end + 1 >= range.size || range.data[end + 1] != '|')))
            *valid = false;
        else
            satisfied |= apply_set(version, slice_sub(range, at, end), valid, work);
        at = end + 2;
    }
    return *valid && satisfied;
}
