// SPDX-License-Identifier: Apache-2.0
/* parquet_priv: what the files of the Parquet writer and reader share.
 *
 *   append: plan (how many pages, how many bytes at most) -> per leaf and page:
 *           levels -> values (dictionary, DELTA or PLAIN) -> codec -> page store
 *
 * One page store per file holds the pages of all leaves of the open group in the order in which
 * they were made; each leaf links its own, so a leaf with little data borrows little:
 *
 *   store   [leaf 0 page][leaf 1 page][leaf 2 page][leaf 0 page]...   in a chain of blocks
 *               \_________________________________/ next
 */
#ifndef CUP_LAKE_PARQUET_PRIV_H
#define CUP_LAKE_PARQUET_PRIV_H

#include "lake/parquet.h"
#include "lake/thrift.h"

#define CUP_PARQUET_DEPTH_MAX 16u /* nested fields; the deepest in a checkpoint is 3 */

/* A page body, and what a codec makes of it at worst (snappy: one sixth more), fits one block. */
#define CUP_PARQUET_PAGE_BYTES   56000u
#define CUP_PARQUET_PAGE_ENTRIES 16000u      /* 4 bytes each fit one block */
#define CUP_PARQUET_BODY_MAX     (32u << 20) /* a page of one row; a record is at most 16 MiB */
_Static_assert(CUP_PARQUET_PAGE_ENTRIES * sizeof(uint32_t) <= CUP_BLOCK_BYTES, "rows[] of a page");
_Static_assert(CUP_PARQUET_PAGE_BYTES / 6 * 7 + 64 <= CUP_BLOCK_BYTES, "snappy's worst case");
_Static_assert((CUP_PARQUET_BODY_MAX / 6 * 7) / CUP_BLOCK_BYTES + 1 <= CUP_POOL_RUN_MAX,
               "a run holds the largest body, however badly it compresses");

enum { /* parquet.thrift: Type, Encoding, PageType, ConvertedType */
       CUP_PARQUET_BOOLEAN    = 0,
       CUP_PARQUET_INT32      = 1,
       CUP_PARQUET_INT64      = 2,
       CUP_PARQUET_INT96      = 3,
       CUP_PARQUET_FLOAT      = 4,
       CUP_PARQUET_DOUBLE     = 5,
       CUP_PARQUET_BYTE_ARRAY = 6,
       CUP_PARQUET_FLBA       = 7,

       CUP_PARQUET_PLAIN            = 0,
       CUP_PARQUET_PLAIN_DICTIONARY = 2,
       CUP_PARQUET_RLE              = 3,
       CUP_PARQUET_RLE_DICTIONARY   = 8,

       CUP_PARQUET_DELTA_BINARY_PACKED     = 5,
       CUP_PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6, /* read, never written, as the next two */
       CUP_PARQUET_DELTA_BYTE_ARRAY        = 7,
       CUP_PARQUET_BYTE_STREAM_SPLIT       = 9,

       CUP_PARQUET_DATA_PAGE       = 0,
       CUP_PARQUET_DICTIONARY_PAGE = 2,
       CUP_PARQUET_DATA_PAGE_V2    = 3,

       CUP_PARQUET_CODEC_GZIP = 2, /* read, never written */
};

/* --- codecs (parquet_codec.c) --- */

/* Bytes of context that packing needs; 0 for none. */
size_t cup_parquet_priv_codec_bytes(enum cup_codec codec);
void  *cup_parquet_priv_codec_init(enum cup_codec codec, void *memory, size_t bytes);
size_t cup_parquet_priv_codec_bound(enum cup_codec codec, size_t bytes);
enum cup_parquet_effort { /* of packing a page; see parquet_pack.c */
                          CUP_PARQUET_FULL,
                          CUP_PARQUET_ENTROPY,
                          CUP_PARQUET_RAW,
};
/* Packs bytes[0..count) into out, which has room for the bound of count. Not for RAW. */
size_t cup_parquet_priv_codec_pack(enum cup_codec codec, void *context,
                                   enum cup_parquet_effort effort, const uint8_t *bytes,
                                   size_t count, uint8_t *out, size_t out_cap);
/* The bytes that make a valid stream of `count` bytes stored as they are: where packing does not
 * pay, and for the moment when there is no memory left to pack in. Returns how many. */
