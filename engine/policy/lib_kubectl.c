/* kubectl and helm: from a command line, a list of words, or a command that shell.parse found. */
#include "parse/kubectl.h"

#include "parse/shell.h"
#include "policy/lib_parse.h"
#include "policy/push.h"

static const char *const effect_names[] = {"reads", "writes", "deletes", "executes", "local", "unknown"};
static const char *const dry_run_names[] = {"none", "client", "server"};

static const struct push_field target_fields[] = {
    PUSH_FIELD(struct kubectl_target, type, PUSH_TEXT),
    PUSH_FIELD(struct kubectl_target, group, PUSH_TEXT),
    PUSH_FIELD(struct kubectl_target, name, PUSH_TEXT),
    PUSH_FIELD(struct kubectl_target, known, PUSH_BOOL),
    PUSH_FIELD(struct kubectl_target, dynamic, PUSH_BOOL),
    PUSH_FIELD(struct kubectl_target, cluster_scoped, PUSH_BOOL),
    {0},
};
static const struct push_field flag_fields[] = {
    PUSH_FIELD(struct kubectl_flag, name, PUSH_TEXT),
    PUSH_FIELD(struct kubectl_flag, value, PUSH_WORD),
    PUSH_FIELD(struct kubectl_flag, known, PUSH_BOOL),
    {0},
};

#define KUBECTL struct kubectl_command
static const struct push_field kubectl_fields[] = {
    PUSH_FIELD(KUBECTL, ok, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, problem, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, dynamic, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, verb, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, subverb, PUSH_TEXT),
    {.name = "effect", .kind = PUSH_NAME, .at = offsetof(KUBECTL, effect), .names = effect_names},
    {.name = "targets",
     .kind = PUSH_STRUCTS,
     .at = offsetof(KUBECTL, targets),
     .count_at = offsetof(KUBECTL, target_count),
     .members = target_fields,
     .size = sizeof(struct kubectl_target)},
    PUSH_LIST(KUBECTL, "rest", rest, rest_count, PUSH_WORDS),
    {.name = "namespace", .kind = PUSH_TEXT, .at = offsetof(KUBECTL, namespace_name)},
    PUSH_FIELD(KUBECTL, namespace_dynamic, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, all_namespaces, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, all, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, selector, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, field_selector, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, has_selector, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, has_replicas, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, replicas, PUSH_I64),
    PUSH_LIST(KUBECTL, "files", files, file_count, PUSH_WORDS),
    PUSH_FIELD(KUBECTL, kustomize, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, recursive, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, force, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, now, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, prune, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, has_grace_period, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, grace_period, PUSH_I64),
    {.name = "dry_run", .kind = PUSH_NAME, .at = offsetof(KUBECTL, dry_run), .names = dry_run_names},
    PUSH_FIELD(KUBECTL, cascade, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, output, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, patch, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, raw, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, subresource, PUSH_TEXT),
    PUSH_LIST(KUBECTL, "images", images, image_count, PUSH_WORDS),
    PUSH_FIELD(KUBECTL, container, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, stdin_open, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, tty, PUSH_BOOL),
    PUSH_LIST(KUBECTL, "inner", inner, inner_count, PUSH_WORDS),
    PUSH_FIELD(KUBECTL, privileged, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, context, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, cluster, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, user, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, server, PUSH_TEXT),
    PUSH_FIELD(KUBECTL, kubeconfig, PUSH_TEXT),
    {.name = "as", .kind = PUSH_TEXT, .at = offsetof(KUBECTL, as)},
    PUSH_LIST(KUBECTL, "as_groups", as_groups, as_group_count, PUSH_TEXTS),
    PUSH_FIELD(KUBECTL, impersonates, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, credentials, PUSH_BOOL),
    PUSH_FIELD(KUBECTL, insecure, PUSH_BOOL),
    {.name = "flags",
     .kind = PUSH_STRUCTS,
     .at = offsetof(KUBECTL, flags),
     .count_at = offsetof(KUBECTL, flag_count),
     .members = flag_fields,
     .size = sizeof(struct kubectl_flag)},
    PUSH_LIST(KUBECTL, "unknown_flags", unknown_flags, unknown_flag_count, PUSH_TEXTS),
    {0},
};

