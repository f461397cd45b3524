/* Programs that are commands of their own and also run another one: both are listed. */
#include "parse/shell_internal.h"

#include "parse/kubectl.h"

struct runner_spec {
    const char *programs;
    const char *subcommands; /* "exec", or two words "compose exec"; NULL: the program itself runs the words */
    const char *plain, *valued;
    const char *plain_long, *valued_long;
    unsigned positional; /* container, host, image */
};

static const char docker_plain[] = "D";
static const char docker_valued[] = "Hclf";
static const char docker_valued_long[] =
    "config context host log-level tlscacert tlscert tlskey connection url file project-name profile env-file "
    "project-directory namespace address";

static const struct runner_spec runners[] = {
    {"docker podman nerdctl", "exec", "dit", "euw", "detach interactive privileged tty latest",
     "detach-keys env env-file user workdir", 1},
    {"docker podman nerdctl", "container exec", "dit", "euw", "detach interactive privileged tty latest",
     "detach-keys env env-file user workdir", 1},
    {"docker podman nerdctl docker-compose", "compose exec", "dT", "euw", "detach privileged no-TTY no-tty",
     "env user workdir index", 1},
    {"docker-compose podman-compose", "exec", "dT", "euw", "detach privileged no-TTY no-tty", "env user workdir index", 1},
    {"docker podman nerdctl", "run", "ditPq", "aecehlmpuvw",
     "detach interactive privileged tty rm init read-only no-healthcheck publish-all quiet oom-kill-disable "
     "disable-content-trust sig-proxy",
     "add-host annotation attach blkio-weight cap-add cap-drop cgroup-parent cgroupns cidfile cpu-period cpu-quota cpu-shares "
     "cpus cpuset-cpus "
     "cpuset-mems detach-keys device dns dns-option dns-search domainname entrypoint env env-file expose gpus group-add "
     "health-cmd health-interval "
     "health-retries health-timeout hostname ip ip6 ipc isolation kernel-memory label label-file link log-driver log-opt "
     "mac-address memory "
     "memory-reservation memory-swap memory-swappiness mount name network net network-alias oom-score-adj pid pids-limit "
     "platform publish pull "
     "restart runtime security-opt shm-size stop-signal stop-timeout storage-opt sysctl tmpfs ulimit user userns uts volume "
     "volume-driver "
     "volumes-from workdir",
     1},
    {"lxc incus", "exec", "tTn", "", "force-interactive force-noninteractive disable-stdin", "mode env cwd user group", 1},
    {"ssh autossh", NULL, "46AaCfGgKkMNnqsTtVvXxYy", "BbcDEeFIiJLlmOopQRSWw", "", "", 1},
};

static const char joined_by_program[] = "ssh autossh";

struct cursor {
    struct shell_run *run;
    const struct shell_words *words;
    size_t at;
};

static bool in_letters(const char *letters, char letter)
{
    return letter != '\0' && strchr(letters, letter) != NULL;
}

static void unknown(struct cursor *cursor, struct slice word)
{
    shell_fail_about(cursor->run, "an option of a program that runs another one is not known:", word);
}

static void skip_option(struct cursor *cursor, const char *plain, const char *valued, const char *plain_long,
                        const char *valued_long)
{
    struct slice word = cursor->words->items[cursor->at++].text;
    size_t equals = slice_find(word, '=', 0);

    if (word.data[1] == '-') {
        struct slice name = slice_sub(word, 2, equals);

        if (shell_in_list(name, valued_long))
            cursor->at += equals == SIZE_MAX ? 1 : 0;
        else if (!shell_in_list(name, plain_long))
            unknown(cursor, word);
        return;
    }
    for (size_t i = 1; i < word.size; i++) {
        if (in_letters(valued, word.data[i])) {
            cursor->at += i + 1 == word.size ? 1 : 0;
            return;
        }
        if (!in_letters(plain, word.data[i])) {
            unknown(cursor, word);
            return;
        }
    }
}

