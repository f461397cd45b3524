#include "parse/cidr.h"

static bool parse_v4(struct slice text, uint8_t bytes[4])
{
    size_t at = 0;

    for (int part = 0; part < 4; part++) {
        unsigned value = 0;
        size_t start = at;

        while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && at - start < 3)
            value = value * 10 + (unsigned)(text.data[at++] - '0');
        if (at == start || value > 255 || (at - start > 1 && text.data[start] == '0'))
            return false;
        bytes[part] = (uint8_t)value;
        if (part < 3 && (at >= text.size || text.data[at++] != '.'))
            return false;
    }
    return at == text.size;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct v6 {
    struct slice text;
    size_t at;
    uint8_t bytes[16];
    int groups; /* of two bytes, read so far */
    int gap;    /* the group that "::" stands before; -1 */
};

static bool take_group(struct v6 *v)
{
    unsigned value = 0;
    size_t start = v->at;

    while (v->at < v->text.size && hex_value(v->text.data[v->at]) >= 0 && v->at - start < 4)
        value = value * 16 + (unsigned)hex_value(v->text.data[v->at++]);
    if (v->at == start || v->groups >= 8)
        return false;
    if (v->at < v->text.size && v->text.data[v->at] == '.') { /* the last two groups as IPv4 */
        if (v->groups > 6 || !parse_v4(slice_sub(v->text, start, v->text.size), v->bytes + 2 * v->groups))
            return false;
        v->at = v->text.size;
        v->groups += 2;
        return true;
    }
    v->bytes[2 * v->groups] = (uint8_t)(value >> 8);
    v->bytes[2 * v->groups + 1] = (uint8_t)(value & 0xff);
    v->groups++;
    return true;
}

static bool take_groups(struct v6 *v)
{
    if (slice_starts_with(v->text, SLICE("::"))) {
        v->gap = 0;
        v->at = 2;
    }
    while (v->at < v->text.size) {
        if (!take_group(v))
            return false;
        if (v->at >= v->text.size)
            break;
        if (v->text.data[v->at++] != ':' || v->at >= v->text.size)
            return false;
        if (v->text.data[v->at] == ':') {
            if (v->gap >= 0)
                return false;
            v->gap = v->groups;
            v->at++;
        }
    }
    return v->gap >= 0 ? v->groups < 8 : v->groups == 8;
}

static bool parse_v6(struct slice text, uint8_t bytes[16])
{
    struct v6 v = {.text = text, .gap = -1};
    int after;

    if (!take_groups(&v))
        return false;
    memcpy(bytes, v.bytes, 16);
    if (v.gap >= 0) {
        after = v.groups - v.gap;
        memset(bytes + 2 * v.gap, 0, (size_t)(16 - 2 * v.gap));
        memcpy(bytes + 16 - 2 * after, v.bytes + 2 * v.gap, (size_t)(2 * after));
    }
    return true;
}

static void unmap(struct cidr_address *address)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (address->bits == 128 && memcmp(address->bytes, mapped, sizeof mapped) == 0) {
        memcpy(address->bytes, address->bytes + 12, 4);
        memset(address->bytes + 4, 0, 12);
        address->bits = 32;
    }
}

static bool parse_raw(struct slice text, struct cidr_address *out, uint64_t *work)
{
    *out = (struct cidr_address){0};
    *work += (text.size < CIDR_INPUT_MAX ? text.size : CIDR_INPUT_MAX) + 1;
    if (text.size == 0 || text.size > CIDR_INPUT_MAX)
        return false;
    if (parse_v4(text, out->bytes)) {
        out->bits = 32;
        return true;
    }
    *out = (struct cidr_address){.bits = 128};
    return parse_v6(text, out->bytes);
}

bool cidr_parse_address(struct slice text, struct cidr_address *out, uint64_t *work)
{
    bool fine = parse_raw(text, out, work);

    unmap(out);
    return fine;
}

