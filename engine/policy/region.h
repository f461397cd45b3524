/*
 * The memory of one rule file's Lua state: a reserved range of addresses with an allocator whose own state lies inside it, so
 * that putting the bytes back undoes everything, the allocator included. One thread at a time.
 *
 * Life: region_create, load the file (region_alloc), region_seal once; then for every call region_arm, run, region_restore.
 * After region_seal nothing allocated before it moves or is reused until a call frees it, and region_restore undoes that too.
 */
#ifndef EDICT_POLICY_REGION_H
#define EDICT_POLICY_REGION_H

#include "base/status.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

enum region_trip { REGION_OK, REGION_OVER_MEMORY, REGION_OVER_FUEL };

struct barrier;
struct region_heap; /* at the start of the range; part of what is restored */

struct region {
    struct region_heap *heap;
    size_t reserved;         /* bytes of address space */
    size_t sealed;           /* bytes that the snapshot covers; 0 before region_seal */
    char *snapshot;          /* their content, read only */
    struct barrier *barrier; /* NULL: the whole snapshot is copied back */

    /* Limits of the running call; not restored, because they outlive it. */
    size_t limit;          /* the heap may not grow past this many bytes */
    size_t text_max;       /* bytes of the longest string that Lua may create */
    size_t text_longest;   /* of the strings created in this call or before the seal */
    size_t text_sealed;    /* text_longest at the seal */
    size_t stack_max;      /* bytes of Lua's stack */
    size_t stack_bytes;    /* it has now */
    size_t stack_sealed;   /* at the seal */
    int64_t fuel;          /* left; allocations are charged REGION_BYTES_PER_FUEL bytes a unit */
    enum region_trip trip; /* sticky: once set, every allocation fails until region_arm */
    jmp_buf *escape;       /* where a refused allocation jumps to; NULL: it returns NULL */
    size_t peak;           /* bytes of heap in use when the call ended */
    uint64_t deny_after;   /* tests: allocations left until one fails as if memory had run out; UINT64_MAX: never */
    bool starved;          /* that happened */
};

enum { REGION_BYTES_PER_FUEL = 8 };

/* `capacity`: bytes the heap can ever have. */
enum status region_create(struct region *region, size_t capacity, struct error *error) EDICT_MUST_USE;
void region_destroy(struct region *region); /* accepts a zeroed one */
/* lua_Alloc; `userdata` is the struct region. */
void *region_alloc(void *userdata, void *data, size_t old_size, size_t new_size);
/* Takes the snapshot. The collector must have run and be stopped. STATUS_NO_MEMORY leaves the region unsealed. */
enum status region_seal(struct region *region, struct error *error) EDICT_MUST_USE;
/* Starts a call: `memory` bytes of growth and `fuel`. */
void region_arm(struct region *region, size_t memory, int64_t fuel);
/* Ends a call: every byte is as it was at the seal. Any pointer into memory allocated since is dead. */
void region_restore(struct region *region);
/* Bytes in use above the seal. */
size_t region_growth(const struct region *region);

#endif
