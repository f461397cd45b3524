/*
 * Named points at which a test lets the process die as by kill -9: EDICT_KILL_AT=NAME. Compiled out of releases. Any thread.
 */
#ifndef EDICT_BASE_FAULT_H
#define EDICT_BASE_FAULT_H

#ifdef EDICT_FAULTS
void fault_point(const char *name);
#else
static inline void fault_point(const char *name)
{
    (void)name;
}
#endif

#endif
