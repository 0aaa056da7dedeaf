// SPDX-License-Identifier: Apache-2.0
/* shard_priv: what the files of a shard share.
 *
 *   shard.c          boot, the loop                   shard_workers.c  workers: opened, asked,
 * closed shard_plan.c     plans, unknown schemas           shard_epoch.c    parts become an epoch
 *   shard_setback.c  the lake fails: wait, begin again
 *   shard_inputs.c   followed files: found, moved, gone, over
 *   shard_topics.c   partitions of topics: found, begun   shard_listing.c  looking for them
 *   shard_lag.c      how far they are read
 *   shard_dataset.c  rules for the records of an epoch
 *   shard_deliver.c  the output: started, told, listened to, waited for
 *
 * CUP_AGAIN from a function here: the lake's side failed in a way that may pass, and nothing of the
 * open epoch is decided; shard->setback says what it was. The epoch is then abandoned.
 */
#ifndef CUP_DATAPLANE_SHARD_PRIV_H
#define CUP_DATAPLANE_SHARD_PRIV_H

#include "base/clock.h"
#include "dataplane/commit/commit.h"
#include "dataplane/commit/journal.h"
#include "dataplane/deliver/deliver.h"
#include "dataplane/kafka/cluster.h"
#include "dataplane/shard.h"
#include "dataplane/worker/worker.h"

struct cup_shard_plan {
    const struct cup_plan *plan;
    size_t                 bytes;
};

/* What a worker's counters are, counting only what is in decided epochs. */
struct cup_shard_tally {
    uint64_t counters[CUP_COUNTER_COUNT];
    uint64_t outcomes[CUP_OUTCOME_COUNT];
};

/* A followed file, from the time it is found until it is over. */
struct cup_shard_input {
    uint64_t                device, inode;
    int64_t                 born_us;
    uint32_t                input, group, generation;
    uint8_t                 form, gzip;
    bool                    gone;
    char                   *path, *first, *topic, *name;
    struct cup_shard_input *next; /* in its bucket */
};

/* All of them. Indexes of inputs are given once. */
#define CUP_SHARD_BUCKETS 16384u
struct cup_shard_inputs {
    struct cup_shard_input **buckets; /* by device and inode */
    struct cup_shard_input **list;    /* by index; NULL: over */
    uint32_t                 count, cap;
    uint32_t                *over; /* indexes whose last bytes may be in the open epoch */
    uint32_t                 over_count, over_cap;
};

/* A partition that this shard consumes; its place in the list is its input number. */
struct cup_shard_partition {
    const char *topic;
    int32_t     partition;
    uint32_t    worker;
    int64_t     end;                           /* until_end: the watermark to read to */
    int64_t     consumed_at_ms, decided_at_ms; /* when nothing was behind its positions last; 0:
                                                  never */
};

struct cup_shard_listing;
struct cup_shard_topics {
    struct cup_shard_listing   *listing;
    struct cup_shard_partition *list;
    uint32_t                    count, cap;
    uint32_t                    begun; /* so many are in the journal */
    uint64_t                    trouble_due_ns, lag_due_ns;
    uint64_t                    advised_epoch;
    struct cup_source_lag      *lags; /* by input */
    uint32_t                    lag_cap;
};

struct cup_shard {
    int                   socket, wake_fd;
    struct cup_stats     *stats;
    struct cup_shard_plan first,
        current; /* inputs are read from the first, the rest from current */
    struct cup_disk       *disk;
    struct cup_store      *store;
    struct cup_commit     *commit;
    struct cup_worker     *workers[CUP_PLAN_WORKERS_MAX];
    uint32_t               worker_count; /* 0: none is open */
    struct cup_worker_fill fill;
    uint32_t              *inputs; /* per worker a run of plan input indexes */
    uint64_t              *starts;
    uint64_t               epoch_opened_ns, upkeep_due_ns;
    char                   epoch_day[CUP_DAY_TEXT_BYTES];
    uint64_t               unknown_id;
    bool                   stopping; /* STOP was received */
    struct cup_text        message;

