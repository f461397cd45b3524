/* Sees through programs that only start another one. */
#include "parse/shell_internal.h"

enum how { HOW_PREFIX, HOW_SHELL, HOW_EVAL, HOW_TRAP, HOW_SU, HOW_JOINED };

/*
 * Options are read as getopt does. Letters: `plain` take no value, `valued` take one, `attached` may have one in the same word;
 * with one of `inert` nothing is started. Lists of long names are separated by blanks.
 */
struct wrapper_spec {
    const char *names;
    enum how how;
    const char *plain, *valued, *attached, *inert;
    const char *plain_long, *valued_long, *inert_long;
    unsigned positional; /* words between the options and the command */
    bool assignments;    /* NAME=value words come before the command */
    bool elevated;
    bool number_option;    /* -10 */
    bool more;             /* adds arguments from data */
    const char *replacing; /* letters that put data into the words */
};

static const struct wrapper_spec specs[] = {
    {.names = "sudo",
     .plain = "ABbEHiknPSs",
     .valued = "CDgpRrTtuUh",
     .inert = "elvVK",
     .plain_long =
         "askpass background preserve-env set-home login non-interactive preserve-groups stdin shell reset-timestamp bell",
     .valued_long = "close-from chdir group host prompt chroot role command-timeout type user other-user",
     .inert_long = "edit list validate version help remove-timestamp",
     .assignments = true,
     .elevated = true},
    {.names = "doas", .plain = "ns", .valued = "Cu", .inert = "L", .elevated = true},
    {.names = "pkexec",
     .plain_long = "disable-internal-agent keep-cwd",
     .valued_long = "user",
     .inert_long = "version help",
     .elevated = true},
    {.names = "gosu su-exec", .positional = 1, .elevated = true},
    {.names = "env",
     .plain = "i0v",
     .valued = "uC",
     .plain_long = "ignore-environment null debug block-signal default-signal ignore-signal",
     .valued_long = "unset chdir",
     .inert_long = "help version",
     .assignments = true},
    {.names = "nohup", .inert_long = "help version"},
    {.names = "setsid", .plain = "cfw", .plain_long = "ctty fork wait", .inert = "Vh", .inert_long = "help version"},
    {.names = "nice", .valued = "n", .valued_long = "adjustment", .inert_long = "help version", .number_option = true},
    {.names = "ionice",
     .plain = "t",
     .valued = "cn",
     .inert = "pPuhV",
     .plain_long = "ignore",
     .valued_long = "class classdata"},
    {.names = "chrt", .plain = "abdfiormRv", .valued = "TPD", .inert = "p", .positional = 1},
    {.names = "taskset", .plain = "ac", .inert = "phV", .plain_long = "all-tasks cpu-list", .positional = 1},
    {.names = "time",
     .plain = "pvaq",
     .valued = "fo",
     .plain_long = "portability verbose append quiet",
     .valued_long = "format output"},
    {.names = "timeout",
     .plain = "v",
     .valued = "ks",
     .plain_long = "preserve-status foreground verbose",
     .valued_long = "kill-after signal",
     .inert_long = "help version",
     .positional = 1},
    {.names = "stdbuf", .valued = "ioe", .valued_long = "input output error", .inert_long = "help version"},
    {.names = "command", .plain = "p", .inert = "vV"},
    {.names = "builtin"},
    {.names = "exec", .plain = "cl", .valued = "a"},
    {.names = "busybox toybox", .inert_long = "help list list-full install"},
    {.names = "chronic eatmydata fakeroot unbuffer catchsegv"},
    {.names = "setarch linux64 linux32 x86_64 i386", .plain = "RvBFILSXZ3"},
    {.names = "strace ltrace", .plain = "cCdfFhiknqrtTvwxyYz", .valued = "eopPsuXaEIOSUb"},
    {.names = "chroot",
     .plain_long = "skip-chdir",
     .valued_long = "groups userspec",
     .inert_long = "help version",
     .positional = 1,
     .elevated = true},
    {.names = "xargs",
     .plain = "0rtpxo",
     .valued = "aEILdnPs",
     .attached = "eil",
     .plain_long = "null no-run-if-empty verbose interactive exit open-tty show-limits eof replace max-lines",
     .valued_long = "arg-file delimiter max-args max-procs max-chars process-slot-var",
     .inert_long = "help version",
     .more = true,
     .replacing = "Ii"},
    {.names = "watch",
     .how = HOW_JOINED,
     .plain = "bcdegptwrCf",
     .valued = "nq",
     .plain_long = "beep color differences errexit chgexit no-title no-wrap precise exec no-rerun",
     .valued_long = "interval equexit",
     .inert = "hv",
     .inert_long = "help version"},
    {.names = "parallel",
     .how = HOW_JOINED,
     .plain = "0kqtuXmv",
     .valued = "jaIndNCSP",
     .plain_long = "keep-order dry-run bar progress verbose null ungroup line-buffer no-notice will-cite eta",
     .valued_long = "jobs arg-file delay retries timeout max-args joblog results colsep halt",
     .more = true,
     .replacing = "*"},
    {.names = "sh bash zsh dash ksh ash mksh rbash fish", .how = HOW_SHELL},
    {.names = "eval", .how = HOW_EVAL},
    {.names = "trap", .how = HOW_TRAP},
    {.names = "su runuser", .how = HOW_SU, .elevated = true},
};

