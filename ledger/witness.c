#include "ledger/witness.h"

#include "ledger/tlog_proof.h"

#include <stdio.h>

/* ---- the list ---- */

static struct slice trim(struct slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = slice_sub(text, 1, SIZE_MAX);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static enum status read_witness(struct slice line, struct witness *out, struct error *error)
{
    size_t space = slice_find(line, ' ', 0);
    struct slice url = trim(slice_sub(line, space, SIZE_MAX));
    enum status status;

    if (space == SIZE_MAX || url.size == 0)
        return error_set(error, STATUS_INVALID, "", "expected: VERIFIER-KEY URL");
    status = note_verifier_parse(slice_sub(line, 0, space), &out->verifier, error);
    if (status != STATUS_OK)
        return status;
    if (out->verifier.type != NOTE_COSIGNATURE)
        return error_set(error, STATUS_INVALID, "", "the key of \"%.100s\" is not one that cosigns (type 04)",
                         out->verifier.name);
    while (slice_ends_with(url, SLICE("/")))
        url.size--;
    if (url.size > WITNESS_URL_MAX)
        return error_set(error, STATUS_TOO_LARGE, "", "the URL is longer than %d bytes", WITNESS_URL_MAX);
    snprintf(out->url, sizeof out->url, "%.*s", SLICE_ARG(url));
    return STATUS_OK;
}

static bool is_listed(const struct witness *list, size_t count, const struct note_verifier *verifier)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].verifier.name, verifier->name) == 0 ||
            memcmp(list[i].verifier.public_key, verifier->public_key, NOTE_KEY_SIZE) == 0)
            return true;
    }
    return false;
}

enum status witness_list_parse(struct slice text, struct witness out[WITNESSES_MAX], size_t *count, struct error *error)
{
    struct error detail = {0};
    struct witness one;

    *count = 0;
    for (unsigned number = 1; text.size > 0; number++) {
        size_t end = slice_find(text, '\n', 0);
        struct slice line = trim(slice_sub(text, 0, end));

        text = end == SIZE_MAX ? (struct slice){0} : slice_sub(text, end + 1, SIZE_MAX);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (read_witness(line, &one, &detail) != STATUS_OK)
            return error_set(error, STATUS_INVALID, "", "line %u: %s", number, detail.message);
        if (*count == WITNESSES_MAX)
            return error_set(error, STATUS_TOO_LARGE, "", "line %u: at most %d witnesses", number, WITNESSES_MAX);
        if (is_listed(out, *count, &one.verifier))
            return error_set(error, STATUS_INVALID, "", "line %u: \"%.100s\" or its key is there already", number,
                             one.verifier.name);
        out[(*count)++] = one;
    }
    return STATUS_OK;
}

/* ---- the exchange ---- */

void witness_request_write(struct buf *out, uint64_t old_size, const struct proof *proof, struct slice checkpoint)
{
    buf_add_str(out, "old ");
    buf_add_u64(out, old_size);
    buf_add_char(out, '\n');
    proof_write(out, proof);
    buf_add_char(out, '\n');
    buf_add_slice(out, checkpoint);
}

bool witness_size_parse(struct slice body, uint64_t *size)
{
    if (!slice_ends_with(body, SLICE("\n")))
        return false;
    body.size--;
    return slice_to_u64(body, size) && (body.size == 1 || body.data[0] != '0');
}

enum status witness_cosignature_read(struct arena *arena, struct slice body, struct slice text,
                                     const struct note_verifier *verifier, uint64_t now_s, struct slice *line, uint64_t *time_s,
                                     struct error *error)
{
    struct note note;
    enum status status = note_parse_signatures(arena, body, &note, error);

    for (size_t i = 0; status == STATUS_OK && i < note.count; i++) {
        if (!note_is_by(&note.signatures[i], verifier))
            continue;
        if (!note_signature_is_valid(&note.signatures[i], verifier, text, time_s))
            return error_set(error, STATUS_CORRUPT, "", "the cosignature does not fit the checkpoint");
        if (*time_s == 0 || *time_s > INT64_MAX || *time_s > now_s + WITNESS_CLOCK_SKEW_S)
            return error_set(error, STATUS_INVALID, "", "the cosignature's time, %llu, is not now",
                             (unsigned long long)*time_s);
        *line = note.signatures[i].line;
        return STATUS_OK;
    }
    return status == STATUS_OK
               ? error_set(error, STATUS_INVALID, "", "no cosignature is by the key of \"%.100s\"", verifier->name)
               : status;
}

enum status witness_count(const struct note *note, const struct witness *witnesses, size_t count, size_t *cosigned,
                          struct error *error)
{
    *cosigned = 0;
    for (size_t w = 0; w < count; w++) {
        bool found = false;

        for (size_t s = 0; s < note->count; s++) {
            if (!note_is_by(&note->signatures[s], &witnesses[w].verifier))
                continue;
            if (!note_signature_is_valid(&note->signatures[s], &witnesses[w].verifier, note->text, NULL))
                return error_set(error, STATUS_CORRUPT, "",
                                 "the cosignature of %.100s does not fit: it or the text was changed",
                                 witnesses[w].verifier.name);
            found = true;
        }
        *cosigned += found;
    }
    return STATUS_OK;
}
