// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/deliver.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/deliver/backlog.h"
#include "dataplane/deliver/marker.h"
#include "dataplane/deliver/transfer.h"

#define ID_BYTES     600u
#define NS_PER_MS    1000000ull
#define PEEK_BYTES   (1u << 20)
#define NOTE_NS      CUP_NS_PER_S /* between two notes of what is delivered */
#define HALTED_MS    20000u       /* until it is looked whether somebody helped */
#define PAUSES_COUNT 5u
static const uint32_t pauses_ms[PAUSES_COUNT] = {100, 300, 1000, 3000, 5000};

struct cup_deliver {
    const struct cup_plan *plan;
    struct cup_disk       *disk;
    pthread_t              thread;
    bool                   joined; /* it has ended, and there is no other */
    atomic_bool            stop;

    pthread_mutex_t             lock; /* of what follows */
    pthread_cond_t              changed;
    struct cup_deliver_standing standing;
    struct cup_kafka_producer  *producer; /* to be cancelled; the thread's otherwise */

    /* the thread's */
    struct cup_backlog       backlog;
    struct cup_targets       targets;
    struct cup_transfer      transfer;
    struct cup_kafka_setting settings[CUP_KAFKA_SETTINGS_MAX];
    uint32_t                 setting_count, failed_in_row;
    uint64_t                 marked;          /* epoch of the last marker; later ones had no file */
    uint64_t                 noted, noted_ns; /* epoch, when */
};

/* --- what the shard sees --- */

static bool is_stopped(struct cup_deliver *deliver)
{
    return atomic_load_explicit(&deliver->stop, memory_order_relaxed);
}

static void stand(struct cup_deliver *deliver, enum cup_deliver_state state,
                  const struct cup_fault *fault)
{
    struct cup_deliver_standing *standing = &deliver->standing;

    pthread_mutex_lock(&deliver->lock);
    standing->state = state;
    standing->fault = fault == NULL ? (struct cup_fault){0} : *fault;
    standing->change_count++;
    pthread_mutex_unlock(&deliver->lock);
}

static void book(struct cup_deliver *deliver, uint64_t delivered, uint64_t record_count,
                 uint64_t spool_bytes)
{
    pthread_mutex_lock(&deliver->lock);
    deliver->standing.delivered = delivered;
    deliver->standing.record_count += record_count;
    deliver->standing.spool_bytes -=
        spool_bytes < deliver->standing.spool_bytes ? spool_bytes : deliver->standing.spool_bytes;
    pthread_mutex_unlock(&deliver->lock);
}

static uint64_t decided(struct cup_deliver *deliver)
{
    pthread_mutex_lock(&deliver->lock);
    uint64_t epoch = deliver->standing.decided;
    pthread_mutex_unlock(&deliver->lock);
    return epoch;
}

void cup_deliver_decided(struct cup_deliver *deliver, uint64_t epoch, uint64_t spool_bytes)
{
    pthread_mutex_lock(&deliver->lock);
    deliver->standing.decided = epoch;
    deliver->standing.spool_bytes += spool_bytes;
    pthread_cond_broadcast(&deliver->changed);
    pthread_mutex_unlock(&deliver->lock);
}

void cup_deliver_look(struct cup_deliver *deliver, struct cup_deliver_standing *out_standing)
{
    pthread_mutex_lock(&deliver->lock);
    *out_standing = deliver->standing;
    pthread_mutex_unlock(&deliver->lock);
}

/* --- waiting --- */

static void wait_until(struct cup_deliver *deliver, uint64_t ns)
{
    const struct timespec until = {.tv_sec  = (time_t)(ns / CUP_NS_PER_S),
                                   .tv_nsec = (long)(ns % CUP_NS_PER_S)};

    (void)pthread_cond_timedwait(&deliver->changed, &deliver->lock, &until); /* or not: looked at */
}

static void pause_ms(struct cup_deliver *deliver, uint32_t ms)
{
    uint64_t until = cup_clock_mono_ns() + ms * NS_PER_MS;

    pthread_mutex_lock(&deliver->lock);
    while (!is_stopped(deliver) && cup_clock_mono_ns() < until)
        wait_until(deliver, until);
    pthread_mutex_unlock(&deliver->lock);
}