static const struct wrapper_spec *find_spec(struct slice name)
{
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        if (shell_in_list(name, specs[i].names))
            return &specs[i];
    }
    return NULL;
}

static bool push_wrapper(struct shell_run *run, struct shell_scope *scope, struct slice name, const struct parse_word *words,
                         size_t count)
{
    struct shell_wrapper *all;

    if (scope->wrapper_count >= SHELL_WRAPPERS_MAX) {
        shell_fail(run, "too many programs start one another");
        return false;
    }
    all = (struct shell_wrapper *)arena_array(run->arena, scope->wrapper_count + 1, sizeof *all);
    if (all == NULL) {
        run->no_memory = true;
        return false;
    }
    if (scope->wrapper_count > 0)
        memcpy(all, scope->wrappers, scope->wrapper_count * sizeof *all);
    all[scope->wrapper_count] = (struct shell_wrapper){.name = name, .argv = words, .argc = count};
    scope->wrappers = all;
    scope->wrapper_count++;
    if (scope->via == SHELL_VIA_LINE)
        scope->via = SHELL_VIA_WRAPPER;
    return true;
}

/* ---- options ---- */

struct options {
    struct shell_run *run;
    const struct wrapper_spec *spec;
    const struct shell_words *words;
    size_t at;
    bool inert;
    struct slice replacement;
};

static bool has_letter(const char *letters, char letter)
{
    return letters != NULL && letter != '\0' && strchr(letters, letter) != NULL;
}

static void unknown_option(struct options *o, struct slice option)
{
    shell_fail_about(o->run, "an option of a program that starts another one is not known:", option);
}

static void take_long(struct options *o, struct slice word)
{
    size_t equals = slice_find(word, '=', 0);
    struct slice name = slice_sub(word, 2, equals);
    const struct wrapper_spec *spec = o->spec;

    o->at++;
    if (spec->replacing != NULL && slice_equal_str(name, "replace"))
        o->replacement = equals != SIZE_MAX ? slice_sub(word, equals + 1, word.size) : SLICE("{}");
    if (spec->valued_long != NULL && shell_in_list(name, spec->valued_long))
        o->at += equals == SIZE_MAX ? 1 : 0;
    else if (spec->inert_long != NULL && shell_in_list(name, spec->inert_long))
        o->inert = true;
    else if (spec->plain_long == NULL || !shell_in_list(name, spec->plain_long))
        unknown_option(o, word);
}

/* xargs -I R, -IR, -i, -iR. */
static void note_replacement(struct options *o, struct slice word, size_t letter)
{
    o->replacement = slice_sub(word, letter + 1, word.size);
    if (o->replacement.size == 0 && word.data[letter] == 'I' && o->at < o->words->count) {
        if (o->words->items[o->at].dynamic)
            shell_fail_about(o->run, "what xargs replaces cannot be known:", o->words->items[o->at].text);
        o->replacement = o->words->items[o->at].text;
    }
    if (o->replacement.size == 0)
        o->replacement = SLICE("{}");
}

static void take_short(struct options *o, struct slice word)
{
    const struct wrapper_spec *spec = o->spec;
    uint64_t number;

    o->at++;
    if (spec->number_option && slice_to_u64(slice_sub(word, 1 + (word.data[1] == '-'), word.size), &number))
        return;
    for (size_t i = 1; i < word.size; i++) {
        char letter = word.data[i];

        if (has_letter(spec->replacing, letter))
            note_replacement(o, word, i);
        if (has_letter(spec->inert, letter))
            o->inert = true;
        if (has_letter(spec->valued, letter)) {
            o->at += i + 1 == word.size ? 1 : 0;
            return;
        }
        if (has_letter(spec->attached, letter))
            return;
        if (!has_letter(spec->plain, letter) && !has_letter(spec->inert, letter)) {
            unknown_option(o, word);
            return;
        }
    }
}

