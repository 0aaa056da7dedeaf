// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/shard_priv.h"

/* Room below which no epoch is begun: one of a busy minute, compressed, fits in. */
#define ROOM_BYTES_MIN (64ull << 20)
/* A decided epoch is tried again even with less: log entries and the journal's mark are small. */
#define ROOM_BYTES_RESUME (1ull << 20)
/* An epoch that is abandoned again and again asks for more room, up to what it did not fit into. */
#define ROOM_DOUBLINGS_MAX 16u

#define ROOM_POLL_MS   1000u
#define FAILURES_MAX   3u /* faults in a row that end the shard: the disk is broken, not busy */
#define PAUSES_COUNT   3u
#define MESSAGE_MS_MAX 60000u /* longest single wait for a message */
_Static_assert(FAILURES_MAX <= PAUSES_COUNT, "each failure but the last has its pause");

static const uint32_t pauses_ms[PAUSES_COUNT] = {200, 1000, 5000};

/* --- talk --- */

static enum cup_err tell(struct cup_shard *shard, const struct cup_wire_status *status,
                         struct cup_fault *out_fault)
{
    const char *what = status->fault.what;

    shard->told = (enum cup_wire_state)status->state;
    cup_text_clear(&shard->message);
    cup_text_put(&shard->message, status, sizeof *status);
    cup_text_puts(&shard->message, what == NULL ? "" : what);
    if (shard->message.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "message", NULL);
    return cup_wire_send(shard->socket, CUP_WIRE_STATUS, shard->message.at, shard->message.bytes,
                         -1, out_fault);
}

enum cup_err cup_shard_priv_tell_running(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_wire_status status = {.state = CUP_WIRE_RUNNING};

    if (shard->told == CUP_WIRE_RUNNING || shard->told == CUP_WIRE_CUT_OFF) return CUP_OK;
    return tell(shard, &status, out_fault);
}

enum cup_err cup_shard_priv_tell_cut_off(struct cup_shard *shard, const struct cup_fault *why,
                                         struct cup_fault *out_fault)
{
    const bool             away   = why != NULL;
    struct cup_wire_status status = {.state = away ? CUP_WIRE_CUT_OFF : CUP_WIRE_RUNNING};

    if (away == (shard->told == CUP_WIRE_CUT_OFF)) return CUP_OK;
    if (away) status.fault = *why;
    return tell(shard, &status, out_fault);
}

enum cup_err cup_shard_priv_hear(struct cup_shard *shard, struct cup_fault *out_fault)
{
    enum cup_wire_kind kind;
    int                fd;

    enum cup_err err = cup_wire_receive(shard->socket, &kind, &shard->message, &fd, out_fault);
    if (err != CUP_OK) return err;
    if (fd >= 0) (void)close(fd); /* nothing but an answer brings a descriptor */
    if (kind == CUP_WIRE_INPUTS) return cup_shard_priv_inputs_take(shard, out_fault);
    if (kind != CUP_WIRE_STOP)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "message that nobody asked for", NULL);
    shard->stopping = true;
    cup_shard_priv_workers_stop(shard);
    return CUP_OK;
}

/* --- waiting --- */

/* Waits; STOP ends the wait at once. */
static enum cup_err wait_or_stop(struct cup_shard *shard, uint32_t ms, struct cup_fault *out_fault)
{
    uint64_t due = cup_clock_mono_ns() + ms * 1000000ull;

