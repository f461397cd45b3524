#include "state/heap.h"

#include <stdlib.h>

static void swap(struct heap *heap, size_t a, size_t b)
{
    struct heap_item item = heap->items[a];

    heap->items[a] = heap->items[b];
    heap->items[b] = item;
}

bool heap_push(struct heap *heap, const struct heap_item *item)
{
    size_t at = heap->count;

    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity ? heap->capacity * 2 : 64;
        struct heap_item *grown = realloc(heap->items, capacity * sizeof *grown);

        if (!grown)
            return false;
        heap->items = grown;
        heap->capacity = capacity;
    }
    heap->items[heap->count++] = *item;
    for (; at > 0 && heap->items[at].time_ms < heap->items[(at - 1) / 2].time_ms; at = (at - 1) / 2)
        swap(heap, at, (at - 1) / 2);
    return true;
}

void heap_pop(struct heap *heap)
{
    size_t at = 0;

    heap->items[0] = heap->items[--heap->count];
    for (;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;

        if (left < heap->count && heap->items[left].time_ms < heap->items[least].time_ms)
            least = left;
        if (right < heap->count && heap->items[right].time_ms < heap->items[least].time_ms)
            least = right;
        if (least == at)
            return;
        swap(heap, at, least);
        at = least;
    }
}

void heap_destroy(struct heap *heap)
{
    free(heap->items);
    *heap = (struct heap){0};
}
