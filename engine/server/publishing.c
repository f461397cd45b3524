#include "server/publishing.h"

#include <stdio.h>

enum status publishing_read(const struct config *config, struct publish_settings *out, struct error *error)
{
    enum status status;

    *out = (struct publish_settings){.required = config->publish_required, .quorum = (size_t)config->witness_quorum};
    snprintf(out->ca_file, sizeof out->ca_file, "%s", config->publish_ca);
    status = publish_places_parse(slice_from_str(config->publish), out, error);
    if (status == STATUS_OK && config->witness[0])
        status = publish_witnesses_read(config->witness, out, error);
    if (status == STATUS_OK && config->publish_token[0])
        status = publish_token_read(config->publish_token, out, error);
    return status == STATUS_OK ? publish_settings_check(out, error) : status;
}
