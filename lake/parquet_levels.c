// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

/* Lengths and run heads of two level streams, the last partial groups, the width of the indices;
 * and 16 bytes that put_texts may write behind the last text. */
#define PAGE_SLACK 64u

static bool is_list(const struct cup_field *field)
{
    return field->type == CUP_TYPE_LIST || field->type == CUP_TYPE_MAP;
}

const struct cup_column *cup_parquet_priv_leaf_column(const struct cup_parquet_leaf *leaf,
                                                      const struct cup_column       *columns)
{
    const struct cup_column *column = &columns[leaf->top];

    for (uint32_t step = 0; step < leaf->step_count; step++) {
        CUP_ASSERT(leaf->steps[step] < column->child_count);
        column = &column->children[leaf->steps[step]];
    }
    return column;
}

/* Follows the offsets only, so null rows count too: at most, not exactly. */
struct cup_parquet_extent cup_parquet_priv_extent(const struct cup_parquet      *file,
                                                  const struct cup_parquet_leaf *leaf,
                                                  const struct cup_column *columns, uint32_t lo,
                                                  uint32_t hi)
{
    const struct cup_field   *field   = &file->fields[leaf->top];
    const struct cup_column  *column  = &columns[leaf->top];
    struct cup_parquet_extent extent  = {.entries = hi - lo};
    uint64_t                  levels  = leaf->max_def == 0 ? 0 : 1;
    uint64_t                  content = 0;

    for (uint32_t step = 0; step < leaf->step_count; step++) {
        if (is_list(field)) {
            bool empty = lo == hi;
            lo         = empty ? 0 : column->offsets[lo];
            hi         = empty ? 0 : column->offsets[hi];
            extent.entries += hi - lo;
            levels = 2;
        }
        column = &column->children[leaf->steps[step]];
        field  = &field->children[leaf->steps[step]];
    }
    CUP_ASSERT(lo <= hi);
    CUP_ASSERT(hi <= column->row_count);
    if (lo == hi)
        content = 0; /* a child without rows may have no vectors at all */
    else if (leaf->physical == CUP_PARQUET_BYTE_ARRAY)
        content = (uint64_t)(hi - lo) * 4 + (column->offsets[hi] - column->offsets[lo]);
    else if (leaf->physical == CUP_PARQUET_BOOLEAN)
        content = (hi - lo) / 8 + 1;
    else
        content = (uint64_t)(hi - lo) * leaf->width;
    /* A level takes at most a byte (widths are <= 6 bits), in a flat column a bit. */
    extent.bytes = content + PAGE_SLACK +
                   levels * (leaf->step_count == 0 ? extent.entries / 8 : extent.entries);
    return extent;
}

/* One step down through a STRUCT: rows stay the same. */
static void pass_struct(const struct cup_column *column, bool optional,
                        struct cup_parquet_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!entries[i].live) continue;
        bool null = cup_column_is_null(column, entries[i].row);
        CUP_ASSERT(optional || !null);
        entries[i].live = !null;
        entries[i].def  = (uint8_t)(entries[i].def + (optional && !null));
    }
}

/* One step down through a LIST or MAP: a row becomes one entry per element, or one that ends here.
 */
static uint32_t pass_list(const struct cup_column *column, bool optional, uint32_t rep,
                          const struct cup_parquet_entry *from, uint32_t count,
                          struct cup_parquet_entry *to)
{
    uint32_t made = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct cup_parquet_entry entry = from[i];
        if (!entry.live) {
            to[made++] = entry;
            continue;
        }
        bool null = cup_column_is_null(column, entry.row);
        CUP_ASSERT(optional || !null);
        uint32_t first = column->offsets[entry.row], end = column->offsets[entry.row + 1];
        entry.def = (uint8_t)(entry.def + (optional && !null));
        if (null || first == end) {
            entry.live = 0;
            to[made++] = entry;
            continue;
        }
        entry.def++;
        for (uint32_t row = first; row < end; row++) {
            entry.row  = row;
            to[made++] = entry;
            entry.rep  = (uint8_t)rep;
        }
    }
    return made;
}

uint32_t cup_parquet_priv_shred(const struct cup_parquet *file, const struct cup_parquet_leaf *leaf,
                                const struct cup_column *columns, uint32_t lo, uint32_t hi,
                                struct cup_parquet_entry *a, struct cup_parquet_entry *b,
                                const struct cup_parquet_entry **out_entries)
{
    const struct cup_field  *field  = &file->fields[leaf->top];
    const struct cup_column *column = &columns[leaf->top];
    uint32_t                 count = hi - lo, rep = 0, index = 0;
    uint8_t                  parent = CUP_TYPE_COUNT;

    for (uint32_t i = 0; i < count; i++)
        a[i] = (struct cup_parquet_entry){.row = lo + i, .live = 1};
    for (uint32_t step = 0;; step++) {
        bool optional = cup_parquet_priv_is_optional(field, parent, index);
        if (is_list(field)) {
            struct cup_parquet_entry *swap = a;
            count                          = pass_list(column, optional, ++rep, a, count, b);
            a                              = b;
            b                              = swap;
        } else {
            pass_struct(column, optional, a, count); /* leaves too: null ends the way down */
        }
        if (step == leaf->step_count) break;
        index  = leaf->steps[step];
        parent = field->type;
        column = &column->children[index];
        field  = &field->children[index];
    }
    CUP_ASSERT(rep == leaf->max_rep);
    *out_entries = a;
    return count;
}
