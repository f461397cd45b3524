#include "parse/kubectl_internal.h"

struct reading {
    struct flag_reader flags;
    struct kubectl_command *out;
    struct kubectl_target *targets;
    size_t target_count, target_capacity;
    struct parse_word *rest;
    size_t rest_count;
    size_t at; /* next positional word */
    bool no_memory;
};

/* How the positional words of a verb are to be read. */
enum shape {
    SHAPE_RESOURCES, /* TYPE[,TYPE] [NAME…] or TYPE/NAME… */
    SHAPE_PODS,      /* [TYPE/]NAME, a pod by default; more words are of no resource */
    SHAPE_NODES,     /* NAME…, nodes */
    SHAPE_CREATE,    /* TYPE [kind] NAME */
    SHAPE_RUN,       /* NAME, a pod */
    SHAPE_COPY,      /* [[namespace/]pod:]path twice */
    SHAPE_CSR,       /* NAME…, certificate signing requests */
    SHAPE_SUBTYPE,   /* top: the subverb is the type */
    SHAPE_REST       /* no resources */
};

struct verb_spec {
    const char *verb, *subverbs; /* NULL: takes none; "": any word is one */
    enum kubectl_effect effect;
    enum shape shape;
};

static const struct verb_spec verbs[] = {
    {"get", NULL, KUBECTL_READS, SHAPE_RESOURCES},
    {"describe", NULL, KUBECTL_READS, SHAPE_RESOURCES},
    {"logs", NULL, KUBECTL_READS, SHAPE_PODS},
    {"log", NULL, KUBECTL_READS, SHAPE_PODS},
    {"top", "", KUBECTL_READS, SHAPE_SUBTYPE},
    {"explain", NULL, KUBECTL_READS, SHAPE_REST},
    {"version", NULL, KUBECTL_READS, SHAPE_REST},
    {"options", NULL, KUBECTL_READS, SHAPE_REST},
    {"help", NULL, KUBECTL_READS, SHAPE_REST},
    {"api-resources", NULL, KUBECTL_READS, SHAPE_REST},
    {"api-versions", NULL, KUBECTL_READS, SHAPE_REST},
    {"cluster-info", "dump", KUBECTL_READS, SHAPE_REST},
    {"diff", NULL, KUBECTL_READS, SHAPE_REST},
    {"events", NULL, KUBECTL_READS, SHAPE_REST},
    {"wait", NULL, KUBECTL_READS, SHAPE_RESOURCES},
    {"rollout", "status history", KUBECTL_READS, SHAPE_RESOURCES},
    {"rollout", "restart undo pause resume", KUBECTL_WRITES, SHAPE_RESOURCES},
    {"auth", "can-i whoami", KUBECTL_READS, SHAPE_REST},
    {"auth", "reconcile", KUBECTL_WRITES, SHAPE_REST},
    {"config", "view current-context get-contexts get-clusters get-users", KUBECTL_READS, SHAPE_REST},
    {"config", "", KUBECTL_LOCAL, SHAPE_REST},
    {"apply", "view-last-applied", KUBECTL_READS, SHAPE_RESOURCES},
    {"apply", "edit-last-applied set-last-applied", KUBECTL_WRITES, SHAPE_RESOURCES},
    {"apply", NULL, KUBECTL_WRITES, SHAPE_REST},
    {"create", "", KUBECTL_WRITES, SHAPE_CREATE},
    {"replace", NULL, KUBECTL_WRITES, SHAPE_REST},
    {"patch", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"edit", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"label", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"annotate", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"scale", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"autoscale", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"expose", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"set", "image env resources selector serviceaccount sa subject", KUBECTL_WRITES, SHAPE_RESOURCES},
    {"taint", NULL, KUBECTL_WRITES, SHAPE_RESOURCES},
    {"cordon", NULL, KUBECTL_WRITES, SHAPE_NODES},
    {"uncordon", NULL, KUBECTL_WRITES, SHAPE_NODES},
    {"certificate", "approve deny", KUBECTL_WRITES, SHAPE_CSR},
    {"delete", NULL, KUBECTL_DELETES, SHAPE_RESOURCES},
    {"drain", NULL, KUBECTL_DELETES, SHAPE_NODES},
    {"exec", NULL, KUBECTL_EXECUTES, SHAPE_PODS},
    {"attach", NULL, KUBECTL_EXECUTES, SHAPE_PODS},
    {"debug", NULL, KUBECTL_EXECUTES, SHAPE_PODS},
    {"port-forward", NULL, KUBECTL_EXECUTES, SHAPE_PODS},
    {"proxy", NULL, KUBECTL_EXECUTES, SHAPE_REST},
    {"run", NULL, KUBECTL_EXECUTES, SHAPE_RUN},
    {"cp", NULL, KUBECTL_EXECUTES, SHAPE_COPY},
    {"kustomize", NULL, KUBECTL_LOCAL, SHAPE_REST},
    {"completion", NULL, KUBECTL_LOCAL, SHAPE_REST},
};

