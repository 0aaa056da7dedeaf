// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kafka/producer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/kafka/client_priv.h"

#define STEP_MS       200   /* how late cancel is noticed */
#define FENCE_TELL_MS 2000  /* until what stands in the way of all work ends a wait */
#define FENCE_MS      30000 /* for the cluster to end what an older instance left open */
#define TELL_MS       10000 /* a broker that restarts is back by then */
#define COMMIT_MS     300000
#define FLUSH_MS      300000
#define NS_PER_MS     1000000ull
#define OWN_MAX       (CUP_KAFKA_SETTINGS_MAX + 16u)

struct cup_kafka_producer {
    struct cup_kafka_client *client;
    rd_kafka_t              *handle;
    bool                     transactional, refused;
    atomic_bool              cancelled;
    uint64_t         put_count, kept_count; /* since begin: put; told to be kept, and where */
    struct cup_fault refusal; /* the first record that was not taken, since begin or flush */
};

/* --- what errors mean --- */

static bool is_fencing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* What trying again does not change, unless somebody changes a setting. */
static bool is_refusal(rd_kafka_resp_err_t code)
{
    static const rd_kafka_resp_err_t refusals[] = {
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
        RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
    };

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i] == code) return true;
    return false;
}

static enum cup_err kind_of(rd_kafka_resp_err_t code)
{
    if (is_fencing(code)) return CUP_FENCED;
    return is_refusal(code) ? CUP_BAD_DATA : CUP_IO;
}

static enum cup_err say(struct cup_kafka_producer *producer, rd_kafka_resp_err_t code,
                        const char *topic, const char *sentence, struct cup_fault *out_fault)
{
    enum cup_err kind = kind_of(code);
    enum cup_err err  = cup_kafka_priv_fail(producer->client, code, sentence,
                                           topic == NULL ? "" : topic, out_fault);

    if (kind == CUP_IO) return err;
    out_fault->err = kind;
    return kind;
}

/* The fatal error of the handle, if it has one. */
static enum cup_err fatal(struct cup_kafka_producer *producer, struct cup_fault *out_fault)
{
    char                sentence[CUP_FAULT_WHERE_BYTES];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(producer->handle, sentence, sizeof sentence);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return CUP_OK;
    return say(producer, code, NULL, sentence, out_fault);
}

static bool is_cancelled(struct cup_kafka_producer *producer)
{
    return atomic_load_explicit(&producer->cancelled, memory_order_relaxed);
}

/* A call that waits. */
struct wait {
    const char *what;
    uint64_t    since_ns, tell_ms, most_ms;
};

static struct wait begin_wait(const char *what, uint64_t tell_ms, uint64_t most_ms)
{
    return (struct wait){
        .what = what, .since_ns = cup_clock_mono_ns(), .tell_ms = tell_ms, .most_ms = most_ms};
}

/* Whether to go on waiting. What stands in the way of all work is better told soon than after a
 * long wait: nothing is lost by beginning anew, and its words are better than "timed out". */
static enum cup_err may_wait(struct cup_kafka_producer *producer, const struct wait *wait,
                             struct cup_fault *out_fault)
{
    uint64_t         ms      = (cup_clock_mono_ns() - wait->since_ns) / NS_PER_MS;
    struct cup_fault trouble = {0};

    errno = 0;
    if (is_cancelled(producer)) return cup_fault_set(out_fault, CUP_IO, "stopped", wait->what);
    if (ms > wait->tell_ms && cup_kafka_client_trouble(producer->client, &trouble) != CUP_OK) {
        *out_fault = trouble;
        return trouble.err;
    }
    if (ms < wait->most_ms) return CUP_OK;
    errno = 0;
    return cup_fault_set(out_fault, CUP_IO, "the Kafka cluster does not answer", wait->what);
}

/* --- records on their way --- */

static void grow(struct cup_kafka_span *span, int64_t offset)
{
    if (span == NULL) return;
    if (span->first < 0 || offset < span->first) span->first = offset;
    if (span->last < offset) span->last = offset;
}

/* Called by rd_kafka_poll, in the producer's own thread. */
static void delivered(void *arg, const rd_kafka_message_t *message)
{
    struct cup_kafka_producer *producer = arg;

    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset >= 0) {
        producer->kept_count++;
        grow(message->_private, message->offset);
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || producer->refused) return;
    if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return; /* what follows the one that was refused */
    producer->refused = true;
    (void)say(producer, message->err, rd_kafka_topic_name(message->rkt),
              NULL, /* the library's "errstr" of a record that was sent is the record's value */
              &producer->refusal); /* kept for whoever waits */
}