#define CUP_PARQUET_STORED_BYTES 12u
#define CUP_PARQUET_STORED_MAX   (64u << 10) /* a snappy literal with 2 bytes of length */
_Static_assert(CUP_PARQUET_DICT_BYTES_MAX <= CUP_PARQUET_STORED_MAX, "a dictionary may be stored");
_Static_assert(CUP_PARQUET_PAGE_BYTES <= CUP_PARQUET_STORED_MAX, "a page may be stored");
size_t cup_parquet_priv_codec_stored(enum cup_codec codec, size_t count,
                                     uint8_t out_head[CUP_PARQUET_STORED_BYTES]);
/* Unpacks to exactly out_bytes; false when the stream is bad or has another length. */
bool cup_parquet_priv_codec_unpack(int32_t codec, const uint8_t *bytes, size_t count, uint8_t *out,
                                   size_t out_bytes);
bool cup_parquet_priv_codec_known(int32_t codec);

/* --- RLE and bit-packed hybrid (parquet_rle.c) --- */

uint32_t cup_parquet_priv_width(uint32_t value_max); /* bits */
uint8_t *cup_parquet_priv_rle_put(uint8_t *to, const uint16_t *values, uint32_t count,
                                  uint32_t width);
uint8_t *cup_parquet_priv_rle_run(uint8_t *to, uint32_t value, uint32_t count, uint32_t width);
/* Reads exactly count values, each <= value_max; *at moves behind what was read. */
bool cup_parquet_priv_rle_get(const uint8_t **at, const uint8_t *end, uint32_t width,
                              uint32_t value_max, uint32_t *out_values, uint32_t count);

/* --- bounds (parquet_bounds.c) --- */

#define CUP_PARQUET_BOUND_CHARACTERS 32u /* what Delta readers expect of a truncated string */
#define CUP_PARQUET_BOUND_BYTES      (CUP_PARQUET_BOUND_CHARACTERS * 4)

enum cup_parquet_bound_kind {
    CUP_PARQUET_BOUND_NONE,
    CUP_PARQUET_BOUND_I64,
    CUP_PARQUET_BOUND_F64,
    CUP_PARQUET_BOUND_I128,
    CUP_PARQUET_BOUND_TEXT
};

struct cup_parquet_bounds {
    bool has;     /* at least one value was seen */
    bool spoiled; /* NaN or infinity was seen: no bounds */
    bool min_cut, max_cut;
    union {
        struct {
            int64_t min, max;
        } i64;
        struct {
            double min, max;
        } f64;
        struct {
            cup_i128 min, max;
        } i128;
        struct { /* at most CUP_PARQUET_BOUND_CHARACTERS of each; *_key: first 8 bytes, comparable
                  */
            uint64_t min_key, max_key;
            uint8_t  min_bytes, max_bytes;
            uint8_t  min[CUP_PARQUET_BOUND_BYTES], max[CUP_PARQUET_BOUND_BYTES];
        } text;
    };
};

enum cup_parquet_bound_kind cup_parquet_priv_bound_kind(const struct cup_field *field);
void cup_parquet_priv_bounds_i32(struct cup_parquet_bounds *bounds, const int32_t *values,
                                 uint32_t count);
void cup_parquet_priv_bounds_i64(struct cup_parquet_bounds *bounds, const int64_t *values,
                                 uint32_t count);
void cup_parquet_priv_bounds_f32(struct cup_parquet_bounds *bounds, const float *values,
                                 uint32_t count);
void cup_parquet_priv_bounds_f64(struct cup_parquet_bounds *bounds, const double *values,
                                 uint32_t count);
void cup_parquet_priv_bounds_i128(struct cup_parquet_bounds *bounds, cup_i128 value);
void cup_parquet_priv_bounds_text_slow(struct cup_parquet_bounds *bounds, const uint8_t *text,
                                       uint32_t bytes);
void cup_parquet_priv_bounds_merge(struct cup_parquet_bounds       *into,
                                   const struct cup_parquet_bounds *from,
                                   enum cup_parquet_bound_kind      kind);
/* Raises a cut max so that it bounds every string that begins with it; false: impossible. */
bool cup_parquet_priv_bound_raise(uint8_t *text, uint8_t *bytes);
/* JSON of the min or max; nothing is appended and false returned when there is none. */
bool cup_parquet_priv_bound_json(const struct cup_parquet_bounds *bounds,
                                 const struct cup_field *field, bool is_max, struct cup_text *text);

