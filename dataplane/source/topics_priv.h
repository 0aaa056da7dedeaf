// SPDX-License-Identifier: Apache-2.0
/* topics: the names of topics seen, each with a small number.
 *
 * Holds     a hash table made at open; names from dumps in pool blocks, names of files where the
 *           plan has them, or copies.
 * Owner     the source.
 * Threads   one.
 * Bounds    CUP_TOPICS_MAX names from dumps, and one for each input ever met.
 * Tests     tests/dataplane/source/test_dump.c
 */
#ifndef CUP_DATAPLANE_SOURCE_TOPICS_PRIV_H
#define CUP_DATAPLANE_SOURCE_TOPICS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"

#define CUP_TOPICS_MAX      65536u /* as many as a plan has tables */
#define CUP_TOPIC_BYTES_MAX 249u   /* Kafka's own limit */
#define CUP_TOPIC_PATH_MAX  4096u  /* of a retried NDJSON record: its file */

struct cup_topic {
    const char *name; /* NUL-terminated */
    uint32_t    bytes, hash;
    bool        own; /* the name was copied for it */
};

struct cup_topics {
    struct cup_pool  *pool;
    struct cup_topic *rows;
    uint32_t         *slots; /* index in rows + 1; 0: free */
    uint32_t          count, dump_count, cap, slot_mask;
    uint32_t          last;   /* the answer before: dumps name one topic many times in a row */
    struct cup_chain  blocks; /* of names */
};

CUP_MUST_CHECK enum cup_err cup_topics_priv_open(struct cup_topics *topics, struct cup_pool *pool,
                                                 uint32_t input_count, struct cup_fault *out_fault);
void                        cup_topics_priv_close(struct cup_topics *topics);

/* cup_topics_priv_file is the number of a file's topic; keeps name. */
uint32_t cup_topics_priv_file(struct cup_topics *topics, const char *name, uint32_t bytes);

/* cup_topics_priv_followed is the same for a file that was found later: makes room, copies name. */
CUP_MUST_CHECK enum cup_err cup_topics_priv_followed(struct cup_topics *topics, const char *name,
                                                     uint32_t         *out_topic,
                                                     struct cup_fault *out_fault);

/* cup_topics_priv_dump is the number of a name in a dump.
 *
 * Returns   CUP_OK; CUP_NO_MEMORY: the pool has no block for its text; CUP_END: there are
 * CUP_TOPICS_MAX already. */
CUP_MUST_CHECK enum cup_err cup_topics_priv_dump(struct cup_topics *topics, const uint8_t *name,
                                                 uint32_t bytes, uint32_t *out_topic);

#endif
