#include "policy/barrier.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, ALWAYS_HOT = 2 /* the allocator's header and the state itself */ };

struct barrier {
    char *base;
    const char *snapshot;
    size_t size;
    size_t hot_count;
    pthread_t thread; /* the last that entered: its signal mask lets faults through */
    bool has_thread;
    uint32_t *hot_list; /* page numbers; room for every page, because a call may write to all */
    unsigned char *hot; /* by page number */
};

/*
 * What a signal handler can reach has to have static storage: the barrier that this thread has entered, and the action that was
 * there before ours, written once under pthread_once.
 */
static _Thread_local struct barrier *volatile running;
static struct sigaction previous_action;
static pthread_once_t install_once = PTHREAD_ONCE_INIT;

static bool make_hot(struct barrier *barrier, size_t page)
{
    if (barrier->hot[page] || mprotect(barrier->base + page * PAGE, PAGE, PROT_READ | PROT_WRITE) != 0)
        return false;
    barrier->hot[page] = 1;
    barrier->hot_list[barrier->hot_count++] = (uint32_t)page;
    return true;
}

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    if (previous_action.sa_flags & SA_SIGINFO) {
        previous_action.sa_sigaction(signal_number, info, context);
    } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
        struct sigaction action = {.sa_handler = SIG_DFL};

        (void)sigaction(signal_number, &action, NULL); /* the instruction faults again, and the process ends as it would have */
    } else {
        previous_action.sa_handler(signal_number);
    }
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    struct barrier *barrier = running;
    uintptr_t address = (uintptr_t)info->si_addr;

    if (barrier != NULL && address - (uintptr_t)barrier->base < barrier->size &&
        make_hot(barrier, (address - (uintptr_t)barrier->base) / PAGE))
        return;
    pass_on(signal_number, info, context);
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGSEGV, &action, &previous_action);
}

static void protect_all(struct barrier *barrier)
{
    size_t page;

    (void)mprotect(barrier->base, barrier->size, PROT_READ);
    memset(barrier->hot, 0, barrier->size / PAGE);
    barrier->hot_count = 0;
    for (page = 0; page < ALWAYS_HOT; page++)
        (void)make_hot(barrier, page);
}

struct barrier *barrier_new(void *base, const char *snapshot, size_t size)
{
    struct barrier *barrier = (struct barrier *)calloc(1, sizeof *barrier);
    size_t pages = size / PAGE;

    if (barrier == NULL)
        return NULL;
    *barrier = (struct barrier){.base = (char *)base, .snapshot = snapshot, .size = size};
    barrier->hot_list = (uint32_t *)calloc(pages, sizeof *barrier->hot_list);
    barrier->hot = (unsigned char *)calloc(pages, 1);
    if (barrier->hot_list == NULL || barrier->hot == NULL) {
        free(barrier->hot_list);
        free(barrier->hot);
        free(barrier);
        return NULL;
    }
    (void)pthread_once(&install_once, install);
    protect_all(barrier);
    return barrier;
}

void barrier_delete(struct barrier *barrier)
{
    if (barrier == NULL)
        return;
    (void)mprotect(barrier->base, barrier->size, PROT_READ | PROT_WRITE);
    free(barrier->hot_list);
    free(barrier->hot);
    free(barrier);
}

/* A fault in a thread that blocks SIGSEGV ends the process, whatever handler there is. */
static void let_faults_through(struct barrier *barrier)
{
    sigset_t set;

    if (barrier->has_thread && pthread_equal(barrier->thread, pthread_self()))
        return;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGSEGV);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    barrier->thread = pthread_self();
    barrier->has_thread = true;
}

void barrier_enter(struct barrier *barrier)
{
    let_faults_through(barrier);
    running = barrier;
}

void barrier_leave(struct barrier *barrier)
{
    size_t i;

    for (i = 0; i < barrier->hot_count; i++) {
        size_t at = (size_t)barrier->hot_list[i] * PAGE;

        memcpy(barrier->base + at, barrier->snapshot + at, PAGE);
    }
    if (barrier->hot_count > BARRIER_HOT_MAX)
        protect_all(barrier);
    running = NULL;
}

size_t barrier_hot_pages(const struct barrier *barrier)
{
    return barrier->hot_count;
}
