/*
 * Absolute URLs with an authority, taken apart so that a host cannot hide: what clients read differently is refused or
 * flagged. RFC 3986, with the host rules of the WHATWG URL standard for IPv4 spellings.
 */
#ifndef EDICT_PARSE_URL_H
#define EDICT_PARSE_URL_H

#include "parse/cidr.h"
#include "parse/word.h"

enum { URL_INPUT_MAX = 8192, URL_HOST_MAX = 253 };

struct url {
    bool ok;
    struct slice problem;
    struct slice scheme; /* lower case */
    struct slice host; /* normalized: lower case, percent-decoded, no dot at the end, an address in canonical text without [] */
    bool host_is_address;
    struct cidr_address address; /* when host_is_address */
    bool host_obscured; /* written in an unusual way: 0x7f.1, 2130706433, 0177.0.0.1, 127.1, %-escapes, IPv4-mapped IPv6, dot at
                           the end */
    bool host_non_ascii; /* not ASCII or xn--: may look like another name; then ok only for xn-- */
    int port;            /* as written, or the scheme's default; -1 unknown */
    bool has_port;
    bool userinfo;      /* user[:password]@ was there */
    struct slice path;  /* "/" when empty; dot segments resolved (also %2e); other escapes as written */
    struct slice query; /* after '?', without it; as written */
    bool has_query;
    struct slice fragment;
    bool has_fragment;
};

enum status url_parse(struct slice text, struct arena *arena, uint64_t *work, struct url *out) EDICT_MUST_USE;
/* Whether `host` (normalized) is `domain` or a name below it; a leading "*." or "." in domain means only below. */
bool url_host_matches(struct slice host, struct slice domain, uint64_t *work);

#endif
