/*
 * IPv4 and IPv6 addresses and networks. Strict: four decimal parts without leading zeros; RFC 4291 text for IPv6 without
 * zone. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) counts as the IPv4 address it stands for.
 */
#ifndef EDICT_PARSE_CIDR_H
#define EDICT_PARSE_CIDR_H

#include "parse/word.h"

enum { CIDR_INPUT_MAX = 64 };

struct cidr_address {
    uint8_t bytes[16]; /* IPv4: the first 4 */
    int bits;          /* 32 or 128 */
};
struct cidr {
    struct cidr_address address; /* host bits zero */
    int prefix;
    bool host_bits; /* the text had host bits set: 10.1.2.3/8 */
};

bool cidr_parse_address(struct slice text, struct cidr_address *out, uint64_t *work);
/* "10.0.0.0/8", "2001:db8::/32"; an address alone is a network of one. */
bool cidr_parse(struct slice text, struct cidr *out, uint64_t *work);
bool cidr_contains(const struct cidr *network, const struct cidr_address *address); /* false across families */
bool cidr_contains_cidr(const struct cidr *network, const struct cidr *inner);

/* What kind of address: RFC 6890. */
enum cidr_kind { CIDR_PUBLIC, CIDR_PRIVATE, CIDR_LOOPBACK, CIDR_LINK_LOCAL, CIDR_MULTICAST, CIDR_UNSPECIFIED, CIDR_RESERVED };
enum cidr_kind cidr_address_kind(const struct cidr_address *address);
const char *
cidr_kind_name(enum cidr_kind kind); /* "public", "private", "loopback", "link_local", "multicast", "unspecified", "reserved" */

#endif
