#include "parse/url.h"

#include "base/buf.h"

#include <stdio.h>

struct parsing {
    struct slice text;
    struct arena *arena;
    struct url *out;
    bool no_memory;
};

static bool refuse(struct parsing *p, const char *problem)
{
    if (p->out->problem.size == 0)
        p->out->problem = slice_from_str(problem);
    return false;
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct slice lower(struct parsing *p, struct slice text)
{
    struct slice copy = arena_copy(p->arena, text);
    char *bytes = (char *)copy.data;

    p->no_memory |= bytes == NULL;
    for (size_t i = 0; bytes != NULL && i < copy.size; i++)
        bytes[i] = (char)(bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] - 'A' + 'a' : bytes[i]);
    return copy;
}

/* Blanks, controls and backslashes: clients drop or replace them, each in its own way. */
static bool check_bytes(struct parsing *p)
{
    for (size_t i = 0; i < p->text.size; i++) {
        unsigned char c = (unsigned char)p->text.data[i];

        if (c <= ' ' || c == 0x7f)
            return refuse(p, "the URL holds a blank or a control character");
        if (c == '\\')
            return refuse(p, "the URL holds a backslash, which some clients read as a slash");
    }
    return true;
}

static const struct {
    const char *scheme;
    int port;
} ports[] = {{"http", 80},    {"https", 443},     {"ws", 80},     {"wss", 443},    {"ftp", 21},        {"ssh", 22},
             {"git", 9418},   {"ldap", 389},      {"ldaps", 636}, {"redis", 6379}, {"postgres", 5432}, {"postgresql", 5432},
             {"mysql", 3306}, {"mongodb", 27017}, {"amqp", 5672}, {"sftp", 22}};

static bool take_scheme(struct parsing *p, size_t *at)
{
    size_t colon = slice_find(p->text, ':', 0);

    if (colon == SIZE_MAX || colon == 0 || !is_alpha(p->text.data[0]))
        return refuse(p, "the URL has no scheme");
    for (size_t i = 0; i < colon; i++) {
        char c = p->text.data[i];

        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
            return refuse(p, "the URL has no scheme");
    }
    p->out->scheme = lower(p, slice_sub(p->text, 0, colon));
    p->out->port = -1;
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (slice_equal_str(p->out->scheme, ports[i].scheme))
            p->out->port = ports[i].port;
    }
    if (!slice_starts_with(slice_sub(p->text, colon + 1, p->text.size), SLICE("//")))
        return refuse(p, "the URL has no // and host after its scheme");
    *at = colon + 3;
    return true;
}

