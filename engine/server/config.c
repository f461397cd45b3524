#include "server/config.h"

#include "base/file.h"
#include "base/text.h"
#include "ledger/witness.h"
#include "state/state.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum config_kind { CONFIG_TEXT, CONFIG_HTTPS, CONFIG_NUMBER, CONFIG_SWITCH, CONFIG_DURABILITY, CONFIG_LEVEL, CONFIG_FORMAT };

struct config_setting {
    const char *name; /* --name, name = …, EDICT_NAME */
    enum config_kind kind;
    size_t offset;
    int64_t low, high; /* of numbers */
    const char *initial, *argument, *help;
};

#define CONFIG_AT(member) offsetof(struct config, member)
static const struct config_setting config_settings[] = {
    {"data", CONFIG_TEXT, CONFIG_AT(data), 0, 0, "./data", "DIR", "where the ledger, keys and sockets live; made if missing"},
    {"policies", CONFIG_TEXT, CONFIG_AT(policies), 0, 0, "./policies", "DIR", "the policy bundle"},
    {"policy-watch", CONFIG_SWITCH, CONFIG_AT(policy_watch), 0, 0, "no", "yes|no",
     "reload the policies whenever a file of theirs changes"},
    {"mcp", CONFIG_TEXT, CONFIG_AT(mcp), 0, 0, "127.0.0.1:8080", "ADDR:PORT", "MCP and JSON-RPC; port 0 picks a free one"},
    {"rest", CONFIG_TEXT, CONFIG_AT(rest), 0, 0, "127.0.0.1:8081", "ADDR:PORT", "REST"},
    {"metrics", CONFIG_TEXT, CONFIG_AT(metrics), 0, 0, "127.0.0.1:9090", "ADDR:PORT", "Prometheus metrics"},
    {"unix", CONFIG_TEXT, CONFIG_AT(unix_path), 0, 0, "", "PATH", "Unix-domain socket; default DIR/edictd.sock of --data"},
    {"threads", CONFIG_NUMBER, CONFIG_AT(threads), 0, CONFIG_THREADS_MAX, "0", "N", "worker threads; 0 is one a core"},
    {"durability", CONFIG_DURABILITY, CONFIG_AT(sync), 0, 0, "sync", "sync|async",
     "async survives a crash of the process, not of the machine"},
    {"origin", CONFIG_TEXT, CONFIG_AT(origin), 0, 0, "", "NAME",
     "the name under which checkpoints of the ledger are signed; default: a new one on the first start"},
    {"publish", CONFIG_TEXT, CONFIG_AT(publish), 0, 0, "", "PLACES",
     "where checkpoints go: file:PATH and http(s) URLs, separated by commas"},
    {"publish-ca", CONFIG_TEXT, CONFIG_AT(publish_ca), 0, 0, "", "FILE",
     "certificates (PEM) to trust for https instead of the system's"},
    {"publish-token", CONFIG_TEXT, CONFIG_AT(publish_token), 0, 0, "", "FILE", "the bearer token for the URLs of --publish"},
    {"publish-required", CONFIG_SWITCH, CONFIG_AT(publish_required), 0, 0, "no", "yes|no",
     "do not start unless all places and witnesses show what was published last"},
    {"witness", CONFIG_TEXT, CONFIG_AT(witness), 0, 0, "", "FILE",
     "witnesses that cosign checkpoints: lines of VERIFIER-KEY URL"},
    {"witness-quorum", CONFIG_NUMBER, CONFIG_AT(witness_quorum), 0, WITNESSES_MAX, "0", "N",
     "cosignatures that make a checkpoint a witnessed one; 0: any one"},
    {"allow-origin", CONFIG_TEXT, CONFIG_AT(allow_origin), 0, 0, "", "ORIGINS",
     "values of Origin to accept, separated by commas"},
    {"public-url", CONFIG_HTTPS, CONFIG_AT(public_url), 0, 0, "", "URL",
     "the https address of a proxy in front of the REST port, for AuthZEN's metadata and tasks"},
    {"reservation-ttl-s", CONFIG_NUMBER, CONFIG_AT(reservation_ttl_s), 1, 31 * 86400, "86400", "N",
     "seconds until an approval's cost is charged in full when no outcome is reported"},
    {"escalation-ttl-s", CONFIG_NUMBER, CONFIG_AT(escalation_ttl_s), 1, 31 * 86400, "86400", "N",
     "seconds until a pending escalation expires"},
    {"drain-s", CONFIG_NUMBER, CONFIG_AT(drain_s), 0, 600, "10", "N", "seconds that open calls get when the server stops"},
    {"log-level", CONFIG_LEVEL, CONFIG_AT(log_level), 0, 0, "info", "LEVEL", "debug, info, warn or error"},
    {"log-format", CONFIG_FORMAT, CONFIG_AT(log_format), 0, 0, "text", "FORMAT", "text or json"},
};
enum { CONFIG_SETTING_COUNT = sizeof config_settings / sizeof *config_settings };

