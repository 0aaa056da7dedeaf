// SPDX-License-Identifier: Apache-2.0
/* client_priv: what is behind a client, for this room; and how its errors become words.
 *
 *   a line of the library's log --> note: why nothing works --+
 *   an error code of a call     --> fail: words.def ----------+--> fault
 *
 * Holds     the library's handle, the last reason.
 * Owner     who opened the client.
 * Threads   the reason is under a lock: the library's threads note, ours read.
 * Fails     -
 * Tests     tests/kafka
 */
#ifndef CUP_DATAPLANE_KAFKA_CLIENT_PRIV_H
#define CUP_DATAPLANE_KAFKA_CLIENT_PRIV_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "dataplane/kafka/client.h"

/* The first library whose SCRAM brokers of version 4 accept: 2.6.1 */
#define CUP_KAFKA_PRIV_SCRAM_VERSION 0x020601ff

/* A topic is not deleted, made anew and filled in less. */
#define CUP_KAFKA_PRIV_GAP_NS CUP_NS_PER_S

/* What is known about why nothing works. */
struct cup_kafka_reason {
    const struct cup_kafka_words *words; /* NULL: nothing went wrong since all was well */
    char                          text[CUP_FAULT_WHERE_BYTES]; /* the library's */
    uint64_t                      down_ms; /* no broker was to be reached then; 0: never */
    bool                          was_well;
};

struct cup_kafka_client {
    rd_kafka_t             *handle;
    enum cup_kafka_role     role;
    bool                    has_old_scram; /* SCRAM with a library that new brokers refuse */
    atomic_uint             doubt_count;   /* see cup_kafka_priv_doubt_count */
    atomic_ullong           fetched_ns;    /* when records were last heard of */
    pthread_mutex_t         lock;          /* of reason */
    struct cup_kafka_reason reason;
    /* PRODUCER: what became of a record, if someone wants to know */
    void (*delivered)(void *arg, const rd_kafka_message_t *message);
    void       *delivered_arg;
    atomic_bool is_aborting;  /* PRODUCER: the library says that a transaction cannot succeed */
    rd_kafka_queue_t *advice; /* the answer to what was advised last; NULL: nothing was */
    bool              is_advising; /* it has not come yet */
    enum cup_err      advised;     /* what it was: see cup_kafka_advice */
};

/* cup_kafka_priv_handle lends the library's handle. */
rd_kafka_t *cup_kafka_priv_handle(struct cup_kafka_client *client);

/* cup_kafka_priv_doubt_count counts moments after which a topic may be another one: answers about
 * topics and their leaders (the library asks whenever something is amiss: a topic is gone, led by
 * another, its broker was away; and does not say so), and times in which no fetch was under way. A
 * record that was fetched behind such a moment is handed out behind its count. Any thread. */
unsigned cup_kafka_priv_doubt_count(const struct cup_kafka_client *client);

/* cup_kafka_priv_note takes a line of the library's log. Any thread. */
#define CUP_KAFKA_PRIV_ALL_DOWN "brokers are down" /* in a line: none can be reached */
void cup_kafka_priv_note(struct cup_kafka_client *client, const char *line);

/* cup_kafka_priv_is_known: the cluster has answered once, or something was noted. Any thread. */
bool cup_kafka_priv_is_known(struct cup_kafka_client *client);

/* cup_kafka_priv_well: the cluster answered; what was noted is over. Any thread. Cheap, but not for
 * each record. */
void cup_kafka_priv_well(struct cup_kafka_client *client);

/* cup_kafka_priv_fail fills *out_fault with what a code means, and returns its error. `text` is
 * the library's (NULL: of the code), `about` says broker, topic or partition ("": nothing). When
 * the code only says that nobody answered, the reason that was noted is told instead. */
enum cup_err cup_kafka_priv_fail(struct cup_kafka_client *client, rd_kafka_resp_err_t code,
                                 const char *text, const char *about, struct cup_fault *out_fault);

/* cup_kafka_priv_fail_error is _fail for an error object, which it destroys. */
enum cup_err cup_kafka_priv_fail_error(struct cup_kafka_client *client, rd_kafka_error_t *error,
                                       const char *about, struct cup_fault *out_fault);

#endif
