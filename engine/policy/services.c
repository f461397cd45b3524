#include "policy/services.h"

#include "parse/re.h"

enum {
    SCRATCH_BLOCK = 64 * 1024,
    SCRATCH_CAP = 16 * 1024 * 1024,
    KEPT_BLOCK = 16 * 1024,
    PARSE_WORK = 8 /* units for each that the parser counts */
};

enum status services_create(struct sandbox_services *services, struct error *error)
{
    enum status status;
    int i;

    *services = (struct sandbox_services){0};
    arena_create(&services->scratch, SCRATCH_BLOCK, SCRATCH_CAP);
    for (i = 0; i < SERVICES_SHELL_KEPT; i++)
        arena_create(&services->kept[i].arena, KEPT_BLOCK, SCRATCH_CAP);
    status = re_cache_new(&services->re, error);
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

/* Why a line is not given to the parser, or an empty text. */
static struct slice too_complex(struct slice line)
{
    size_t pipes = 0, heredocs = 0, marks = 0, i;

    for (i = 0; i < line.size; i++) {
        pipes += line.data[i] == '|';
        heredocs += line.data[i] == '<' && i + 1 < line.size && line.data[i + 1] == '<';
        marks += line.data[i] != '\0' && strchr(";&|(){}<>$`\n", line.data[i]) != NULL;
    }
    if (pipes > SERVICES_SHELL_PIPES_MAX)
        return SLICE("more than 128 pipes");
    if (heredocs > SERVICES_SHELL_HEREDOCS_MAX)
        return SLICE("more than 32 here-documents");
    if (marks > SERVICES_SHELL_MARKS_MAX)
        return SLICE("more than 2000 operators, brackets and lines");
    return (struct slice){0};
}

static enum status parse_into(struct sandbox_services *services, struct services_shell *kept, struct slice line, uint64_t *work)
{
    struct slice problem = too_complex(line);
    uint64_t counted = 0;
    enum status status;

    *work += 1 + line.size;
    if (problem.size != 0) {
        kept->script = (struct shell_script){.problem = problem};
        return STATUS_OK;
    }
    if (services->shell == NULL && shell_parser_new(&services->shell, NULL) != STATUS_OK)
        return STATUS_NO_MEMORY;
    status = shell_parse(services->shell, kept->text, &kept->arena, &counted, &kept->script);
    *work += PARSE_WORK * counted;
    return status;
}

enum status services_parse_shell(struct sandbox_services *services, struct slice line, uint64_t *work,
                                 const struct shell_script **out)
{
    struct services_shell *kept = find_kept(services, line);
    enum status status;

    *work += 1 + line.size / 8;
    if (kept == NULL) {
        kept = &services->kept[services->next];
        services->next = (services->next + 1) % SERVICES_SHELL_KEPT;
        arena_reset(&kept->arena);
        kept->text = arena_copy(&kept->arena, line); /* the result points into it, and Lua's own text is gone after the call */
        status = kept->text.data ? parse_into(services, kept, line, work) : STATUS_NO_MEMORY;
        kept->used = status == STATUS_OK;
        if (status != STATUS_OK)
            return status;
    }
    *out = &kept->script;
    return STATUS_OK;
}