/* A parsed argument list: what each setting was given, if anything. */
struct config_flags {
    const char *values[CONFIG_SETTING_COUNT];
    const char *file;
};

static void *setting_target(struct config *config, const struct config_setting *setting)
{
    return (char *)config + setting->offset;
}

static enum status set_number(const struct config_setting *setting, struct slice value, int64_t *target, const char *where,
                              struct error *error)
{
    uint64_t number;

    if (slice_to_u64(value, &number) && number >= (uint64_t)setting->low && number <= (uint64_t)setting->high) {
        *target = (int64_t)number;
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, where, "%s: expected a whole number from %lld to %lld", setting->name,
                     (long long)setting->low, (long long)setting->high);
}

static enum status set_switch(const struct config_setting *setting, struct slice value, void *target, const char *where,
                              struct error *error)
{
    *(bool *)target = slice_equal_str(value, "yes");
    if (*(bool *)target || slice_equal_str(value, "no"))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, where, "%s: expected yes or no", setting->name);
}

static enum status set_durability(const struct config_setting *setting, struct slice value, bool *sync, const char *where,
                                  struct error *error)
{
    *sync = slice_equal(value, SLICE("sync"));
    if (*sync || slice_equal(value, SLICE("async")))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, where, "%s: expected sync or async", setting->name);
}

static enum status set_format(const struct config_setting *setting, struct slice value, enum log_format *format,
                              const char *where, struct error *error)
{
    *format = slice_equal(value, SLICE("json")) ? LOG_JSON : LOG_TEXT;
    if (*format == LOG_JSON || slice_equal(value, SLICE("text")))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, where, "%s: expected text or json", setting->name);
}

/* "https://host" and maybe a path: no query, no fragment, nothing that a header or JSON would have to escape. */
static bool is_https_address(struct slice value)
{
    bool good = value.size == 0 || (slice_starts_with(value, SLICE("https://")) && value.size > 8 && value.data[8] != '/' &&
                                    value.data[value.size - 1] != '/');

    for (size_t i = 0; good && i < value.size; i++)
        good = value.data[i] > ' ' && value.data[i] < 0x7f && !strchr("\"<>\\^`{|}?#", value.data[i]);
    return good;
}

static enum status setting_set(const struct config_setting *setting, struct slice value, struct config *config,
                               const char *where, struct error *error)
{
    void *target = setting_target(config, setting);

    switch (setting->kind) {
    case CONFIG_NUMBER:
        return set_number(setting, value, target, where, error);
    case CONFIG_SWITCH:
        return set_switch(setting, value, target, where, error);
    case CONFIG_DURABILITY:
        return set_durability(setting, value, target, where, error);
    case CONFIG_FORMAT:
        return set_format(setting, value, target, where, error);
    case CONFIG_LEVEL:
        if (log_level_parse(value, target))
            return STATUS_OK;
        return error_set(error, STATUS_INVALID, where, "%s: expected debug, info, warn or error", setting->name);
    case CONFIG_HTTPS:
        if (!is_https_address(value))
            return error_set(error, STATUS_INVALID, where,
                             "%s: expected an address such as https://pdp.example.com, without a slash at its end",
                             setting->name);
        break;
    case CONFIG_TEXT:
        break;
    }
    if (value.size >= CONFIG_TEXT_MAX || memchr(value.data, '\0', value.size))
        return error_set(error, STATUS_INVALID, where, "%s: too long, at most %d bytes", setting->name, CONFIG_TEXT_MAX - 1);
    memcpy(target, value.data, value.size);
    ((char *)target)[value.size] = '\0';
    return STATUS_OK;
}

