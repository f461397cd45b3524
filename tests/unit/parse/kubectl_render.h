/* A kubectl or helm command as one line of text; what is at its default is left out. */
#ifndef EDICT_TESTS_KUBECTL_RENDER_H
#define EDICT_TESTS_KUBECTL_RENDER_H

#include "base/buf.h"
#include "parse/kubectl.h"

static const char *const render_effects[] = {"reads", "writes", "deletes", "executes", "local", "unknown"};

static inline void render_text(struct buf *out, const char *name, struct slice value)
{
    if (value.size > 0)
        buf_printf(out, " %s=%.*s", name, SLICE_ARG(value));
}

static inline void render_words(struct buf *out, const char *name, const struct parse_word *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%.*s%s", i == 0 ? name : ",", SLICE_ARG(words[i].text), words[i].dynamic ? "~" : "");
}

static inline void render_switch(struct buf *out, const char *name, bool set)
{
    if (set)
        buf_printf(out, " %s", name);
}

static inline void render_targets(struct buf *out, const struct kubectl_command *k)
{
    for (size_t i = 0; i < k->target_count; i++) {
        const struct kubectl_target *t = &k->targets[i];

        buf_printf(out, " %.*s%s%.*s/%.*s%s%s%s", SLICE_ARG(t->type), t->group.size > 0 ? "." : "", SLICE_ARG(t->group),
                   SLICE_ARG(t->name), t->known ? "" : "?", t->cluster_scoped ? "^" : "", t->dynamic ? "~" : "");
    }
}

static inline struct slice render_kubectl(const struct kubectl_command *k, struct arena *arena)
{
    struct buf out;

    buf_create(&out, arena);
    buf_printf(&out, "%s %s %.*s", k->ok ? "ok" : "no", render_effects[k->effect], SLICE_ARG(k->verb));
    if (k->subverb.size > 0)
        buf_printf(&out, ":%.*s", SLICE_ARG(k->subverb));
    render_targets(&out, k);
    if (k->has_namespace)
        buf_printf(&out, " ns=%.*s", SLICE_ARG(k->namespace_name));
    render_switch(&out, "all-namespaces", k->all_namespaces);
    render_switch(&out, "all", k->all);
    render_text(&out, "selector", k->selector);
    render_text(&out, "field", k->field_selector);
    if (k->has_replicas)
        buf_printf(&out, " replicas=%lld", (long long)k->replicas);
    render_words(&out, " files=", k->files, k->file_count);
    render_switch(&out, "kustomize", k->kustomize);
    render_switch(&out, "force", k->force);
    render_switch(&out, "now", k->now);
    render_switch(&out, "prune", k->prune);
    if (k->has_grace_period)
        buf_printf(&out, " grace=%lld", (long long)k->grace_period);
    render_switch(&out, "dry-client", k->dry_run == KUBECTL_DRY_RUN_CLIENT);
    render_switch(&out, "dry-server", k->dry_run == KUBECTL_DRY_RUN_SERVER);
    render_text(&out, "cascade", k->cascade);
    render_text(&out, "output", k->output);
    render_text(&out, "patch", k->patch);
    render_text(&out, "raw", k->raw);
    render_text(&out, "container", k->container);
    render_words(&out, " images=", k->images, k->image_count);
    render_switch(&out, "tty", k->tty);
    render_switch(&out, "privileged", k->privileged);
    render_text(&out, "context", k->context);
    render_text(&out, "cluster", k->cluster);
    render_text(&out, "user", k->user);
    render_text(&out, "server", k->server);
    render_text(&out, "kubeconfig", k->kubeconfig);
    render_text(&out, "as", k->as);
    for (size_t i = 0; i < k->as_group_count; i++)
        render_text(&out, "group", k->as_groups[i]);
    render_switch(&out, "impersonates", k->impersonates);
    render_switch(&out, "credentials", k->credentials);
    render_switch(&out, "insecure", k->insecure);
    render_words(&out, " rest=", k->rest, k->rest_count);
    render_words(&out, " inner=", k->inner, k->inner_count);
    for (size_t i = 0; i < k->unknown_flag_count; i++)
        buf_printf(&out, " unknown=%.*s", SLICE_ARG(k->unknown_flags[i]));
    return buf_slice(&out);
}

static inline struct slice render_helm(const struct helm_command *h, struct arena *arena)
{
    struct buf out;

    buf_create(&out, arena);
    buf_printf(&out, "%s %s %.*s", h->ok ? "ok" : "no", render_effects[h->effect], SLICE_ARG(h->verb));
    if (h->subverb.size > 0)
        buf_printf(&out, ":%.*s", SLICE_ARG(h->subverb));
    for (size_t i = 0; i < h->release_count; i++)
        render_text(&out, "release", h->releases[i]);
    render_text(&out, "chart", h->chart);
    if (h->has_namespace)
        buf_printf(&out, " ns=%.*s", SLICE_ARG(h->namespace_name));
    render_switch(&out, "all-namespaces", h->all_namespaces);
    render_text(&out, "context", h->context);
    render_switch(&out, "dry", h->dry_run);
    render_switch(&out, "install", h->install);
    render_switch(&out, "force", h->force);
    render_switch(&out, "no-hooks", h->no_hooks);
    render_switch(&out, "creates-namespace", h->create_namespace);
    render_switch(&out, "impersonates", h->impersonates);
    render_switch(&out, "credentials", h->credentials);
    render_switch(&out, "insecure", h->insecure);
    render_text(&out, "version", h->version);
    render_words(&out, " values=", h->values, h->value_count);
    render_words(&out, " sets=", h->sets, h->set_count);
    render_words(&out, " rest=", h->rest, h->rest_count);
    for (size_t i = 0; i < h->unknown_flag_count; i++)
        buf_printf(&out, " unknown=%.*s", SLICE_ARG(h->unknown_flags[i]));
    return buf_slice(&out);
}

#endif