/* What the transaction was refused for, or the fault that is known so far. */
static enum cup_err with_reason(struct cup_kafka_producer *producer, enum cup_err err,
                                struct cup_fault *out_fault)
{
    if (!producer->refused || producer->refusal.err == CUP_IO) return err;
    producer->refused = false;
    *out_fault        = producer->refusal;
    return producer->refusal.err;
}

/* --- open and close --- */

/* What owners may change comes before their settings, what they may not behind. */
static uint32_t put_settings(const struct cup_kafka_setting *settings, uint32_t count,
                             struct cup_kafka_setting *out)
{
    static const struct cup_kafka_setting defaults[] = {
        {"partitioner", "murmur2_random", false}, /* keys land as Java clients put them */
        {"compression.type", "lz4", false},
        {"linger.ms", "5", false},
        {"queue.buffering.max.messages", "100000", false},
        {"queue.buffering.max.kbytes", "65536", false},
        {"message.max.bytes", "100000000", false},   /* the topic decides, not the client */
        {"transaction.timeout.ms", "300000", false}, /* an epoch may be a gigabyte */
    };
    uint32_t used = 0;

    for (; used < sizeof defaults / sizeof *defaults; used++)
        out[used] = defaults[used];
    for (uint32_t i = 0; i < count; i++)
        out[used++] = settings[i];
    return used;
}

enum cup_err cup_kafka_producer_open(const struct cup_kafka_setting *settings, uint32_t count,
                                     const char                 *transactional_id,
                                     struct cup_kafka_producer **out_producer,
                                     struct cup_fault           *out_fault)
{
    const struct cup_kafka_setting own[] = {{"enable.idempotence", "true", false},
                                            {"transactional.id", transactional_id, false}};
    struct cup_kafka_setting       all[OWN_MAX];
    struct cup_kafka_producer     *producer = calloc(1, sizeof *producer);

    CUP_ASSERT(count <= CUP_KAFKA_SETTINGS_MAX);
    if (producer == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "producer", NULL);
    producer->transactional = transactional_id != NULL;
    enum cup_err err =
        cup_kafka_client_open(CUP_KAFKA_PRODUCER, all, put_settings(settings, count, all), own,
                              producer->transactional ? 2 : 1, &producer->client, out_fault);
    if (err != CUP_OK) {
        free(producer);
        return err;
    }
    producer->handle                = cup_kafka_priv_handle(producer->client);
    producer->client->delivered_arg = producer;
    producer->client->delivered     = delivered;
    *out_producer                   = producer;
    return CUP_OK;
}

void cup_kafka_producer_close(struct cup_kafka_producer *producer)
{
    if (producer == NULL) return;
    (void)rd_kafka_purge(producer->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                               RD_KAFKA_PURGE_F_NON_BLOCKING);
    cup_kafka_client_close(producer->client);
    free(producer);
}

void cup_kafka_producer_cancel(struct cup_kafka_producer *producer)
{
    atomic_store_explicit(&producer->cancelled, true, memory_order_relaxed);
}

struct cup_kafka_client *cup_kafka_producer_client(struct cup_kafka_producer *producer)
{
    return producer->client;
}

/* --- transactions --- */

enum after { AFTER_OK, AFTER_AGAIN, AFTER_ABORT, AFTER_ERROR };

/* What an answer of the transaction calls asks for; destroys it. */
static enum after classify(struct cup_kafka_producer *producer, rd_kafka_error_t *error,
                           enum cup_err *out_err, struct cup_fault *out_fault)
{
    if (error == NULL) return AFTER_OK;
    enum after          after = AFTER_ERROR;
    rd_kafka_resp_err_t code  = rd_kafka_error_code(error);

    if (rd_kafka_error_txn_requires_abort(error))
        after = AFTER_ABORT;
    else if (rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error))
        after = AFTER_AGAIN;
    *out_err = say(producer, code, NULL, rd_kafka_error_string(error), out_fault);
    if (after == AFTER_ERROR) {
        enum cup_err why = fatal(producer, out_fault);
        if (why != CUP_OK) *out_err = why;
    }
    rd_kafka_error_destroy(error);
    return after;
}

enum cup_err cup_kafka_producer_fence(struct cup_kafka_producer *producer,
                                      struct cup_fault          *out_fault)
{
    struct wait  wait = begin_wait("to begin transactions", FENCE_TELL_MS, FENCE_MS);
    enum cup_err err  = CUP_OK;

