// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_value.h"

#include "kernels/value/binary.h"

#define BASE64_GROUP 3u

enum cup_err cup_values_open(struct cup_values *values, const char *bronze, const char *keys,
                             const char *domain, const char *pipeline, struct cup_fault *out_fault)
{
    *values = (struct cup_values){.member = {.file_name = UINT32_MAX}};

    enum cup_err err = cup_keys_init(&values->keys, keys, domain, pipeline, out_fault);
    return err == CUP_OK ? cup_member_open(bronze, &values->member, out_fault) : err;
}

void cup_values_close(struct cup_values *values)
{
    if (values->member.folder != NULL) cup_member_close(&values->member);
    cup_keys_free(&values->keys);
    cup_text_free(&values->key);
    cup_text_free(&values->headers);
    cup_text_free(&values->value);
}

/* A cell that is sealed, in the clear; one that is null stays so. */
static enum cup_err open_cell(struct cup_values *values, const struct cup_index_record *record,
                              enum cup_seal_kind kind, struct cup_text *text,
                              struct cup_index_text *cell, struct cup_fault *out_fault)
{
    if (record->sealed == CUP_NAME_NONE || cell->at == NULL) return CUP_OK;
    cup_text_clear(text);
    cup_text_puts(text, ""); /* an empty one is not null */
    enum cup_err err = cup_keys_open(&values->keys, kind, (uint64_t)record->position, cell->at,
                                     cell->bytes, text, out_fault);
    if (err == CUP_OK)
        *cell = (struct cup_index_text){(const uint8_t *)text->at, (uint32_t)text->bytes};
    return err;
}

static enum cup_err find_value(struct cup_values *values, const struct cup_index_record *record,
                               struct cup_index_text *out_value, struct cup_fault *out_fault)
{
    struct cup_member        *member  = &values->member;
    const struct cup_records *records = values->records;

    if (record->kind == CUP_KIND_NULL || record->kind == CUP_KIND_EMPTY) {
        bool empty = record->kind == CUP_KIND_EMPTY;
        *out_value = (struct cup_index_text){empty ? (const uint8_t *)"" : NULL, 0};
        return CUP_OK;
    }
    if (record->file == CUP_NAME_NONE) {
        *out_value = record->value;
        return open_cell(values, record, CUP_SEAL_VALUE, &values->value, out_value, out_fault);
    }
    uint64_t end     = cup_records_member_end(records, record->file, record->member_at);
    member->key      = record->sealed == CUP_NAME_NONE ? NULL : &values->keys.key;
    enum cup_err err = cup_member_load(member, records->names.list[record->file], record->file,
                                       record->member_at, end, out_fault);
    if (err != CUP_OK) return err;
    if (record->at > member->text.bytes || record->bytes > member->text.bytes - record->at)
        return cup_fault_set(out_fault, CUP_CORRUPT,
                             "the index points behind a member's end; run cupel-lake verify",
                             member->file.path);
    *out_value = (struct cup_index_text){(const uint8_t *)member->text.at + record->at,
                                         (uint32_t)record->bytes};
    return CUP_OK;
}

enum cup_err cup_values_read(struct cup_values *values, const struct cup_index_record *record,
                             struct cup_value *out_value, struct cup_fault *out_fault)
{
    struct cup_value value = {.key = record->key, .headers = record->headers};
    enum cup_err     err   = CUP_OK;
    bool             seals = record->sealed != CUP_NAME_NONE;

    if (seals)
        err = cup_keys_day(&values->keys, values->records->names.list[record->sealed], out_fault);
    if (err == CUP_OK)
        err = open_cell(values, record, CUP_SEAL_KEY, &values->key, &value.key, out_fault);
    if (err == CUP_OK)
        err = open_cell(values, record, CUP_SEAL_HEADERS, &values->headers, &value.headers,
                        out_fault);
    /* the file itself must be there: its being gone is no erasure */
    if (err == CUP_NOT_FOUND && seals) {
        cup_keys_erased(&values->keys);
        return err;
    }
    if (err == CUP_OK) err = find_value(values, record, &value.value, out_fault);
    if (err == CUP_END) { /* a member under another key */
        cup_keys_erased(&values->keys);
        return cup_fault_set(out_fault, CUP_NOT_FOUND, "find the key of a member",
                             values->keys.day);
    }
    if (err == CUP_OK) *out_value = value;
    return err == CUP_NOT_FOUND
               ? cup_fault_set(out_fault, CUP_CORRUPT, "a bronze file is gone; restore it",
                               values->member.folder)
               : err;
}

void cup_value_put_base64(struct cup_text *text, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    uint8_t        out[4096];
    size_t         step = sizeof out / 4 * BASE64_GROUP;

    if (from == NULL) {
        cup_text_puts(text, "null");
        return;
    }
    cup_text_puts(text, "\"");
    for (size_t at = 0; at < count; at += step) {
        size_t some = count - at < step ? count - at : step;
        cup_text_put(text, out, cup_base64_encode(from + at, some, out));
    }
    cup_text_puts(text, "\"");
}