static const struct verb_spec *find_verb(struct slice verb, struct slice next, bool has_next)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (!slice_equal_str(verb, verbs[i].verb))
            continue;
        if (verbs[i].subverbs == NULL ||
            (has_next && (verbs[i].subverbs[0] == '\0' || flag_in_list(next, verbs[i].subverbs))) ||
            (!has_next && (verbs[i].subverbs[0] == '\0' || slice_equal_str(verb, "cluster-info"))))
            return &verbs[i];
    }
    return NULL;
}

static const struct parse_word *next_word(struct reading *r)
{
    return r->at < r->flags.word_count ? &r->flags.words[r->at++] : NULL;
}

static struct slice lower(struct reading *r, struct slice text)
{
    char *copy = (char *)arena_alloc(r->flags.arena, text.size);

    if (copy == NULL) {
        r->no_memory = true;
        return text;
    }
    for (size_t i = 0; i < text.size; i++)
        copy[i] = (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] - 'A' + 'a' : text.data[i]);
    return slice_from(copy, text.size);
}

static void add_target(struct reading *r, struct slice type, struct slice name, bool dynamic)
{
    size_t dot = slice_find(type, '.', 0);
    const struct kubectl_type *known = kubectl_find_type(slice_sub(type, 0, dot));
    struct kubectl_target target = {.name = name, .dynamic = dynamic, .known = known != NULL};

    *r->flags.work += 8;
    if (r->target_count >= KUBECTL_WORDS_MAX) {
        flag_fail(&r->flags, "too many resources", (struct slice){0});
        return;
    }
    if (r->target_count >= r->target_capacity) {
        size_t capacity = r->target_capacity > 0 ? r->target_capacity * 2 : 4;

        r->targets = (struct kubectl_target *)arena_grow(r->flags.arena, r->targets, r->target_capacity * sizeof *r->targets,
                                                         capacity * sizeof *r->targets);
        r->target_capacity = capacity;
        if (r->targets == NULL) {
            r->no_memory = true;
            return;
        }
    }
    target.type = known != NULL ? slice_from_str(known->name) : lower(r, slice_sub(type, 0, dot));
    target.group = dot == SIZE_MAX ? (struct slice){0} : lower(r, slice_sub(type, dot + 1, type.size));
    target.cluster_scoped = known != NULL && known->cluster_scoped;
    if (type.size == 0)
        flag_fail(&r->flags, "a resource has no type:", name);
    if (dynamic)
        flag_fail(&r->flags, "a resource cannot be known:", name.size > 0 ? name : type);
    if (!r->no_memory)
        r->targets[r->target_count++] = target;
}

static void add_rest(struct reading *r, const struct parse_word *word)
{
    r->rest[r->rest_count++] = *word;
}

static bool is_setting(const struct parse_word *word)
{
    return slice_find(word->text, '=', 0) != SIZE_MAX || slice_ends_with(word->text, SLICE("-"));
}

static bool takes_settings(const struct reading *r)
{
    return flag_in_list(r->out->verb, "label annotate taint set");
}