    struct cup_shard_inputs inputs_followed;
    struct cup_shard_topics topics;

    struct cup_deliver *deliver;         /* NULL: the plan has no output */
    uint64_t            fenced_ns;       /* when its output was fenced last; 0: never */
    uint64_t            deliver_changes; /* of its standing that control was told */

    struct cup_shard_tally committed[CUP_PLAN_WORKERS_MAX];
    enum cup_wire_state    told;          /* last state that control was told */
    struct cup_fault       setback;       /* why a function returned CUP_AGAIN */
    uint32_t               failed_in_row; /* epochs abandoned since the last one decided ... */
    uint32_t               full_in_row;   /* ... and those for which the disk had no room */
    uint64_t               free_at_start; /* when the workers began last */
    bool                   cut_short;     /* the epoch being closed ends where nobody chose it */
};

/* cup_shard_priv_grow makes room for one more in a list of `count`; false when memory is short. */
bool cup_shard_priv_grow(void **list, uint32_t count, uint32_t *cap, size_t bytes);

/* --- plans --- */

/* cup_shard_priv_plan_map maps and checks the plan behind fd; takes the descriptor in any case. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_plan_map(int fd, struct cup_shard_plan *out_map,
                                                    struct cup_fault *out_fault);
void                        cup_shard_priv_plan_unmap(struct cup_shard_plan *map);

CUP_MUST_CHECK enum cup_err cup_shard_priv_send_ready(struct cup_shard *shard,
                                                      struct cup_fault *out_fault);

/* cup_shard_priv_resolve_parked asks control about the first worker that parked and gives all held
 * workers its answer; the other workers ask when it is their turn. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_resolve_parked(struct cup_shard *shard,
                                                          struct cup_fault *out_fault);

/* --- workers --- */

/* cup_shard_priv_workers_start opens all workers where the decided epochs end, and lets them run;
 * cup_shard_priv_workers_close ends them and drops what they have not handed over. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_workers_start(struct cup_shard *shard,
                                                         struct cup_fault *out_fault);
void                        cup_shard_priv_workers_close(struct cup_shard *shard);

/* cup_shard_priv_workers_stop has them read no further. */
void cup_shard_priv_workers_stop(struct cup_shard *shard);

/* The answer to an unknown schema. */
struct cup_shard_answer {
    struct cup_shard_plan plan; /* .plan NULL: none */
    bool                  refuse;
    enum cup_outcome      refuse_as;
};

/* cup_shard_priv_workers_release lets held workers go on; asker is the one whose schema it was. */
void cup_shard_priv_workers_release(struct cup_shard *shard, uint32_t asker,
                                    const struct cup_shard_answer *answer);

struct cup_shard_census {
    uint32_t running, parked, ended;
    uint64_t records, bytes; /* in the open epoch */
    bool     full;           /* a worker has as many files as an epoch may have */
};

/* cup_shard_priv_workers_look fills in what the open epoch has, without a lock; _count all. */
void cup_shard_priv_workers_look(const struct cup_shard *shard, struct cup_shard_census *census);
CUP_MUST_CHECK enum cup_err cup_shard_priv_workers_count(struct cup_shard        *shard,
                                                         struct cup_shard_census *out_census,
                                                         struct cup_fault        *out_fault);

/* cup_shard_priv_worker_failed is what a worker's fault means for the shard: CUP_AGAIN, or the
 * fault. The link is locked. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_worker_failed(struct cup_shard             *shard,
                                                         const struct cup_worker_link *link,
                                                         struct cup_fault             *out_fault);

/* --- epochs --- */

/* cup_shard_priv_epoch_open: the open epoch began at that time of the clock. */
void cup_shard_priv_epoch_open(struct cup_shard *shard, uint64_t opened_ns);

/* cup_shard_priv_epoch_close closes the epoch: workers hand over, the shard seals, decides,
 * applies; control is told. hold: workers then wait for a release. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_epoch_close(struct cup_shard *shard, bool hold,
                                                       enum cup_close    why,
                                                       struct cup_fault *out_fault);

/* --- followed files --- */

