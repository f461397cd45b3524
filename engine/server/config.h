/*
 * What edictd is told: by flags, then EDICT_* variables, then the configuration file, then defaults; the first that says
 * something wins. One table (config.c) names every setting for all three and for --help. Main thread.
 */
#ifndef EDICT_SERVER_CONFIG_H
#define EDICT_SERVER_CONFIG_H

#include "base/log.h"
#include "base/status.h"

enum { CONFIG_TEXT_MAX = 512, CONFIG_FILE_MAX = 64 * 1024, CONFIG_THREADS_MAX = 64 };

struct config {
    char data[CONFIG_TEXT_MAX];
    char policies[CONFIG_TEXT_MAX];
    char mcp[CONFIG_TEXT_MAX], rest[CONFIG_TEXT_MAX], metrics[CONFIG_TEXT_MAX]; /* ADDR:PORT */
    char origin[CONFIG_TEXT_MAX];                                               /* of checkpoints; empty: one of its own */
    char unix_path[CONFIG_TEXT_MAX];                                            /* empty: DATA/edictd.sock */
    char public_url[CONFIG_TEXT_MAX];                                           /* without a slash at its end; may be empty */
    char publish[CONFIG_TEXT_MAX], publish_ca[CONFIG_TEXT_MAX], publish_token[CONFIG_TEXT_MAX]; /* places; paths of files */
    char witness[CONFIG_TEXT_MAX];                                                              /* path of a file */
    char allow_origin[CONFIG_TEXT_MAX];                                                         /* separated by commas */
    int64_t threads;                                                                            /* 0: one a core */
    bool sync, policy_watch, publish_required;
    enum log_level log_level;
    enum log_format log_format;
    int64_t reservation_ttl_s, escalation_ttl_s, drain_s, witness_quorum;
};

enum config_action { CONFIG_RUN, CONFIG_SHOW_HELP, CONFIG_SHOW_VERSION };

/* `environment` is like environ(7). The error names the flag, the variable, or the file and line. */
enum status config_read(int argc, char *const *argv, char *const *environment, struct config *config,
                        enum config_action *action, struct error *error) EDICT_MUST_USE;
/* The text of --help; a constant shape, written to `fd`. */
void config_print_help(int fd);

#endif