static void skip_options(struct cursor *cursor, const char *plain, const char *valued, const char *plain_long,
                         const char *valued_long)
{
    while (cursor->at < cursor->words->count) {
        const struct parse_word *word = &cursor->words->items[cursor->at];

        ++*cursor->run->work;
        if (word->dynamic && word->literal < 2) {
            if (word->multiple)
                shell_fail_about(cursor->run, "a word before the inner command cannot be known:", word->text);
            return;
        }
        if (word->text.size < 2 || word->text.data[0] != '-')
            return;
        if (slice_equal_str(word->text, "--")) {
            cursor->at++;
            return;
        }
        skip_option(cursor, plain, valued, plain_long, valued_long);
    }
}

/* Whether the words at the cursor are `subcommands`; then the cursor stands behind them. */
static bool take_subcommands(struct cursor *cursor, const char *subcommands)
{
    size_t at = cursor->at;

    while (*subcommands != '\0') {
        size_t size = strcspn(subcommands, " ");

        if (at >= cursor->words->count || cursor->words->items[at].dynamic ||
            !slice_equal(cursor->words->items[at].text, slice_from(subcommands, size)))
            return false;
        at++;
        subcommands += subcommands[size] == ' ' ? size + 1 : size;
    }
    cursor->at = at;
    return true;
}

static struct shell_scope inner_scope(struct shell_run *run, const struct shell_scope *scope, struct slice name,
                                      const struct shell_words *words, size_t own, int outer, bool remote)
{
    struct shell_scope inner = *scope;
    struct shell_wrapper *all = (struct shell_wrapper *)arena_array(run->arena, scope->wrapper_count + 1, sizeof *all);

    if (all == NULL) {
        run->no_memory = true;
        return inner;
    }
    if (scope->wrapper_count > 0)
        memcpy(all, scope->wrappers, scope->wrapper_count * sizeof *all);
    all[scope->wrapper_count] = (struct shell_wrapper){.name = name, .argv = words->items, .argc = own};
    inner.wrappers = all;
    inner.wrapper_count++;
    inner.via = remote || scope->via == SHELL_VIA_REMOTE ? SHELL_VIA_REMOTE : SHELL_VIA_WRAPPER;
    inner.outer = outer;
    return inner;
}

static void run_words(struct shell_run *run, const struct shell_scope *inner, const struct shell_words *words, size_t from,
                      size_t to)
{
    struct shell_simple simple = {.words = {.items = words->items + from, .count = to - from, .capacity = to - from}};

    if (from < to && inner->wrapper_count <= SHELL_WRAPPERS_MAX)
        shell_resolve(run, inner, &simple);
    else if (from < to)
        shell_fail(run, "too many programs start one another");
}

static void run_joined(struct shell_run *run, struct shell_scope *inner, const struct shell_words *words, size_t from)
{
    struct buf code;

    buf_create(&code, run->arena);
    for (size_t i = from; i < words->count; i++) {
        if (words->items[i].dynamic) {
            shell_mark_opaque(run, inner->outer, "the code that this runs elsewhere cannot be known:");
            return;
        }
        if (i > from)
            buf_add_char(&code, ' ');
        buf_add_slice(&code, words->items[i].text);
    }
    run->no_memory |= code.failed;
    if (++inner->depth > SHELL_DEPTH_MAX)
        shell_fail(run, "the line is nested too deeply");
    else if (code.size > 0)
        shell_walk_text(run, buf_slice(&code), inner);
}

static void check_runner_options(struct shell_run *run, const struct shell_words *words, int command)
{
    for (size_t i = 1; i < words->count; i++) {
        struct slice word = words->items[i].text;

        if (slice_equal_str(word, "--entrypoint") || slice_starts_with(word, SLICE("--entrypoint=")))
            shell_mark_opaque(run, command, "another entry point runs than the words say:");
    }
}