/* The first 8 bytes as a number that compares like them; text has 8 readable bytes. */
static inline uint64_t cup_parquet_priv_key(const uint8_t *text, uint32_t bytes)
{
    uint64_t key;

    __builtin_memcpy(&key, text, 8);
    key = __builtin_bswap64(key);
    return bytes >= 8 ? key : bytes == 0 ? 0 : key >> (64 - 8 * bytes) << (64 - 8 * bytes);
}

/* --- dictionaries (parquet_dict.c) --- */

enum cup_parquet_dict_state {
    CUP_PARQUET_DICT_UNTRIED, /* no page of the group yet */
    CUP_PARQUET_DICT_ALIVE,   /* every page so far uses it */
    CUP_PARQUET_DICT_CLOSED,  /* pages use it, but from now on they are PLAIN */
    CUP_PARQUET_DICT_REFUSED, /* not worth it: the group does without */
};

struct cup_parquet_dict {
    uint8_t  *memory;
    uint16_t *slots;  /* value index + 1, 0 = free; open addressing */
    uint32_t *starts; /* texts only: where value i starts in data */
    uint8_t  *data;   /* PLAIN, ready to be a dictionary page */
    uint32_t  count, bytes;
    uint8_t   size;  /* index of the size class */
    uint8_t   state; /* enum cup_parquet_dict_state */
};

struct cup_parquet_slices; /* small dictionaries share blocks */

struct cup_parquet_dict_home { /* where dictionaries of a file get memory */
    struct cup_pool           *pool;
    struct cup_parquet_slices *slices;
    uint32_t                   blocks; /* borrowed */
    uint32_t                   spare;  /* blocks of the pool that must stay free */
};

/* Values to be looked up: dense fixed-width ones, or texts of a column by row. */
struct cup_parquet_texts {
    const uint8_t  *text;
    const uint32_t *offsets;
    const uint32_t *rows; /* NULL: rows first, first + 1, ... */
    uint32_t        first, text_bytes;
};

bool cup_parquet_priv_dict_begin(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict);
/* Index of each value; false when the dictionary is full (it then still holds what it got). */
bool cup_parquet_priv_dict_fixed(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict,
                                 const uint8_t *dense, uint32_t count, uint32_t width,
                                 uint16_t *out_index);
bool cup_parquet_priv_dict_texts(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict,
                                 const struct cup_parquet_texts *texts, uint32_t count,
                                 struct cup_parquet_bounds *bounds, uint16_t *out_index);
void cup_parquet_priv_dict_free(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict);
/* After the last dict_free. */
void cup_parquet_priv_dict_home_clear(struct cup_parquet_dict_home *home);

/* --- the file being written (parquet_write.c, parquet_encode.c, parquet_footer.c) --- */

struct cup_parquet_page { /* followed by `bytes` bytes of page header and body in the store */
    struct cup_parquet_page *next;
    uint32_t                 bytes, pad;
};
_Static_assert(sizeof(struct cup_parquet_page) == 16, "records in the store are multiples of 8");

struct cup_parquet_habit { /* how pages of a leaf are packed; outlives groups */
    uint32_t tried_bytes;  /* of the page that decided it */
    uint8_t  pages_left;   /* until it is tried again */
    uint8_t  effort;       /* enum cup_parquet_effort */
    uint8_t  delta_left;   /* pages until differences, which did not pay, are tried again */
};

struct cup_parquet_leaf {
    const struct cup_field *field;
    uint32_t                top;        /* index of its top-level field */
    uint32_t                path_bytes; /* names in path_in_schema, with their lengths */
    uint8_t                 steps[CUP_PARQUET_DEPTH_MAX]; /* child indices from the top */
    uint8_t                 step_count;                   /* 0: a flat column */
    uint8_t                 physical, width;              /* bytes of a fixed-width value */
    uint8_t                 max_def, max_rep, bound_kind;

    struct cup_parquet_page *first, *last;
    struct cup_parquet_dict  dict;
    struct cup_parquet_habit habit;
    uint64_t                 entry_count, null_count, page_bytes, body_bytes;
    uint32_t                 dict_pages, delta_pages;
    uint64_t                 chunk_at, data_at; /* set by close_group */

    /* nulls of the leaf, and (first leaf of a nested column) of the top-level column itself */
    uint64_t                  file_null_count, group_top_null_count, file_top_null_count;
    struct cup_parquet_bounds group_bounds, file_bounds;
};

struct cup_parquet_reserve { /* a kept block */
    struct cup_parquet_reserve *next;
};

