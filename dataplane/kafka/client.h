// SPDX-License-Identifier: Apache-2.0
/* client: a handle of librdkafka, made from a plan's settings, and its errors in words.
 *
 *   settings + what cupel insists on --> client --> cluster.h   topics, watermarks, creation
 *                                              \--> consumer.h  records of assigned partitions
 *                                               \-> producer.h  records and transactions
 *
 * librdkafka is called in this room only.
 *
 * Holds     one handle with its threads and connections.
 * Owner     who opened it.
 * Threads   one, unless a function says otherwise; librdkafka's own threads note errors.
 * Fails     BAD_CONFIG: a property that the library refuses, a file that cannot be read, a setting
 *           that weakens TLS without `insecure`, SCRAM with a library and broker that cannot do it.
 *           IO: the cluster cannot be reached or refuses; `what` names the setting to change
 *           (words.def), `where` says broker, topic or partition and the library's own sentence.
 * Tests     tests/kafka
 */
#ifndef CUP_DATAPLANE_KAFKA_CLIENT_H
#define CUP_DATAPLANE_KAFKA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/abi/plan.h"

enum cup_kafka_role { CUP_KAFKA_CONSUMER, CUP_KAFKA_PRODUCER };

/* A property; is_file: value is the path of a file that holds it (a last LF does not count). */
struct cup_kafka_setting {
    const char *name, *value;
    bool        is_file;
};

struct cup_kafka_client;

/* cup_kafka_client_open makes the handle: cupel's safe defaults, then `settings` (the owner's),
 * then `own` (what the caller's work needs; these win). Connects in the background. Copies
 * everything. */
CUP_MUST_CHECK enum cup_err
     cup_kafka_client_open(enum cup_kafka_role role, const struct cup_kafka_setting *settings,
                           uint32_t count, const struct cup_kafka_setting *own, uint32_t own_count,
                           struct cup_kafka_client **out_client, struct cup_fault *out_fault);
void cup_kafka_client_close(struct cup_kafka_client *client);

/* cup_kafka_settings writes the settings of a plan's cluster to out[0..cap); texts are lent from
 * the plan. Returns how many there are. */
uint32_t cup_kafka_settings(const struct cup_plan *plan, const struct cup_plan_kafka *cluster,
                            struct cup_kafka_setting *out, uint32_t cap);
#define CUP_KAFKA_SETTINGS_MAX 256u

/* cup_kafka_client_trouble gives the last error that stands in the way of all work (no broker can
 * be reached, authentication, TLS); CUP_OK: none, or it was over again. Any thread. */
enum cup_err cup_kafka_client_trouble(struct cup_kafka_client *client, struct cup_fault *out_fault);

#endif