static bool is_assignment_word(struct slice text)
{
    size_t equals = slice_find(text, '=', 0);

    return equals != SIZE_MAX && equals > 0;
}

/* Where the command begins. */
static void read_options(struct options *o)
{
    while (o->at < o->words->count && !o->run->no_memory) {
        const struct parse_word *word = &o->words->items[o->at];

        ++*o->run->work;
        if (word->literal < 2 && word->dynamic) {
            shell_fail_about(o->run, "a word before the command cannot be known:", word->text);
            return;
        }
        if (word->text.size < 2 || word->text.data[0] != '-')
            break;
        if (slice_equal_str(word->text, "--")) {
            o->at++;
            break;
        }
        if (word->text.data[1] == '-' && !o->spec->number_option)
            take_long(o, word->text);
        else if (word->text.data[1] == '-' && word->text.size > 2 && (word->text.data[2] < '0' || word->text.data[2] > '9'))
            take_long(o, word->text);
        else
            take_short(o, word->text);
    }
    o->at += o->spec->positional;
}

static bool add_env_assignment(struct shell_run *run, struct shell_simple *simple, const struct parse_word *word)
{
    size_t equals = slice_find(word->text, '=', 0);
    struct shell_assignment assignment = {.name = slice_sub(word->text, 0, equals), .value = *word};

    if (word->dynamic && word->literal <= equals) {
        shell_fail_about(run, "a variable's name cannot be known:", word->text);
        return true;
    }
    assignment.value.text = slice_sub(word->text, equals + 1, word->text.size);
    assignment.value.literal = word->literal - equals - 1;
    shell_check_variable(run, assignment.name);
    if (!shell_reserve(run, (void **)&simple->assignments, simple->assignment_count, &simple->assignment_capacity,
                       sizeof *simple->assignments))
        return false;
    simple->assignments[simple->assignment_count++] = assignment;
    return true;
}

/* ---- texts of shell ---- */

static void enter(struct shell_run *run, struct shell_scope *scope, const struct shell_simple *simple)
{
    scope->redirections = shell_join_redirections(run, scope, simple);
    scope->redirection_count += simple->redirection_count;
    scope->assignments = shell_join_assignments(run, scope, simple);
    scope->assignment_count += simple->assignment_count;
    scope->more_arguments = false;
    scope->replacement = (struct slice){0};
}

/* The words joined by blanks as one text; NULL data when one of them cannot be known. */
static struct slice join_words(struct shell_run *run, const struct parse_word *words, size_t count)
{
    struct buf out;

    buf_create(&out, run->arena);
    for (size_t i = 0; i < count; i++) {
        if (words[i].dynamic)
            return (struct slice){0};
        if (i > 0)
            buf_add_char(&out, ' ');
        buf_add_slice(&out, words[i].text);
    }
    *run->work += out.size;
    run->no_memory |= out.failed;
    return out.size > 0 ? buf_slice(&out) : SLICE("");
}

static int walk_code(struct shell_run *run, struct shell_scope *scope, const struct shell_simple *simple, struct slice code)
{
    size_t before = run->command_count;
    struct shell_scope inner = *scope;

    enter(run, &inner, simple);
    if (code.data == NULL) {
        int index = shell_emit(run, scope, simple);

        shell_mark_opaque(run, index, "the code that this runs cannot be known:");
        return index;
    }
    if (++inner.depth > SHELL_DEPTH_MAX)
        shell_fail(run, "the line is nested too deeply");
    else
        shell_walk_text(run, code, &inner);
    return run->command_count > before ? (int)before : -1;
}

/* Standard input of a shell, when the line itself gives it: the last redirection of descriptor 0 wins. */
static const struct shell_redirection *input_of(const struct shell_simple *simple, const struct shell_scope *scope)
{
    for (size_t i = simple->redirection_count; i > 0; i--) {
        if (simple->redirections[i - 1].fd == 0)
            return &simple->redirections[i - 1];
    }
    for (size_t i = 0; i < scope->redirection_count; i++) {
        if (scope->redirections[i].fd == 0)
            return &scope->redirections[i];
    }
    return NULL;
}

static int resolve_input(struct shell_run *run, struct shell_scope *scope, const struct shell_simple *simple, struct slice name)
{
    const struct shell_redirection *input = input_of(simple, scope);
    int index;

    if (input != NULL && slice_starts_with(input->op, SLICE("<<")) && !input->target.dynamic && !scope->more_arguments) {
        if (!push_wrapper(run, scope, name, simple->words.items, simple->words.count))
            return -1;
        return walk_code(run, scope, simple, input->target.text);
    }
    index = shell_emit(run, scope, simple);
    if (input != NULL || scope->reads_pipe || scope->more_arguments)
        shell_mark_opaque(run, index, "a shell runs code that comes from data:");
    else
        shell_mark_opaque(run, index, "an interactive shell runs code that is not visible:");
    return index;
}

