// SPDX-License-Identifier: Apache-2.0
/* transfer: the spool files of one epoch into one transaction, with its marker.
 *
 *   begin, records, flush: where they are --> marker with that, commit --> seen by all readers
 *
 * Fails     as producer.h: AGAIN (aborted, or not ended everywhere), BAD_DATA, FENCED, or nobody
 *           knows; as spool.h and settle.h.
 * Threads   one: the leg's.
 */
#ifndef CUP_DATAPLANE_DELIVER_TRANSFER_H
#define CUP_DATAPLANE_DELIVER_TRANSFER_H

#include "base/text.h"
#include "dataplane/deliver/settle.h"
#include "dataplane/deliver/spool.h"
#include "dataplane/deliver/targets.h"

struct cup_transfer {
    const struct cup_plan     *plan;
    struct cup_store          *store;
    struct cup_kafka_producer *producer;
    struct cup_targets        *targets;
    const atomic_bool         *stop;
    struct cup_reach           reach;   /* of the epoch */
    uint64_t                   resumed; /* epoch of which reach has parts that are kept; 0: none */
    uint32_t                *topics; /* of the open file to those of reach, plus 1; 0: not asked */
    uint32_t                 topic_cap;
    struct cup_kafka_header *headers; /* of the record at hand */
    uint32_t                 header_cap;
    struct cup_text          names, key, value;
    uint64_t                 record_count; /* of the epoch */
};

/* cup_transfer_free: the producer has been closed, which writes into reach. */
void cup_transfer_free(struct cup_transfer *transfer);

/* cup_transfer_topics adds the topics of a file's records to *reach; those that are missing are
 * made.
 */
CUP_MUST_CHECK enum cup_err cup_transfer_topics(struct cup_transfer *transfer, const char *file,
                                                struct cup_reach *reach,
                                                struct cup_fault *out_fault);

/* cup_transfer_epoch puts the files' records and the marker, commits, and waits until readers see
 * them. Of an epoch that is resumed, only what was not kept. */
CUP_MUST_CHECK enum cup_err cup_transfer_epoch(struct cup_transfer *transfer, uint64_t epoch,
                                               const char *const *files, uint32_t file_count,
                                               struct cup_fault *out_fault);

#endif