#define HELM struct helm_command
static const struct push_field helm_fields[] = {
    PUSH_FIELD(HELM, ok, PUSH_BOOL),
    PUSH_FIELD(HELM, problem, PUSH_TEXT),
    PUSH_FIELD(HELM, dynamic, PUSH_BOOL),
    PUSH_FIELD(HELM, verb, PUSH_TEXT),
    PUSH_FIELD(HELM, subverb, PUSH_TEXT),
    {.name = "effect", .kind = PUSH_NAME, .at = offsetof(HELM, effect), .names = effect_names},
    PUSH_LIST(HELM, "releases", releases, release_count, PUSH_TEXTS),
    PUSH_FIELD(HELM, chart, PUSH_TEXT),
    PUSH_LIST(HELM, "rest", rest, rest_count, PUSH_WORDS),
    {.name = "namespace", .kind = PUSH_TEXT, .at = offsetof(HELM, namespace_name)},
    PUSH_FIELD(HELM, namespace_dynamic, PUSH_BOOL),
    PUSH_FIELD(HELM, all_namespaces, PUSH_BOOL),
    PUSH_FIELD(HELM, context, PUSH_TEXT),
    PUSH_FIELD(HELM, kubeconfig, PUSH_TEXT),
    PUSH_FIELD(HELM, server, PUSH_TEXT),
    {.name = "as", .kind = PUSH_TEXT, .at = offsetof(HELM, as)},
    PUSH_FIELD(HELM, impersonates, PUSH_BOOL),
    PUSH_FIELD(HELM, credentials, PUSH_BOOL),
    PUSH_FIELD(HELM, insecure, PUSH_BOOL),
    PUSH_FIELD(HELM, dry_run, PUSH_BOOL),
    PUSH_FIELD(HELM, install, PUSH_BOOL),
    PUSH_FIELD(HELM, force, PUSH_BOOL),
    PUSH_FIELD(HELM, no_hooks, PUSH_BOOL),
    PUSH_FIELD(HELM, create_namespace, PUSH_BOOL),
    PUSH_FIELD(HELM, version, PUSH_TEXT),
    PUSH_FIELD(HELM, repo, PUSH_TEXT),
    PUSH_FIELD(HELM, post_renderer, PUSH_TEXT),
    PUSH_LIST(HELM, "values", values, value_count, PUSH_WORDS),
    PUSH_LIST(HELM, "sets", sets, set_count, PUSH_WORDS),
    {.name = "flags",
     .kind = PUSH_STRUCTS,
     .at = offsetof(HELM, flags),
     .count_at = offsetof(HELM, flag_count),
     .members = flag_fields,
     .size = sizeof(struct kubectl_flag)},
    PUSH_LIST(HELM, "unknown_flags", unknown_flags, unknown_flag_count, PUSH_TEXTS),
    {0},
};

/* { problem = … } without ok. */
static int push_problem(lua_State *lua, const char *problem)
{
    lua_createtable(lua, 0, 2);
    lua_pushstring(lua, problem);
    lua_setfield(lua, -2, "problem");
    return 1;
}

/*
 * The words of the argument: of a list or command as they are; of a text, those of the only command it runs. A text that does
 * anything besides is a problem, because its words would be only a part of what happens.
 */
static const struct parse_word *words_of(lua_State *lua, const char *program, const char *other, struct arena *scratch,
                                         size_t *count, const char **problem)
{
    const struct shell_script *script;
    const struct shell_command *command;

    *problem = NULL;
    if (lua_type(lua, 1) != LUA_TSTRING)
        return push_read_words(lua, 1, scratch, count);
    script = lib_parse_shell(lua, library_text(lua, 1));
    command = script->commands;
    if (!script->ok || script->command_count != 1)
        *problem = script->ok ? "not exactly one command" : "the command line is not understood";
    else if (command->redirection_count != 0 || command->assignment_count != 0 || command->wrapper_count != 0 ||
             command->more_arguments || command->background)
        *problem = "more than a plain command: a redirection, assignment or wrapper";
    else if (!slice_equal_str(command->name, program) && !slice_equal_str(command->name, other))
        *problem = "another program";
    if (*problem != NULL)
        return NULL;
    *count = command->argc;
    return command->argv;
}

static int kubectl_lib_parse(lua_State *lua)
{
    struct arena *scratch = lib_parse_scratch(lua);
    struct kubectl_command command;
    const char *problem;
    size_t count = 0;
    uint64_t work = 0;
    const struct parse_word *words = words_of(lua, "kubectl", "oc", scratch, &count, &problem);
    enum status status;

    if (problem != NULL)
        return push_problem(lua, problem);
    if (count == 0)
        return push_problem(lua, "no words");
    status = kubectl_parse(words, count, scratch, &work, &command);
    lib_parse_charge(lua, work, status);
    push_struct(lua, &command, kubectl_fields);
    return 1;
}

/* "po" -> "pod"; nil for what is no type of Kubernetes. */
static int kubectl_lib_type(lua_State *lua)
{
    struct slice type = library_text(lua, 1), canonical;
    bool cluster_scoped = false;

    sandbox_charge(lua, 1 + (type.size < 256 ? type.size : 256));
    canonical = type.size <= 256 ? kubectl_canonical_type(type, &cluster_scoped) : (struct slice){0};
    if (canonical.data == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    library_push(lua, canonical);
    lua_pushboolean(lua, cluster_scoped);
    return 2;
}

static int helm_lib_parse(lua_State *lua)
{
    struct arena *scratch = lib_parse_scratch(lua);
    struct helm_command command;
    const char *problem;
    size_t count = 0;
    uint64_t work = 0;
    const struct parse_word *words = words_of(lua, "helm", "helm3", scratch, &count, &problem);
    enum status status;

    if (problem != NULL)
        return push_problem(lua, problem);
    if (count == 0)
        return push_problem(lua, "no words");
    status = helm_parse(words, count, scratch, &work, &command);
    lib_parse_charge(lua, work, status);
    push_struct(lua, &command, helm_fields);
    return 1;
}

const luaL_Reg library_kubectl_functions[] = {{"parse", kubectl_lib_parse}, {"type", kubectl_lib_type}, {NULL, NULL}};
const luaL_Reg library_helm_functions[] = {{"parse", helm_lib_parse}, {NULL, NULL}};

void lib_parse_open_kubectl(lua_State *lua)
{
    library_register(lua, "kubectl", library_kubectl_functions);
    library_register(lua, "helm", library_helm_functions);
}
