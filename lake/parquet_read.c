// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_read_priv.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC      "PAR1"
#define TAIL_BYTES 8u /* footer length, magic */

void *cup_parquet_priv_arena_take(struct cup_parquet_arena *arena, size_t bytes)
{
    struct cup_parquet_piece *piece = calloc(1, sizeof *piece + bytes);

    if (piece == NULL) return NULL;
    piece->next  = arena->first;
    arena->first = piece;
    return piece->data;
}

void cup_parquet_priv_arena_clear(struct cup_parquet_arena *arena)
{
    for (struct cup_parquet_piece *piece = arena->first, *next; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
    arena->first = NULL;
}

static enum cup_err read_tail(const struct cup_bytes_source *source, uint32_t *out_footer_bytes,
                              struct cup_fault *out_fault)
{
    uint8_t head[4], tail[TAIL_BYTES];

    if (source->bytes < sizeof head + TAIL_BYTES || source->bytes > INT64_MAX)
        return cup_fault_set(out_fault, CUP_CORRUPT, "size of a Parquet file", NULL);
    enum cup_err err = source->read(source->arg, 0, head, sizeof head, out_fault);
    if (err == CUP_OK)
        err = source->read(source->arg, source->bytes - TAIL_BYTES, tail, TAIL_BYTES, out_fault);
    if (err != CUP_OK) return err;
    if (memcmp(tail + 4, "PARE", 4) == 0)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "encrypted Parquet file", NULL);
    memcpy(out_footer_bytes, tail, sizeof *out_footer_bytes);
    if (memcmp(head, MAGIC, 4) != 0 || memcmp(tail + 4, MAGIC, 4) != 0 ||
        *out_footer_bytes > source->bytes - TAIL_BYTES - sizeof head ||
        *out_footer_bytes > CUP_PARQUET_READ_FOOTER_MAX)
        return cup_fault_set(out_fault, CUP_CORRUPT, "frame of a Parquet file", NULL);
    return CUP_OK;
}

enum cup_err cup_parquet_reader_open(struct cup_bytes_source     source,
                                     struct cup_parquet_reader **out_reader,
                                     struct cup_fault           *out_fault)
{
    uint32_t bytes = 0;

    CUP_ASSERT(source.read != NULL);
    enum cup_err err = read_tail(&source, &bytes, out_fault);
    if (err != CUP_OK) return err;
    struct cup_parquet_reader *reader = calloc(1, sizeof *reader);
    uint8_t                   *footer = malloc(bytes + 1ul);
    if (reader == NULL || footer == NULL) {
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "Parquet footer", NULL);
        goto out;
    }
    reader->source = source;
    err = source.read(source.arg, source.bytes - TAIL_BYTES - bytes, footer, bytes, out_fault);
    if (err == CUP_OK) err = cup_parquet_priv_read_footer(reader, footer, bytes, out_fault);
    if (err == CUP_OK) {
        *out_reader = reader;
        reader      = NULL;
    }
out:
    free(footer);
    cup_parquet_reader_close(reader);
    return err;
}

void cup_parquet_reader_close(struct cup_parquet_reader *reader)
{
    if (reader == NULL) return;
    cup_parquet_priv_arena_clear(&reader->group_memory);
    cup_parquet_priv_arena_clear(&reader->memory);
    free(reader);
}

uint64_t cup_parquet_reader_rows(const struct cup_parquet_reader *reader)
{
    return reader->rows;
}

uint32_t cup_parquet_reader_group_count(const struct cup_parquet_reader *reader)
{
    return reader->group_count;
}

const struct cup_field *cup_parquet_reader_fields(const struct cup_parquet_reader *reader,
                                                  uint32_t                        *out_count)
{
    *out_count = reader->field_count;
    return reader->fields;
}

/* The child of top-level field `top` that a node is or lies below; NULL for the field itself. */
static const struct cup_field *child_of(const struct cup_parquet_reader *reader, uint32_t at)
{
    const struct cup_parquet_node *node = &reader->nodes[at], *child = NULL;

    for (; node->parent != UINT32_MAX; node = &reader->nodes[node->parent])
        child = node;
    return child == NULL ? NULL : child->field;
}

static bool is_named(const struct cup_field *field, const char *const *names)
{
    while (*names != NULL && strcmp(*names, field->name) != 0)
        names++;
    return *names != NULL;
}

void cup_parquet_reader_only(struct cup_parquet_reader *reader, uint32_t field,
                             const char *const *names)
{
    struct cup_parquet_node *whole = NULL;
    uint32_t                 first = UINT32_MAX;

    CUP_ASSERT(field < reader->field_count);
    if (reader->fields[field].type != CUP_TYPE_STRUCT) return;
    for (uint32_t i = 0; i < reader->node_count; i++) {
        struct cup_parquet_node *node = &reader->nodes[i];
        if (node->top != field) continue;
        const struct cup_field *child = child_of(reader, i);
        if (child == NULL)
            whole = node;
        else
            node->left_out = !is_named(child, names);
        if (node->is_leaf && !node->left_out && first == UINT32_MAX) first = node->leaf;
    }
    CUP_ASSERT(whole != NULL);
    whole->left_out = first == UINT32_MAX;
    if (!whole->left_out) whole->leaf = first; /* its levels tell where the struct is null */
}