/* Waits for an epoch behind `done`; false: stopped, or nothing came for NOTE_NS. */
static bool await_epoch(struct cup_deliver *deliver, uint64_t done)
{
    uint64_t until = cup_clock_mono_ns() + NOTE_NS;

    pthread_mutex_lock(&deliver->lock);
    while (!is_stopped(deliver) && deliver->standing.decided <= done && cup_clock_mono_ns() < until)
        wait_until(deliver, until);
    bool came = deliver->standing.decided > done;
    pthread_mutex_unlock(&deliver->lock);
    return came && !is_stopped(deliver);
}

/* --- connecting --- */

static void set_producer(struct cup_deliver *deliver, struct cup_kafka_producer *producer)
{
    pthread_mutex_lock(&deliver->lock);
    deliver->producer = producer;
    if (producer != NULL && is_stopped(deliver)) cup_kafka_producer_cancel(producer);
    pthread_mutex_unlock(&deliver->lock);
}

static enum cup_err open_producer(struct cup_deliver *deliver, struct cup_fault *out_fault)
{
    const struct cup_plan     *plan = deliver->plan;
    struct cup_kafka_producer *producer;
    char                       id[ID_BYTES];

    snprintf(id, sizeof id, "cupel.%s.%s.%u", cup_plan_text(plan, plan->domain),
             cup_plan_text(plan, plan->pipeline), plan->shard);
    enum cup_err err = cup_kafka_producer_open(deliver->settings, deliver->setting_count, id,
                                               &producer, out_fault);
    if (err != CUP_OK) return err;
    set_producer(deliver, producer);
    cup_targets_open(&deliver->targets, plan, cup_kafka_producer_client(producer));
    deliver->transfer = (struct cup_transfer){.plan     = plan,
                                              .store    = deliver->backlog.store,
                                              .producer = producer,
                                              .targets  = &deliver->targets,
                                              .stop     = &deliver->stop};
    return CUP_OK;
}

static void close_producer(struct cup_deliver *deliver)
{
    struct cup_kafka_producer *producer = deliver->producer;

    set_producer(deliver, NULL);
    cup_targets_close(&deliver->targets);
    cup_kafka_producer_close(producer);
    cup_transfer_free(&deliver->transfer);
}

static enum cup_err changed(const char *what, const struct cup_deliver *deliver, uint64_t marker,
                            uint64_t known, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = deliver->plan;
    char                   where[CUP_FAULT_WHERE_BYTES];

    snprintf(where, sizeof where, "%s/%u: epoch %llu there, %llu here",
             cup_plan_text(plan, plan->output.control_topic), plan->shard,
             (unsigned long long)marker, (unsigned long long)known);
    errno = 0;
    return cup_fault_set(out_fault, CUP_INPUT_CHANGED, what, where);
}

/* Compares the last epoch that was sent, as the cluster says, with what this lake knows. */
static enum cup_err check_marker(struct cup_deliver *deliver, uint64_t sent,
                                 struct cup_fault *out_fault)
{
    enum cup_err err = cup_backlog_noted(&deliver->backlog, &deliver->noted, out_fault);

    if (err != CUP_OK) return err;
    if (sent > decided(deliver))
        return changed("the control topic of the output knows epochs that this lake does not: it "
                       "belongs to another lake, or the journal was put back; set "
                       "output.control_topic to another name",
                       deliver, sent, decided(deliver), out_fault);
    if (sent < deliver->noted)
        return changed("the control topic of the output has lost epochs that were delivered: put "
                       "it back, or remove the file `delivered` of the shard's spool folder to "
                       "publish what is spooled once more",
                       deliver, sent, deliver->noted, out_fault);
    return CUP_OK;
}

/* Removes what is delivered: its transaction was committed, although the answer did not come. */
static enum cup_err drop_delivered(struct cup_deliver *deliver, uint64_t done,
                                   struct cup_fault *out_fault)
{
    struct cup_backlog *backlog = &deliver->backlog;
    uint64_t            bytes   = 0;
    uint32_t            to      = 0;

