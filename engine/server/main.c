/* edictd: reads its configuration, starts the server, waits, stops it. */
#include "proto/json.h"
#include "server/confined.h"
#include "server/publishing.h"
#include "server/server.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_BAD_INPUT = 2 };

static void print_error(const struct error *error)
{
    fprintf(stderr, "edictd: %s%s%s\n", error->where, error->where[0] ? ": " : "", error->message);
}

/* The store's library asserts, and not only about itself: some I/O errors end in its abort(). Says what that means, and lets it
 * end the process. */
static void on_abort(int signal_number)
{
    static const char text[] =
        "edictd: aborted, for the reason above. What was being written may or may not be there; a restart "
        "recovers from the log and knows.\n";

    (void)signal_number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

static void print_failure(const struct error *error)
{
    fprintf(stderr,
            "edictd: the ledger cannot be written (%s%s%s). What was being written may or may not be there; a restart recovers "
            "from "
            "the log and knows.\n",
            error->where, error->where[0] ? ": " : "", error->message);
}

static int serve(const struct config *config, const struct publish_settings *publishing)
{
    struct server *server = NULL;
    struct error error = {0};
    struct sigaction abort_action = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    enum status status;

    sigaction(SIGABRT, &abort_action, NULL);
    status = server_start(config, publishing, &server, &error);
    if (status != STATUS_OK) {
        print_error(&error);
        return EXIT_FAILED;
    }
    status = server_wait(server, &error);
    if (status != STATUS_OK) {
        print_failure(&error);
        _exit(EXIT_FAILED); /* nothing may follow a failed write: neither flushes nor goodbyes */
    }
    if (server_stop(server, &error) == STATUS_OK)
        return 0;
    print_failure(&error);
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct config config;
    struct publish_settings publishing;
    enum config_action action;
    struct error error = {0};

    json_setup();
    if (confined_is_asked(argc, argv))
        confined_main(argc, argv);
    if (config_read(argc, argv, environ, &config, &action, &error) != STATUS_OK) {
        print_error(&error);
        return EXIT_BAD_INPUT;
    }
    if (action == CONFIG_SHOW_HELP) {
        config_print_help(STDOUT_FILENO);
        return 0;
    }
    if (action == CONFIG_SHOW_VERSION) {
        printf("edictd %s\n", EDICT_VERSION);
        return 0;
    }
    if (publishing_read(&config, &publishing, &error) != STATUS_OK) {
        print_error(&error);
        return EXIT_BAD_INPUT;
    }
    return serve(&config, &publishing);
}