/* --- one row group --- */

static void free_leaf(struct cup_parquet_leaf_data *data)
{
    cup_parquet_priv_dense_free(&data->values);
    free(data->def);
    free(data->rep);
    *data = (struct cup_parquet_leaf_data){0};
}

static enum cup_err read_leaves(struct cup_parquet_reader *reader, uint32_t group,
                                const uint8_t *wanted, struct cup_parquet_leaf_data *leaves,
                                struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < reader->node_count; i++) {
        const struct cup_parquet_node *node = &reader->nodes[i];
        if (node->left_out || (wanted != NULL && !wanted[node->top])) continue;
        if (node->unreadable)
            return cup_fault_set(out_fault, CUP_UNSUPPORTED, "type of a Parquet column",
                                 node->field->name);
        if (!node->is_leaf) continue;
        enum cup_err err =
            cup_parquet_priv_read_chunk(reader, node, &reader->groups[group].chunks[node->leaf],
                                        &leaves[node->leaf], out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

/* Leaves of one struct or list each tell its rows: in a sound file they agree. */
static bool agrees(const struct cup_parquet_reader *reader, const struct cup_parquet_node *node,
                   const struct cup_column *parent, const struct cup_column *column, uint64_t rows)
{
    if (node->parent == UINT32_MAX) return column->row_count == rows;
    if (reader->nodes[node->parent].field->type == CUP_TYPE_STRUCT)
        return column->row_count == parent->row_count;
    return column->row_count == parent->offsets[parent->row_count];
}

static enum cup_err assemble(struct cup_parquet_reader *reader, uint32_t group,
                             const uint8_t *wanted, const struct cup_parquet_leaf_data *leaves,
                             struct cup_column *columns, struct cup_fault *out_fault)
{
    struct cup_column **placed = cup_parquet_priv_arena_take(
        &reader->group_memory, reader->node_count * sizeof(struct cup_column *));

    if (placed == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "Parquet columns", NULL);
    for (uint32_t i = 0; i < reader->node_count; i++) {
        const struct cup_parquet_node *node   = &reader->nodes[i];
        struct cup_column             *parent = NULL;
        bool unwanted = node->left_out || (wanted != NULL && !wanted[node->top]);
        if (unwanted && node->parent != UINT32_MAX) continue;
        if (node->parent != UINT32_MAX) parent = placed[node->parent];
        placed[i] = parent == NULL ? &columns[node->index] : &parent->children[node->index];
        struct cup_column *column = placed[i];
        column->vec               = (uint8_t)cup_type_vec((enum cup_type)node->field->type);
        column->child_count       = (uint8_t)node->field->child_count;
        if (column->child_count > 0) {
            column->children = cup_parquet_priv_arena_take(
                &reader->group_memory, column->child_count * sizeof *column->children);
            if (column->children == NULL)
                return cup_fault_set(out_fault, CUP_NO_MEMORY, "Parquet columns", NULL);
        }
        if (unwanted) continue;
        enum cup_err err =
            cup_parquet_priv_read_assemble(reader, node, &leaves[node->leaf], column, out_fault);
        if (err != CUP_OK) return err;
        if (!agrees(reader, node, parent, column, reader->groups[group].rows))
            return cup_fault_set(out_fault, CUP_CORRUPT, "rows of a Parquet column",
                                 node->field->name);
    }
    return CUP_OK;
}

enum cup_err cup_parquet_reader_group(struct cup_parquet_reader *reader, uint32_t group,
                                      const uint8_t *wanted, const struct cup_column **out_columns,
                                      uint32_t *out_row_count, struct cup_fault *out_fault)
{
    CUP_ASSERT(group < reader->group_count);
    cup_parquet_priv_arena_clear(&reader->group_memory);
    struct cup_column *columns =
        cup_parquet_priv_arena_take(&reader->group_memory, reader->field_count * sizeof *columns);
    struct cup_parquet_leaf_data *leaves = calloc(reader->leaf_count + 1ul, sizeof *leaves);
    enum cup_err                  err    = CUP_OK;

    if (columns == NULL || leaves == NULL)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "Parquet columns", NULL);
    if (err == CUP_OK) err = read_leaves(reader, group, wanted, leaves, out_fault);
    if (err == CUP_OK) err = assemble(reader, group, wanted, leaves, columns, out_fault);
    for (uint32_t i = 0; leaves != NULL && i < reader->leaf_count; i++)
        free_leaf(&leaves[i]);
    free(leaves);
    if (err != CUP_OK) return err;
    *out_columns   = columns;
    *out_row_count = (uint32_t)reader->groups[group].rows;
    return CUP_OK;
}
