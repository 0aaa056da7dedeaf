// SPDX-License-Identifier: Apache-2.0
/* cluster: what a cluster has: topics, partitions, watermarks; topics are created here.
 *
 * Holds     nothing; works on a client.
 * Owner     -
 * Threads   one at a time for a client. Every call waits for the cluster, at most timeout_ms.
 * Fails     IO (words name the setting to change), NOT_FOUND (a topic or partition), NO_MEMORY.
 * Tests     tests/kafka/test_cluster.py
 */
#ifndef CUP_DATAPLANE_KAFKA_CLUSTER_H
#define CUP_DATAPLANE_KAFKA_CLUSTER_H

#include "dataplane/kafka/client.h"

/* A topic as the cluster lists it. Names live as long as the list. */
struct cup_kafka_topic {
    const char *name;
    uint32_t    partition_count;
};
struct cup_kafka_topics {
    struct cup_kafka_topic *list; /* by name */
    uint32_t                count;
    uint64_t                cluster_hash; /* of the cluster's id */
};

/* cup_kafka_topics_list lists all topics that the user may see; _free empties the list. */
CUP_MUST_CHECK enum cup_err cup_kafka_topics_list(struct cup_kafka_client *client, int timeout_ms,
                                                  struct cup_kafka_topics *out_topics,
                                                  struct cup_fault        *out_fault);
void                        cup_kafka_topics_free(struct cup_kafka_topics *topics);

/* cup_kafka_watermarks: the first offset there is, and the one behind the last that a reader of
 * committed records may see. */
CUP_MUST_CHECK enum cup_err cup_kafka_watermarks(struct cup_kafka_client *client, const char *topic,
                                                 int32_t partition, int timeout_ms,
                                                 int64_t *out_low, int64_t *out_high,
                                                 struct cup_fault *out_fault);

/* A place in a partition: to be asked for, answered, or committed. */
struct cup_kafka_place {
    const char *topic;
    int32_t     partition;
    int64_t     offset;
};

/* cup_kafka_offsets_for_times turns each offset, a time in ms since 1970, into that of the first
 * record that is not older; the end of the partition when there is none. */
CUP_MUST_CHECK enum cup_err cup_kafka_offsets_for_times(struct cup_kafka_client *client,
                                                        struct cup_kafka_place  *places,
                                                        uint32_t count, int timeout_ms,
                                                        struct cup_fault *out_fault);

/* cup_kafka_ends sets each offset to the end of its partition, with one request a broker: behind
 * the last record that a reader of committed records may see; asked through a consumer that reads
 * uncommitted ones, behind the last there is. */
CUP_MUST_CHECK enum cup_err cup_kafka_ends(struct cup_kafka_client *client,
                                           struct cup_kafka_place *places, uint32_t count,
                                           int timeout_ms, struct cup_fault *out_fault);

/* cup_kafka_advise asks to store offsets for a consumer group that nobody joins, for lag tools: no
 * position depends on them. Does not wait; the last answer must have come. */
void cup_kafka_advise(struct cup_kafka_client *client, const char *group,
                      const struct cup_kafka_place *places, uint32_t count);

/* cup_kafka_advice waits for the answer, and says what it was: CUP_AGAIN when it has not come,
 * CUP_IO when it is worth to advise again, CUP_OK when the offsets are stored, refused for good, or
 * none were ever given. */
enum cup_err cup_kafka_advice(struct cup_kafka_client *client, int timeout_ms);

/* cup_kafka_topic_create creates a topic; one that is there is left as it is (CUP_EXISTS).
 * While no broker is in service it asks again, up to timeout_ms. BAD_CONFIG: the cluster will not,
 * whoever asks again: a right is missing, or a number or setting of the topic is not allowed. */
struct cup_kafka_new_topic {
    const char                     *name;
    uint32_t                        partition_count, replication; /* 0: the broker's default */
    const struct cup_kafka_setting *settings;
    uint32_t                        setting_count;
};
CUP_MUST_CHECK enum cup_err cup_kafka_topic_create(struct cup_kafka_client          *client,
                                                   const struct cup_kafka_new_topic *topic,
                                                   int timeout_ms, struct cup_fault *out_fault);

#endif
