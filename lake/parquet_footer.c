// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <string.h>

/* Old readers parse this text and mistrust the statistics of writers that they cannot parse. */
#define CREATED_BY "cupel version " CUP_VERSION " (build release)"

#define DELTA_BOUNDS_MAX 32u /* top-level columns that Delta readers look at */

void cup_parquet_priv_put_page_head(struct cup_thrift_out              *out,
                                    const struct cup_parquet_page_head *head)
{
    bool is_dict = head->type == CUP_PARQUET_DICTIONARY_PAGE;

    cup_thrift_start(out, NULL, NULL);
    cup_thrift_put_i32(out, 1, head->type);
    cup_thrift_put_i32(out, 2, head->body_bytes);
    cup_thrift_put_i32(out, 3, head->stored_bytes);
    cup_thrift_put_i32(out, 4, (int32_t)head->crc);
    cup_thrift_put_struct(out, is_dict ? 7 : 5);
    cup_thrift_put_i32(out, 1, head->entry_count);
    cup_thrift_put_i32(out, 2, head->encoding);
    if (!is_dict) {
        cup_thrift_put_i32(out, 3, CUP_PARQUET_RLE);
        cup_thrift_put_i32(out, 4, CUP_PARQUET_RLE);
    }
    cup_thrift_end(out);
    cup_thrift_end(out);
    CUP_ASSERT(out->used <= CUP_PARQUET_PAGE_HEAD_BYTES);
}

/* --- row group --- */

static void put_path(const struct cup_parquet *file, const struct cup_parquet_leaf *leaf,
                     struct cup_thrift_out *out)
{
    const struct cup_field *field  = &file->fields[leaf->top];
    uint32_t                lists  = leaf->max_rep;
    uint8_t                 parent = CUP_TYPE_COUNT;
    uint32_t                index  = 0;

    cup_thrift_put_list(out, 3, CUP_THRIFT_BYTES, leaf->step_count + 1u + lists);
    for (uint32_t step = 0;; step++) {
        const char *name = cup_parquet_priv_name(field, parent, index);
        cup_thrift_element_bytes(out, name, strlen(name));
        if (step == leaf->step_count) break;
        if (field->type == CUP_TYPE_LIST) cup_thrift_element_bytes(out, "list", 4);
        if (field->type == CUP_TYPE_MAP) cup_thrift_element_bytes(out, "key_value", 9);
        parent = field->type;
        index  = leaf->steps[step];
        field  = &field->children[index];
    }
}

/* A bound in PLAIN form, without length; false when there is none. */
static bool plain_bound(const struct cup_parquet_leaf *leaf, bool is_max, bool *out_exact,
                        uint8_t *out_bound, uint8_t *out_bytes)
{
    const struct cup_parquet_bounds *bounds = &leaf->group_bounds;

    *out_exact = true;
    *out_bytes = leaf->width;
    switch ((enum cup_parquet_bound_kind)leaf->bound_kind) {
    case CUP_PARQUET_BOUND_NONE: return false;
    case CUP_PARQUET_BOUND_I64: /* little endian: the low bytes of an INT32 come first */
        memcpy(out_bound, is_max ? &bounds->i64.max : &bounds->i64.min, leaf->width);
        return true;
    case CUP_PARQUET_BOUND_F64: {
        double value = is_max ? bounds->f64.max : bounds->f64.min;
        if (value == 0) value = is_max ? 0.0 : -0.0; /* either zero may have been seen */
        float narrow = (float)value;
        memcpy(out_bound, leaf->width == 4 ? (void *)&narrow : (void *)&value, leaf->width);
        return true;
    }
    case CUP_PARQUET_BOUND_I128: {
        cup_i128 value = is_max ? bounds->i128.max : bounds->i128.min;
        for (uint32_t byte = 0; byte < leaf->width; byte++)
            out_bound[byte] = (uint8_t)(value >> (8 * (leaf->width - 1u - byte)));
        return true;
    }
    case CUP_PARQUET_BOUND_TEXT:
        *out_bytes = is_max ? bounds->text.max_bytes : bounds->text.min_bytes;
        *out_exact = is_max ? !bounds->max_cut : !bounds->min_cut;
        memcpy(out_bound, is_max ? bounds->text.max : bounds->text.min, *out_bytes);
        return !is_max || *out_exact || cup_parquet_priv_bound_raise(out_bound, out_bytes);
    }
    return false;
}

