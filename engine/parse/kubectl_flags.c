/* Reads a command line into flags and positional words, as cobra and pflag do. */
#include "parse/kubectl_internal.h"

bool flag_in_list(struct slice name, const char *list)
{
    while (*list != '\0' && name.size > 0) {
        size_t size = strcspn(list, " ");

        if (size == name.size && memcmp(list, name.data, size) == 0)
            return true;
        list += list[size] == ' ' ? size + 1 : size;
    }
    return false;
}

void flag_fail(struct flag_reader *reader, const char *text, struct slice about)
{
    if (reader->problem.size == 0)
        reader->problem = arena_printf(reader->arena, "%s %.*s", text, (int)(about.size < 80 ? about.size : 80),
                                       about.data ? about.data : "");
}

static bool applies(const struct flag_reader *reader, const struct flag_spec *spec)
{
    return spec->verbs == NULL || flag_in_list(reader->verb, spec->verbs);
}

static const struct flag_spec *find_long(struct flag_reader *reader, struct slice name)
{
    const struct flag_spec *match = NULL;

    for (size_t i = 0; i < reader->table->count && match == NULL; i++) {
        if (reader->table->specs[i].name[0] == (name.size > 0 ? name.data[0] : '\0') &&
            slice_equal_str(name, reader->table->specs[i].name) && applies(reader, &reader->table->specs[i]))
            match = &reader->table->specs[i];
    }
    return match;
}

static const struct flag_spec *find_letter(struct flag_reader *reader, char letter)
{
    const struct flag_spec *match = NULL;

    for (size_t i = 0; i < reader->table->count; i++) {
        const struct flag_spec *spec = &reader->table->specs[i];

        if (spec->letter == letter && letter != '\0' && applies(reader, spec) && (match == NULL || spec->verbs != NULL))
            match = spec;
    }
    return match;
}

static void add_flag(struct flag_reader *reader, struct slice name, struct parse_word value, bool known)
{
    reader->flags[reader->flag_count++] = (struct kubectl_flag){.name = name, .value = value, .known = known};
}

static void add_unknown(struct flag_reader *reader, struct slice word)
{
    reader->unknown[reader->unknown_count++] = word;
    flag_fail(reader, "a flag is not known, so it is not known whether it takes a value:", word);
}

/* What follows byte `from` of the word, as a word of its own. */
static struct parse_word tail_of(const struct parse_word *word, size_t from)
{
    struct parse_word tail = *word;

    tail.text = slice_sub(word->text, from, word->text.size);
    tail.literal = word->literal > from ? word->literal - from : 0;
    return tail;
}

static bool take_next(struct flag_reader *reader, const struct parse_word *argv, size_t argc, size_t *at,
                      struct parse_word *value, struct slice flag)
{
    if (*at >= argc) {
        flag_fail(reader, "a flag has no value:", flag);
        return false;
    }
    *value = argv[(*at)++];
    if (value->multiple)
        flag_fail(reader, "a flag's value may become several words:", value->text);
    return true;
}

static void take_long(struct flag_reader *reader, const struct parse_word *argv, size_t argc, size_t *at)
{
    const struct parse_word *word = &argv[(*at)++];
    size_t equals = slice_find(word->text, '=', 0);
    struct slice name = slice_sub(word->text, 2, equals);
    const struct flag_spec *spec = find_long(reader, name);
    struct parse_word value = {0};

    if (word->dynamic && (equals == SIZE_MAX || word->literal <= equals))
        flag_fail(reader, "a flag's name cannot be known:", word->text);
    if (equals != SIZE_MAX)
        value = tail_of(word, equals + 1);
    if (spec == NULL) {
        add_unknown(reader, word->text);
        add_flag(reader, name, value, false);
        return;
    }
    if (spec->kind == FLAG_VALUE && equals == SIZE_MAX && !take_next(reader, argv, argc, at, &value, word->text))
        return;
    add_flag(reader, slice_from_str(spec->name), value, true);
}

