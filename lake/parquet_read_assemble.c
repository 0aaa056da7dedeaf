// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_read_priv.h"

#include <string.h>

static uint32_t count_rows(const struct cup_parquet_node      *node,
                           const struct cup_parquet_leaf_data *data)
{
    uint32_t rows = 0;

    for (uint32_t i = 0; i < data->entries; i++)
        rows += data->rep[i] <= node->rep && data->def[i] >= node->slot_def;
    return rows;
}

static bool take_vectors(struct cup_parquet_reader *reader, const struct cup_parquet_node *node,
                         const struct cup_parquet_dense *dense, struct cup_column *column)
{
    struct cup_parquet_arena *memory = &reader->group_memory;
    size_t                    rows   = column->row_count;
    uint32_t                  width  = cup_vec_bytes((enum cup_vec)column->vec);

    /* Whole words, as the writer's readers of bits like them. */
    column->validity = cup_parquet_priv_arena_take(memory, (rows + 63) / 64 * 8);
    if (column->validity == NULL) return false;
    if (column->vec == CUP_VEC_VAR || column->vec == CUP_VEC_LIST) {
        column->offsets = cup_parquet_priv_arena_take(memory, (rows + 1) * sizeof(uint32_t));
        if (column->offsets == NULL) return false;
    }
    if (!node->is_leaf) return true;
    if (column->vec == CUP_VEC_VAR) {
        column->text_cap = (uint32_t)dense->bytes;
        column->text     = cup_parquet_priv_arena_take(memory, dense->bytes);
    } else {
        column->any = cup_parquet_priv_arena_take(
            memory, column->vec == CUP_VEC_BITS ? (rows + 63) / 64 * 8 : rows * width);
    }
    return column->any != NULL;
}

static void put_value(struct cup_column *column, uint32_t row,
                      const struct cup_parquet_dense *dense, uint32_t value)
{
    if (column->vec == CUP_VEC_BITS)
        cup_bit_set(column->bits, row, dense->data[value]);
    else if (column->vec != CUP_VEC_VAR)
        memcpy((uint8_t *)column->any + (size_t)row * dense->width,
               dense->data + (size_t)value * dense->width, dense->width);
}

/* The texts of a column are the dense ones, in order: only offsets are to be made. */
static void fill_leaf(const struct cup_parquet_node *node, const struct cup_parquet_leaf_data *data,
                      struct cup_column *column)
{
    uint32_t row = 0, value = 0;

    for (uint32_t i = 0; i < data->entries; i++) {
        if (data->rep[i] > node->rep || data->def[i] < node->slot_def) continue;
        bool present = data->def[i] == node->def;
        if (present) {
            cup_bit_set(column->validity, row, true);
            put_value(column, row, &data->values, value++);
        } else {
            column->null_count++;
        }
        row++;
        if (column->vec == CUP_VEC_VAR)
            column->offsets[row] = value > 0 ? data->values.ends[value - 1] : 0;
    }
    if (column->vec == CUP_VEC_VAR && data->values.bytes > 0)
        memcpy(column->text, data->values.data, data->values.bytes);
}

static void fill_struct(const struct cup_parquet_node      *node,
                        const struct cup_parquet_leaf_data *data, struct cup_column *column)
{
    uint32_t row = 0;

    for (uint32_t i = 0; i < data->entries; i++) {
        if (data->rep[i] > node->rep || data->def[i] < node->slot_def) continue;
        bool present = data->def[i] >= node->def;
        if (present) cup_bit_set(column->validity, row, true);
        column->null_count += !present;
        row++;
    }
}

/* A level entry begins a row of the list, goes on with it, or belongs to something deeper. False:
 * it goes on with a list that has no elements. */
static bool fill_list(const struct cup_parquet_node *node, const struct cup_parquet_leaf_data *data,
                      struct cup_column *column)
{
    uint32_t row = 0, elements = 0;

    for (uint32_t i = 0; i < data->entries; i++) {
        uint8_t def = data->def[i], rep = data->rep[i];
        if (rep > node->rep + 1 || def < node->slot_def) continue;
        if (rep == node->rep + 1) {
            if (row == 0 || def <= node->def || column->offsets[row] == column->offsets[row - 1])
                return false;
        } else {
            bool present = def >= node->def;
            if (present) cup_bit_set(column->validity, row, true);
            column->null_count += !present;
            row++;
        }
        elements += def > node->def;
        column->offsets[row] = elements;
    }
    return true;
}

enum cup_err cup_parquet_priv_read_assemble(struct cup_parquet_reader          *reader,
                                            const struct cup_parquet_node      *node,
                                            const struct cup_parquet_leaf_data *data,
                                            struct cup_column *column, struct cup_fault *out_fault)
{
    column->row_count = column->row_cap = count_rows(node, data);
    if (!take_vectors(reader, node, &data->values, column))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "Parquet column", node->field->name);
    if (node->is_leaf)
        fill_leaf(node, data, column);
    else if (node->field->type == CUP_TYPE_STRUCT)
        fill_struct(node, data, column);
    else if (!fill_list(node, data, column))
        return cup_fault_set(out_fault, CUP_CORRUPT, "levels of a Parquet column",
                             node->field->name);
    if (column->null_count == 0) column->validity = NULL;
    return CUP_OK;
}