struct cup_parquet {
    struct cup_pool             *pool;
    const struct cup_field      *fields;
    uint32_t                     field_count, leaf_count, block_count;
    enum cup_codec               codec;
    enum cup_err                 broken; /* the sink failed: the file cannot be finished */
    struct cup_sink              sink;
    uint64_t                     at; /* bytes written so far */
    uint64_t                     row_count, group_row_count;
    uint32_t                     group_count;
    uint32_t                     group_entry_bytes; /* in the footer, at most */
    struct cup_chain             store, groups;
    struct cup_parquet_dict_home home;
    struct cup_parquet_reserve  *reserve; /* blocks kept for the group's footer entry */
    uint32_t                     reserve_blocks;
    struct cup_parquet_leaf      leaves[];
};
_Static_assert(sizeof(struct cup_parquet_leaf) * 64 + sizeof(struct cup_parquet) <= CUP_BLOCK_BYTES,
               "cup_parquet_open promises one block per 64 leaves");

/* An iterative walk over nested fields, depth first. */
struct cup_parquet_walk_level {
    const struct cup_field *fields; /* siblings */
    uint32_t                count, next, index;
    uint8_t                 parent_type; /* CUP_TYPE_COUNT at the top */
};
struct cup_parquet_walk {
    struct cup_parquet_walk_level level[CUP_PARQUET_DEPTH_MAX + 1];
    uint32_t                      depth; /* levels that are open */
};
void cup_parquet_priv_walk_start(struct cup_parquet_walk *walk, const struct cup_field *fields,
                                 uint32_t count);
/* The next field, NULL at the end: level[depth - 1] says where it stands. */
const struct cup_field *cup_parquet_priv_walk_next(struct cup_parquet_walk *walk);
/* Goes into the children of the field just returned; false when that is too deep. */
bool cup_parquet_priv_walk_enter(struct cup_parquet_walk *walk, const struct cup_field *field);
bool cup_parquet_priv_is_leaf(const struct cup_field *field);
/* The name of child `index` of a parent: lists and maps have fixed ones. */
const char *cup_parquet_priv_name(const struct cup_field *field, uint8_t parent_type,
                                  uint32_t index);

/* Physical type and byte width (0 for texts and booleans) of a leaf field. */
void cup_parquet_priv_physical(const struct cup_field *field, uint8_t *out_physical,
                               uint8_t *out_width);

/* Level of nesting that a field of this type adds: see "List levels" in lake/README.md. */
static inline bool cup_parquet_priv_is_optional(const struct cup_field *field, uint8_t parent_type,
                                                uint32_t index)
{
    if (parent_type == CUP_TYPE_MAP && index == 0) return false; /* keys are required */
    return (field->flags & CUP_FIELD_REQUIRED) == 0;
}

/* Thrift structures. */
void cup_parquet_priv_put_group(const struct cup_parquet *file, struct cup_thrift_out *out);
void cup_parquet_priv_put_schema(const struct cup_parquet *file, struct cup_thrift_out *out);
void cup_parquet_priv_put_footer(const struct cup_parquet *file, struct cup_thrift_out *out);
void cup_parquet_priv_put_stats(const struct cup_parquet *file, struct cup_text *text);

/* Page header of a V1 data page or dictionary page, into a buffer of the thrift object. */
struct cup_parquet_page_head {
    int32_t  type, body_bytes, stored_bytes, entry_count, encoding;
    uint32_t crc;
};
void cup_parquet_priv_put_page_head(struct cup_thrift_out              *out,
                                    const struct cup_parquet_page_head *head);
#define CUP_PARQUET_PAGE_HEAD_BYTES 64u

/* Bytes of a leaf in a group's footer entry, at most: ints, sizes, two bounds, its path. */
#define CUP_PARQUET_CHUNK_BYTES (160u + 2 * (CUP_PARQUET_BOUND_BYTES + 8))
#define CUP_PARQUET_GROUP_BYTES 64u

/* --- levels of nested columns (parquet_levels.c) --- */

struct cup_parquet_entry {
    uint32_t row; /* of the column that the walk has reached */
    uint8_t  def, rep;
    uint8_t  live; /* still going down: defined so far */
    uint8_t  pad;
};

/* Entries and PLAIN bytes of rows [lo, hi) of a leaf, at most. */
struct cup_parquet_extent {
    uint64_t entries, bytes;
};
struct cup_parquet_extent cup_parquet_priv_extent(const struct cup_parquet      *file,
                                                  const struct cup_parquet_leaf *leaf,
                                                  const struct cup_column *columns, uint32_t lo,
                                                  uint32_t hi);