    CUP_ASSERT(producer->transactional);
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(producer->handle, STEP_MS);
        switch (classify(producer, error, &err, out_fault)) {
        case AFTER_OK: return CUP_OK;
        case AFTER_AGAIN: break;
        case AFTER_ABORT:
        case AFTER_ERROR: return err;
        }
        err = may_wait(producer, &wait, out_fault);
        if (err != CUP_OK) return err;
    }
}

enum cup_err cup_kafka_producer_begin(struct cup_kafka_producer *producer,
                                      struct cup_fault          *out_fault)
{
    enum cup_err err = CUP_OK;

    producer->refused   = false;
    producer->put_count = producer->kept_count = 0;
    atomic_store_explicit(&producer->client->is_aborting, false, memory_order_relaxed);
    (void)classify(producer, rd_kafka_begin_transaction(producer->handle), &err, out_fault);
    return err;
}

enum cup_err cup_kafka_producer_abort(struct cup_kafka_producer *producer,
                                      struct cup_fault          *out_fault)
{
    struct wait  wait = begin_wait("to abort a transaction", TELL_MS, COMMIT_MS);
    enum cup_err err  = CUP_OK;

    for (;;) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(producer->handle, STEP_MS);
        switch (classify(producer, error, &err, out_fault)) {
        case AFTER_OK: return CUP_OK;
        case AFTER_AGAIN: break;
        case AFTER_ABORT:
        case AFTER_ERROR: return err == CUP_FENCED ? CUP_FENCED : CUP_IO;
        }
        err = may_wait(producer, &wait, out_fault);
        if (err != CUP_OK) return err;
    }
}

/* The transaction cannot be committed: it is aborted, and the reason stays. */
static enum cup_err give_up(struct cup_kafka_producer *producer, struct cup_fault *out_fault)
{
    struct cup_fault fault = {0};
    enum cup_err     err   = cup_kafka_producer_abort(producer, &fault);

    if (producer->refused) {
        *out_fault        = producer->refusal;
        producer->refused = false;
    }
    /* A transaction whose first topic was refused is not known to the broker, and cannot be ended:
     * the refusal says more. */
    if (err != CUP_OK && (err == CUP_FENCED || out_fault->err != CUP_BAD_DATA)) {
        *out_fault = fault;
        return err;
    }
    if (out_fault->err != CUP_BAD_DATA) out_fault->err = CUP_AGAIN;
    return out_fault->err;
}

/* The library has found out that the transaction cannot succeed: its next answer tells why. */
static bool is_aborting(struct cup_kafka_producer *producer)
{
    return atomic_load_explicit(&producer->client->is_aborting, memory_order_relaxed);
}

/* Waits until each record is acknowledged, or none will be any more. */
static enum cup_err drain(struct cup_kafka_producer *producer, struct cup_fault *out_fault)
{
    struct wait  wait = begin_wait("to flush", TELL_MS, FLUSH_MS);
    enum cup_err err  = CUP_OK;

    while (err == CUP_OK) {
        rd_kafka_resp_err_t code = rd_kafka_flush(producer->handle, STEP_MS);
        err                      = fatal(producer, out_fault);
        if (err != CUP_OK || code == RD_KAFKA_RESP_ERR_NO_ERROR || is_aborting(producer)) break;
        err = may_wait(producer, &wait, out_fault);
    }
    return err;
}

/* A broker that has a batch already answers "duplicate", and the library takes that for success. Is
 * it the batch of this transaction, whose first answer was lost, or one of the same numbers that
 * was aborted? Such an answer has no offset: then all is sent anew. */
static enum cup_err check_kept(struct cup_kafka_producer *producer, struct cup_fault *out_fault)
{
    char where[64];

    if (producer->kept_count == producer->put_count || is_aborting(producer)) return CUP_OK;
    snprintf(where, sizeof where, "%" PRIu64 " of %" PRIu64 " records", producer->kept_count,
             producer->put_count);
    errno = 0;
    (void)cup_fault_set(out_fault, CUP_IO, "the cluster did not say that it has all records",
                        where);
    return give_up(producer, out_fault);
}

enum cup_err cup_kafka_producer_commit(struct cup_kafka_producer *producer,
                                       struct cup_fault          *out_fault)
{
    struct wait  wait = begin_wait("to commit a transaction", TELL_MS, COMMIT_MS);
    enum cup_err err  = drain(producer, out_fault);

