#include "policy/region.h"

#include "policy/barrier.h"

#include <lua.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Size classes: multiples of 16 up to 1 KiB, then four steps to each power of two. A freed block goes to the list of its class;
 * blocks are never split or joined, so that which address an allocation gets depends on the sequence of calls alone.
 */
enum {
    GRAIN = 16,
    SMALL_MAX = 1024,
    SMALL_CLASSES = SMALL_MAX / GRAIN,
    LARGE_CLASSES = 96,
    CLASS_COUNT = SMALL_CLASSES + LARGE_CLASSES,
    HEAP_FIRST = 2048,          /* the header's room, a multiple of GRAIN */
    KEEP_RESIDENT = 512 * 1024, /* growth beyond this is given back to the system after a call */
    PAGE = 4096
};

struct free_block {
    struct free_block *next;
};

struct region_heap {
    size_t used; /* bytes from the start of the range, header included; the only measure of the memory cap */
    struct free_block *free[CLASS_COUNT];
    void *stack;   /* Lua's own */
    void *untyped; /* the last block that Lua asked for without a type */
    size_t untyped_size;
};

_Static_assert(sizeof(struct region_heap) <= HEAP_FIRST, "the header fits its room");

/* The class that holds `size` (at least 1) and, in `room`, the bytes of its blocks. */
static size_t class_of(size_t size, size_t *room)
{
    unsigned log, shift;
    size_t steps;

    if (size <= SMALL_MAX) {
        size_t class = (size - 1) / GRAIN;

        *room = (class + 1) * GRAIN;
        return class;
    }
    log = 63u - (unsigned)__builtin_clzl(size - 1); /* 2^log < size <= 2^(log+1) */
    shift = log - 2;
    steps = (size - 1) >> shift; /* 4 to 7 */
    *room = (steps + 1) << shift;
    return SMALL_CLASSES + (log - 10) * 4 + (steps - 4);
}

enum status region_create(struct region *region, size_t capacity, struct error *error)
{
    void *range;

    capacity = (capacity + HEAP_FIRST + PAGE - 1) & ~(size_t)(PAGE - 1);
    *region = (struct region){.reserved = capacity,
                              .limit = capacity,
                              .text_max = SIZE_MAX,
                              .stack_max = SIZE_MAX,
                              .fuel = INT64_MAX,
                              .deny_after = UINT64_MAX};
    range = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        *region = (struct region){0};
        return error_set(error, STATUS_NO_MEMORY, NULL, "no address space for %zu bytes of policy memory", capacity);
    }
    region->heap = (struct region_heap *)range;
    region->heap->used = HEAP_FIRST;
    return STATUS_OK;
}

void region_destroy(struct region *region)
{
    if (region->heap == NULL)
        return;
    barrier_delete(region->barrier);
    (void)munmap(region->heap, region->reserved);
    free(region->snapshot);
    *region = (struct region){0};
}

/*
 * A refusal leaves the call at once: Lua would first collect garbage, which touches all of the heap and frees nothing that the
 * limit counts, and could then be caught. What Lua leaves half done lies in the region, and goes with it.
 */
static void *refuse(struct region *region, enum region_trip trip)
{
    if (region->trip == REGION_OK)
        region->trip = trip;
    if (region->escape != NULL)
        longjmp(*region->escape, 1);
    return NULL;
}

/* A listed block, or NULL. */
static void *take_if_free(struct region *region, size_t class)
{
    struct free_block *block = region->heap->free[class];

    if (block != NULL)
        region->heap->free[class] = block->next;
    return block;
}

static void *take(struct region *region, size_t class, size_t room)
{
    struct region_heap *heap = region->heap;
    struct free_block *block = (struct free_block *)take_if_free(region, class);

    if (block != NULL)
        return block;
    if (room > region->limit - heap->used)
        return refuse(region, REGION_OVER_MEMORY);
    block = (struct free_block *)(void *)((char *)heap + heap->used);
    heap->used += room;
    return block;
}

/* Every rule about when an allocation is refused, in one place. */
static bool may_allocate(struct region *region, size_t size)
{
    if (region->trip != REGION_OK)
        return false;
    if (region->deny_after != UINT64_MAX && region->deny_after-- == 0) {
        region->deny_after = 0;
        region->starved = true;
        return refuse(region, REGION_OVER_MEMORY) != NULL;
    }
    region->fuel -= (int64_t)(size / REGION_BYTES_PER_FUEL);
    if (region->fuel < 0)
        return refuse(region, REGION_OVER_FUEL) != NULL;
    if (size > region->reserved)
        return refuse(region, REGION_OVER_MEMORY) != NULL;
    return true;
}