static void put_statistics(const struct cup_parquet_leaf *leaf, struct cup_thrift_out *out)
{
    uint8_t max[CUP_PARQUET_BOUND_BYTES + 4], min[CUP_PARQUET_BOUND_BYTES + 4];
    uint8_t max_bytes, min_bytes;
    bool    max_exact, min_exact;
    bool    known   = leaf->group_bounds.has && !leaf->group_bounds.spoiled;
    bool    has_max = known && plain_bound(leaf, true, &max_exact, max, &max_bytes);
    bool    has_min = known && plain_bound(leaf, false, &min_exact, min, &min_bytes);

    cup_thrift_put_struct(out, 12);
    cup_thrift_put_i64(out, 3, (int64_t)leaf->null_count);
    if (has_max) cup_thrift_put_bytes(out, 5, max, max_bytes);
    if (has_min) cup_thrift_put_bytes(out, 6, min, min_bytes);
    if (has_max) cup_thrift_put_bool(out, 7, max_exact);
    if (has_min) cup_thrift_put_bool(out, 8, min_exact);
    cup_thrift_end(out);
}

static void put_chunk(const struct cup_parquet *file, const struct cup_parquet_leaf *leaf,
                      struct cup_thrift_out *out)
{
    cup_thrift_element_struct(out);
    cup_thrift_put_i64(out, 2, 0); /* file_offset: required, used by nobody */
    cup_thrift_put_struct(out, 3);
    cup_thrift_put_i32(out, 1, leaf->physical);
    uint32_t encodings = 2u + (leaf->dict_pages > 0) + (leaf->delta_pages > 0);
    cup_thrift_put_list(out, 2, CUP_THRIFT_I32, encodings);
    cup_thrift_element_i32(out, CUP_PARQUET_PLAIN);
    cup_thrift_element_i32(out, CUP_PARQUET_RLE);
    if (leaf->dict_pages > 0) cup_thrift_element_i32(out, CUP_PARQUET_RLE_DICTIONARY);
    if (leaf->delta_pages > 0) cup_thrift_element_i32(out, CUP_PARQUET_DELTA_BINARY_PACKED);
    put_path(file, leaf, out);
    cup_thrift_put_i32(out, 4, (int32_t)file->codec);
    cup_thrift_put_i64(out, 5, (int64_t)leaf->entry_count);
    cup_thrift_put_i64(out, 6, (int64_t)leaf->body_bytes);
    cup_thrift_put_i64(out, 7, (int64_t)leaf->page_bytes);
    cup_thrift_put_i64(out, 9, (int64_t)leaf->data_at);
    if (leaf->dict_pages > 0) cup_thrift_put_i64(out, 11, (int64_t)leaf->chunk_at);
    put_statistics(leaf, out);
    cup_thrift_end(out);
    cup_thrift_end(out);
}

void cup_parquet_priv_put_group(const struct cup_parquet *file, struct cup_thrift_out *out)
{
    uint64_t body_bytes = 0, page_bytes = 0;

    cup_thrift_put_list(out, 1, CUP_THRIFT_STRUCT, file->leaf_count);
    for (uint32_t i = 0; i < file->leaf_count; i++) {
        put_chunk(file, &file->leaves[i], out);
        body_bytes += file->leaves[i].body_bytes;
        page_bytes += file->leaves[i].page_bytes;
    }
    cup_thrift_put_i64(out, 2, (int64_t)body_bytes);
    cup_thrift_put_i64(out, 3, (int64_t)file->group_row_count);
    if (file->leaf_count > 0) cup_thrift_put_i64(out, 5, (int64_t)file->leaves[0].chunk_at);
    cup_thrift_put_i64(out, 6, (int64_t)page_bytes);
    /* ordinal is an i16; it may be left out */
    if (file->group_count <= INT16_MAX) cup_thrift_put_i16(out, 7, (int16_t)file->group_count);
    cup_thrift_end(out);
}

