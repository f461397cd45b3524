/*
 * Reads the arguments of kubectl and of helm: what is done, to what, where, and as whom. From words (shell_command.argv, or
 * plain strings made with parse_word_static). Fails closed: an unknown flag that may take a value, an unknown verb, or a
 * dynamic word where the meaning depends on it makes `ok` false.
 */
#ifndef EDICT_PARSE_KUBECTL_H
#define EDICT_PARSE_KUBECTL_H

#include "parse/word.h"

enum { KUBECTL_WORDS_MAX = 1024, KUBECTL_WORD_MAX = 16 * 1024 };

/* A resource the command names. */
struct kubectl_target {
    struct slice
        type; /* canonical, singular, lower case: "pod", "deployment", "configmap"; unknown types as written, lower case */
    struct slice
        group; /* after the type's first dot: "apps" of deployments.apps, "v1.apps" of deployments.v1.apps; often empty */
    struct slice name;   /* empty: all of this type that the selectors leave */
    bool known;          /* `type` is one of Kubernetes' own */
    bool dynamic;        /* type or name cannot be known */
    bool cluster_scoped; /* a known type without a namespace: node, namespace, clusterrole, persistentvolume… */
};

enum kubectl_dry_run { KUBECTL_DRY_RUN_NONE, KUBECTL_DRY_RUN_CLIENT, KUBECTL_DRY_RUN_SERVER };
enum kubectl_effect {
    KUBECTL_READS,    /* get, describe, logs, top, diff, auth can-i, config view… */
    KUBECTL_WRITES,   /* changes the cluster */
    KUBECTL_DELETES,  /* delete, drain, and whatever else removes or evicts */
    KUBECTL_EXECUTES, /* runs code or opens a channel into the cluster: exec, run, debug, cp, attach, port-forward, proxy */
    KUBECTL_LOCAL,    /* changes only the caller's own files: config use-context, completion, kustomize */
    KUBECTL_UNKNOWN   /* plugins and unknown verbs */
};

struct kubectl_flag {
    struct slice name; /* long name without dashes, as kubectl spells it ("namespace" also for -n); as written when unknown */
    struct parse_word value; /* empty for switches without =value */
    bool known;
};

struct kubectl_command {
    bool ok;
    struct slice problem;
    bool dynamic;         /* some word is */
    struct slice verb;    /* "delete"; empty when there is none */
    struct slice subverb; /* "restart" of rollout restart, "image" of set image, "deployment" of create deployment, "can-i" of
                             auth can-i */
    enum kubectl_effect effect;
    const struct kubectl_target *targets;
    size_t target_count;
    const struct parse_word
        *rest; /* positional words that are no targets: KEY=value of label, container=image of set image, paths of cp */
    size_t rest_count;
    struct slice namespace_name; /* -n; empty when not given */
    bool has_namespace, namespace_dynamic;
    bool all_namespaces, all;              /* -A; --all (both false for =false) */
    struct slice selector, field_selector; /* joined by ',' when repeated */
    bool has_selector;
    bool has_replicas;
    int64_t replicas;
    const struct parse_word *files; /* -f, --filename, -k; "-" is standard input */
    size_t file_count;
    bool kustomize, recursive;
    bool force, now, prune;
    bool has_grace_period;
    int64_t grace_period; /* seconds */
    enum kubectl_dry_run dry_run;
    struct slice cascade; /* "background", "orphan", "foreground"; empty when not given */
    struct slice output;  /* -o */
    struct slice patch;   /* -p of patch */
    struct slice raw;     /* --raw PATH */
    struct slice subresource;
    const struct parse_word *images; /* --image and the values of set image */
    size_t image_count;
    struct slice container; /* -c */
    bool stdin_open, tty;
    const struct parse_word *inner; /* words after -- (exec, run, debug, create job…) */
    size_t inner_count;
    bool privileged; /* --privileged, --profile=sysadmin, --overrides: a container with more rights than usual */
    struct slice context, cluster, user, server, kubeconfig, as; /* which cluster, as whom; empty when not given */
    const struct slice *as_groups;
    size_t as_group_count;
    bool impersonates;                /* --as, --as-group, --as-uid */
    bool credentials;                 /* --token, --username, --password, --client-key, --client-certificate, --user */
    bool insecure;                    /* --insecure-skip-tls-verify, --validate=false is not one of them */
    const struct kubectl_flag *flags; /* every flag given, in order */
    size_t flag_count;
    const struct slice *unknown_flags; /* as written */
    size_t unknown_flag_count;
};

/* argv[0] is the program (kubectl, oc, k, …) and is not looked at. */
enum status kubectl_parse(const struct parse_word *argv, size_t argc, struct arena *arena, uint64_t *work,
                          struct kubectl_command *out) EDICT_MUST_USE;

/* "po", "pods", "Pod" -> "pod"; NULL slice when it is no type of Kubernetes itself. Constant text. */
struct slice kubectl_canonical_type(struct slice type, bool *cluster_scoped);

struct helm_command {
    bool ok;
    struct slice problem;
    bool dynamic;
    struct slice verb, subverb; /* "upgrade"; "add" of repo add */
    enum kubectl_effect effect;
    const struct slice *releases; /* uninstall takes several */
    size_t release_count;
    struct slice chart;
    const struct parse_word *rest;
    size_t rest_count;
    struct slice namespace_name;
    bool has_namespace, namespace_dynamic, all_namespaces;
    struct slice context, kubeconfig, server, as;
    bool impersonates, credentials, insecure;
    bool dry_run, install, force, no_hooks, create_namespace;
    struct slice version, repo, post_renderer;
    const struct parse_word *values; /* -f */
    size_t value_count;
    const struct parse_word *sets; /* --set, --set-string, --set-file, --set-json: "key=value" */
    size_t set_count;
    const struct kubectl_flag *flags;
    size_t flag_count;
    const struct slice *unknown_flags;
    size_t unknown_flag_count;
};

enum status helm_parse(const struct parse_word *argv, size_t argc, struct arena *arena, uint64_t *work,
                       struct helm_command *out) EDICT_MUST_USE;

#endif