/* bash [options] [-c code [name arguments…] | file arguments…] */
static int resolve_shell(struct shell_run *run, struct shell_scope *scope, const struct shell_simple *simple, struct slice name)
{
    const struct shell_words *words = &simple->words;
    bool code = false, input = false;
    size_t at = 1;
    int index;

    for (; at < words->count; at++) {
        struct slice word = words->items[at].text;

        if (words->items[at].dynamic || word.size < 2 || (word.data[0] != '-' && word.data[0] != '+'))
            break;
        if (slice_equal_str(word, "--")) {
            at++;
            break;
        }
        if (slice_equal_str(word, "--version") || slice_equal_str(word, "--help"))
            return shell_emit(run, scope, simple);
        if (slice_equal_str(word, "--rcfile") || slice_equal_str(word, "--init-file"))
            shell_fail(run, "a shell reads a start-up file that is not visible");
        else if (word.data[1] != '-') {
            code |= slice_find(word, 'c', 1) != SIZE_MAX;
            input |= slice_find(word, 's', 1) != SIZE_MAX;
            at += slice_ends_with(word, SLICE("o")) || slice_ends_with(word, SLICE("O")) ? 1 : 0;
        } else if (!shell_in_list(word, "--norc --noprofile --posix --login --verbose --restricted --noediting"))
            shell_fail_about(run, "an option of a shell is not known:", word);
    }
    if (code && at >= words->count) {
        index = shell_emit(run, scope, simple);
        shell_mark_opaque(run, index, "the code that this runs cannot be known:");
        return index;
    }
    if (code) {
        struct slice text = words->items[at].dynamic ? (struct slice){0} : words->items[at].text;

        if (shell_contains(text, scope->replacement))
            shell_fail(run, "data is put into the code of a shell");
        if (!push_wrapper(run, scope, name, words->items, at))
            return -1;
        return walk_code(run, scope, simple, text);
    }
    if (input || at >= words->count || slice_equal_str(words->items[at].text, "-"))
        return resolve_input(run, scope, simple, name);
    index = shell_emit(run, scope, simple);
    if (words->items[at].dynamic || slice_starts_with(words->items[at].text, SLICE("/dev/")) ||
        slice_starts_with(words->items[at].text, SLICE("/proc/")))
        shell_mark_opaque(run, index, "a shell runs code that comes from data:");
    return index;
}

static int resolve_eval(struct shell_run *run, struct shell_scope *scope, const struct shell_simple *simple, struct slice name)
{
    size_t from = simple->words.count > 1 && slice_equal_str(simple->words.items[1].text, "--") ? 2 : 1;

    if (simple->words.count <= from && !scope->more_arguments)
        return shell_emit(run, scope, simple);
    if (!push_wrapper(run, scope, name, simple->words.items, from))
        return -1;
    return walk_code(run, scope, simple, join_words(run, simple->words.items + from, simple->words.count - from));
}

/* trap [-lp] [[code] signal…] */
static int resolve_trap(struct shell_run *run, struct shell_scope *scope, const struct shell_simple *simple, struct slice name)
{
    const struct shell_words *words = &simple->words;
    size_t at = words->count > 1 && slice_equal_str(words->items[1].text, "--") ? 2 : 1;

    if (words->count <= at + 1 ||
        (!words->items[at].dynamic && (words->items[at].text.size == 0 || words->items[at].text.data[0] == '-')))
        return shell_emit(run, scope, simple);
    if (!push_wrapper(run, scope, name, words->items, words->count))
        return -1;
    scope->conditional = true;
    return walk_code(run, scope, simple, join_words(run, words->items + at, 1));
}

/* su [options] [-] [user] [-c code]; runuser the same, and runuser -u user command. */
static int resolve_su(struct shell_run *run, struct shell_scope *scope, const struct shell_simple *simple, struct slice name)
{
    const struct shell_words *words = &simple->words;
    int index;

    scope->elevated = true;
    for (size_t at = 1; at + 1 < words->count; at++) {
        struct slice word = words->items[at].text;

        if (slice_equal_str(word, "-c") || slice_equal_str(word, "--command") || slice_equal_str(word, "-lc")) {
            if (at + 2 < words->count && words->items[at + 2].text.size > 0 && words->items[at + 2].text.data[0] == '-')
                shell_fail(run, "options after the code of su are not understood");
            if (!push_wrapper(run, scope, name, words->items, at + 1))
                return -1;
            return walk_code(run, scope, simple, join_words(run, words->items + at + 1, 1));
        }
    }
    index = shell_emit(run, scope, simple);
    shell_mark_opaque(run, index, "the commands that are run as another user are not visible:");
    return index;
}