    enum cup_err err = cup_backlog_list(backlog, out_fault);
    if (err != CUP_OK) return err;
    for (; to < backlog->file_count && backlog->files[to].epoch <= done; to++)
        bytes += backlog->files[to].bytes;
    book(deliver, done, 0, bytes);
    err = cup_backlog_remove(backlog, 0, to, out_fault);
    return err == CUP_OK ? cup_backlog_list(backlog, out_fault) : err;
}

/* What became of the epoch that was sent last: *out_done: it, or the one before it. Every epoch
 * before it was seen to be committed, or it would not have been begun. */
static enum cup_err judge_last(struct cup_deliver *deliver, struct cup_settle *settle,
                               uint64_t sent, uint64_t *out_done, struct cup_fault *out_fault)
{
    struct cup_transfer *transfer = &deliver->transfer;
    const char *control = cup_plan_text(deliver->plan, deliver->plan->output.control_topic);
    uint32_t    kept = 0, missing = 0;

    enum cup_err err = cup_settle_end(settle, &transfer->reach, out_fault);
    *out_done        = sent;
    if (err == CUP_OK && sent == deliver->noted) return CUP_OK; /* it was seen by readers */
    if (err == CUP_OK) err = cup_settle_judge(settle, &transfer->reach, &kept, &missing, out_fault);
    if (err != CUP_OK) return err;
    *out_done = sent - (missing > 0);
    if (kept == 0 || missing == 0) return CUP_OK;
    uint32_t topic = cup_reach_find(&transfer->reach, control);
    transfer->reach.topics[topic].parts[deliver->plan->shard].kept = false; /* it is sent anew */
    transfer->resumed                                              = sent;
    return CUP_OK;
}

/* What was sent of the next epoch without a marker hangs in its topics. */
static enum cup_err end_next(struct cup_deliver *deliver, struct cup_settle *settle,
                             struct cup_fault *out_fault)
{
    const struct cup_backlog_file *files = deliver->backlog.files;
    struct cup_reach               next  = {0};
    enum cup_err                   err   = CUP_OK;

    for (uint32_t i = 0;
         err == CUP_OK && i < deliver->backlog.file_count && files[i].epoch == files[0].epoch; i++)
        err = cup_transfer_topics(&deliver->transfer, files[i].name, &next, out_fault);
    for (uint32_t i = 0; i < next.topic_count; i++)
        for (uint32_t p = 0; p < next.topics[i].part_count; p++)
            next.topics[i].parts[p].span.first = 0; /* any of them */
    if (err == CUP_OK) err = cup_settle_end(settle, &next, out_fault);
    cup_reach_free(&next);
    return err;
}

static enum cup_err settle_last(struct cup_deliver *deliver, struct cup_settle *settle,
                                uint64_t *out_done, struct cup_fault *out_fault)
{
    uint64_t sent = 0;

    enum cup_err err = cup_marker_read(deliver->plan, settle->peek, &deliver->stop, &sent,
                                       &deliver->transfer.reach, out_fault);
    if (err == CUP_OK) err = check_marker(deliver, sent, out_fault);
    if (err == CUP_OK) err = judge_last(deliver, settle, sent, out_done, out_fault);
    if (err != CUP_OK) return err;
    deliver->marked = *out_done;
    err             = drop_delivered(deliver, *out_done, out_fault);
    if (err == CUP_OK) err = end_next(deliver, settle, out_fault);
    return err;
}

static enum cup_err connect_leg(struct cup_deliver *deliver, uint64_t *out_done,
                                struct cup_fault *out_fault)
{
    const struct cup_kafka_consumer_config peek   = {.settings         = deliver->settings,
                                                     .setting_count    = deliver->setting_count,
                                                     .queue_bytes      = PEEK_BYTES,
                                                     .record_bytes_max = PEEK_BYTES,
                                                     .uncommitted      = true};
    struct cup_settle                      settle = {.settings      = deliver->settings,
                                                     .setting_count = deliver->setting_count,
                                                     .stop          = &deliver->stop};

