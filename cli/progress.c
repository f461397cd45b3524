#include "cli/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, DRAW_EVERY_MS = 100, LINE_EVERY_MS = 5000 };

static int64_t now_ms(void)
{
    return (int64_t)(clock_monotonic_ns() / 1000000);
}

void progress_begin(struct progress *progress, const char *step)
{
    *progress = (struct progress){.step = step, .shown = isatty(STDERR_FILENO), .begun_ms = now_ms()};
}

void progress_always(struct progress *progress)
{
    progress->lines = !progress->shown;
    progress->shown = true;
}

void progress_never(struct progress *progress)
{
    progress->shown = false;
}

static void draw(const struct progress *progress, uint64_t done, uint64_t all, int64_t ms)
{
    char bar[BAR_WIDTH + 1];
    int filled = all > 0 ? (int)((double)done / (double)all * BAR_WIDTH) : BAR_WIDTH;
    double rate = ms > 0 ? (double)done * 1000 / (double)ms : 0;

    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '=', (size_t)(filled > BAR_WIDTH ? BAR_WIDTH : filled));
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r%-9s [%s] %llu of %llu entries, %.0f a second", progress->step, bar, (unsigned long long)done,
            (unsigned long long)all, rate);
    if (rate > 0 && done < all)
        fprintf(stderr, ", %.0f s to go", (double)(all - done) / rate);
    fputs("\033[K", stderr);
    fflush(stderr);
}

void progress_show(void *context, uint64_t done, uint64_t all)
{
    struct progress *progress = context;
    int64_t now = now_ms();

    if (!progress->shown || (done < all && now - progress->drawn_ms < (progress->lines ? LINE_EVERY_MS : DRAW_EVERY_MS)))
        return;
    progress->drawn_ms = now;
    if (progress->lines)
        fprintf(stderr, "%s: %llu of %llu entries\n", progress->step, (unsigned long long)done, (unsigned long long)all);
    else
        draw(progress, done, all, now - progress->begun_ms);
}

void progress_end(struct progress *progress)
{
    if (progress->shown && !progress->lines && progress->drawn_ms > 0)
        fputc('\n', stderr);
    progress->drawn_ms = 0;
}
