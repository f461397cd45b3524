#include "parse/kubectl_internal.h"

struct helm_verb {
    const char *verb, *subverbs;
    enum kubectl_effect effect;
    unsigned releases; /* positional words that are releases; HELM_ALL for all of them */
    bool chart;        /* the next word is a chart */
};

enum { HELM_ALL = 1000 };

static const struct helm_verb verbs[] = {
    {"install", NULL, KUBECTL_WRITES, 1, true},
    {"upgrade", NULL, KUBECTL_WRITES, 1, true},
    {"uninstall", NULL, KUBECTL_DELETES, HELM_ALL, false},
    {"delete", NULL, KUBECTL_DELETES, HELM_ALL, false},
    {"del", NULL, KUBECTL_DELETES, HELM_ALL, false},
    {"un", NULL, KUBECTL_DELETES, HELM_ALL, false},
    {"rollback", NULL, KUBECTL_WRITES, 1, false},
    {"test", NULL, KUBECTL_EXECUTES, 1, false},
    {"list", NULL, KUBECTL_READS, 0, false},
    {"ls", NULL, KUBECTL_READS, 0, false},
    {"status", NULL, KUBECTL_READS, 1, false},
    {"history", NULL, KUBECTL_READS, 1, false},
    {"hist", NULL, KUBECTL_READS, 1, false},
    {"get", "", KUBECTL_READS, 1, false},
    {"show", "", KUBECTL_READS, 0, true},
    {"inspect", "", KUBECTL_READS, 0, true},
    {"search", "", KUBECTL_READS, 0, false},
    {"template", NULL, KUBECTL_READS, 1, true},
    {"lint", NULL, KUBECTL_READS, 0, false},
    {"verify", NULL, KUBECTL_READS, 0, false},
    {"version", NULL, KUBECTL_READS, 0, false},
    {"env", NULL, KUBECTL_READS, 0, false},
    {"help", NULL, KUBECTL_READS, 0, false},
    {"pull", NULL, KUBECTL_LOCAL, 0, true},
    {"fetch", NULL, KUBECTL_LOCAL, 0, true},
    {"push", NULL, KUBECTL_WRITES, 0, true},
    {"package", NULL, KUBECTL_LOCAL, 0, true},
    {"create", NULL, KUBECTL_LOCAL, 0, false},
    {"dependency", "", KUBECTL_LOCAL, 0, true},
    {"dep", "", KUBECTL_LOCAL, 0, true},
    {"repo", "list", KUBECTL_READS, 0, false},
    {"repo", "", KUBECTL_LOCAL, 0, false},
    {"registry", "", KUBECTL_LOCAL, 0, false},
    {"completion", NULL, KUBECTL_LOCAL, 0, false},
};

static const struct helm_verb *find_verb(struct slice verb, struct slice next)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (slice_equal_str(verb, verbs[i].verb) &&
            (verbs[i].subverbs == NULL || verbs[i].subverbs[0] == '\0' || flag_in_list(next, verbs[i].subverbs)))
            return &verbs[i];
    }
    return NULL;
}

static void read_flags(struct flag_reader *flags, struct helm_command *out)
{
    const struct kubectl_flag *space = flag_find(flags, "namespace");
    const struct kubectl_flag *dry = flag_find(flags, "dry-run");

    out->has_namespace = space != NULL;
    out->namespace_name = space != NULL ? space->value.text : (struct slice){0};
    out->namespace_dynamic = space != NULL && space->value.dynamic;
    if (out->namespace_dynamic)
        flag_fail(flags, "the namespace cannot be known:", out->namespace_name);
    out->all_namespaces = flag_is_set(flags, "all-namespaces");
    out->context = flag_value(flags, "kube-context");
    out->kubeconfig = flag_value(flags, "kubeconfig");
    out->server = flag_value(flags, "kube-apiserver");
    out->as = flag_value(flags, "kube-as-user");
    out->impersonates = flag_given(flags, "kube-as-user kube-as-group");
    out->credentials = flag_given(flags, "kube-token username password");
    out->insecure = flag_is_set(flags, "kube-insecure-skip-tls-verify") || flag_is_set(flags, "insecure-skip-tls-verify");
    out->dry_run = dry != NULL && !flag_in_list(dry->value.text, "false none");
    out->install = flag_is_set(flags, "install");
    out->force = flag_is_set(flags, "force");
    out->no_hooks = flag_is_set(flags, "no-hooks");
    out->create_namespace = flag_is_set(flags, "create-namespace");
    out->version = flag_value(flags, "version");
    out->repo = flag_value(flags, "repo");
    out->post_renderer = flag_value(flags, "post-renderer");
    if (out->post_renderer.size > 0)
        flag_fail(flags, "a post-renderer is a program that is not visible:", out->post_renderer);
}