static bool mask(struct cidr *cidr)
{
    bool had_bits = false;

    for (int i = 0; i < cidr->address.bits / 8; i++) {
        int keep = cidr->prefix - 8 * i;
        uint8_t kept = (uint8_t)(keep >= 8 ? 0xff : keep <= 0 ? 0 : 0xff << (8 - keep));

        had_bits |= (cidr->address.bytes[i] & (uint8_t)~kept) != 0;
        cidr->address.bytes[i] &= kept;
    }
    return had_bits;
}

bool cidr_parse(struct slice text, struct cidr *out, uint64_t *work)
{
    size_t slash = slice_find(text, '/', 0);
    struct slice digits = slash == SIZE_MAX ? (struct slice){0} : slice_sub(text, slash + 1, text.size);
    uint64_t prefix;

    *out = (struct cidr){0};
    if (!parse_raw(slice_sub(text, 0, slash), &out->address, work))
        return false;
    prefix = (uint64_t)out->address.bits;
    if (slash != SIZE_MAX && (digits.size > 3 || (digits.size > 1 && digits.data[0] == '0') || !slice_to_u64(digits, &prefix) ||
                              prefix > (uint64_t)out->address.bits))
        return false;
    out->prefix = (int)prefix;
    if (out->address.bits == 128 && out->prefix >= 96) {
        unmap(&out->address);
        out->prefix -= out->address.bits == 32 ? 96 : 0;
    }
    out->host_bits = mask(out);
    return true;
}

bool cidr_contains(const struct cidr *network, const struct cidr_address *address)
{
    struct cidr masked = {.address = *address, .prefix = network->prefix};

    if (network->address.bits != address->bits)
        return false;
    mask(&masked);
    return memcmp(masked.address.bytes, network->address.bytes, (size_t)(address->bits / 8)) == 0;
}

bool cidr_contains_cidr(const struct cidr *network, const struct cidr *inner)
{
    return inner->prefix >= network->prefix && cidr_contains(network, &inner->address);
}

/* ---- kinds ---- */

static const struct {
    const char *network;
    enum cidr_kind kind;
} kinds[] = {
    {"0.0.0.0/32", CIDR_UNSPECIFIED},  {"0.0.0.0/8", CIDR_RESERVED},     {"10.0.0.0/8", CIDR_PRIVATE},
    {"100.64.0.0/10", CIDR_PRIVATE},   {"127.0.0.0/8", CIDR_LOOPBACK},   {"169.254.0.0/16", CIDR_LINK_LOCAL},
    {"172.16.0.0/12", CIDR_PRIVATE},   {"192.0.0.0/24", CIDR_RESERVED},  {"192.0.2.0/24", CIDR_RESERVED},
    {"192.168.0.0/16", CIDR_PRIVATE},  {"198.18.0.0/15", CIDR_RESERVED}, {"198.51.100.0/24", CIDR_RESERVED},
    {"203.0.113.0/24", CIDR_RESERVED}, {"224.0.0.0/4", CIDR_MULTICAST},  {"240.0.0.0/4", CIDR_RESERVED},
    {"::/128", CIDR_UNSPECIFIED},      {"::1/128", CIDR_LOOPBACK},       {"::/96", CIDR_RESERVED},
    {"64:ff9b::/96", CIDR_RESERVED},   {"64:ff9b:1::/48", CIDR_PRIVATE}, {"100::/64", CIDR_RESERVED},
    {"2001::/23", CIDR_RESERVED},      {"2001:db8::/32", CIDR_RESERVED}, {"2002::/16", CIDR_RESERVED},
    {"fc00::/7", CIDR_PRIVATE},        {"fe80::/10", CIDR_LINK_LOCAL},   {"fec0::/10", CIDR_PRIVATE},
    {"ff00::/8", CIDR_MULTICAST},
};

enum cidr_kind cidr_address_kind(const struct cidr_address *address)
{
    uint64_t work = 0;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct cidr network;

        if (cidr_parse(slice_from_str(kinds[i].network), &network, &work) && cidr_contains(&network, address))
            return kinds[i].kind;
    }
    return CIDR_PUBLIC;
}

const char *cidr_kind_name(enum cidr_kind kind)
{
    static const char *const names[] = {"public", "private", "loopback", "link_local", "multicast", "unspecified", "reserved"};

    return names[kind];
}