static const struct config_setting *setting_find(struct slice name)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (slice_equal_str(name, config_settings[i].name))
            return &config_settings[i];
    }
    return NULL;
}

static enum status unknown_setting(struct slice name, const char *where, struct error *error)
{
    const char *nearest = NULL;
    unsigned best = 4;

    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        unsigned distance = text_distance(name, slice_from_str(config_settings[i].name), 3);

        if (distance < best) {
            best = distance;
            nearest = config_settings[i].name;
        }
    }
    return error_set(error, STATUS_INVALID, where, "unknown setting \"%.*s\"%s%s%s", (int)(name.size > 64 ? 64 : name.size),
                     name.data, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                     nearest ? "\"?" : "; see edictd --help");
}

/* ---- flags ---- */

static enum status flag_value(int argc, char *const *argv, int *at, struct slice equals, const char **value,
                              struct error *error)
{
    if (equals.data) {
        *value = equals.data;
        return STATUS_OK;
    }
    if (*at + 1 >= argc)
        return error_set(error, STATUS_INVALID, argv[*at], "needs a value; see edictd --help");
    *value = argv[++*at];
    return STATUS_OK;
}

static enum status read_flag(int argc, char *const *argv, int *at, struct config_flags *flags, struct error *error)
{
    struct slice whole = slice_from_str(argv[*at]), name, equals = {0};
    size_t sign = slice_find(whole, '=', 0);
    const struct config_setting *setting;

    if (!slice_starts_with(whole, SLICE("--")))
        return error_set(error, STATUS_INVALID, argv[*at], "not a flag; see edictd --help");
    name = slice_sub(whole, 2, sign);
    if (sign != SIZE_MAX)
        equals = slice_sub(whole, sign + 1, SIZE_MAX);
    if (slice_equal(name, SLICE("config")))
        return flag_value(argc, argv, at, equals, &flags->file, error);
    setting = setting_find(name);
    if (!setting)
        return unknown_setting(name, argv[*at], error);
    return flag_value(argc, argv, at, equals, &flags->values[setting - config_settings], error);
}

static enum status read_flags(int argc, char *const *argv, struct config_flags *flags, enum config_action *action,
                              struct error *error)
{
    enum status status = STATUS_OK;

    *action = CONFIG_RUN;
    for (int i = 1; i < argc && status == STATUS_OK; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            *action = CONFIG_SHOW_HELP;
        else if (strcmp(argv[i], "--version") == 0)
            *action = CONFIG_SHOW_VERSION;
        else
            status = read_flag(argc, argv, &i, flags, error);
    }
    return status;
}

/* ---- the file ---- */

static struct slice trim(struct slice s)
{
    while (s.size > 0 && isspace((unsigned char)s.data[0]))
        s = slice_sub(s, 1, SIZE_MAX);
    while (s.size > 0 && isspace((unsigned char)s.data[s.size - 1]))
        s.size--;
    return s;
}

static enum status read_line(struct slice line, const char *file, unsigned number, struct config *config, bool *seen,
                             struct error *error)
{
    char where[ERROR_WHERE_MAX];
    size_t sign = slice_find(line, '=', 0);
    struct slice name = trim(slice_sub(line, 0, sign));
    const struct config_setting *setting;

    snprintf(where, sizeof where, "%.200s:%u", file, number);
    if (trim(line).size == 0 || trim(line).data[0] == '#')
        return STATUS_OK;
    if (sign == SIZE_MAX)
        return error_set(error, STATUS_INVALID, where, "expected: name = value");
    setting = setting_find(name);
    if (!setting)
        return unknown_setting(name, where, error);
    if (seen[setting - config_settings])
        return error_set(error, STATUS_INVALID, where, "\"%s\" is given twice", setting->name);
    seen[setting - config_settings] = true;
    return setting_set(setting, trim(slice_sub(line, sign + 1, SIZE_MAX)), config, where, error);
}

