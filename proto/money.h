/*
 * Money: int64 micro-USD everywhere inside; decimal text or a JSON number with at most six decimals outside. Pure; any thread.
 */
#ifndef EDICT_PROTO_MONEY_H
#define EDICT_PROTO_MONEY_H

#include "base/buf.h"
#include "base/status.h"

#define MONEY_MICRO_PER_USD INT64_C(1000000)
#define MONEY_MICRO_MAX INT64_C(1000000000000000) /* a thousand million USD; sums of 9,000 of them fit */

/*
 * `text` is a decimal as written: digits, optional fraction of at most six digits (trailing zeros beyond are allowed), no sign
 * but
 * "-" where `negative_allowed`; JSON numbers with an exponent are accepted when exact ("1e2"). No currency sign, no separators.
 * STATUS_INVALID with a message that says what to send; never rounds.
 */
enum status money_parse(struct slice text, bool negative_allowed, int64_t *micro_usd, struct error *error) EDICT_MUST_USE;
/* "500.00", "0.000001": at least two decimals, at most six, no trailing zeros beyond two. */
void money_write(struct buf *out, int64_t micro_usd);
/* For sentences: "$75", "$0.50", "$1,234.56". */
void money_write_sentence(struct buf *out, int64_t micro_usd);
/* As a JSON number: "75", "0.5", exactly. */
void money_write_number(struct buf *out, int64_t micro_usd);

#endif