CUP_MUST_CHECK enum cup_err cup_shard_priv_inputs_open(struct cup_shard *shard,
                                                       struct cup_fault *out_fault);
void                        cup_shard_priv_inputs_close(struct cup_shard *shard);

/* cup_shard_priv_inputs_take reads the INPUTS message in shard->message and answers TAKEN. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_inputs_take(struct cup_shard *shard,
                                                       struct cup_fault *out_fault);

/* cup_shard_priv_inputs_follow has the workers, which were just opened, follow what there is. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_inputs_follow(struct cup_shard *shard,
                                                         struct cup_fault *out_fault);

/* cup_shard_priv_inputs_turn takes from the workers which files are over. _decided: of those, the
 * first over_count are in decided epochs. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_inputs_turn(struct cup_shard *shard,
                                                       struct cup_fault *out_fault);
void cup_shard_priv_inputs_decided(struct cup_shard *shard, uint32_t over_count);

/* --- topics --- */

/* cup_shard_priv_topics_open finds the partitions that this shard owns, and where each begins; a
 * plan without topics: nothing to do, here and below.
 * Fails     NOT_FOUND (until_end: a topic with that name), INPUT_CHANGED, as cluster.h. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_topics_open(struct cup_shard *shard,
                                                       struct cup_fault *out_fault);
void                        cup_shard_priv_topics_close(struct cup_shard *shard);

/* cup_shard_priv_topics_consume has the workers, which were just opened, consume what there is. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_topics_consume(struct cup_shard *shard,
                                                          struct cup_fault *out_fault);

/* cup_shard_priv_topics_turn takes on what was found since, tells control if the cluster is away,
 * or back, and now and then how far all is. quiet: no record is in an open epoch. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_topics_turn(struct cup_shard *shard, bool quiet,
                                                       struct cup_fault *out_fault);

/* cup_shard_priv_note tells control lines that end with LF, and frees them. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_note(struct cup_shard *shard, struct cup_text *lines,
                                                struct cup_fault *out_fault);

/* cup_shard_priv_lag tells control, and lag tools, how far the partitions are. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_lag(struct cup_shard *shard, bool quiet,
                                               struct cup_fault *out_fault);

/* What a listing found. */
struct cup_shard_found {
    const char                  *topic; /* lent until the listing is closed */
    const struct cup_plan_topic *wanted;
    int64_t                      low, high;
    int32_t                      partition;
    uint32_t                     worker;
};

CUP_MUST_CHECK enum cup_err cup_shard_priv_listing_open(const struct cup_plan *plan, int wake_fd,
                                                        struct cup_shard_listing **out_listing,
                                                        struct cup_fault          *out_fault);
void                        cup_shard_priv_listing_close(struct cup_shard_listing *listing);

/* cup_shard_priv_listing_look looks once, by the caller's thread; _start has a thread do it every
 * few seconds, which writes wake_fd when it has something. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_listing_look(struct cup_shard_listing *listing,
                                                        struct cup_fault         *out_fault);
CUP_MUST_CHECK enum cup_err cup_shard_priv_listing_start(struct cup_shard_listing *listing,
                                                         struct cup_fault         *out_fault);

/* cup_shard_priv_listing_take gives what was found, and notes of a line each; the caller frees
 * both. _advise has the thread store offsets for lag tools; it takes the places (malloc'ed). */
uint32_t cup_shard_priv_listing_take(struct cup_shard_listing *listing,
                                     struct cup_shard_found  **out_found,
                                     struct cup_text          *out_notes);
void     cup_shard_priv_listing_advise(struct cup_shard_listing *listing,
                                       struct cup_kafka_place *places, uint32_t count);

/* Of the look: the cluster; whether there is a topic of that name. The client is for the caller's
 * thread before the start, then only for cup_kafka_client_trouble. */
uint64_t cup_shard_priv_listing_cluster(const struct cup_shard_listing *listing);
bool     cup_shard_priv_listing_has(const struct cup_shard_listing *listing, const char *name);
struct cup_kafka_client *cup_shard_priv_listing_client(struct cup_shard_listing *listing);

