/*
 * The ledger's entries as rows for other programs: JSON lines (every entry as it is) and CSV (columns for spreadsheets). Piece
 * by piece, in constant memory, in the order of the ledger; every row begins with its index, so that an export that was cut can
 * go on behind its last row. One thread at a time.
 *
 * JSON lines: {"index","type","time","number","body"} an entry, the body exactly as recorded; values of a request over
 * RECORD_INLINE_VALUE_MAX are {"$sha256": …} there.
 * CSV (RFC 4180, every field quoted, CRLF): the columns of docs/ledger.md, empty where an entry has no such thing. Text that
 * a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return) gets a ' before it: what an agent
 * writes into a command must not run on the auditor's machine. Programs that need the bytes read JSON lines.
 */
#ifndef EDICT_ENGINE_EXPORT_H
#define EDICT_ENGINE_EXPORT_H

#include "engine/terms.h"

enum export_format { EXPORT_JSONL, EXPORT_CSV };
bool export_format_parse(struct slice name, enum export_format *format); /* "jsonl", "csv" */

/* One entry as a JSON object. */
enum status export_write_entry(struct json_writer *w, uint64_t index, struct slice record, struct error *error) EDICT_MUST_USE;

struct export
{
    struct store *store;
    enum export_format format;
    struct terms_filter filter;
    struct ledger_query query; /* from: the next entry to look at; before: where the export ends */
    uint64_t rows;
    bool done;
    struct arena arena; /* of one row */
};

/*
 * Over the entries of `store` below `size`. The caller has zeroed `export` and set format, filter's members, and the query's
 * since, until, from and before. `arena` outlives the export.
 */
enum status export_begin(struct export *export, struct store *store, uint64_t size, struct arena *arena,
                         struct error *error) EDICT_MUST_USE;
/* The line of column names; nothing for JSON lines. */
void export_write_head(const struct export *export, struct buf *out);
/* Adds the next rows, none where filters leave none within a call's share of work; sets `done` at the end. */
enum status export_next(struct export *export, struct buf *out, struct error *error) EDICT_MUST_USE;
void export_end(struct export *export);

#endif
