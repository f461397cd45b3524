/*
 * Base64 (RFC 4648, section 4) as the C2SP formats need it: padded, and strict when read, so that one value has one spelling
 * and no bit of a signed file can change unnoticed. Pure; any thread.
 */
#ifndef EDICT_PROTO_BASE64_H
#define EDICT_PROTO_BASE64_H

#include "base/buf.h"

void base64_write(struct buf *out, const void *bytes, size_t size);
/* At most `max` bytes into `out`; false for anything but the one canonical spelling of `*size` bytes. */
bool base64_read(struct slice text, void *out, size_t max, size_t *size);
/* Exactly `size` bytes. */
bool base64_read_exact(struct slice text, void *out, size_t size);

#endif
