// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "dataplane/shard_priv.h"

#define POLL_MS     20                  /* how late the end of the back-log may be noticed */
#define STUCK_NS    (60 * CUP_NS_PER_S) /* of a run that ends by itself, without progress */
#define STOPPED_NS  (5 * CUP_NS_PER_S)  /* of one that is stopped: nothing is lost by ending */
#define FENCED_NS   (60 * CUP_NS_PER_S) /* who is fenced again so soon does not fence back */
#define WHERE_BYTES (CUP_FAULT_WHERE_BYTES + 256u)

enum cup_err cup_shard_priv_deliver_open(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_deliver_config config = {.plan    = shard->first.plan,
                                              .disk    = shard->disk,
                                              .decided = cup_commit_next_epoch(shard->commit) - 1};

    if (shard->first.plan->output.kind == CUP_OUTPUT_NONE) return CUP_OK;
    return cup_deliver_open(&config, &shard->deliver, out_fault);
}

/* One line for people; *told: a fault was told before. */
static void describe(const struct cup_deliver_standing *standing, bool told, char *out, size_t cap)
{
    const struct cup_fault *fault = &standing->fault;
    const char *front = standing->state == CUP_DELIVER_HALTED ? "output halted, the lake goes on"
                                                              : "output waits, the lake goes on";

    out[0] = '\0';
    if (fault->err != CUP_OK)
        snprintf(out, cap, "%s: %s (%s); epochs %llu to %llu are spooled, %llu bytes", front,
                 fault->what, fault->where, (unsigned long long)standing->delivered + 1,
                 (unsigned long long)standing->decided, (unsigned long long)standing->spool_bytes);
    else if (told && standing->state == CUP_DELIVER_DELIVERING)
        snprintf(out, cap, "output goes on");
}

static enum cup_err tell(struct cup_shard *shard, const struct cup_deliver_standing *standing,
                         struct cup_fault *out_fault)
{
    char text[2 * WHERE_BYTES];

    if (standing->change_count == shard->deliver_changes) return CUP_OK;
    shard->deliver_changes = standing->change_count;
    describe(standing, standing->failed_count > 0, text, sizeof text);
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ') *at = ' ';
    if (text[0] == '\0') return CUP_OK;
    return cup_wire_send(shard->socket, CUP_WIRE_NOTE, text, strlen(text), -1, out_fault);
}

static void set(struct cup_shard *shard, enum cup_counter counter, uint64_t value)
{
    atomic_store_explicit(&shard->stats->workers[0].counters[counter], value, memory_order_relaxed);
}

/* The lake's journal says who owns the pipeline. An owner may be fenced by an instance that stood
 * still while it was replaced, and connects its output before it sees that: that one is the one to
 * end, and does as soon as it looks, or when this one fences it now. One that fences back soon owns
 * a copy of the lake: two cannot publish as one pipeline. */
static enum cup_err fenced(struct cup_shard *shard, const struct cup_fault *why,
                           struct cup_fault *out_fault)
{
    enum cup_err err = cup_commit_check_owner(shard->commit, out_fault);
    uint64_t     now = cup_clock_mono_ns(), last = shard->fenced_ns;

    if (err != CUP_OK) return err;
    shard->fenced_ns = now;
    if (last == 0 || now - last > FENCED_NS) return cup_deliver_again(shard->deliver, out_fault);
    *out_fault = *why;
    return CUP_FENCED;
}

static enum cup_err look(struct cup_shard *shard, struct cup_deliver_standing *out_standing,
                         struct cup_fault *out_fault)
{
    cup_deliver_look(shard->deliver, out_standing);
    set(shard, CUP_COUNTER_PUBLISHED, out_standing->record_count);
    set(shard, CUP_COUNTER_DELIVERED_EPOCH, out_standing->delivered);
    set(shard, CUP_COUNTER_SPOOL_BYTES, out_standing->spool_bytes);
    set(shard, CUP_COUNTER_DELIVERY_FAILED, out_standing->failed_count);
    if (out_standing->state == CUP_DELIVER_FENCED)
        return fenced(shard, &out_standing->fault, out_fault);
    return tell(shard, out_standing, out_fault);
}

enum cup_err cup_shard_priv_deliver_turn(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_deliver_standing standing;

    return shard->deliver == NULL ? CUP_OK : look(shard, &standing, out_fault);
}

static bool is_drained(const struct cup_deliver_standing *standing)
{
    return standing->state == CUP_DELIVER_DELIVERING && standing->delivered >= standing->decided;
}

/* Waits a little; hears STOP. */
static enum cup_err listen(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct pollfd ready = {.fd = shard->socket, .events = POLLIN};

    if (poll(&ready, 1, POLL_MS) < 0 && errno != EINTR)
        return cup_fault_set(out_fault, CUP_IO, "wait for control", NULL);
    return ready.revents == 0 ? CUP_OK : cup_shard_priv_hear(shard, out_fault);
}

enum cup_err cup_shard_priv_deliver_drain(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_deliver_standing standing;
    uint64_t                    since = cup_clock_mono_ns(), records = 0;

    if (shard->deliver == NULL) return CUP_OK;
    for (;;) {
        enum cup_err err = look(shard, &standing, out_fault);
        if (err != CUP_OK || is_drained(&standing)) return err;
        uint64_t now = cup_clock_mono_ns();
        if (standing.record_count != records) since = now;
        records   = standing.record_count;
        bool late = now - since > (shard->stopping ? STOPPED_NS : STUCK_NS);
        bool lost = standing.fault.err != CUP_OK && (late || standing.state == CUP_DELIVER_HALTED);
        if (shard->stopping && (lost || late)) return CUP_OK;
        if (lost) {
            *out_fault     = standing.fault;
            out_fault->err = CUP_OUTPUT_HALTED;
            return CUP_OUTPUT_HALTED;
        }
        err = listen(shard, out_fault);
        if (err != CUP_OK) return err;
    }
}
