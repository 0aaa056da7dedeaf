// SPDX-License-Identifier: Apache-2.0
#include "dataplane/shard.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/shard_priv.h"

#define WAKE_NS   (CUP_NS_PER_S / 20) /* how late a new day may be noticed */
#define UPKEEP_NS (CUP_NS_PER_S / 10) /* between two looks at the journal and the upkeep folder */

/* --- boot --- */

static enum cup_err receive_plan(struct cup_shard *shard, struct cup_fault *out_fault)
{
    enum cup_wire_kind kind;
    int                fd;

    enum cup_err err = cup_wire_receive(shard->socket, &kind, &shard->message, &fd, out_fault);
    if (err != CUP_OK) return err;
    if (kind != CUP_WIRE_PLAN)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "first message is no plan", NULL);
    err = cup_shard_priv_plan_map(fd, &shard->first, out_fault);
    if (err != CUP_OK) return err;
    shard->current             = shard->first;
    shard->stats->worker_count = shard->first.plan->worker_count;
    return CUP_OK;
}

static enum cup_err open_store(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = shard->first.plan;
    char                   staging[CUP_STORE_NAME_BYTES];

    cup_commit_staging(plan, staging);
    enum cup_err err = cup_disk_open((enum cup_disk_choice)plan->store, &shard->disk, out_fault);
    if (err != CUP_OK) return err;
    return cup_store_open(shard->disk, cup_plan_text(plan, plan->lake), staging, &shard->store,
                          out_fault);
}

/* A full disk is no reason to fail: recovery is tried again when there is room, and reading begins
 * when there is room for an epoch. */
static enum cup_err open_commit(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = shard->first.plan;
    struct cup_fault       why;

    enum cup_err err = cup_commit_open(shard->store, plan, &shard->commit, &why);
    for (uint32_t tries = 0; err == CUP_NO_SPACE; tries++) {
        err = cup_shard_priv_pause(shard, tries, &why, out_fault);
        if (err == CUP_OK) err = cup_shard_priv_await_room(shard, &why, out_fault);
        if (err != CUP_OK) return err;
        err = cup_commit_open(shard->store, plan, &shard->commit, &why);
    }
    if (err != CUP_OK) {
        *out_fault = why;
        return err;
    }
    errno = ENOSPC;
    (void)cup_fault_set(&why, CUP_NO_SPACE, "begin an epoch", cup_plan_text(plan, plan->lake));
    return cup_shard_priv_await_room(shard, &why, out_fault);
}

static enum cup_err boot(struct cup_shard *shard, struct cup_fault *out_fault)
{
    enum cup_err err = receive_plan(shard, out_fault);