    if (err == CUP_OK) err = check_kept(producer, out_fault);
    if (err != CUP_OK) return err;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(producer->handle, STEP_MS);
        switch (classify(producer, error, &err, out_fault)) {
        case AFTER_OK: return CUP_OK;
        case AFTER_AGAIN: break;
        case AFTER_ABORT: return give_up(producer, out_fault);
        case AFTER_ERROR: return err == CUP_FENCED ? CUP_FENCED : CUP_IO;
        }
        err = may_wait(producer, &wait, out_fault);
        if (err != CUP_OK) return err;
    }
}

/* --- put and flush --- */

static rd_kafka_headers_t *headers_of(const struct cup_kafka_record *record)
{
    if (record->header_count == 0) return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);

    for (uint32_t i = 0; i < record->header_count; i++) {
        const struct cup_kafka_header *header = &record->headers[i];
        rd_kafka_resp_err_t            code =
            rd_kafka_header_add(headers, header->name, -1, header->value, (ssize_t)header->bytes);
        CUP_ASSERT(code == RD_KAFKA_RESP_ERR_NO_ERROR); /* read-only ones are a consumer's */
    }
    return headers;
}

static rd_kafka_resp_err_t produce(struct cup_kafka_producer     *producer,
                                   const struct cup_kafka_record *record)
{
    rd_kafka_headers_t *headers = headers_of(record);
    void               *value   = (void *)(uintptr_t)record->value; /* only read: MSG_F_COPY */
    void               *key     = (void *)(uintptr_t)record->key;
    rd_kafka_resp_err_t code;

    code = rd_kafka_producev(
        producer->handle, RD_KAFKA_V_TOPIC(record->topic), RD_KAFKA_V_PARTITION(record->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, record->value_bytes),
        RD_KAFKA_V_KEY(key, record->key_bytes), RD_KAFKA_V_TIMESTAMP(record->timestamp_ms),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(record->span), RD_KAFKA_V_END);

    /* the library took the headers only if it took the record */
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && headers != NULL) rd_kafka_headers_destroy(headers);
    return code;
}

/* Why a record is not taken. That the transaction has failed says nothing: how, an attempt to
 * commit it does, which cannot succeed any more. */
static void say_why(struct cup_kafka_producer *producer, rd_kafka_resp_err_t code,
                    const char *topic, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    (void)say(producer, code, topic, NULL, out_fault); /* the class follows */
    if (!producer->transactional || code != RD_KAFKA_RESP_ERR__STATE) return;
    enum after after =
        classify(producer, rd_kafka_commit_transaction(producer->handle, STEP_MS), &err, out_fault);
    CUP_ASSERT(after != AFTER_OK);
}

enum cup_err cup_kafka_producer_put(struct cup_kafka_producer     *producer,
                                    const struct cup_kafka_record *record,
                                    struct cup_fault              *out_fault)
{
    struct wait wait = {0}; /* most records wait for nothing */

    for (;;) {
        rd_kafka_resp_err_t code = produce(producer, record);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            producer->put_count++;
            (void)rd_kafka_poll(producer->handle, 0); /* delivery reports */
            return CUP_OK;
        }
        enum cup_err err = fatal(producer, out_fault);
        if (err != CUP_OK) return err;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            say_why(producer, code, record->topic, out_fault);
            if (!producer->transactional) return with_reason(producer, out_fault->err, out_fault);
            return give_up(producer, out_fault);
        }
        if (wait.what == NULL) wait = begin_wait(record->topic, TELL_MS, FLUSH_MS);
        (void)rd_kafka_poll(producer->handle, STEP_MS / 4);
        err = may_wait(producer, &wait, out_fault);
        if (err != CUP_OK) return err;
    }
}

uint32_t cup_kafka_producer_partition(const void *key, size_t key_bytes, uint32_t partition_count)
{
    return (uint32_t)rd_kafka_msg_partitioner_murmur2(NULL, key, key_bytes,
                                                      (int32_t)partition_count, NULL, NULL);
}

enum cup_err cup_kafka_producer_flush(struct cup_kafka_producer *producer,
                                      struct cup_fault          *out_fault)
{
    enum cup_err err = drain(producer, out_fault);

    if (producer->transactional) return err == CUP_OK ? check_kept(producer, out_fault) : err;
    if (!producer->refused) return err;
    producer->refused = false;
    *out_fault        = producer->refusal;
    return producer->refusal.err;
}