static void add_slashed(struct reading *r, const struct parse_word *word)
{
    size_t slash = slice_find(word->text, '/', 0);

    add_target(r, slice_sub(word->text, 0, slash), slice_sub(word->text, slash + 1, word->text.size), word->dynamic);
    if (slice_find(word->text, '/', slash + 1) != SIZE_MAX || slash + 1 == word->text.size)
        flag_fail(&r->flags, "a resource is not understood:", word->text);
}

/* Every type of a comma list with one name, or with none. */
static void add_types(struct reading *r, const struct parse_word *types, const struct parse_word *name)
{
    size_t from = 0;

    while (from <= types->text.size && !r->no_memory) {
        size_t comma = slice_find(types->text, ',', from);
        size_t end = comma == SIZE_MAX ? types->text.size : comma;

        add_target(r, slice_sub(types->text, from, end), name != NULL ? name->text : (struct slice){0},
                   types->dynamic || (name != NULL && name->dynamic));
        from = end + 1;
    }
}

static void read_resources(struct reading *r)
{
    const struct parse_word *types = NULL, *word;
    bool named = false, slashed = false;

    while ((word = next_word(r)) != NULL && !r->no_memory) {
        if (takes_settings(r) && (types != NULL || slashed || flag_given(&r->flags, "filename kustomize")) &&
            is_setting(word)) {
            add_rest(r, word);
        } else if (types == NULL && slice_find(word->text, '/', 0) != SIZE_MAX) {
            add_slashed(r, word);
            slashed = true;
        } else if (slashed) {
            flag_fail(&r->flags, "after TYPE/NAME this is no resource:", word->text);
            add_rest(r, word);
        } else if (types == NULL) {
            types = word;
        } else {
            if (slice_find(word->text, '/', 0) != SIZE_MAX)
                flag_fail(&r->flags, "a name holds a slash:", word->text);
            add_types(r, types, word);
            named = true;
        }
    }
    if (types != NULL && !named)
        add_types(r, types, NULL);
}

static void read_named(struct reading *r, const char *type, bool all)
{
    const struct parse_word *word;

    for (bool first = true; (word = next_word(r)) != NULL; first = false) {
        if (!first && !all)
            add_rest(r, word);
        else if (slice_find(word->text, '/', 0) != SIZE_MAX)
            add_slashed(r, word);
        else
            add_target(r, slice_from_str(type), word->text, word->dynamic);
    }
}

static void read_create(struct reading *r)
{
    const struct parse_word *word;
    bool kinds = flag_in_list(r->out->subverb, "secret service svc");

    if (kinds && (word = next_word(r)) != NULL)
        add_rest(r, word);
    if (slice_equal_str(r->out->subverb, "token")) {
        read_named(r, "serviceaccount", false);
        return;
    }
    if (r->out->subverb.size > 0) {
        word = next_word(r);
        add_target(r, r->out->subverb, word != NULL ? word->text : (struct slice){0}, word != NULL && word->dynamic);
        if (word == NULL && r->flags.problem.size == 0)
            flag_fail(&r->flags, "nothing is named to be created", (struct slice){0});
    }
    while ((word = next_word(r)) != NULL)
        add_rest(r, word);
}

/* One side of cp: [[namespace/]pod:]path. */
static void read_copy_side(struct reading *r, const struct parse_word *word)
{
    size_t colon = slice_find(word->text, ':', 0);
    struct slice pod = slice_sub(word->text, 0, colon);
    size_t slash = slice_find(pod, '/', 0);

    add_rest(r, word);
    if (colon == SIZE_MAX)
        return;
    if (slash != SIZE_MAX) {
        if (r->out->has_namespace && !slice_equal(r->out->namespace_name, slice_sub(pod, 0, slash)))
            flag_fail(&r->flags, "two namespaces are named:", pod);
        r->out->namespace_name = slice_sub(pod, 0, slash);
        r->out->has_namespace = true;
        pod = slice_sub(pod, slash + 1, pod.size);
    }
    add_target(r, SLICE("pod"), pod, word->dynamic && word->literal <= colon);
}

