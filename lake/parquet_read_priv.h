// SPDX-License-Identifier: Apache-2.0
/* parquet_read_priv: what the files of the Parquet reader share.
 *
 *   footer --> nodes (the schema, depth first), chunks per group
 *   group:     chunk --pages--> levels + dense values per leaf --> columns per node
 *
 * Nothing in a file is trusted: every count is compared with the bytes that must hold it before
 * anything is allocated for it.
 */
#ifndef CUP_LAKE_PARQUET_READ_PRIV_H
#define CUP_LAKE_PARQUET_READ_PRIV_H

#include "lake/parquet_priv.h"

#define CUP_PARQUET_READ_PAGE_MAX    (256u << 20) /* uncompressed; writers aim at 1 MiB */
#define CUP_PARQUET_READ_ENTRIES_MAX (1u << 25)   /* of a chunk; writers aim at 128 MiB a group */
#define CUP_PARQUET_READ_TEXT_MAX    (1u << 30)   /* of a chunk; column offsets hold 4 GiB */
#define CUP_PARQUET_READ_FOOTER_MAX  (1u << 30)
#define CUP_PARQUET_READ_LEAVES_MAX  (1u << 20) /* statistics in checkpoints: 3 a column */

/* Memory that is freed together. */
struct cup_parquet_piece {
    struct cup_parquet_piece *next;
    uint64_t                  pad; /* data stays 16-byte aligned, for I128 */
    uint8_t                   data[];
};
struct cup_parquet_arena {
    struct cup_parquet_piece *first;
};
/* Zeroed; NULL when there is none. */
void *cup_parquet_priv_arena_take(struct cup_parquet_arena *arena, size_t bytes);
void  cup_parquet_priv_arena_clear(struct cup_parquet_arena *arena);

/* A field of the schema. A leaf is a node too. */
struct cup_parquet_node {
    struct cup_field *field;
    uint32_t          parent, index; /* UINT32_MAX at the top; which child */
    uint32_t          top, leaf;     /* leaf: its own number, or that of the first one below */
    uint8_t           slot_def;      /* a level entry with at least this is a row of the node */
    uint8_t           def;           /* ... and with at least this, that row is not null */
    uint8_t           rep;           /* repetition level of the innermost list around it */
    bool              is_leaf;
    bool              left_out;   /* nobody wants it: not read, and without rows */
    bool              unreadable; /* no column can hold it: UNSUPPORTED when it is read */
    uint8_t           physical;   /* leaf only */
    bool              is_millis;
    uint32_t          flba_bytes;
};

struct cup_parquet_chunk {
    uint64_t at, bytes, entries;
    int32_t  codec;
};

struct cup_parquet_group {
    uint64_t                  rows;
    struct cup_parquet_chunk *chunks; /* one per leaf */
};

struct cup_parquet_reader {
    struct cup_bytes_source   source;
    struct cup_parquet_arena  memory, group_memory;
    struct cup_field         *fields;
    struct cup_parquet_node  *nodes;
    struct cup_parquet_group *groups;
    uint64_t                  rows;
    uint32_t                  field_count, node_count, leaf_count, group_count;
};

enum cup_err cup_parquet_priv_read_footer(struct cup_parquet_reader *reader, const uint8_t *bytes,
                                          size_t count, struct cup_fault *out_fault);
enum cup_err cup_parquet_priv_read_schema(struct cup_parquet_reader *reader,
                                          struct cup_thrift_in *in, struct cup_thrift_field list,
                                          struct cup_fault *out_fault);

/* What a chunk holds: levels per entry, and the values that are not null, side by side. */
struct cup_parquet_dense {
    uint8_t  *data;  /* fixed width, or the texts */
    uint32_t *ends;  /* texts: where each ends */
    uint32_t  width; /* 0: texts */
    uint32_t  count;
    size_t    bytes, cap, ends_cap;
};
struct cup_parquet_leaf_data {
    uint8_t                 *def, *rep;
    size_t                   entry_cap;
    uint32_t                 entries;
    struct cup_parquet_dense values;
};
enum cup_err cup_parquet_priv_read_chunk(struct cup_parquet_reader      *reader,
                                         const struct cup_parquet_node  *node,
                                         const struct cup_parquet_chunk *chunk,
                                         struct cup_parquet_leaf_data   *data,
                                         struct cup_fault               *out_fault);
void         cup_parquet_priv_dense_free(struct cup_parquet_dense *dense);

/* Values of PLAIN bytes, converted to the vector of the node's type. */
enum cup_err cup_parquet_priv_read_plain(const struct cup_parquet_node *node, const uint8_t **at,
                                         const uint8_t *end, uint32_t count,
                                         struct cup_parquet_dense *dense);
enum cup_err cup_parquet_priv_read_indices(const struct cup_parquet_dense *dict,
                                           const uint32_t *index, uint32_t count,
                                           struct cup_parquet_dense *dense);
/* Values in an encoding that is none of PLAIN, dictionary and RLE, as PLAIN bytes. */
enum cup_err cup_parquet_priv_to_plain(const struct cup_parquet_node *node, int64_t encoding,
                                       const uint8_t *at, const uint8_t *end, uint32_t count,
                                       struct cup_text *plain);
/* Of one value in the file; 0: BYTE_ARRAY, BOOLEAN. */
uint32_t cup_parquet_priv_physical_bytes(const struct cup_parquet_node *node);
bool cup_parquet_priv_dense_grow(struct cup_parquet_dense *dense, uint64_t bytes, uint32_t values);

/* The column of a node from the levels of one leaf; children must be filled after their parent. */
enum cup_err cup_parquet_priv_read_assemble(struct cup_parquet_reader          *reader,
                                            const struct cup_parquet_node      *node,
                                            const struct cup_parquet_leaf_data *data,
                                            struct cup_column *column, struct cup_fault *out_fault);

#endif
