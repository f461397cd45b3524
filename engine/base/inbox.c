#include "base/inbox.h"

void inbox_create(struct inbox *inbox, void (*wake)(void *context), void *wake_context)
{
    atomic_init(&inbox->newest, NULL);
    inbox->wake = wake;
    inbox->wake_context = wake_context;
}

void inbox_push(struct inbox *inbox, struct inbox_item *item)
{
    struct inbox_item *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);

    do {
        item->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, item, memory_order_acq_rel, memory_order_relaxed));
    if (newest == NULL && inbox->wake != NULL)
        inbox->wake(inbox->wake_context);
}

struct inbox_item *inbox_take_all(struct inbox *inbox)
{
    struct inbox_item *item = atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acq_rel);
    struct inbox_item *oldest_first = NULL;

    while (item != NULL) {
        struct inbox_item *next = item->next;

        item->next = oldest_first;
        oldest_first = item;
        item = next;
    }
    return oldest_first;
}

bool inbox_is_empty(struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->newest, memory_order_acquire) == NULL;
}