const struct cup_column  *cup_parquet_priv_leaf_column(const struct cup_parquet_leaf *leaf,
                                                       const struct cup_column       *columns);
/* Shreds rows [lo, hi): returns the number of entries, written to a or b (*out_entries says). */
uint32_t cup_parquet_priv_shred(const struct cup_parquet *file, const struct cup_parquet_leaf *leaf,
                                const struct cup_column *columns, uint32_t lo, uint32_t hi,
                                struct cup_parquet_entry *a, struct cup_parquet_entry *b,
                                const struct cup_parquet_entry **out_entries);

/* --- planning one append (parquet_plan.c) --- */

struct cup_parquet_run { /* borrowed for the time of one append */
    uint8_t *memory;
    uint32_t blocks;
};

struct cup_parquet_job {
    struct cup_parquet_run body, packed, dense, rows, entries_a, entries_b, codec;
    void                  *codec_context;
};

struct cup_parquet_need {
    uint64_t body_bytes, dense_bytes, entries; /* of the largest page */
    uint64_t nested_entries;
    uint64_t store_bytes; /* of all pages, at most */
};

/* The end of the page that starts at row lo: as many rows as fit, at least one. */
uint32_t cup_parquet_priv_page_end(const struct cup_parquet      *file,
                                   const struct cup_parquet_leaf *leaf,
                                   const struct cup_column *columns, uint32_t lo,
                                   uint32_t row_count, struct cup_parquet_extent *out_extent);
bool     cup_parquet_priv_plan(const struct cup_parquet *file, const struct cup_column *columns,
                               uint32_t row_count, struct cup_parquet_need *out_need);
bool cup_parquet_priv_job_take(const struct cup_parquet *file, const struct cup_parquet_need *need,
                               struct cup_parquet_job *out_job);
void cup_parquet_priv_job_give(const struct cup_parquet *file, struct cup_parquet_job *job);

/* --- values of a page (parquet_values.c) --- */

struct cup_parquet_values { /* that are not null */
    const struct cup_column *column;
    const uint32_t          *rows; /* NULL: first, first + 1, ... */
    uint32_t                 first, count;
};

/* The values side by side in their physical form; lent from the column where they are already.
 * FLBA decimals widen the bounds here, the others in cup_parquet_priv_widen. */
const uint8_t *cup_parquet_priv_dense(const struct cup_parquet_leaf   *leaf,
                                      struct cup_parquet_job          *job,
                                      const struct cup_parquet_values *values,
                                      struct cup_parquet_bounds       *bounds);
void           cup_parquet_priv_widen(const struct cup_parquet_leaf *leaf, const uint8_t *dense,
                                      uint32_t count, struct cup_parquet_bounds *bounds);
struct cup_parquet_texts cup_parquet_priv_texts(const struct cup_parquet_values *values);
uint8_t *cup_parquet_priv_put_booleans(uint8_t *to, const struct cup_parquet_values *values);
uint8_t *cup_parquet_priv_put_texts(uint8_t *to, const struct cup_parquet_texts *texts,
                                    uint32_t count, struct cup_parquet_bounds *bounds);

/* cup_parquet_priv_put_varint writes ULEB128, at most 10 bytes; returns the end. */
static inline uint8_t *cup_parquet_priv_put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

/* --- differences of numbers (parquet_delta.c) --- */

/* Writes INT32 (width 4) or INT64 (8) values as DELTA_BINARY_PACKED; NULL: they would not be much
 * shorter than PLAIN, whose room is enough; what stands there then means nothing. */
uint8_t *cup_parquet_priv_delta_put(uint8_t *to, const uint8_t *dense, uint32_t count,
                                    uint32_t width);

/* --- packing a page (parquet_pack.c) --- */

struct cup_parquet_packed { /* a stream of the file's codec: head, then bytes lent from the job */
    const uint8_t *bytes;
    uint32_t       count, head_bytes;
    uint8_t        head[CUP_PARQUET_STORED_BYTES];
};

/* Packs the first `bytes` bytes of the job's body. */
void cup_parquet_priv_pack(const struct cup_parquet *file, struct cup_parquet_habit *habit,
                           struct cup_parquet_job *job, size_t bytes,
                           struct cup_parquet_packed *out);

/* --- all pages of an append (parquet_encode.c) --- */

void cup_parquet_priv_encode(struct cup_parquet *file, struct cup_parquet_job *job,
                             const struct cup_column *columns, uint32_t row_count);

#endif