static enum status read_lines(struct slice text, const char *file, struct config *config, struct error *error)
{
    bool seen[CONFIG_SETTING_COUNT] = {false};
    enum status status = STATUS_OK;

    for (unsigned number = 1; text.size > 0 && status == STATUS_OK; number++) {
        size_t end = slice_find(text, '\n', 0);

        status = read_line(slice_sub(text, 0, end), file, number, config, seen, error);
        text = end == SIZE_MAX ? (struct slice){0} : slice_sub(text, end + 1, SIZE_MAX);
    }
    return status;
}

static enum status read_file(const char *file, struct config *config, struct error *error)
{
    struct arena arena;
    struct slice text;
    enum status status;

    arena_create(&arena, 4096, 2 * CONFIG_FILE_MAX);
    status = file_read(file, &arena, CONFIG_FILE_MAX, &text, NULL, error);
    if (status == STATUS_OK)
        status = read_lines(text, file, config, error);
    arena_destroy(&arena);
    return status;
}

/* ---- the environment ---- */

static void variable_name(const struct config_setting *setting, char out[64])
{
    int size = snprintf(out, 64, "EDICT_%s", setting->name);

    for (int i = 0; i < size && i < 63; i++)
        out[i] = (char)(out[i] == '-' ? '_' : toupper((unsigned char)out[i]));
}

static const char *variable_value(char *const *environment, const char *name)
{
    size_t size = strlen(name);

    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
            return *environment + size + 1;
    }
    return NULL;
}

static enum status apply_setting(const struct config_setting *setting, const char *flag, char *const *environment,
                                 struct config *config, struct error *error)
{
    char variable[64], where[80];
    const char *value = flag;

    snprintf(where, sizeof where, "--%s", setting->name);
    if (!value) {
        variable_name(setting, variable);
        value = variable_value(environment, variable);
        snprintf(where, sizeof where, "%s", variable);
    }
    return value ? setting_set(setting, slice_from_str(value), config, where, error) : STATUS_OK;
}

enum status config_read(int argc, char *const *argv, char *const *environment, struct config *config,
                        enum config_action *action, struct error *error)
{
    struct config_flags flags = {0};
    enum status status = read_flags(argc, argv, &flags, action, error);

    *config = (struct config){0};
    for (size_t i = 0; status == STATUS_OK && i < CONFIG_SETTING_COUNT; i++)
        status = setting_set(&config_settings[i], slice_from_str(config_settings[i].initial), config, "default", error);
    if (!flags.file)
        flags.file = variable_value(environment, "EDICT_CONFIG");
    if (status == STATUS_OK && flags.file && *action == CONFIG_RUN)
        status = read_file(flags.file, config, error);
    for (size_t i = 0; status == STATUS_OK && i < CONFIG_SETTING_COUNT; i++)
        status = apply_setting(&config_settings[i], flags.values[i], environment, config, error);
    return status;
}

void config_print_help(int fd)
{
    dprintf(fd, "edictd: the policy decision point for AI agents\n\nUsage: edictd [flags]\n\n"
                "  --config FILE                 lines of the form: name = value\n");
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const struct config_setting *setting = &config_settings[i];
        char flag[64];

        snprintf(flag, sizeof flag, "--%s %s", setting->name, setting->argument);
        dprintf(fd, "  %-29s %s%s%s%s\n", flag, setting->help, setting->initial[0] ? " [" : "", setting->initial,
                setting->initial[0] ? "]" : "");
    }
    dprintf(fd, "  --help, --version\n\n"
                "Every flag is also a name in the configuration file and a variable: --log-level is log-level = … and "
                "EDICT_LOG_LEVEL.\n"
                "Flags win over variables, variables over the file.\n"
                "SIGTERM and SIGINT drain and stop; SIGHUP reloads the policies.\n");
}
