#include "parse/kubectl_internal.h"

#define ON(name_)                                                                                                              \
    {                                                                                                                          \
        .name = (name_), .kind = FLAG_SWITCH                                                                                   \
    }
#define VAL(name_)                                                                                                             \
    {                                                                                                                          \
        .name = (name_), .kind = FLAG_VALUE                                                                                    \
    }

/* Flags of kubectl 1.31; where one letter or name means different things, the entry for the verb comes first. */
static const struct flag_spec kubectl_specs[] = {
    {"follow", 'f', FLAG_SWITCH, "logs"},
    {"previous", 'p', FLAG_SWITCH, "logs"},
    {"patch", 'p', FLAG_VALUE, "patch"},
    {"port", 'p', FLAG_VALUE, "proxy"},
    {"www", 'w', FLAG_VALUE, "proxy"},
    {"www-prefix", 'P', FLAG_VALUE, "proxy"},
    {"env", 'e', FLAG_VALUE, "set"},
    {"all", '\0', FLAG_SWITCH, NULL},
    {"all-namespaces", 'A', FLAG_SWITCH, NULL},
    {"namespace", 'n', FLAG_VALUE, NULL},
    {"selector", 'l', FLAG_VALUE, NULL},
    {"filename", 'f', FLAG_VALUE, NULL},
    {"kustomize", 'k', FLAG_VALUE, NULL},
    {"recursive", 'R', FLAG_SWITCH, NULL},
    {"output", 'o', FLAG_VALUE, NULL},
    {"watch", 'w', FLAG_SWITCH, NULL},
    {"container", 'c', FLAG_VALUE, NULL},
    {"stdin", 'i', FLAG_SWITCH, NULL},
    {"tty", 't', FLAG_SWITCH, NULL},
    {"quiet", 'q', FLAG_SWITCH, NULL},
    {"label-columns", 'L', FLAG_VALUE, NULL},
    {"server", 's', FLAG_VALUE, NULL},
    {"v", 'v', FLAG_VALUE, NULL},
    {"help", 'h', FLAG_SWITCH, NULL},
    {"dry-run", '\0', FLAG_OPTIONAL, NULL},
    {"cascade", '\0', FLAG_OPTIONAL, NULL},
    {"validate", '\0', FLAG_OPTIONAL, NULL},
    {"interactive", '\0', FLAG_SWITCH, NULL},
    ON("force"),
    ON("now"),
    ON("wait"),
    ON("prune"),
    ON("overwrite"),
    ON("list"),
    ON("local"),
    ON("record"),
    ON("save-config"),
    ON("server-side"),
    ON("force-conflicts"),
    ON("openapi-patch"),
    ON("ignore-not-found"),
    ON("no-headers"),
    ON("show-labels"),
    ON("show-kind"),
    ON("show-managed-fields"),
    ON("show-events"),
    ON("watch-only"),
    ON("output-watch-events"),
    ON("server-print"),
    ON("timestamps"),
    ON("prefix"),
    ON("all-containers"),
    ON("all-pods"),
    ON("ignore-errors"),
    ON("insecure-skip-tls-verify"),
    ON("insecure-skip-tls-verify-backend"),
    ON("disable-compression"),
    ON("match-server-version"),
    ON("warnings-as-errors"),
    ON("expose"),
    ON("rm"),
    ON("command"),
    ON("attach"),
    ON("leave-stdin-open"),
    ON("privileged"),
    ON("share-processes"),
    ON("same-node"),
    ON("replace"),
    ON("keep-labels"),
    ON("keep-annotations"),
    ON("keep-liveness"),
    ON("keep-readiness"),
    ON("keep-startup"),
    ON("keep-init-containers"),
    ON("arguments-only"),
    ON("ignore-daemonsets"),
    ON("delete-emptydir-data"),
    ON("delete-local-data"),
    ON("disable-eviction"),
    ON("containers"),
    ON("sum"),
    ON("use-protocol-buffers"),
    ON("minify"),
    ON("flatten"),
    ON("raw-config"),
    ON("merge"),
    ON("embed-certs"),
    ON("current"),
    ON("client"),
    ON("short"),
    ON("namespaced"),
    ON("cached"),
    ON("append-hash"),
    ON("append-server-path"),
    ON("allow-missing-template-keys"),
    ON("windows-line-endings"),
    ON("keep"),
    ON("resolve"),
    ON("remove-restrictions"),
    ON("remove-extra-permissions"),
    ON("remove-extra-subjects"),
    ON("no-preserve"),
    ON("enable-helm"),
    ON("reject-paths-disabled"),
    ON("disable-filter"),
    ON("default"),
    ON("quota"),
    ON("subresource-all"),
    ON("ignore-case"),
    ON("name-only"),
    VAL("context"),
    VAL("cluster"),
    VAL("user"),
    VAL("kubeconfig"),
    VAL("as"),
    VAL("as-group"),
    VAL("as-uid"),
    VAL("as-user-extra"),
    VAL("token"),
    VAL("username"),
    VAL("password"),
    VAL("client-certificate"),
    VAL("client-key"),
    VAL("certificate-authority"),
    VAL("tls-server-name"),
    VAL("proxy-url"),
    VAL("request-timeout"),
    VAL("cache-dir"),
    VAL("profile-output"),
    VAL("profile"),
    VAL("vmodule"),
    VAL("log-flush-frequency"),
    VAL("kuberc"),
    VAL("field-selector"),
    VAL("grace-period"),
    VAL("timeout"),
    VAL("replicas"),
    VAL("current-replicas"),
    VAL("resource-version"),
    VAL("image"),
    VAL("image-pull-policy"),
    VAL("port"),
    VAL("hostport"),
    VAL("target-port"),
    VAL("protocol"),
    VAL("name"),
    VAL("type"),
    VAL("env"),
    VAL("labels"),
    VAL("annotations"),
    VAL("overrides"),
    VAL("override-type"),
    VAL("restart"),
    VAL("schedule"),
    VAL("serviceaccount"),
    VAL("requests"),
    VAL("limits"),
    VAL("subresource"),
    VAL("raw"),
    VAL("sort-by"),
    VAL("template"),
    VAL("chunk-size"),
    VAL("since"),
    VAL("since-time"),
    VAL("tail"),
    VAL("limit-bytes"),
    VAL("max-log-requests"),
    VAL("pod-running-timeout"),
    VAL("field-manager"),
    VAL("prune-allowlist"),
    VAL("prune-whitelist"),
    VAL("applyset"),
    VAL("patch-file"),
    VAL("from"),
    VAL("from-literal"),
    VAL("from-file"),
    VAL("from-env-file"),
    VAL("docker-server"),
    VAL("docker-username"),
    VAL("docker-password"),
    VAL("docker-email"),
    VAL("cert"),
    VAL("key"),
    VAL("clusterrole"),
    VAL("role"),
    VAL("group"),
    VAL("verb"),
    VAL("resource"),
    VAL("resource-name"),
    VAL("non-resource-url"),
    VAL("aggregation-rule"),
    VAL("rule"),
    VAL("class"),
    VAL("default-backend"),
    VAL("annotation"),
    VAL("hard"),
    VAL("scopes"),
    VAL("min-available"),
    VAL("max-unavailable"),
    VAL("value"),
    VAL("description"),
    VAL("preemption-policy"),
    VAL("clusterip"),
    VAL("external-name"),
    VAL("external-ip"),
    VAL("load-balancer-ip"),
    VAL("node-port"),
    VAL("tcp"),
    VAL("session-affinity"),
    VAL("min"),
    VAL("max"),
    VAL("cpu-percent"),
    VAL("cpu"),
    VAL("memory"),
    VAL("cluster-ip"),
    VAL("to-revision"),
    VAL("revision"),
    VAL("for"),
    VAL("pod-selector"),
    VAL("skip-wait-for-delete-timeout"),
    VAL("address"),
    VAL("accept-hosts"),
    VAL("accept-paths"),
    VAL("reject-methods"),
    VAL("reject-paths"),
    VAL("api-prefix"),
    VAL("unix-socket"),
    VAL("retries"),
    VAL("target"),
    VAL("copy-to"),
    VAL("set-image"),
    VAL("custom"),
    VAL("api-group"),
    VAL("api-version"),
    VAL("categories"),
    VAL("verbs"),
    VAL("types"),
    VAL("on"),
    VAL("output-directory"),
    VAL("namespaces"),
    VAL("audience"),
    VAL("duration"),
    VAL("bound-object-kind"),
    VAL("bound-object-name"),
    VAL("bound-object-uid"),
    VAL("exec-command"),
    VAL("exec-arg"),
    VAL("exec-env"),
    VAL("auth-provider"),
    VAL("max-resource"),
    VAL("concurrency"),
    VAL("prune-propagation"),
    VAL("keys"),
    VAL("env-from"),
    VAL("detach-keys"),
    VAL("show-all"),
    VAL("editor"),
    VAL("tls-min-version"),
    VAL("helm-command"),
    VAL("load-restrictor"),
};

