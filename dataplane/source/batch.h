// SPDX-License-Identifier: Apache-2.0
/* batch: raw records with their positions, as a source hands them to decode.
 *
 *   region   value LF value LF value LF ... key LF headers key LF ...  + 64 readable bytes
 *              ^0       ^1       ^2           ^2      ^2                 records[i] says where
 *
 * Every value and key is followed by one LF. The records' bounds are the only bounds: a legal value
 * may contain LF as white space. The values stand first and in order, so that one slice covers
 * them; keys and headers (dumps, partitions) stand behind. A batch belongs to one input and is
 * contiguous in it: it starts where the one before ended. It may hold no record: blank lines, or
 * the mere end of an input.
 *
 * The pieces of an oversize record come in batches of their own, as do a torn record and a last
 * line without LF. All pieces of a record have its position, offset and topic. A position behind
 * a piece with CUP_RECORD_PART is no place to resume: the rest would be taken for a record.
 *
 * Holds     pointers into the source's memory.
 * Owner     the source; a batch dies at the next cup_source_next.
 * Threads   one.
 * Bounds    CUP_BATCH_RECORDS_MAX records; region <= CUP_BATCH_BYTES, or one longer record alone.
 */
#ifndef CUP_DATAPLANE_SOURCE_BATCH_H
#define CUP_DATAPLANE_SOURCE_BATCH_H

#include <stdint.h>

#define CUP_BATCH_BYTES       (256u << 10) /* raw; sized to stay in L2 */
#define CUP_BATCH_RECORDS_MAX 8192u
#define CUP_BATCH_PADDING     64u

enum cup_value_kind {
    CUP_VALUE_NULL,  /* no value at all: a tombstone */
    CUP_VALUE_EMPTY, /* a value of zero bytes */
    CUP_VALUE_BYTES,
};

enum cup_record_flag {
    CUP_RECORD_PART     = 1, /* a piece of an oversize record; more pieces follow */
    CUP_RECORD_OVERSIZE = 2, /* its last piece: value_bytes is the piece, whole_bytes the record */
    CUP_RECORD_TORN     = 4, /* the input ended inside this record (outcome TRUNCATED) */
    CUP_RECORD_BAD_LINE =
        8, /* a dump line that is no dump record (outcome DUMP_SYNTAX): the value is the line */
    CUP_RECORD_GIVEN_UP = 16, /* a retried record that an operator discards (outcome DISCARDED) */
};

struct cup_record {
    uint32_t value_at, value_bytes; /* in the region; 0,0 for NULL and EMPTY */
    uint32_t key_at, key_bytes;
    uint32_t headers_at, headers_bytes; /* see cup_header_next */
    uint32_t topic;                     /* index for cup_source_topic */
    int32_t  partition;
    int64_t  offset;       /* in topic and partition; NDJSON: byte offset in the file */
    int64_t  timestamp_ms; /* of the message; INT64_MIN when unknown */
    uint64_t position;     /* of the record's first byte in its input, uncompressed */
    uint64_t whole_bytes;  /* of the value; in pieces: up to the end of this one, so that the last
                              one has the record's */
    uint8_t  value_kind, key_kind; /* enum cup_value_kind */
    uint8_t  flags;                /* CUP_RECORD_* */
    uint8_t  has_origin;           /* a retried record: 1 */
    uint32_t origin_at;            /* then: see cup_origin_get */
};

struct cup_batch {
    const uint8_t           *region;
    uint32_t                 region_bytes, record_count;
    const struct cup_record *records;
    const char              *name;        /* of the input: its topic, or that and ~generation */
    uint32_t                 input;       /* its index */
    uint32_t                 blank_count; /* empty lines skipped in this batch */
    /* bytes of the input that this batch covers: [start, end). A tear (CUP_RECORD_TORN) takes one
     * position behind the last byte, so that a run that starts there does not report it again */
    uint64_t start, end; /* partitions: offsets; there may be holes between records */
    uint64_t lost_count; /* partitions: offsets that were deleted before they could be read; such a
                            batch has no record and covers just them */
    /* partitions: the last record before `end`; NULL: there is none */
    const struct cup_input_identity *anchor;
    /* 1: the region's bytes are the input's bytes (NDJSON): [records[i].position, next) maps to
     * region bytes one to one, so that bronze can archive runs of records in one piece */
    uint8_t verbatim;
    uint8_t no_keys;    /* 1: the input's form has no record keys: a NULL key says nothing */
    uint8_t ends_input; /* 1: nothing follows in this input */
    uint8_t retried;    /* 1: its records were in quarantine: each has an origin */
};

/* Headers lie in the region one after the other: u32 name bytes, i32 value bytes (-1 = null), name,
 * value; unaligned, little endian. */
struct cup_header {
    const uint8_t *name, *value; /* value NULL for a null value */
    uint32_t       name_bytes, value_bytes;
};

/* Where a retried record came from when it was refused first. Texts are NUL-terminated. */
struct cup_origin {
    const char *input, *file, *by; /* file NULL: its bytes are in no archive; by NULL: unknown */
    uint64_t    first_epoch, position, member_at, at; /* member_at, at: if there is a file */
    uint8_t     form; /* enum cup_input_form of the input it came from */
    uint8_t     line; /* 1: the value is a whole line of a dump */
};

/* cup_origin_get reads what cup_origin_put wrote to out, which holds CUP_ORIGIN_BYTES and the
 * texts with their NULs; put returns how much it wrote. */
#define CUP_ORIGIN_BYTES 48u
struct cup_origin cup_origin_get(const uint8_t *bytes);
uint32_t          cup_origin_put(uint8_t *out, const struct cup_origin *origin);

/* cup_header_next gives the header at headers[*at..bytes) and moves *at; 0 at the end. The bytes
 * come from cup_header_put only, so a bad length is a bug (asserted). */
int cup_header_next(const uint8_t *headers, uint32_t bytes, uint32_t *at, struct cup_header *out);

/* cup_header_put writes one header to out[0..cap); returns its bytes, 0 when it does not fit. value
 * may be NULL. */
uint32_t cup_header_put(uint8_t *out, uint32_t cap, const uint8_t *name, uint32_t name_bytes,
                        const uint8_t *value, uint32_t value_bytes);

#endif