static void read_positionals(struct reading *r, enum shape shape)
{
    const struct parse_word *word;

    switch (shape) {
    case SHAPE_RESOURCES:
        read_resources(r);
        break;
    case SHAPE_PODS:
        read_named(r, "pod", false);
        break;
    case SHAPE_NODES:
        read_named(r, "node", true);
        break;
    case SHAPE_CSR:
        read_named(r, "certificatesigningrequest", true);
        break;
    case SHAPE_RUN:
        read_named(r, "pod", false);
        break;
    case SHAPE_CREATE:
        read_create(r);
        break;
    case SHAPE_SUBTYPE:
        word = next_word(r);
        add_target(r, r->out->subverb, word != NULL ? word->text : (struct slice){0}, word != NULL && word->dynamic);
        break;
    case SHAPE_COPY:
        while ((word = next_word(r)) != NULL)
            read_copy_side(r, word);
        break;
    case SHAPE_REST:
        while ((word = next_word(r)) != NULL)
            add_rest(r, word);
        break;
    }
}

/* ---- flags ---- */

static struct slice joined(struct reading *r, const char *name)
{
    const struct parse_word *values;
    struct slice all = {0};
    size_t count;

    if (!flag_collect(&r->flags, name, &values, &count)) {
        r->no_memory = true;
        return all;
    }
    for (size_t i = 0; i < count; i++)
        all = i == 0 ? values[0].text : arena_printf(r->flags.arena, "%.*s,%.*s", SLICE_ARG(all), SLICE_ARG(values[i].text));
    return all;
}

static int64_t read_number(struct reading *r, const char *name, bool *has)
{
    const struct kubectl_flag *flag = flag_find(&r->flags, name);
    struct slice text = flag != NULL ? flag->value.text : (struct slice){0};
    bool negative = slice_starts_with(text, SLICE("-"));
    uint64_t number = 0;

    *has = flag != NULL;
    if (flag == NULL)
        return 0;
    if (flag->value.dynamic || !slice_to_u64(slice_sub(text, negative, text.size), &number) || number > INT32_MAX) {
        flag_fail(&r->flags, "a number is not understood:", text);
        return INT64_MAX;
    }
    return negative ? -(int64_t)number : (int64_t)number;
}

static enum kubectl_dry_run read_dry_run(struct reading *r)
{
    const struct kubectl_flag *flag = flag_find(&r->flags, "dry-run");

    if (flag == NULL || flag_in_list(flag->value.text, "none false"))
        return KUBECTL_DRY_RUN_NONE;
    if (flag->value.text.size == 0 || flag_in_list(flag->value.text, "client true unchanged"))
        return KUBECTL_DRY_RUN_CLIENT;
    if (slice_equal_str(flag->value.text, "server"))
        return KUBECTL_DRY_RUN_SERVER;
    flag_fail(&r->flags, "this value of --dry-run is not known:", flag->value.text);
    return KUBECTL_DRY_RUN_NONE;
}

static void read_identity(struct reading *r)
{
    struct kubectl_command *out = r->out;
    struct slice *groups;
    const struct parse_word *values;
    bool creates = slice_equal_str(out->verb, "create") || slice_equal_str(out->verb, "set"); /* there --user is a subject */

    out->context = flag_value(&r->flags, "context");
    out->cluster = flag_value(&r->flags, "cluster");
    out->server = flag_value(&r->flags, "server");
    out->kubeconfig = flag_value(&r->flags, "kubeconfig");
    out->as = flag_value(&r->flags, "as");
    out->user = creates ? (struct slice){0} : flag_value(&r->flags, "user");
    out->impersonates = flag_given(&r->flags, "as as-group as-uid as-user-extra");
    out->credentials = out->user.size > 0 || flag_given(&r->flags, "token username password client-key client-certificate");
    out->insecure =
        flag_is_set(&r->flags, "insecure-skip-tls-verify") || flag_is_set(&r->flags, "insecure-skip-tls-verify-backend");
    if (!flag_collect(&r->flags, "as-group", &values, &out->as_group_count)) {
        r->no_memory = true;
        return;
    }
    groups = (struct slice *)arena_array(r->flags.arena, out->as_group_count, sizeof *groups);
    if (groups == NULL) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < out->as_group_count; i++)
        groups[i] = values[i].text;
    out->as_groups = groups;
}

