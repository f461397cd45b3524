/*
 * Policy files of a folder, read whole. Regular files only, never through a symbolic link that leaves the folder. Blocking.
 */
#ifndef EDICT_POLICY_FOLDER_H
#define EDICT_POLICY_FOLDER_H

#include "base/arena.h"
#include "policy/policy.h"

struct folder_files {
    struct policy_file *items; /* malloc'ed, growing */
    size_t count, capacity;
};

/* Adds DIR/SUB/<name>.lua (`sub` may be ""); `deep`: also sub-folders of it. Contents live in `arena`. A missing sub-folder is
 * empty. */
enum status folder_read(const char *folder, const char *sub, bool deep, struct arena *arena, struct folder_files *out,
                        struct policy_report *report, struct error *error) EDICT_MUST_USE;
/* All that a bundle is made of: DIR/, DIR/lib/ (deep), DIR/learned/. */
enum status folder_read_bundle(const char *folder, struct arena *arena, struct folder_files *out, struct policy_report *report,
                               struct error *error) EDICT_MUST_USE;
void folder_files_destroy(struct folder_files *files);

#endif