static bool read_positionals(struct flag_reader *flags, struct helm_command *out, const struct helm_verb *spec, size_t at)
{
    struct slice *releases = (struct slice *)arena_array(flags->arena, flags->word_count + 1, sizeof *releases);
    unsigned wanted =
        flag_is_set(flags, "generate-name") || (slice_equal_str(out->verb, "template") && flags->word_count - at == 1)
            ? 0
            : spec->releases;

    if (releases == NULL)
        return false;
    for (; at < flags->word_count && out->release_count < wanted; at++) {
        if (flags->words[at].dynamic)
            flag_fail(flags, "a release cannot be known:", flags->words[at].text);
        releases[out->release_count++] = flags->words[at].text;
    }
    if (spec->chart && at < flags->word_count) {
        if (flags->words[at].dynamic)
            flag_fail(flags, "the chart cannot be known:", flags->words[at].text);
        out->chart = flags->words[at++].text;
    }
    out->releases = releases;
    out->rest = flags->words + at;
    out->rest_count = flags->word_count - at;
    return true;
}

static bool read_command(struct flag_reader *flags, struct helm_command *out)
{
    struct slice next = flags->word_count > 1 ? flags->words[1].text : (struct slice){0};
    const struct helm_verb *spec;
    size_t at = 1;

    out->effect = KUBECTL_UNKNOWN;
    if (flags->word_count == 0 || flags->words[0].dynamic) {
        flag_fail(flags, "there is no verb that can be known", (struct slice){0});
        return true;
    }
    out->verb = flags->words[0].text;
    spec = find_verb(out->verb, next);
    if (spec == NULL) {
        flag_fail(flags, "this verb is not known:", out->verb);
        out->rest = flags->words + 1;
        out->rest_count = flags->word_count - 1;
        return true;
    }
    out->effect = flag_is_set(flags, "help") ? KUBECTL_READS : spec->effect;
    if (spec->subverbs != NULL && flags->word_count > 1) {
        out->subverb = next;
        at = 2;
    }
    read_flags(flags, out);
    return read_positionals(flags, out, spec, at);
}

static bool is_too_large(const struct parse_word *argv, size_t argc)
{
    bool large = argc > KUBECTL_WORDS_MAX;

    for (size_t i = 0; i < argc && !large; i++)
        large = argv[i].text.size > KUBECTL_WORD_MAX;
    return large;
}

enum status helm_parse(const struct parse_word *argv, size_t argc, struct arena *arena, uint64_t *work,
                       struct helm_command *out)
{
    struct flag_reader flags = {.table = &helm_flags, .arena = arena, .work = work};

    *out = (struct helm_command){.effect = KUBECTL_UNKNOWN};
    *work += argc + 1;
    if (is_too_large(argv, argc)) {
        out->problem = SLICE("the command has too many or too long words");
        return STATUS_OK;
    }
    if (!flag_read(&flags, argv, argc) || !read_command(&flags, out) ||
        !flag_collect(&flags, "values", &out->values, &out->value_count) ||
        !flag_collect(&flags, "set set-string set-file set-json set-literal", &out->sets, &out->set_count))
        return STATUS_NO_MEMORY;
    if (flags.inner_count > 0)
        flag_fail(&flags, "words after -- are not understood:", flags.inner[0].text);
    out->flags = flags.flags;
    out->flag_count = flags.flag_count;
    out->unknown_flags = flags.unknown;
    out->unknown_flag_count = flags.unknown_count;
    out->dynamic = flags.dynamic;
    out->problem = flags.problem;
    out->ok = out->problem.size == 0;
    return arena->exhausted ? STATUS_NO_MEMORY : STATUS_OK;
}