    if (err == CUP_OK) err = open_store(shard, out_fault);
    if (err == CUP_OK) err = open_commit(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_bound(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_deliver_open(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_inputs_open(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_send_ready(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_topics_open(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_workers_start(shard, out_fault);
    return err == CUP_OK ? cup_shard_priv_tell_running(shard, out_fault) : err;
}

static void shut(struct cup_shard *shard)
{
    cup_deliver_close(shard->deliver);
    cup_shard_priv_workers_close(shard);
    cup_shard_priv_inputs_close(shard);
    cup_shard_priv_topics_close(shard);
    cup_commit_close(shard->commit);
    cup_store_close(shard->store);
    cup_disk_close(shard->disk);
    if (shard->current.plan != shard->first.plan) cup_shard_priv_plan_unmap(&shard->current);
    cup_shard_priv_plan_unmap(&shard->first);
    cup_text_free(&shard->message);
    if (shard->wake_fd >= 0) (void)close(shard->wake_fd); /* an eventfd has nothing to lose */
}

/* --- the loop --- */

/* Whether the epoch is to be closed, and why. */
static bool is_due(const struct cup_shard *shard, const struct cup_shard_census *census,
                   enum cup_close *out_why)
{
    const struct cup_plan *plan = shard->current.plan;
    char                   day[CUP_DAY_TEXT_BYTES];

    *out_why = CUP_CLOSE_EPOCH;
    if (shard->topics.begun < shard->topics.count) return true;
    if (census->bytes >= plan->epoch_bytes_max) return true; /* also if none was a record */
    if (census->records == 0) return false;
    if (census->full) return true;
    cup_clock_day_text(cup_clock_wall_us(), day);
    if (strcmp(day, shard->epoch_day) != 0) return true; /* an epoch never spans two days */
    *out_why = CUP_CLOSE_AGE;
    return cup_clock_mono_ns() - shard->epoch_opened_ns >= plan->epoch_ns_max;
}

/* How long to wait for a worker or for control: until the epoch is due, and not for too long. An
 * empty one is due with its first record, of which its worker tells. It may have told while the
 * epoch before was closed, and was not heard: what is due is not waited for. */
static uint64_t wait_ns(const struct cup_shard *shard)
{
    struct cup_shard_census census = {0};
    enum cup_close          why;

    cup_shard_priv_workers_look(shard, &census);
    if (is_due(shard, &census, &why)) return 0;
    uint64_t due = shard->epoch_opened_ns + shard->current.plan->epoch_ns_max;
    uint64_t now = cup_clock_mono_ns();
    return due <= now || due - now > WAKE_NS ? WAKE_NS : due - now;
}

/* Waits a little for a worker or for control, and reads what control sent. */
static enum cup_err listen(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct pollfd         fds[2] = {{.fd = shard->socket, .events = POLLIN},
                                    {.fd = shard->wake_fd, .events = POLLIN}};
    const struct timespec most   = {.tv_nsec = (long)wait_ns(shard)};
    uint64_t              count;

    if (ppoll(fds, 2, &most, NULL) < 0 && errno != EINTR)
        return cup_fault_set(out_fault, CUP_IO, "wait for workers and control", NULL);
    if (fds[1].revents != 0) (void)!read(shard->wake_fd, &count, sizeof count); /* empties it */
    return fds[0].revents == 0 ? CUP_OK : cup_shard_priv_hear(shard, out_fault);
}

static enum cup_err keep_up(struct cup_shard *shard, struct cup_fault *out_fault)
{
    uint64_t now = cup_clock_mono_ns();
    uint32_t count;

    if (now < shard->upkeep_due_ns) return CUP_OK;
    shard->upkeep_due_ns = now + UPKEEP_NS;
    enum cup_err err     = cup_commit_check_owner(shard->commit, out_fault);
    if (err == CUP_OK) err = cup_commit_upkeep(shard->commit, &count, out_fault);
    bool passing = err == CUP_IO || err == CUP_NO_SPACE || err == CUP_NO_MEMORY;
    if (!passing || cup_commit_standing(shard->commit) != CUP_COMMIT_READY) return err;
    cup_stats_add(&shard->stats->workers[0].counters[CUP_COUNTER_UPKEEP_FAILED], 1);
    return CUP_OK;
}

/* One turn of the loop. CUP_END: the last epoch is done. */
static enum cup_err turn(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_shard_answer nothing = {0};
    struct cup_shard_census       census  = {0};
    enum cup_close                why;

    enum cup_err err = listen(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_inputs_turn(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_deliver_turn(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_workers_count(shard, &census, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_topics_turn(shard, census.records == 0, out_fault);
    if (err != CUP_OK) return err;

    bool begins      = shard->topics.begun < shard->topics.count;
    shard->cut_short = census.parked > 0 || shard->stopping || begins;
    bool rest        = census.running == 0 && census.parked + census.ended == shard->worker_count;
    if (rest && (census.parked == 0 || shard->stopping)) {
        err = cup_shard_priv_epoch_close(shard, true, CUP_CLOSE_DRAIN, out_fault);
        return err == CUP_OK ? CUP_END : err;
    }
    if (census.parked > 0) {
        err = cup_shard_priv_epoch_close(shard, true, CUP_CLOSE_EPOCH, out_fault);
        if (err == CUP_OK) err = cup_shard_priv_resolve_parked(shard, out_fault);
        if (err == CUP_OK && shard->stopping) cup_shard_priv_workers_stop(shard);
        return err;
    }
    if (is_due(shard, &census, &why)) {
        bool hold = cup_shard_priv_can_pause(shard->current.plan);
        err       = cup_shard_priv_epoch_close(shard, hold, why, out_fault);
        if (err != CUP_OK) return err;
        cup_shard_priv_workers_release(shard, UINT32_MAX, &nothing);
    }
    /* behind an epoch too: where the next one is always due there is no quieter moment */
    return keep_up(shard, out_fault);
}

static enum cup_err serve(struct cup_shard *shard, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    cup_shard_priv_epoch_open(shard, cup_clock_mono_ns());
    while (err == CUP_OK) {
        err = turn(shard, out_fault);
        if (err == CUP_AGAIN) err = cup_shard_priv_begin_again(shard, out_fault);
    }
    return err == CUP_END ? cup_shard_priv_deliver_drain(shard, out_fault) : err;
}

enum cup_err cup_shard_run(int socket, struct cup_stats *stats, struct cup_fault *out_fault)
{
    struct cup_shard shard = {
        .socket = socket, .stats = stats, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    CUP_ASSERT(stats != NULL);
    if (shard.wake_fd < 0) return cup_fault_set(out_fault, CUP_IO, "eventfd", NULL);
    enum cup_err err = boot(&shard, out_fault);
    if (err == CUP_OK) err = serve(&shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_lag(&shard, true, out_fault); /* how it ended */
    shut(&shard);
    if (err == CUP_OK) err = cup_wire_send(socket, CUP_WIRE_ENDED, NULL, 0, -1, out_fault);
    return err;
}
