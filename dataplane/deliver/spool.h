// SPDX-License-Identifier: Apache-2.0
/* spool: the file of records that one worker made in one epoch for the output's topics.
 *
 *   | frame: magic, bytes, crc32c, 0 | entry entry entry ... | frame | ... | frame: ..., END entry
 * | entry: cup_spool_head, key, value, headers (see cup_header_put)
 *
 * A file names a topic before the first record for it. A record that is too long to be held is
 * there as pieces, and the record has the last one. The END entry's value is the number of records
 * (u64): a file without it is not whole. Little endian, unaligned.
 *
 * Holds     writer: a staged file, a frame of 256 KiB and one record. reader: the same, and the
 *           pieces of a record.
 * Owner     writer: one worker. reader: the leg.
 * Threads   one.
 * Fails     IO, NO_SPACE, NO_MEMORY, CORRUPT.
 * Bounds    a value of CUP_SPOOL_VALUE_MAX, pieces together.
 * Tests     tests/dataplane/deliver/test_spool.c
 */
#ifndef CUP_DATAPLANE_DELIVER_SPOOL_H
#define CUP_DATAPLANE_DELIVER_SPOOL_H

#include "base/text.h"
#include "dataplane/store/store.h"

#define CUP_SPOOL_MAGIC       0x4c505343u  /* "CSPL" */
#define CUP_SPOOL_FRAME_BYTES (256u << 10) /* one is closed behind the record that fills it */
#define CUP_SPOOL_VALUE_MAX   (100u << 20) /* no topic takes longer ones */
#define CUP_SPOOL_EVERY       (-2)         /* partition: one copy to each */
#define CUP_SPOOL_BY_KEY      (-1)

enum cup_spool_kind {
    CUP_SPOOL_TOPIC,  /* value: the name of the next topic */
    CUP_SPOOL_RECORD, /* to be sent: pieces and value are its value */
    CUP_SPOOL_PIECE,  /* value: the next piece */
    CUP_SPOOL_CUT,    /* the pieces are of a record that is not sent */
    CUP_SPOOL_END,
    CUP_SPOOL_KIND_COUNT
};

struct cup_spool_head {
    uint8_t  kind;                 /* enum cup_spool_kind */
    uint8_t  key_null, value_null; /* 1: null, which is not the same as empty */
    uint8_t  pad;
    uint32_t topic;     /* in the order in which the file names them */
    int32_t  partition; /* modulo those that the topic has; BY_KEY; EVERY */
    uint32_t key_bytes, value_bytes, headers_bytes;
    int64_t  timestamp_ms; /* 0: when it is sent */
};
_Static_assert(sizeof(struct cup_spool_head) == 32, "on disk");

/* A record; lent. key, value NULL: null. */
struct cup_spool_record {
    struct cup_spool_head head;
    const char           *topic; /* reader: its name, NUL-terminated */
    const uint8_t        *key, *value, *headers;
};

/* --- writer --- */

struct cup_spool {
    struct cup_store      *store;
    struct cup_store_file *staged; /* NULL: no file is open */
    struct cup_text        frame;
    uint32_t               topic_count; /* that the open file has named */
    uint64_t               bytes, record_count;
};

void cup_spool_init(struct cup_spool *spool, struct cup_store *store);

/* cup_spool_topic names a topic in the open file, which is begun when there is none. */
CUP_MUST_CHECK enum cup_err cup_spool_topic(struct cup_spool *spool, const char *name,
                                            uint32_t *out_topic, struct cup_fault *out_fault);

/* cup_spool_put appends an entry; head's lengths and nulls are made from the rest. */
CUP_MUST_CHECK enum cup_err cup_spool_put(struct cup_spool              *spool,
                                          const struct cup_spool_record *record,
                                          struct cup_fault              *out_fault);

/* cup_spool_finish ends the open file: whole, not sealed. None is open afterwards. */
CUP_MUST_CHECK enum cup_err cup_spool_finish(struct cup_spool *spool, struct cup_store_file **out,
                                             struct cup_fault *out_fault);
void                        cup_spool_drop(struct cup_spool *spool); /* also frees memory */

/* --- reader --- */

struct cup_spool_reader {
    struct cup_store *store;
    const char       *name;  /* of the file; lent */
    struct cup_text   bytes; /* read so far and not handed out: from `from` in the file on */
    struct cup_text   names, pieces;
    uint32_t         *topics; /* where each name begins */
    uint32_t          topic_count, topic_cap;
    uint64_t          from, record_count;
    size_t            at, frame_end; /* in bytes */
};

void cup_spool_reader_open(struct cup_spool_reader *reader, struct cup_store *store,
                           const char *name);
void cup_spool_reader_close(struct cup_spool_reader *reader);

/* cup_spool_next gives the next record to send. Lends until the next call; topic: until close, but
 * it may move.
 * Returns   END; CORRUPT: the file is damaged or not whole. */
CUP_MUST_CHECK enum cup_err cup_spool_next(struct cup_spool_reader *reader,
                                           struct cup_spool_record *out_record,
                                           struct cup_fault        *out_fault);

#endif