void cup_parquet_priv_put_footer(const struct cup_parquet *file, struct cup_thrift_out *out)
{
    cup_thrift_put_i32(out, 1, 1);
    cup_parquet_priv_put_schema(file, out);
    cup_thrift_put_i64(out, 3, (int64_t)file->row_count);
    cup_thrift_put_list(out, 4, CUP_THRIFT_STRUCT, file->group_count);
    for (struct cup_chain_block *block = file->groups.first; block != NULL; block = block->next)
        cup_thrift_raw(out, block->data, block->used);
    cup_thrift_put_bytes(out, 6, CREATED_BY, sizeof CREATED_BY - 1);
    cup_thrift_put_list(out, 7, CUP_THRIFT_STRUCT, file->leaf_count);
    for (uint32_t i = 0; i < file->leaf_count; i++) { /* TypeDefinedOrder */
        cup_thrift_element_struct(out);
        cup_thrift_put_struct(out, 1);
        cup_thrift_end(out);
        cup_thrift_end(out);
    }
    cup_thrift_end(out);
}

/* --- Delta statistics --- */

static void put_bounds(const struct cup_parquet *file, bool is_max, struct cup_text *text)
{
    const char *comma = "";

    for (uint32_t i = 0; i < file->leaf_count; i++) {
        const struct cup_parquet_leaf *leaf = &file->leaves[i];
        if (leaf->step_count > 0 || leaf->top >= DELTA_BOUNDS_MAX) continue;
        if (leaf->bound_kind == CUP_PARQUET_BOUND_NONE) continue;
        /* The name comes first in JSON, so it is taken back when there is no bound. */
        size_t before = text->bytes;
        cup_text_puts(text, comma);
        cup_text_json(text, leaf->field->name, strlen(leaf->field->name));
        cup_text_puts(text, ":");
        if (cup_parquet_priv_bound_json(&leaf->file_bounds, leaf->field, is_max, text)) {
            comma = ",";
        } else if (!text->failed) {
            text->bytes           = before;
            text->at[text->bytes] = '\0';
        }
    }
}

static void put_null_counts(const struct cup_parquet *file, struct cup_text *text)
{
    const char *comma = "";

    for (uint32_t i = 0; i < file->leaf_count; i++) {
        const struct cup_parquet_leaf *leaf = &file->leaves[i];
        const struct cup_field        *top  = &file->fields[leaf->top];
        if (i > 0 && file->leaves[i - 1].top == leaf->top) continue;
        /* A struct's object would mirror its fields; it is optional, and nobody prunes by it. */
        if (top->type == CUP_TYPE_STRUCT) continue;
        bool flat = leaf->step_count == 0;
        cup_text_puts(text, comma);
        cup_text_json(text, top->name, strlen(top->name));
        cup_text_printf(
            text, ":%llu",
            (unsigned long long)(flat ? leaf->file_null_count : leaf->file_top_null_count));
        comma = ",";
    }
}

void cup_parquet_priv_put_stats(const struct cup_parquet *file, struct cup_text *text)
{
    cup_text_printf(text, "{\"numRecords\":%llu,\"minValues\":{",
                    (unsigned long long)file->row_count);
    put_bounds(file, false, text);
    cup_text_puts(text, "},\"maxValues\":{");
    put_bounds(file, true, text);
    cup_text_puts(text, "},\"nullCount\":{");
    put_null_counts(file, text);
    cup_text_puts(text, "}}");
}