static void read_namespace(struct reading *r)
{
    const struct kubectl_flag *flag = flag_find(&r->flags, "namespace");
    struct kubectl_command *out = r->out;

    out->all_namespaces = flag_is_set(&r->flags, "all-namespaces");
    if (flag == NULL)
        return;
    out->has_namespace = true;
    out->namespace_name = flag->value.text;
    out->namespace_dynamic = flag->value.dynamic;
    if (flag->value.dynamic)
        flag_fail(&r->flags, "the namespace cannot be known:", flag->value.text);
    if (flag->value.text.size == 0)
        flag_fail(&r->flags, "the namespace is empty", (struct slice){0});
    for (size_t i = 0; i < r->flags.flag_count; i++) {
        if (slice_equal_str(r->flags.flags[i].name, "namespace") &&
            !slice_equal(r->flags.flags[i].value.text, flag->value.text))
            flag_fail(&r->flags, "two namespaces are named:", r->flags.flags[i].value.text);
    }
}

static void read_flags(struct reading *r)
{
    struct kubectl_command *out = r->out;
    const struct flag_reader *flags = &r->flags;
    bool has;

    read_namespace(r);
    read_identity(r);
    out->all = flag_is_set(flags, "all");
    out->selector = joined(r, "selector");
    out->field_selector = joined(r, "field-selector");
    out->has_selector = out->selector.size > 0 || out->field_selector.size > 0;
    out->replicas = read_number(r, "replicas", &out->has_replicas);
    out->grace_period = read_number(r, "grace-period", &has);
    out->has_grace_period = has;
    out->kustomize = flag_given(flags, "kustomize");
    out->recursive = flag_is_set(flags, "recursive");
    out->force = flag_is_set(flags, "force");
    out->now = flag_is_set(flags, "now");
    out->prune = flag_is_set(flags, "prune");
    out->dry_run = read_dry_run(r);
    out->cascade = flag_value(flags, "cascade");
    out->output = flag_value(flags, "output");
    out->patch = flag_value(flags, "patch");
    out->raw = flag_value(flags, "raw");
    out->subresource = flag_value(flags, "subresource");
    out->container = flag_value(flags, "container");
    out->stdin_open = flag_is_set(flags, "stdin");
    out->tty = flag_is_set(flags, "tty");
    out->privileged = flag_is_set(flags, "privileged") || flag_given(flags, "overrides custom") ||
                      flag_in_list(flag_value(flags, "profile"), "sysadmin netadmin");
    r->no_memory |= !flag_collect(&r->flags, "filename kustomize", &out->files, &out->file_count);
}

static void read_images(struct reading *r)
{
    struct parse_word *images;
    const struct parse_word *given;
    size_t count;

    if (!flag_collect(&r->flags, "image set-image", &given, &count)) {
        r->no_memory = true;
        return;
    }
    images = (struct parse_word *)arena_array(r->flags.arena, count + r->rest_count, sizeof *images);
    if (images == NULL) {
        r->no_memory = true;
        return;
    }
    if (count > 0)
        memcpy(images, given, count * sizeof *images);
    for (size_t i = 0; i < r->rest_count && slice_equal_str(r->out->verb, "set") && slice_equal_str(r->out->subverb, "image");
         i++) {
        size_t equals = slice_find(r->rest[i].text, '=', 0);

        images[count] = r->rest[i];
        images[count].text = slice_sub(r->rest[i].text, equals == SIZE_MAX ? 0 : equals + 1, r->rest[i].text.size);
        images[count].literal = r->rest[i].dynamic ? 0 : images[count].text.size;
        count++;
    }
    r->out->images = images;
    r->out->image_count = count;
}