static void give_back(struct region *region, void *data, size_t size)
{
    size_t room;
    struct free_block *block = (struct free_block *)data;
    size_t class = class_of(size, &room);

    block->next = region->heap->free[class];
    region->heap->free[class] = block;
}

static bool text_allowed(struct region *region, size_t size)
{
    if (size > region->text_longest)
        region->text_longest = size;
    if (size <= region->text_max)
        return true;
    return refuse(region, REGION_OVER_MEMORY) != NULL;
}

/*
 * Lua 5.4 moves its stack by asking for a block without a type and then freeing the old one, with nothing in between; the first
 * block without a type is the stack that a state begins with.
 */
static void note_untyped(struct region_heap *heap, void *data, size_t size)
{
    heap->untyped = data;
    heap->untyped_size = size;
    if (heap->stack == NULL)
        heap->stack = data;
}

static void note_freed(struct region *region, const void *data)
{
    struct region_heap *heap = region->heap;

    if (data != heap->stack)
        return;
    heap->stack = heap->untyped;
    region->stack_bytes = heap->untyped_size;
    if (region->stack_bytes > region->stack_max)
        (void)refuse(region, REGION_OVER_MEMORY);
}

/* Lua requires that shrinking never fails. */
static void *shrink(struct region *region, void *data, size_t old_size, size_t new_size)
{
    size_t room, old_room, class = class_of(new_size, &room);
    void *moved;

    (void)class_of(old_size, &old_room);
    if (room == old_room)
        return data;
    moved = take_if_free(region, class);
    if (moved == NULL)
        return data; /* wastes the rest of a larger block: it is later listed under the smaller class */
    memcpy(moved, data, new_size);
    give_back(region, data, old_size);
    return moved;
}

static void *grow(struct region *region, void *data, size_t old_size, size_t new_size)
{
    size_t room, old_room, class = class_of(new_size, &room);
    void *moved;

    if (data != NULL) {
        (void)class_of(old_size, &old_room);
        if (room == old_room)
            return data;
    }
    moved = take(region, class, room);
    if (moved != NULL && data != NULL) {
        memcpy(moved, data, old_size);
        give_back(region, data, old_size);
    }
    return moved;
}

void *region_alloc(void *userdata, void *data, size_t old_size, size_t new_size)
{
    struct region *region = (struct region *)userdata;
    void *block;

    if (new_size == 0) {
        if (data != NULL && old_size != 0) {
            note_freed(region, data);
            give_back(region, data, old_size);
        }
        return NULL;
    }
    if (data != NULL && new_size <= old_size)
        return shrink(region, data, old_size, new_size);
    if (!may_allocate(region, new_size) || (data == NULL && old_size == LUA_TSTRING && !text_allowed(region, new_size)))
        return NULL;
    block = grow(region, data, old_size, new_size);
    if (block != NULL && data == NULL && old_size == 0)
        note_untyped(region->heap, block, new_size);
    return block;
}

enum status region_seal(struct region *region, struct error *error)
{
    size_t size = region->heap->used;

    /* Holes left by loading are not reused: what a call allocates lies above the seal, so that few sealed pages get dirty. */
    memset(region->heap->free, 0, sizeof region->heap->free);
    size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (size > region->reserved)
        size = region->reserved;
    region->heap->used = size;
    region->snapshot = (char *)aligned_alloc(PAGE, size);
    if (region->snapshot == NULL)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a snapshot of %zu bytes", size);
    memcpy(region->snapshot, region->heap, size);
    region->sealed = size;
    region->text_sealed = region->text_longest;
    region->stack_sealed = region->stack_bytes;
    region->limit = size;
    if (size >= BARRIER_WORTH_BYTES)
        region->barrier = barrier_new(region->heap, region->snapshot, size);
    return STATUS_OK;
}

void region_arm(struct region *region, size_t memory, int64_t fuel)
{
    size_t room = region->reserved - region->sealed;

    region->limit = region->sealed + (memory < room ? memory : room);
    region->fuel = fuel;
    region->trip = REGION_OK;
    region->text_longest = region->text_sealed;
    region->stack_bytes = region->stack_sealed;
    region->starved = false;
    if (region->barrier != NULL)
        barrier_enter(region->barrier);
}

size_t region_growth(const struct region *region)
{
    return region->heap->used - region->sealed;
}

void region_restore(struct region *region)
{
    size_t used = region->heap->used;

    if (region->barrier != NULL)
        barrier_leave(region->barrier);
    else
        memcpy(region->heap, region->snapshot, region->sealed);
    region->limit = region->sealed;
    if (used > region->sealed + KEEP_RESIDENT) {
        char *excess = (char *)region->heap + region->sealed + KEEP_RESIDENT;

        (void)madvise(excess, used - region->sealed - KEEP_RESIDENT, MADV_DONTNEED);
    }
}