/* --- dataset rules --- */

/* cup_shard_priv_can_pause says whether a rule of the plan may pause the shard: its workers must
 * then not read on while an epoch is judged. */
bool cup_shard_priv_can_pause(const struct cup_plan *plan);

/* cup_shard_priv_judge measures the epoch that the parts are, tells control each rule that is
 * broken, and gives the gravest action (WARN when none is).
 * Returns   RULE_BROKEN for ABORT: the epoch must not be decided. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_judge(struct cup_shard            *shard,
                                                 const struct cup_epoch_part *parts, bool last,
                                                 enum cup_action  *out_action,
                                                 struct cup_fault *out_fault);

/* cup_shard_priv_bound looks whether the quarantine is larger than the plan allows: before the
 * first epoch, and behind each that put rows there. A run that judges its records again may.
 * Returns   QUARANTINE_FULL: nothing more may be read; what is decided stays. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_bound(struct cup_shard *shard,
                                                 struct cup_fault *out_fault);

/* --- the output --- */

CUP_MUST_CHECK enum cup_err cup_shard_priv_deliver_open(struct cup_shard *shard,
                                                        struct cup_fault *out_fault);

/* cup_shard_priv_deliver_turn books how far the output is, and tells control what it waits for.
 * Returns   FENCED: another instance owns the output, and with it the pipeline. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_deliver_turn(struct cup_shard *shard,
                                                        struct cup_fault *out_fault);

/* cup_shard_priv_deliver_drain waits until all decided epochs are delivered. A run that ends by
 * itself fails with what keeps the output from it; one that is stopped leaves the rest to the next
 * start. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_deliver_drain(struct cup_shard *shard,
                                                         struct cup_fault *out_fault);

/* --- setbacks --- */

/* cup_shard_priv_wait tells control that the shard waits, and waits for the plan's pause; STOP ends
 * it. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_wait(struct cup_shard *shard,
                                                struct cup_fault *out_fault);

/* cup_shard_priv_hear reads one message that control sent by itself: STOP, INPUTS. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_hear(struct cup_shard *shard,
                                                struct cup_fault *out_fault);

/* cup_shard_priv_setback notes a fault of the lake's side. CUP_AGAIN when it may pass, else the
 * fault itself. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_setback(struct cup_shard       *shard,
                                                   const struct cup_fault *fault,
                                                   struct cup_fault       *out_fault);

/* cup_shard_priv_tell_running tells control that the shard goes on, if it thinks otherwise; a
 * cluster that is away stays away. _tell_cut_off: it is, for this reason; NULL: it is back. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_tell_running(struct cup_shard *shard,
                                                        struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_shard_priv_tell_cut_off(struct cup_shard       *shard,
                                                        const struct cup_fault *why,
                                                        struct cup_fault       *out_fault);

/* cup_shard_priv_pause waits after failure number `number` (from 0) in a row. STOP ends it at once,
 * and `why` is then the fault returned; so it is for the two below. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_pause(struct cup_shard *shard, uint32_t number,
                                                 const struct cup_fault *why,
                                                 struct cup_fault       *out_fault);

/* cup_shard_priv_await_room returns when the lake's disk has the room that an epoch needs. At boot
 * no epoch failed: why is what would have. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_await_room(struct cup_shard       *shard,
                                                      const struct cup_fault *why,
                                                      struct cup_fault       *out_fault);

/* cup_shard_priv_await_resume waits before try number `tries` (from 0) to finish a decided epoch.
 * Returns what failed when it was tried often enough. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_await_resume(struct cup_shard       *shard,
                                                        const struct cup_fault *why, uint32_t tries,
                                                        struct cup_fault *out_fault);

/* cup_shard_priv_begin_again abandons the open epoch after a setback: drops all its files, waits as
 * the setback asks, and has the input read again. Returns the setback when it came too often. */
CUP_MUST_CHECK enum cup_err cup_shard_priv_begin_again(struct cup_shard *shard,
                                                       struct cup_fault *out_fault);

#endif