    enum cup_err err = open_producer(deliver, out_fault);
    if (err == CUP_OK) err = cup_kafka_producer_fence(deliver->producer, out_fault);
    if (err == CUP_OK) err = cup_targets_control(&deliver->targets, out_fault);
    if (err == CUP_OK) err = cup_kafka_consumer_open(&peek, &settle.peek, out_fault);
    settle.producer = deliver->producer;
    if (err == CUP_OK) err = settle_last(deliver, &settle, out_done, out_fault);
    cup_kafka_consumer_close(settle.peek);
    return err;
}

/* --- delivering --- */

/* Lost, the note would only guard less: it need not be written for each epoch. */
static enum cup_err note(struct cup_deliver *deliver, bool now, struct cup_fault *out_fault)
{
    uint64_t ns = cup_clock_mono_ns(), epoch = deliver->marked;

    if (epoch <= deliver->noted || (!now && ns - deliver->noted_ns < NOTE_NS)) return CUP_OK;
    enum cup_err err = cup_backlog_note(&deliver->backlog, epoch, out_fault);
    if (err != CUP_OK) return err;
    deliver->noted    = epoch;
    deliver->noted_ns = ns;
    return CUP_OK;
}

/* Sends files [from, to) of the backlog, which are of one epoch. A transaction that was aborted is
 * not begun again with the same producer: a new one has numbers that the cluster has never seen. */
static enum cup_err send(struct cup_deliver *deliver, uint32_t from, uint32_t to,
                         struct cup_fault *out_fault)
{
    const struct cup_backlog_file *files = deliver->backlog.files;
    const char                   **names = calloc(to - from, sizeof *names);

    if (names == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "spool files", NULL);
    for (uint32_t i = from; i < to; i++)
        names[i - from] = files[i].name;
    enum cup_err err =
        cup_transfer_epoch(&deliver->transfer, files[from].epoch, names, to - from, out_fault);
    free(names);
    return err;
}

/* Delivers what is listed up to epoch `last`. */
static enum cup_err deliver_listed(struct cup_deliver *deliver, uint64_t last, uint64_t *done,
                                   struct cup_fault *out_fault)
{
    struct cup_backlog *backlog = &deliver->backlog;
    enum cup_err        err     = CUP_OK;

    for (uint32_t from = 0, to; err == CUP_OK && from < backlog->file_count; from = to) {
        uint64_t epoch = backlog->files[from].epoch, bytes = 0;
        for (to = from; to < backlog->file_count && backlog->files[to].epoch == epoch; to++)
            bytes += backlog->files[to].bytes;
        if (epoch <= *done) continue; /* removed above */
        if (epoch > last || is_stopped(deliver)) return CUP_OK;
        err = send(deliver, from, to, out_fault);
        if (err != CUP_OK) return err;
        *done = deliver->marked = epoch;
        deliver->failed_in_row  = 0;
        book(deliver, epoch, deliver->transfer.record_count, bytes);
        err = note(deliver, false, out_fault);
        if (err == CUP_OK) err = cup_backlog_remove(backlog, from, to, out_fault);
    }
    return err;
}

/* Connects, and delivers until something fails or the shard stops. */
static enum cup_err session(struct cup_deliver *deliver, struct cup_fault *out_fault)
{
    uint64_t done = 0;

    enum cup_err err = connect_leg(deliver, &done, out_fault);
    if (err != CUP_OK) return err;
    stand(deliver, CUP_DELIVER_DELIVERING, NULL);
    for (bool first = true; err == CUP_OK && !is_stopped(deliver); first = false) {
        if (!first && !await_epoch(deliver, done)) {
            err = note(deliver, true, out_fault);
            continue;
        }
        uint64_t last = decided(deliver);
        err           = cup_backlog_list(&deliver->backlog, out_fault);
        if (err == CUP_OK) err = deliver_listed(deliver, last, &done, out_fault);
        if (err != CUP_OK || is_stopped(deliver)) break;
        done = last; /* epochs without a file have nothing to deliver */
        book(deliver, done, 0, 0);
    }
    struct cup_fault ignored;
    if (err == CUP_OK) (void)note(deliver, true, &ignored);
    return err;
}

/* What a later try does not change, unless somebody does something. */
static bool is_lasting(enum cup_err err)
{
    return err == CUP_BAD_DATA || err == CUP_BAD_CONFIG || err == CUP_INPUT_CHANGED ||
           err == CUP_CORRUPT;
}