/* ---- the whole ---- */

static void read_verb(struct reading *r)
{
    struct kubectl_command *out = r->out;
    const struct parse_word *verb = next_word(r);
    const struct parse_word *next = r->at < r->flags.word_count ? &r->flags.words[r->at] : NULL;
    const struct verb_spec *spec;

    out->effect = KUBECTL_UNKNOWN;
    if (verb == NULL || verb->dynamic) {
        if (verb == NULL && flag_is_set(&r->flags, "help"))
            out->effect = KUBECTL_READS;
        else
            flag_fail(&r->flags, "there is no verb that can be known", (struct slice){0});
        return;
    }
    out->verb = verb->text;
    spec = find_verb(out->verb, next != NULL ? next->text : (struct slice){0}, next != NULL);
    if (spec == NULL) {
        flag_fail(&r->flags, "this verb is not known:", out->verb);
        read_positionals(r, SHAPE_REST);
        return;
    }
    out->effect = spec->effect;
    if (spec->subverbs != NULL && next != NULL && !next->dynamic) {
        out->subverb = next->text;
        r->at++;
    } else if (spec->subverbs != NULL && next != NULL) {
        flag_fail(&r->flags, "a word cannot be known:", next->text);
    }
    read_flags(r);
    read_positionals(r, spec->shape);
    if (out->effect == KUBECTL_WRITES && (out->prune || (slice_equal_str(out->verb, "replace") && out->force)))
        out->effect = KUBECTL_DELETES;
    if (flag_is_set(&r->flags, "help"))
        out->effect = KUBECTL_READS;
}

static void check_old_exec(struct reading *r)
{
    if (r->flags.inner_count > 0 && r->out->effect != KUBECTL_EXECUTES && !flag_in_list(r->out->verb, "create"))
        flag_fail(&r->flags, "words after -- are not understood for this verb:", r->out->verb);
    if (flag_in_list(r->out->verb, "run debug attach cp port-forward") && r->rest_count > 0 && r->flags.inner_count == 0 &&
        flag_in_list(r->out->verb, "run debug"))
        flag_fail(&r->flags, "put -- before the command that is to run:", r->rest[0].text);
}

static bool is_too_large(const struct parse_word *argv, size_t argc)
{
    if (argc > KUBECTL_WORDS_MAX)
        return true;
    for (size_t i = 0; i < argc; i++) {
        if (argv[i].text.size > KUBECTL_WORD_MAX)
            return true;
    }
    return false;
}

enum status kubectl_parse(const struct parse_word *argv, size_t argc, struct arena *arena, uint64_t *work,
                          struct kubectl_command *out)
{
    struct reading r = {.flags = {.table = &kubectl_flags, .arena = arena, .work = work}, .out = out};

    *out = (struct kubectl_command){.effect = KUBECTL_UNKNOWN};
    *work += argc + 1;
    if (is_too_large(argv, argc)) {
        out->problem = SLICE("the command has too many or too long words");
        return STATUS_OK;
    }
    if (!flag_read(&r.flags, argv, argc))
        return STATUS_NO_MEMORY;
    r.rest = (struct parse_word *)arena_array(arena, r.flags.word_count + 1, sizeof *r.rest);
    if (r.rest == NULL)
        return STATUS_NO_MEMORY;
    read_verb(&r);
    read_images(&r);
    check_old_exec(&r);
    out->targets = r.targets;
    out->target_count = r.target_count;
    out->rest = r.rest;
    out->rest_count = r.rest_count;
    out->flags = r.flags.flags;
    out->flag_count = r.flags.flag_count;
    out->unknown_flags = r.flags.unknown;
    out->unknown_flag_count = r.flags.unknown_count;
    out->inner = r.flags.inner;
    out->inner_count = r.flags.inner_count;
    out->dynamic = r.flags.dynamic;
    out->problem = r.flags.problem;
    out->ok = out->problem.size == 0;
    return r.no_memory || arena->exhausted ? STATUS_NO_MEMORY : STATUS_OK;
}
