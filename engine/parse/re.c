#define PCRE2_CODE_UNIT_WIDTH 8
#include "parse/re.h"

#include "base/text.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

enum { COMPILE_WORK_PER_BYTE = 16, PARENS_NEST_MAX = 32 };

struct entry {
    uint64_t hash;
    char *pattern; /* malloc'ed; NULL: free */
    size_t size;
    pcre2_code *code; /* NULL: does not compile, see problem */
    char problem[160];
};

struct re_cache {
    struct entry entries[RE_CACHE_ENTRIES];
    size_t count;
    size_t oldest; /* replaced next when full */
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_match_data *data;
};

void re_version(char out[RE_VERSION_MAX])
{
    int size = pcre2_config(PCRE2_CONFIG_VERSION, NULL);

    out[0] = '\0';
    if (size > 0 && size <= RE_VERSION_MAX)
        (void)pcre2_config(PCRE2_CONFIG_VERSION, out);
}

enum status re_cache_new(struct re_cache **out, struct error *error)
{
    struct re_cache *cache = (struct re_cache *)calloc(1, sizeof *cache);

    *out = NULL;
    if (cache != NULL) {
        cache->compile = pcre2_compile_context_create(NULL);
        cache->match = pcre2_match_context_create(NULL);
        cache->data = pcre2_match_data_create(RE_GROUPS_MAX, NULL);
    }
    if (cache == NULL || cache->compile == NULL || cache->match == NULL || cache->data == NULL) {
        re_cache_delete(cache);
        return error_set(error, STATUS_NO_MEMORY, "", "no memory for the cache of regular expressions");
    }
    pcre2_set_parens_nest_limit(cache->compile, PARENS_NEST_MAX);
    pcre2_set_max_pattern_length(cache->compile, RE_PATTERN_MAX);
    pcre2_set_newline(cache->compile, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(cache->compile, PCRE2_BSR_ANYCRLF);
    pcre2_set_match_limit(cache->match, RE_MATCH_LIMIT);
    pcre2_set_depth_limit(cache->match, RE_DEPTH_LIMIT);
    pcre2_set_heap_limit(cache->match, RE_HEAP_KIB_MAX);
    *out = cache;
    return STATUS_OK;
}

static void clear_entry(struct entry *entry)
{
    pcre2_code_free(entry->code);
    free(entry->pattern);
    *entry = (struct entry){0};
}

void re_cache_delete(struct re_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < RE_CACHE_ENTRIES; i++)
        clear_entry(&cache->entries[i]);
    pcre2_compile_context_free(cache->compile);
    pcre2_match_context_free(cache->match);
    pcre2_match_data_free(cache->data);
    free(cache);
}

/* ---- compiling ---- */