    CUP_ASSERT(ms <= MESSAGE_MS_MAX);
    for (uint64_t now = due - ms * 1000000ull; now < due && !shard->stopping;
         now          = cup_clock_mono_ns()) {
        struct pollfd ready = {.fd = shard->socket, .events = POLLIN};
        int           left  = (int)((due - now) / 1000000u) + 1;
        int           got   = poll(&ready, 1, left);
        if (got < 0 && errno != EINTR)
            return cup_fault_set(out_fault, CUP_IO, "wait for control", NULL);
        enum cup_err err = got <= 0 ? CUP_OK : cup_shard_priv_hear(shard, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

/* The same; `why` is the fault when STOP came. */
static enum cup_err wait_ms(struct cup_shard *shard, uint32_t ms, const struct cup_fault *why,
                            struct cup_fault *out_fault)
{
    enum cup_err err = wait_or_stop(shard, ms, out_fault);

    if (err != CUP_OK || !shard->stopping) return err;
    *out_fault = *why;
    return why->err;
}

enum cup_err cup_shard_priv_wait(struct cup_shard *shard, struct cup_fault *out_fault)
{
    uint64_t               now = cup_clock_mono_ns(), due = now + shard->current.plan->pause_ns;
    struct cup_wire_status status = {.state   = CUP_WIRE_WAITING,
                                     .decided = 1,
                                     .epoch   = cup_commit_next_epoch(shard->commit) - 1,
                                     .wait_ns = shard->current.plan->pause_ns};

    enum cup_err err = tell(shard, &status, out_fault);
    for (; err == CUP_OK && now < due && !shard->stopping; now = cup_clock_mono_ns()) {
        uint64_t ms = (due - now) / 1000000 + 1;
        err = wait_or_stop(shard, ms < MESSAGE_MS_MAX ? (uint32_t)ms : MESSAGE_MS_MAX, out_fault);
    }
    return err == CUP_OK ? cup_shard_priv_tell_running(shard, out_fault) : err;
}

static uint64_t needed_bytes(const struct cup_shard *shard)
{
    uint32_t doublings = shard->full_in_row == 0 ? 0 : shard->full_in_row - 1;
    uint64_t misfit    = shard->free_at_start + shard->free_at_start / 4;

    if (doublings > ROOM_DOUBLINGS_MAX) doublings = ROOM_DOUBLINGS_MAX;
    uint64_t grown = ROOM_BYTES_MIN << doublings;
    if (grown > misfit) grown = misfit;
    return grown > ROOM_BYTES_MIN ? grown : ROOM_BYTES_MIN;
}

enum cup_err cup_shard_priv_await_room(struct cup_shard *shard, const struct cup_fault *why,
                                       struct cup_fault *out_fault)
{
    struct cup_wire_status status = {
        .state = CUP_WIRE_PAUSED, .needed_bytes = needed_bytes(shard), .fault = *why};

    CUP_ASSERT(why->err != CUP_OK);
    for (;;) {
        enum cup_err err = cup_store_free_bytes(shard->store, &status.free_bytes, out_fault);
        if (err != CUP_OK || status.free_bytes >= status.needed_bytes) return err;
        err = tell(shard, &status, out_fault);
        if (err == CUP_OK) err = wait_ms(shard, ROOM_POLL_MS, why, out_fault);
        if (err != CUP_OK) return err;
    }
}

enum cup_err cup_shard_priv_pause(struct cup_shard *shard, uint32_t number,
                                  const struct cup_fault *why, struct cup_fault *out_fault)
{
    return wait_ms(shard, pauses_ms[number < PAUSES_COUNT ? number : PAUSES_COUNT - 1], why,
                   out_fault);
}

enum cup_err cup_shard_priv_await_resume(struct cup_shard *shard, const struct cup_fault *why,
                                         uint32_t tries, struct cup_fault *out_fault)
{
    bool                   full   = why->err == CUP_NO_SPACE;
    struct cup_wire_status status = {.state        = full ? CUP_WIRE_PAUSED : CUP_WIRE_RETRYING,
                                     .decided      = 1,
                                     .epoch        = cup_commit_next_epoch(shard->commit) - 1,
                                     .tries        = tries + 1,
                                     .tries_max    = full ? 0 : FAILURES_MAX,
                                     .needed_bytes = ROOM_BYTES_RESUME,
                                     .fault        = *why};

    if (!full && tries == FAILURES_MAX) {
        *out_fault = *why;
        return why->err;
    }
    enum cup_err err = cup_store_free_bytes(shard->store, &status.free_bytes, out_fault);
    if (err == CUP_OK) err = tell(shard, &status, out_fault);
    return err == CUP_OK ? cup_shard_priv_pause(shard, tries, why, out_fault) : err;
}

/* --- setbacks --- */

enum cup_err cup_shard_priv_setback(struct cup_shard *shard, const struct cup_fault *fault,
                                    struct cup_fault *out_fault)
{
    CUP_ASSERT(fault->err != CUP_OK);
    if (fault->err == CUP_IO || fault->err == CUP_NO_SPACE) {
        shard->setback = *fault;
        return CUP_AGAIN;
    }
    *out_fault = *fault;
    return fault->err;
}

/* The workers are gone: their counters stand again at what is decided. */
static void restore_counters(struct cup_shard *shard)
{
    static const enum cup_counter read_again[] = {
        CUP_COUNTER_RECORDS,      CUP_COUNTER_BYTES,        CUP_COUNTER_BLANK_LINES,
        CUP_COUNTER_ROWS,         CUP_COUNTER_QUARANTINED,  CUP_COUNTER_DROPPED,
        CUP_COUNTER_SILVER_BYTES, CUP_COUNTER_BRONZE_BYTES, CUP_COUNTER_FILES,
        CUP_COUNTER_RECORDS_LOST};

    CUP_ASSERT(shard->worker_count == 0);
    for (uint32_t w = 0; w < CUP_PLAN_WORKERS_MAX; w++) {
        struct cup_stats_worker      *stats = &shard->stats->workers[w];
        const struct cup_shard_tally *tally = &shard->committed[w];
        for (size_t i = 0; i < sizeof read_again / sizeof read_again[0]; i++)
            atomic_store_explicit(&stats->counters[read_again[i]], tally->counters[read_again[i]],
                                  memory_order_relaxed);
        for (int i = 0; i < CUP_CLOSE_COUNT; i++) {
            enum cup_counter why = CUP_COUNTER_OF_CLOSE(i);
            atomic_store_explicit(&stats->counters[why], tally->counters[why],
                                  memory_order_relaxed);
        }
        for (size_t i = 0; i < CUP_OUTCOME_COUNT; i++)
            atomic_store_explicit(&stats->outcomes[i], tally->outcomes[i], memory_order_relaxed);
    }
    cup_stats_add(&shard->stats->workers[0].counters[CUP_COUNTER_EPOCHS_ABANDONED], 1);
}

/* Says what failed, and waits as long as that asks for. */
static enum cup_err get_over(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_fault why    = shard->setback;
    bool                   full   = why.err == CUP_NO_SPACE;
    uint32_t               number = full ? shard->full_in_row++ : shard->failed_in_row++;
    struct cup_wire_status status = {.state     = CUP_WIRE_RETRYING,
                                     .epoch     = cup_commit_next_epoch(shard->commit),
                                     .tries     = number + 1,
                                     .tries_max = full ? 0 : FAILURES_MAX,
                                     .fault     = why};

    if (shard->stopping || (!full && number + 1 == FAILURES_MAX)) {
        *out_fault = why;
        return why.err;
    }
    enum cup_err err = tell(shard, &status, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_pause(shard, number, &why, out_fault);
    return err == CUP_OK && full ? cup_shard_priv_await_room(shard, &why, out_fault) : err;
}

enum cup_err cup_shard_priv_begin_again(struct cup_shard *shard, struct cup_fault *out_fault)
{
    CUP_ASSERT(cup_commit_standing(shard->commit) == CUP_COMMIT_READY);
    cup_shard_priv_workers_close(shard);
    restore_counters(shard);
    enum cup_err err = get_over(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_workers_start(shard, out_fault);
    if (err != CUP_OK) return err;
    cup_shard_priv_epoch_open(shard, cup_clock_mono_ns());
    return cup_shard_priv_tell_running(shard, out_fault);
}