/* ---- resolving ---- */

/* Takes one wrapper off. False when `simple` is what runs. */
static bool unwrap(struct shell_run *run, struct shell_scope *scope, struct shell_simple *simple,
                   const struct wrapper_spec *spec, struct slice name)
{
    struct options o = {.run = run, .spec = spec, .words = &simple->words, .at = 1};

    read_options(&o);
    while (spec->assignments && o.at < simple->words.count && is_assignment_word(simple->words.items[o.at].text)) {
        if (!add_env_assignment(run, simple, &simple->words.items[o.at++]))
            return false;
    }
    scope->elevated |= spec->elevated;
    if (o.inert)
        return false;
    if (o.at >= simple->words.count) {
        if (has_letter(spec->replacing, '*') || scope->more_arguments || (spec->elevated && o.at > simple->words.count))
            shell_fail_about(run, "which program this starts cannot be known:", name);
        if (spec->elevated)
            shell_fail_about(run, "an interactive shell of another user is not visible:", name);
        return false;
    }
    if (!push_wrapper(run, scope, name, simple->words.items, o.at))
        return false;
    scope->more_arguments |= spec->more;
    if (o.replacement.size > 0)
        scope->replacement = o.replacement;
    else if (has_letter(spec->replacing, '*'))
        scope->replacement = SLICE("{");
    simple->words.items += o.at;
    simple->words.count -= o.at;
    simple->words.capacity = simple->words.count;
    return true;
}

static bool has_shell_syntax(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(" \t\n;&|<>()$`\\\"'*?[#~", text.data[i]) != NULL)
            return true;
    }
    return false;
}

/* watch and parallel hand their words to a shell. parallel's ::: begins its data. */
static int resolve_joined(struct shell_run *run, struct shell_scope *scope, struct shell_simple *simple)
{
    size_t count = 0;

    while (count < simple->words.count && !slice_starts_with(simple->words.items[count].text, SLICE(":::")))
        count++;
    if (count == 0 || simple->words.items[0].dynamic || simple->words.items[0].text.data == NULL)
        return shell_emit(run, scope, simple);
    if (slice_find(simple->words.items[0].text, ' ', 0) == SIZE_MAX) {
        struct shell_simple inner = *simple;

        inner.words.count = count;
        for (size_t i = 0; i < count; i++) {
            if (has_shell_syntax(inner.words.items[i].text))
                return walk_code(run, scope, simple, join_words(run, simple->words.items, count));
        }
        return shell_resolve(run, scope, &inner);
    }
    return walk_code(run, scope, simple, join_words(run, simple->words.items, count));
}

static int resolve_special(struct shell_run *run, struct shell_scope *scope, struct shell_simple *simple,
                           const struct wrapper_spec *spec, struct slice name)
{
    switch (spec->how) {
    case HOW_SHELL:
        return resolve_shell(run, scope, simple, name);
    case HOW_EVAL:
        return resolve_eval(run, scope, simple, name);
    case HOW_TRAP:
        return resolve_trap(run, scope, simple, name);
    case HOW_SU:
        return resolve_su(run, scope, simple, name);
    default:
        return unwrap(run, scope, simple, spec, name) ? resolve_joined(run, scope, simple) : shell_emit(run, scope, simple);
    }
}

int shell_resolve(struct shell_run *run, const struct shell_scope *outer, const struct shell_simple *written)
{
    struct shell_scope scope = *outer;
    struct shell_simple simple = *written;
    int index;

    if (++scope.depth > SHELL_DEPTH_MAX) {
        shell_fail(run, "the line is nested too deeply");
        return -1;
    }
    while (simple.words.count > 0 && !simple.words.items[0].dynamic && !run->no_memory) {
        struct slice name = shell_base_name(simple.words.items[0].text);
        const struct wrapper_spec *spec = find_spec(name);

        if (spec == NULL)
            break;
        if (spec->how != HOW_PREFIX)
            return resolve_special(run, &scope, &simple, spec, name);
        if (!unwrap(run, &scope, &simple, spec, name))
            break;
    }
    index = shell_emit(run, &scope, &simple);
    if (index >= 0)
        shell_run_inner(run, &scope, &simple, index);
    return index;
}
