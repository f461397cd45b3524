/*
 * Named points at which a test lets the process die as by kill -9: EDICT_KILL_AT=NAME; and bounds that a test makes small, so
 * that what comes rarely comes often. Compiled out of releases. Any thread.
 */
#ifndef EDICT_BASE_FAULT_H
#define EDICT_BASE_FAULT_H

#include <stdint.h>

#ifdef EDICT_FAULTS
void fault_point(const char *name);
/* The number in the environment variable `name`, or `usual` where there is none. */
uint64_t fault_bound(const char *name, uint64_t usual);
#else
static inline void fault_point(const char *name)
{
    (void)name;
}
static inline uint64_t fault_bound(const char *name, uint64_t usual)
{
    (void)name;
    return usual;
}
#endif

#endif