static bool run_by_table(struct shell_run *run, const struct shell_scope *scope, const struct shell_simple *simple,
                         struct slice name, int command)
{
    for (size_t i = 0; i < sizeof runners / sizeof runners[0]; i++) {
        const struct runner_spec *spec = &runners[i];
        struct cursor cursor = {.run = run, .words = &simple->words, .at = 1};
        struct shell_scope inner;

        if (!shell_in_list(name, spec->programs))
            continue;
        if (spec->subcommands != NULL) {
            skip_options(&cursor, docker_plain, docker_valued, "debug tls tlsverify remote", docker_valued_long);
            if (!take_subcommands(&cursor, spec->subcommands))
                continue;
        }
        skip_options(&cursor, spec->plain, spec->valued, spec->plain_long, spec->valued_long);
        cursor.at += spec->positional;
        if (spec->subcommands == NULL) { /* ssh takes options after the host, too */
            skip_options(&cursor, spec->plain, spec->valued, spec->plain_long, spec->valued_long);
        } else {
            check_runner_options(run, &simple->words, command);
        }
        if (cursor.at >= simple->words.count) {
            if (spec->subcommands == NULL && (run->commands[command].reads_pipe || simple->redirection_count > 0))
                shell_mark_opaque(run, command, "a remote shell runs code that comes from data:");
            return true;
        }
        inner = inner_scope(run, scope, name, &simple->words, cursor.at, command, true);
        if (shell_in_list(name, joined_by_program))
            run_joined(run, &inner, &simple->words, cursor.at);
        else
            run_words(run, &inner, &simple->words, cursor.at, simple->words.count);
        return true;
    }
    return false;
}

static bool is_exec_action(struct slice word)
{
    return shell_in_list(word, "-exec -execdir -ok -okdir");
}

/* find … -exec command {} ; or {} +, any number of times. */
static void run_find(struct shell_run *run, const struct shell_scope *scope, const struct shell_words *words, struct slice name,
                     int command)
{
    for (size_t at = 1; at < words->count; at++) {
        struct shell_scope inner;
        size_t end = at + 1;

        ++*run->work;
        if (words->items[at].multiple && words->items[at].literal == 0 && at > 1 && !words->items[at].glob)
            shell_fail_about(run, "actions of find cannot be known:", words->items[at].text);
        if (!is_exec_action(words->items[at].text))
            continue;
        while (end < words->count && !slice_equal_str(words->items[end].text, ";") &&
               !(slice_equal_str(words->items[end].text, "+") && slice_equal_str(words->items[end - 1].text, "{}")))
            end++;
        if (end == at + 1)
            shell_fail(run, "find -exec has no command");
        inner = inner_scope(run, scope, name, words, at + 1, command, false);
        inner.more_arguments = true;
        inner.replacement = SLICE("{}");
        run_words(run, &inner, words, at + 1, end);
        at = end;
    }
}

static void run_fd(struct shell_run *run, const struct shell_scope *scope, const struct shell_words *words, struct slice name,
                   int command)
{
    for (size_t at = 1; at < words->count; at++) {
        struct shell_scope inner;

        if (!shell_in_list(words->items[at].text, "-x -X --exec --exec-batch"))
            continue;
        inner = inner_scope(run, scope, name, words, at + 1, command, false);
        inner.more_arguments = true;
        inner.replacement = SLICE("{}");
        run_words(run, &inner, words, at + 1, words->count);
        return;
    }
}

static void run_kubectl(struct shell_run *run, const struct shell_scope *scope, const struct shell_words *words,
                        struct slice name, int command)
{
    struct kubectl_command kubectl;
    struct shell_words inner_words;
    struct shell_scope inner;

    if (kubectl_parse(words->items, words->count, run->arena, run->work, &kubectl) != STATUS_OK) {
        run->no_memory = true;
        return;
    }
    if (kubectl.inner_count == 0 || kubectl.effect != KUBECTL_EXECUTES)
        return;
    inner_words = (struct shell_words){.items = (struct parse_word *)kubectl.inner, .count = kubectl.inner_count};
    inner = inner_scope(run, scope, name, words, words->count - kubectl.inner_count, command, true);
    run_words(run, &inner, &inner_words, 0, inner_words.count);
}

void shell_run_inner(struct shell_run *run, const struct shell_scope *scope, const struct shell_simple *simple, int command)
{
    struct slice name = run->commands[command].name;

    if (name.size == 0 || run->no_memory)
        return;
    if (shell_in_list(name, "find gfind"))
        run_find(run, scope, &simple->words, name, command);
    else if (shell_in_list(name, "fd fdfind"))
        run_fd(run, scope, &simple->words, name, command);
    else if (shell_in_list(name, "kubectl oc k microk8s.kubectl"))
        run_kubectl(run, scope, &simple->words, name, command);
    else
        run_by_table(run, scope, simple, name, command);
}