const struct flag_table kubectl_flags = {kubectl_specs, sizeof kubectl_specs / sizeof kubectl_specs[0]};

static const struct flag_spec helm_specs[] = {
    {"namespace", 'n', FLAG_VALUE, NULL},
    {"all-namespaces", 'A', FLAG_SWITCH, NULL},
    {"values", 'f', FLAG_VALUE, NULL},
    {"install", 'i', FLAG_SWITCH, NULL},
    {"output", 'o', FLAG_VALUE, NULL},
    {"generate-name", 'g', FLAG_SWITCH, NULL},
    {"all", 'a', FLAG_SWITCH, NULL},
    {"filter", 'f', FLAG_VALUE, "list ls"},
    {"help", 'h', FLAG_SWITCH, NULL},
    {"quiet", 'q', FLAG_SWITCH, NULL},
    {"selector", 'l', FLAG_VALUE, NULL},
    {"max", 'm', FLAG_VALUE, NULL},
    {"date", 'd', FLAG_SWITCH, "list ls"},
    {"reverse", 'r', FLAG_SWITCH, "list ls"},
    {"destination", 'd', FLAG_VALUE, NULL},
    {"show-only", 's', FLAG_VALUE, "template"},
    {"api-versions", 'a', FLAG_VALUE, "template"},
    {"dependency-update", 'u', FLAG_SWITCH, NULL},
    {"dry-run", '\0', FLAG_OPTIONAL, NULL},
    {"cascade", '\0', FLAG_VALUE, NULL},
    VAL("kube-context"),
    VAL("kubeconfig"),
    VAL("kube-apiserver"),
    VAL("kube-as-user"),
    VAL("kube-as-group"),
    VAL("kube-token"),
    VAL("kube-ca-file"),
    VAL("kube-tls-server-name"),
    VAL("registry-config"),
    VAL("repository-cache"),
    VAL("repository-config"),
    VAL("burst-limit"),
    VAL("qps"),
    VAL("set"),
    VAL("set-string"),
    VAL("set-file"),
    VAL("set-json"),
    VAL("set-literal"),
    VAL("version"),
    VAL("repo"),
    VAL("username"),
    VAL("password"),
    VAL("ca-file"),
    VAL("cert-file"),
    VAL("key-file"),
    VAL("keyring"),
    VAL("timeout"),
    VAL("history-max"),
    VAL("post-renderer"),
    VAL("post-renderer-args"),
    VAL("description"),
    VAL("labels"),
    VAL("revision"),
    VAL("name-template"),
    VAL("template"),
    VAL("output-dir"),
    VAL("kube-version"),
    VAL("offset"),
    VAL("time-format"),
    VAL("untardir"),
    VAL("app-version"),
    VAL("starter"),
    VAL("max-col-width"),
    ON("debug"),
    ON("kube-insecure-skip-tls-verify"),
    ON("insecure-skip-tls-verify"),
    ON("atomic"),
    ON("wait"),
    ON("wait-for-jobs"),
    ON("force"),
    ON("no-hooks"),
    ON("create-namespace"),
    ON("reuse-values"),
    ON("reset-values"),
    ON("reset-then-reuse-values"),
    ON("cleanup-on-fail"),
    ON("skip-crds"),
    ON("include-crds"),
    ON("replace"),
    ON("devel"),
    ON("verify"),
    ON("disable-openapi-validation"),
    ON("render-subchart-notes"),
    ON("enable-dns"),
    ON("hide-notes"),
    ON("hide-secret"),
    ON("skip-schema-validation"),
    ON("take-ownership"),
    ON("pass-credentials"),
    ON("plain-http"),
    ON("keep-history"),
    ON("ignore-not-found"),
    ON("recreate-pods"),
    ON("short"),
    ON("deployed"),
    ON("failed"),
    ON("pending"),
    ON("superseded"),
    ON("uninstalled"),
    ON("uninstalling"),
    ON("no-headers"),
    ON("untar"),
    ON("prov"),
    ON("force-update"),
    ON("no-update"),
    ON("allow-deprecated-repos"),
    ON("validate"),
    ON("is-upgrade"),
    ON("skip-tests"),
    ON("release-name"),
    ON("logs"),
    ON("strict"),
    ON("with-subcharts"),
    ON("versions"),
    ON("regexp"),
    ON("show-resources"),
    ON("show-desc"),
    ON("client"),
    ON("skip-refresh"),
    ON("password-stdin"),
    ON("insecure"),
    ON("fail-on-no-result"),
    ON("list-repo-url"),
};

const struct flag_table helm_flags = {helm_specs, sizeof helm_specs / sizeof helm_specs[0]};

/* ---- reading ---- */

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