static void check_code(struct entry *entry)
{
    size_t size = 0;
    uint32_t groups = 0;

    pcre2_pattern_info(entry->code, PCRE2_INFO_SIZE, &size);
    pcre2_pattern_info(entry->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (size > RE_COMPILED_MAX)
        snprintf(entry->problem, sizeof entry->problem, "the pattern is too large when compiled");
    else if (groups >= RE_GROUPS_MAX)
        snprintf(entry->problem, sizeof entry->problem, "the pattern has more than %d groups", RE_GROUPS_MAX - 1);
    else
        return;
    pcre2_code_free(entry->code);
    entry->code = NULL;
}

/* "(*…" at the start could lift the limits, and "(?C" calls out; neither is let through. */
static bool has_verbs(struct slice pattern)
{
    for (size_t i = 0; i + 2 < pattern.size; i++) {
        if (pattern.data[i] == '(' &&
            (pattern.data[i + 1] == '*' || (pattern.data[i + 1] == '?' && pattern.data[i + 2] == 'C')))
            return true;
    }
    return false;
}

/* False when out of memory; a pattern that does not compile is an entry too. */
static bool compile(struct re_cache *cache, struct slice pattern, struct entry *entry)
{
    int code = 0;
    size_t offset = 0;
    PCRE2_UCHAR message[120];

    entry->pattern = (char *)malloc(pattern.size + 1);
    if (entry->pattern == NULL)
        return false;
    if (pattern.size > 0)
        memcpy(entry->pattern, pattern.data, pattern.size);
    entry->size = pattern.size;
    if (has_verbs(pattern)) {
        snprintf(entry->problem, sizeof entry->problem, "verbs (*…) and callouts (?C…) are not allowed");
        return true;
    }
    entry->code = pcre2_compile((PCRE2_SPTR)entry->pattern, pattern.size, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset,
                                cache->compile);
    if (entry->code == NULL && code == PCRE2_ERROR_HEAP_FAILED) {
        clear_entry(entry);
        return false;
    }
    if (entry->code == NULL) {
        pcre2_get_error_message(code, message, sizeof message);
        snprintf(entry->problem, sizeof entry->problem, "%s (at byte %zu of the pattern)", (const char *)message, offset);
    } else {
        check_code(entry);
    }
    return true;
}

static struct entry *find_entry(struct re_cache *cache, struct slice pattern)
{
    uint64_t hash = slice_hash(pattern, 0);
    struct entry *entry;

    for (size_t i = 0; i < cache->count; i++) {
        entry = &cache->entries[i];
        if (entry->hash == hash && slice_equal(slice_from(entry->pattern, entry->size), pattern))
            return entry;
    }
    if (cache->count < RE_CACHE_ENTRIES) {
        entry = &cache->entries[cache->count];
    } else {
        entry = &cache->entries[cache->oldest];
        clear_entry(entry);
        cache->oldest = (cache->oldest + 1) % RE_CACHE_ENTRIES;
    }
    entry->hash = hash;
    if (!compile(cache, pattern, entry)) {
        entry->pattern = NULL;
        entry->size = SIZE_MAX; /* equal to nothing */
        return NULL;
    }
    cache->count += cache->count < RE_CACHE_ENTRIES ? 1 : 0;
    return entry;
}

/* ---- matching ---- */

static enum status fill_groups(struct re_cache *cache, struct slice text, int count, struct arena *arena, struct re_match *out)
{
    const size_t *offsets = pcre2_get_ovector_pointer(cache->data);
    struct slice *groups = (struct slice *)arena_array(arena, (size_t)count, sizeof *groups);

    if (groups == NULL)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        if (offsets[2 * i] != PCRE2_UNSET)
            groups[i] = slice_from((text.data != NULL ? text.data : "") + offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i]);
    }
    out->outcome = RE_MATCH;
    out->groups = groups;
    out->group_count = (size_t)count;
    out->start = offsets[0];
    out->end = offsets[1];
    return STATUS_OK;
}

static enum status answer(struct re_match *out, enum re_outcome outcome, struct slice problem)
{
    *out = (struct re_match){.outcome = outcome, .problem = problem};
    return STATUS_OK;
}

static enum status run(struct re_cache *cache, struct entry *entry, struct slice text, size_t from, struct arena *arena,
                       uint64_t *work, struct re_match *out)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.data != NULL ? text.data : "");
    uint32_t captures = 0;
    int count = pcre2_match(entry->code, subject, text.size, from, PCRE2_NO_UTF_CHECK, cache->data, cache->match);

    pcre2_pattern_info(entry->code, PCRE2_INFO_CAPTURECOUNT, &captures);
    if (count >= 0)
        return fill_groups(cache, text, (int)captures + 1, arena, out);
    if (count == PCRE2_ERROR_NOMATCH)
        return answer(out, RE_NO_MATCH, (struct slice){0});
    if (count == PCRE2_ERROR_NOMEMORY)
        return STATUS_NO_MEMORY;
    *work += RE_MATCH_LIMIT;
    return answer(out, RE_LIMIT, SLICE("matching takes too much work; make the pattern simpler"));
}

enum status re_match(struct re_cache *cache, struct slice pattern, struct slice text, size_t from, struct arena *arena,
                     uint64_t *work, struct re_match *out)
{
    struct entry *entry;

    *out = (struct re_match){0};
    *work += 1;
    if (pattern.size > RE_PATTERN_MAX)
        return answer(out, RE_BAD_PATTERN, SLICE("the pattern is longer than 4096 bytes"));
    *work += COMPILE_WORK_PER_BYTE * pattern.size;
    if (text.size > RE_TEXT_MAX)
        return answer(out, RE_BAD_TEXT, SLICE("the text is longer than 65536 bytes"));
    *work += text.size;
    if (!text_is_utf8(text) || from > text.size || (from < text.size && ((unsigned char)text.data[from] & 0xc0) == 0x80))
        return answer(out, RE_BAD_TEXT, SLICE("the text is not UTF-8, or the start is not at a character of it"));
    entry = find_entry(cache, pattern);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    if (entry->code == NULL) {
        struct slice problem = arena_printf(arena, "%s", entry->problem);

        return problem.data != NULL ? answer(out, RE_BAD_PATTERN, problem) : STATUS_NO_MEMORY;
    }
    return run(cache, entry, text, from, arena, work, out);
}
