#include "policy/services.h"

#include "parse/re.h"
#include "parse/shell.h"

enum { SCRATCH_BLOCK = 64 * 1024, SCRATCH_CAP = 16 * 1024 * 1024 };

enum status services_create(struct sandbox_services *services, struct error *error)
{
    enum status status;

    *services = (struct sandbox_services){0};
    arena_create(&services->scratch, SCRATCH_BLOCK, SCRATCH_CAP);
    status = re_cache_new(&services->re, error);
    if (status == STATUS_OK)
        status = shell_parser_new(&services->shell, error);
    if (status != STATUS_OK)
        services_destroy(services);
    return status;
}

void services_destroy(struct sandbox_services *services)
{
    re_cache_delete(services->re);
    shell_parser_delete(services->shell);
    arena_destroy(&services->scratch);
    *services = (struct sandbox_services){0};
}
