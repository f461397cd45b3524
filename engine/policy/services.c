#include "policy/services.h"

#include "parse/re.h"

enum { SCRATCH_BLOCK = 64 * 1024, SCRATCH_CAP = 16 * 1024 * 1024, KEPT_BLOCK = 16 * 1024 };

enum status services_create(struct sandbox_services *services, struct error *error)
{
    enum status status;
    int i;

    *services = (struct sandbox_services){0};
    arena_create(&services->scratch, SCRATCH_BLOCK, SCRATCH_CAP);
    for (i = 0; i < SERVICES_SHELL_KEPT; i++)
        arena_create(&services->kept[i].arena, KEPT_BLOCK, SCRATCH_CAP);
    status = re_cache_new(&services->re, error);
    if (status == STATUS_OK)
        status = shell_parser_new(&services->shell, error);
    if (status != STATUS_OK)
        services_destroy(services);
    return status;
}

void services_destroy(struct sandbox_services *services)
{
    int i;

    re_cache_delete(services->re);
    shell_parser_delete(services->shell);
    arena_destroy(&services->scratch);
    for (i = 0; i < SERVICES_SHELL_KEPT; i++)
        arena_destroy(&services->kept[i].arena);
    *services = (struct sandbox_services){0};
}

void services_forget(struct sandbox_services *services)
{
    int i;

    for (i = 0; i < SERVICES_SHELL_KEPT; i++) {
        if (!services->kept[i].used)
            continue;
        services->kept[i].used = false;
        arena_reset(&services->kept[i].arena);
    }
    services->next = 0;
}

static struct services_shell *find_kept(struct sandbox_services *services, struct slice line)
{
    int i;

    for (i = 0; i < SERVICES_SHELL_KEPT; i++)
        if (services->kept[i].used && slice_equal(services->kept[i].text, line))
            return &services->kept[i];
    return NULL;
}

enum status services_parse_shell(struct sandbox_services *services, struct slice line, uint64_t *work,
                                 const struct shell_script **out)
{
    struct services_shell *kept = find_kept(services, line);
    enum status status;

    if (kept == NULL) {
        kept = &services->kept[services->next];
        services->next = (services->next + 1) % SERVICES_SHELL_KEPT;
        arena_reset(&kept->arena);
        kept->work = 0;
        kept->text = arena_copy(&kept->arena, line); /* the result points into it, and Lua's own text is gone after the call */
        kept->used = true;
        status = kept->text.data ? shell_parse(services->shell, kept->text, &kept->arena, &kept->work, &kept->script)
                                 : STATUS_NO_MEMORY;
        if (status != STATUS_OK) {
            kept->used = false;
            *work += kept->work;
            return status;
        }
    }
    *work += kept->work;
    *out = &kept->script;
    return STATUS_OK;
}