static void fail(struct cup_deliver *deliver, enum cup_err err, const struct cup_fault *fault)
{
    uint32_t last  = PAUSES_COUNT - 1;
    uint32_t place = deliver->failed_in_row < last ? deliver->failed_in_row : last;

    deliver->failed_in_row++;
    pthread_mutex_lock(&deliver->lock);
    deliver->standing.failed_count++;
    pthread_mutex_unlock(&deliver->lock);
    stand(deliver,
          err == CUP_FENCED ? CUP_DELIVER_FENCED
          : is_lasting(err) ? CUP_DELIVER_HALTED
                            : CUP_DELIVER_CONNECTING,
          fault);
    if (err != CUP_FENCED) pause_ms(deliver, is_lasting(err) ? HALTED_MS : pauses_ms[place]);
}

static void *run(void *arg)
{
    struct cup_deliver *deliver = arg;
    enum cup_err        err     = CUP_OK;

    while (err != CUP_FENCED && !is_stopped(deliver)) {
        struct cup_fault fault = {0};
        err                    = session(deliver, &fault);
        close_producer(deliver);
        if (err != CUP_OK && !is_stopped(deliver)) fail(deliver, err, &fault);
    }
    return NULL;
}

/* --- open and close --- */

static void init_lock(struct cup_deliver *deliver)
{
    pthread_condattr_t monotonic;

    CUP_ASSERT(pthread_mutex_init(&deliver->lock, NULL) == 0);
    CUP_ASSERT(pthread_condattr_init(&monotonic) == 0);
    CUP_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CUP_ASSERT(pthread_cond_init(&deliver->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
}

static void free_leg(struct cup_deliver *deliver)
{
    cup_backlog_close(&deliver->backlog);
    pthread_mutex_destroy(&deliver->lock);
    pthread_cond_destroy(&deliver->changed);
    free(deliver);
}

enum cup_err cup_deliver_open(const struct cup_deliver_config *config,
                              struct cup_deliver **out_deliver, struct cup_fault *out_fault)
{
    struct cup_deliver *deliver = calloc(1, sizeof *deliver);

    if (deliver == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "output", NULL);
    deliver->plan             = config->plan;
    deliver->disk             = config->disk;
    deliver->standing.decided = config->decided;
    deliver->setting_count    = cup_kafka_settings(config->plan, &config->plan->output.cluster,
                                                   deliver->settings, CUP_KAFKA_SETTINGS_MAX);
    init_lock(deliver);
    enum cup_err err = cup_backlog_open(&deliver->backlog, deliver->plan, deliver->disk, out_fault);
    if (err == CUP_OK) err = cup_backlog_list(&deliver->backlog, out_fault);
    deliver->standing.spool_bytes = deliver->backlog.bytes;
    if (err == CUP_OK && pthread_create(&deliver->thread, NULL, run, deliver) != 0)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "thread of the output", NULL);
    if (err != CUP_OK) {
        free_leg(deliver);
        return err;
    }
    *out_deliver = deliver;
    return CUP_OK;
}

enum cup_err cup_deliver_again(struct cup_deliver *deliver, struct cup_fault *out_fault)
{
    CUP_ASSERT(pthread_join(deliver->thread, NULL) == 0);
    deliver->joined = true;
    stand(deliver, CUP_DELIVER_CONNECTING, NULL);
    if (pthread_create(&deliver->thread, NULL, run, deliver) != 0)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "thread of the output", NULL);
    deliver->joined = false;
    return CUP_OK;
}

void cup_deliver_close(struct cup_deliver *deliver)
{
    if (deliver == NULL) return;
    pthread_mutex_lock(&deliver->lock);
    atomic_store_explicit(&deliver->stop, true, memory_order_relaxed);
    if (deliver->producer != NULL) cup_kafka_producer_cancel(deliver->producer);
    pthread_cond_broadcast(&deliver->changed);
    pthread_mutex_unlock(&deliver->lock);
    if (!deliver->joined) CUP_ASSERT(pthread_join(deliver->thread, NULL) == 0);
    free_leg(deliver);
}
