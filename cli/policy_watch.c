#include "base/folder_watch.h"
#include "cli/policy.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void print_moment(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm parts;

    strftime(text, sizeof text, "%H:%M:%S", localtime_r(&now, &parts));
    printf("-- %s, waiting for changes\n", text);
    (void)fflush(stdout);
}

int policy_watch(struct command *command, const char *folder, int (*once)(struct command *command))
{
    struct error error = {0};
    int descriptor = folder_watch_open(folder, &error), code = COMMAND_OK;

    if (descriptor < 0)
        return command_fail(&error);
    do {
        arena_reset(command->arena);
        code = once(command);
        print_moment();
    } while (folder_watch_wait(descriptor, folder));
    close(descriptor);
    return code;
}