/* ---- the host ---- */

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool decode_host(struct parsing *p, struct slice raw, struct slice *host)
{
    char *out = (char *)arena_alloc(p->arena, raw.size + 1);
    size_t size = 0;

    if (out == NULL) {
        p->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < raw.size; i++) {
        char c = raw.data[i];

        if (c == '%') {
            int high = i + 2 < raw.size ? hex_value(raw.data[i + 1]) : -1;
            int low = i + 2 < raw.size ? hex_value(raw.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return refuse(p, "the host holds a broken %-escape");
            c = (char)(high * 16 + low);
            i += 2;
            p->out->host_obscured = true;
        }
        out[size++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    *host = slice_from(out, size);
    return true;
}

/* One number of an IPv4 host as browsers and inet_aton read it: decimal, 0octal, 0xhex. */
static bool read_part(struct slice part, uint64_t *value, bool *unusual)
{
    unsigned base = 10;
    size_t i = 0;

    if (part.size > 1 && part.data[0] == '0') {
        base = part.data[1] == 'x' || part.data[1] == 'X' ? 16 : 8;
        i = base == 16 ? 2 : 1;
        *unusual = true;
    }
    for (*value = 0; i < part.size; i++) {
        int digit = hex_value(part.data[i]);

        if (digit < 0 || (unsigned)digit >= base || *value > UINT32_MAX)
            return false;
        *value = *value * base + (unsigned)digit;
    }
    return part.size > 0;
}

static bool last_part_is_numeric(struct slice host)
{
    size_t at = host.size;
    struct slice last;

    while (at > 0 && host.data[at - 1] != '.')
        at--;
    last = slice_sub(host, at, host.size);
    if (last.size > 1 && last.data[0] == '0' && (last.data[1] == 'x' || last.data[1] == 'X'))
        return true;
    for (size_t i = 0; i < last.size; i++) {
        if (!is_digit(last.data[i]))
            return false;
    }
    return last.size > 0;
}

static bool read_ipv4(struct parsing *p, struct slice host)
{
    uint64_t parts[4] = {0}, address = 0;
    bool unusual = false;
    int count = 0;

    for (size_t at = 0; at <= host.size; count++) {
        size_t dot = slice_find(host, '.', at);
        size_t end = dot == SIZE_MAX ? host.size : dot;

        if (count == 4 || !read_part(slice_sub(host, at, end), &parts[count], &unusual))
            return refuse(p, "the host looks like an IPv4 address but is none");
        at = end + 1;
    }
    for (int i = 0; i < count; i++) {
        bool last = i == count - 1;

        if (parts[i] > (last ? UINT32_MAX >> (8 * (count - 1)) : 255u))
            return refuse(p, "the host looks like an IPv4 address but is none");
        address |= last ? parts[i] : parts[i] << (8 * (3 - i));
    }
    p->out->host_obscured |= unusual || count != 4;
    p->out->address = (struct cidr_address){.bits = 32};
    for (int i = 0; i < 4; i++)
        p->out->address.bytes[i] = (uint8_t)(address >> (8 * (3 - i)));
    p->out->host_is_address = true;
    return true;
}

/* RFC 5952: lower case, no leading zeros, the longest run of zero groups as "::". */
static void write_ipv6(const uint8_t bytes[16], char text[48])
{
    int best = -1, best_size = 1, size = 0;
    size_t at = 0;

    for (int i = 0; i < 8; i++) {
        size = bytes[2 * i] == 0 && bytes[2 * i + 1] == 0 ? size + 1 : 0;
        if (size > best_size) {
            best_size = size;
            best = i - size + 1;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            at += (size_t)snprintf(text + at, 48 - at, "::");
            i += best_size - 1;
            continue;
        }
        at += (size_t)snprintf(text + at, 48 - at, "%s%x", i > 0 && i != best + best_size ? ":" : "",
                               bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
}

static void write_address(struct parsing *p)
{
    const struct cidr_address *address = &p->out->address;
    char text[48];

    if (address->bits == 32)
        snprintf(text, sizeof text, "%d.%d.%d.%d", address->bytes[0], address->bytes[1], address->bytes[2], address->bytes[3]);
    else
        write_ipv6(address->bytes, text);
    p->out->host = arena_printf(p->arena, "%s", text);
    p->no_memory |= p->out->host.data == NULL;
}

static bool read_ipv6(struct parsing *p, struct slice raw)
{
    uint64_t work = 0;

    if (!cidr_parse_address(slice_sub(raw, 1, raw.size - 1), &p->out->address, &work) || slice_find(raw, ':', 0) == SIZE_MAX)
        return refuse(p, "the host in [] is no IPv6 address");
    p->out->host_is_address = true;
    p->out->host_obscured |= p->out->address.bits == 32;
    return true;
}

static bool check_name(struct parsing *p, struct slice host)
{
    size_t label = 0;

    if (host.size == 0 || host.size > URL_HOST_MAX)
        return refuse(p, "the host is empty or too long");
    for (size_t i = 0; i <= host.size; i++) {
        if (i == host.size || host.data[i] == '.') {
            if (i == label || i - label > 63)
                return refuse(p, "a part of the host is empty or too long");
            p->out->host_non_ascii |= slice_starts_with(slice_sub(host, label, i), SLICE("xn--"));
            label = i + 1;
        } else if ((unsigned char)host.data[i] >= 0x80) {
            p->out->host_non_ascii = true;
            return refuse(p, "the host is not ASCII; write it as xn--…");
        } else if (!is_alpha(host.data[i]) && !is_digit(host.data[i]) && host.data[i] != '-' && host.data[i] != '_') {
            return refuse(p, "the host holds a character that no host has");
        }
    }
    return true;
}

static bool take_host(struct parsing *p, struct slice raw)
{
    struct slice host;

    if (raw.size > 2 && raw.data[0] == '[' && raw.data[raw.size - 1] == ']') {
        if (!read_ipv6(p, raw))
            return false;
        write_address(p);
        return true;
    }
    if (!decode_host(p, raw, &host))
        return false;
    if (host.size > 1 && host.data[host.size - 1] == '.') {
        host.size--;
        p->out->host_obscured = true;
    }
    p->out->host = host;
    if (!check_name(p, host))
        return false;
    if (last_part_is_numeric(host)) {
        if (!read_ipv4(p, host))
            return false;
        write_address(p);
    }
    return true;
}

static bool take_authority(struct parsing *p, struct slice authority)
{
    size_t at = slice_find(authority, '@', 0), colon;
    uint64_t port;

    if (at != SIZE_MAX) {
        p->out->userinfo = true;
        authority = slice_sub(authority, at + 1, authority.size);
        if (slice_find(authority, '@', 0) != SIZE_MAX)
            return refuse(p, "the URL has two @ before its path");
    }
    colon = authority.size > 0 && authority.data[0] == '[' ? slice_find(authority, ']', 0) : 0;
    if (colon == SIZE_MAX)
        return refuse(p, "the host's [ has no ]");
    colon = slice_find(authority, ':', colon);
    if (colon != SIZE_MAX && colon + 1 < authority.size) {
        if (!slice_to_u64(slice_sub(authority, colon + 1, authority.size), &port) || port > 65535)
            return refuse(p, "the port is no number up to 65535");
        p->out->port = (int)port;
        p->out->has_port = true;
    }
    return take_host(p, slice_sub(authority, 0, colon));
}

/* ---- the path ---- */

static bool is_dots(struct slice part, unsigned wanted)
{
    unsigned dots = 0;

    for (size_t i = 0; i < part.size; dots++) {
        if (part.data[i] == '.')
            i++;
        else if (part.data[i] == '%' && i + 2 < part.size && part.data[i + 1] == '2' && (part.data[i + 2] | 0x20) == 'e')
            i += 3;
        else
            return false;
    }
    return dots == wanted;
}

static void take_path(struct parsing *p, struct slice raw)
{
    struct buf out;

    buf_create(&out, p->arena);
    for (size_t at = 0; at < raw.size;) {
        size_t slash = slice_find(raw, '/', at + 1);
        size_t end = slash == SIZE_MAX ? raw.size : slash;
        struct slice part = slice_sub(raw, at + 1, end);
        bool last = end == raw.size;

        if (is_dots(part, 2)) {
            while (out.size > 0 && out.data[--out.size] != '/') {
            }
        }
        if (!is_dots(part, 1) && !is_dots(part, 2)) {
            buf_add_char(&out, '/');
            buf_add_slice(&out, part);
        } else if (last) {
            buf_add_char(&out, '/');
        }
        at = end;
    }
    if (out.size == 0)
        buf_add_char(&out, '/');
    p->no_memory |= out.failed;
    p->out->path = buf_slice(&out);
}

static size_t first_of(struct slice text, size_t from, const char *bytes)
{
    size_t at = from;

    while (at < text.size && strchr(bytes, text.data[at]) == NULL)
        at++;
    return at;
}

static bool parse(struct parsing *p)
{
    struct url *out = p->out;
    size_t at = 0, end, query, fragment;

    if (p->text.size == 0 || p->text.size > URL_INPUT_MAX)
        return refuse(p, "the URL is empty or longer than 8192 bytes");
    if (!check_bytes(p) || !take_scheme(p, &at))
        return false;
    end = first_of(p->text, at, "/?#");
    if (!take_authority(p, slice_sub(p->text, at, end)))
        return false;
    fragment = first_of(p->text, end, "#");
    query = first_of(slice_sub(p->text, 0, fragment), end, "?");
    out->has_fragment = fragment < p->text.size;
    out->fragment = slice_sub(p->text, fragment + 1, p->text.size);
    out->has_query = query < fragment;
    out->query = slice_sub(p->text, query + 1, fragment);
    take_path(p, slice_sub(p->text, end, query));
    return true;
}

enum status url_parse(struct slice text, struct arena *arena, uint64_t *work, struct url *out)
{
    struct parsing p = {.text = text, .arena = arena, .out = out};

    *out = (struct url){.port = -1};
    *work += (text.size < URL_INPUT_MAX ? text.size * 2 : URL_INPUT_MAX) + 1;
    out->ok = parse(&p);
    return p.no_memory ? STATUS_NO_MEMORY : STATUS_OK;
}

bool url_host_matches(struct slice host, struct slice domain, uint64_t *work)
{
    bool below = false;
    size_t from;

    *work += host.size + domain.size + 1;
    if (slice_starts_with(domain, SLICE("*."))) {
        domain = slice_sub(domain, 2, domain.size);
        below = true;
    } else if (slice_starts_with(domain, SLICE("."))) {
        domain = slice_sub(domain, 1, domain.size);
        below = true;
    }
    if (domain.size == 0 || host.size < domain.size)
        return false;
    from = host.size - domain.size;
    for (size_t i = 0; i < domain.size; i++) {
        char c = domain.data[i];

        if (host.data[from + i] != (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c))
            return false;
    }
    return from == 0 ? !below : host.data[from - 1] == '.';
}
