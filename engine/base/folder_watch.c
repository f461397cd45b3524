#include "base/folder_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { EVENTS_SIZE = 16384, PATH_SIZE = 4096 };

static const uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

/* Those that exist; adding one again changes nothing. */
static void watch_subfolders(int descriptor, const char *folder)
{
    static const char *const names[] = {"lib", "learned", "tests"};
    char path[PATH_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path)
            (void)inotify_add_watch(descriptor, path, changes | IN_ONLYDIR);
    }
}

int folder_watch_open(const char *folder, struct error *error)
{
    int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (descriptor < 0 || inotify_add_watch(descriptor, folder, changes | IN_ONLYDIR) < 0) {
        (void)error_set(error, STATUS_IO, folder, "cannot watch this folder: %s", strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
        return -1;
    }
    watch_subfolders(descriptor, folder);
    return descriptor;
}

/* Editors' own files (.swp, ~, hidden) do not count. */
static bool counts(const struct inotify_event *event)
{
    size_t size = event->len > 0 ? strlen(event->name) : 0;

    if (event->mask & (IN_ISDIR | IN_Q_OVERFLOW | IN_IGNORED))
        return true;
    return size > 4 && event->name[0] != '.' && strcmp(event->name + size - 4, ".lua") == 0;
}

bool folder_watch_take(int descriptor, const char *folder)
{
    char events[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool changed = false;
    ssize_t got;

    while ((got = read(descriptor, events, sizeof events)) > 0) {
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            changed |= counts(event);
            at += sizeof *event + event->len;
        }
    }
    if (changed)
        watch_subfolders(descriptor, folder);
    return changed;
}

bool folder_watch_wait(int descriptor, const char *folder)
{
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
    bool changed = false;
    int ready;

    while ((ready = poll(&wanted, 1, changed ? FOLDER_WATCH_QUIET_MS : -1)) != 0) {
        if (ready < 0)
            return false;
        changed |= folder_watch_take(descriptor, folder);
    }
    return true;
}