static void take_letters(struct flag_reader *reader, const struct parse_word *argv, size_t argc, size_t *at)
{
    const struct parse_word *word = &argv[(*at)++];

    for (size_t i = 1; i < word->text.size; i++) {
        const struct flag_spec *spec = i < word->literal ? find_letter(reader, word->text.data[i]) : NULL;
        struct parse_word value = {0};

        if (spec == NULL) {
            add_unknown(reader, word->text);
            return;
        }
        if (i + 1 < word->text.size && word->text.data[i + 1] == '=') {
            add_flag(reader, slice_from_str(spec->name), tail_of(word, i + 2), true);
            return;
        }
        if (spec->kind == FLAG_VALUE) {
            if (i + 1 < word->text.size)
                value = tail_of(word, i + 1);
            else if (!take_next(reader, argv, argc, at, &value, word->text))
                return;
            add_flag(reader, slice_from_str(spec->name), value, true);
            return;
        }
        if (reader->flag_count < KUBECTL_WORDS_MAX * 2)
            add_flag(reader, slice_from_str(spec->name), value, true);
    }
}

static bool prepare(struct flag_reader *reader, const struct parse_word *argv, size_t argc)
{
    size_t letters = argc;

    for (size_t i = 0; i < argc; i++) /* -abc gives three flags */
        letters += argv[i].text.size > 1 && argv[i].text.data[0] == '-' && argv[i].text.data[1] != '-' ? argv[i].text.size : 0;
    reader->flags = (struct kubectl_flag *)arena_array(reader->arena, letters + 1, sizeof *reader->flags);
    reader->words = (struct parse_word *)arena_array(reader->arena, argc + 1, sizeof *reader->words);
    reader->unknown = (struct slice *)arena_array(reader->arena, argc + 1, sizeof *reader->unknown);
    return reader->flags != NULL && reader->words != NULL && reader->unknown != NULL;
}

static void take_positional(struct flag_reader *reader, const struct parse_word *word)
{
    if (reader->word_count == 0) {
        reader->verb = word->dynamic ? (struct slice){0} : word->text;
        reader->stops_at_second = flag_in_list(reader->verb, "exec");
    }
    reader->words[reader->word_count++] = *word;
}

bool flag_read(struct flag_reader *reader, const struct parse_word *argv, size_t argc)
{
    if (!prepare(reader, argv, argc))
        return false;
    for (size_t at = 1; at < argc;) {
        const struct parse_word *word = &argv[at];

        *reader->work += 4 + word->text.size;
        reader->dynamic |= word->dynamic;
        if (word->dynamic && word->literal == 0 && (word->multiple || !word->glob))
            flag_fail(reader, "a word cannot be known; it may be a flag or several words:", word->text);
        if (slice_equal_str(word->text, "--") && !word->dynamic) {
            reader->inner = argv + at + 1;
            reader->inner_count = argc - at - 1;
            break;
        }
        if (slice_starts_with(word->text, SLICE("--")))
            take_long(reader, argv, argc, &at);
        else if (word->text.size > 1 && word->text.data[0] == '-')
            take_letters(reader, argv, argc, &at);
        else if (reader->stops_at_second && reader->word_count >= 2) {
            reader->inner = argv + at;
            reader->inner_count = argc - at;
            break;
        } else {
            take_positional(reader, word);
            at++;
        }
    }
    for (size_t i = 0; i < reader->inner_count; i++)
        reader->dynamic |= reader->inner[i].dynamic;
    *reader->work += reader->inner_count;
    return true;
}

const struct kubectl_flag *flag_find(const struct flag_reader *reader, const char *name)
{
    for (size_t i = reader->flag_count; i > 0; i--) {
        if (slice_equal_str(reader->flags[i - 1].name, name))
            return &reader->flags[i - 1];
    }
    return NULL;
}

struct slice flag_value(const struct flag_reader *reader, const char *name)
{
    const struct kubectl_flag *flag = flag_find(reader, name);

    return flag != NULL ? flag->value.text : (struct slice){0};
}

bool flag_is_set(const struct flag_reader *reader, const char *name)
{
    const struct kubectl_flag *flag = flag_find(reader, name);

    return flag != NULL && !flag_in_list(flag->value.text, "false False FALSE F f 0");
}

bool flag_given(const struct flag_reader *reader, const char *names)
{
    for (size_t i = 0; i < reader->flag_count; i++) {
        if (flag_in_list(reader->flags[i].name, names))
            return true;
    }
    return false;
}

bool flag_collect(struct flag_reader *reader, const char *names, const struct parse_word **values, size_t *count)
{
    struct parse_word *all = (struct parse_word *)arena_array(reader->arena, reader->flag_count + 1, sizeof *all);

    *count = 0;
    *values = all;
    if (all == NULL)
        return false;
    for (size_t i = 0; i < reader->flag_count; i++) {
        if (flag_in_list(reader->flags[i].name, names))
            all[(*count)++] = reader->flags[i].value;
    }
    return true;
}
