// SPDX-License-Identifier: Apache-2.0
#include "dataplane/shard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/commit/commit.h"
#include "dataplane/topology.h"
#include "dataplane/worker/worker.h"
#include "kernels/json/json.h"

#define WAKE_MS 50 /* how late a due epoch may be noticed */

struct plan_map {
    const struct cup_plan *plan;
    size_t                 bytes;
};

struct shard {
    int               socket, wake_fd;
    struct cup_stats *stats;
    struct plan_map first, current; /* inputs are read from the first plan, the rest from current */
    struct cup_store  *store;
    struct cup_commit *commit;
    struct cup_worker *workers[CUP_PLAN_WORKERS_MAX];
    uint32_t           worker_count;
    uint32_t          *inputs; /* per worker a run of plan input indexes */
    uint64_t          *starts;
    uint64_t           epoch_opened_ns;
    char               epoch_day[CUP_DAY_TEXT_BYTES];
    uint64_t           unknown_id;
    bool               stopping; /* STOP was received */
    struct cup_text    message;
};

/* --- plans --- */

static void unmap_plan(struct plan_map *map)
{
    if (map->plan != NULL) munmap((void *)(uintptr_t)map->plan, map->bytes);
    *map = (struct plan_map){0};
}

/* Maps and checks the plan behind fd; takes the descriptor in any case. */
static enum cup_err map_plan(int fd, struct plan_map *out_map, struct cup_fault *out_fault)
{
    const int   seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    struct stat status;

    if (fd < 0) return cup_fault_set(out_fault, CUP_BAD_PLAN, "plan without descriptor", NULL);
    int found = fcntl(fd, F_GET_SEALS);
    if (found < 0 || (found & seals) != seals || fstat(fd, &status) != 0 || status.st_size <= 0) {
        (void)close(fd); /* refused anyway */
        return cup_fault_set(out_fault, CUP_BAD_PLAN, "plan that is not sealed", NULL);
    }
    size_t bytes = (size_t)status.st_size;
    void  *at    = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd); /* the mapping stays */
    if (at == MAP_FAILED) return cup_fault_set(out_fault, CUP_IO, "map the plan", NULL);
    struct plan_map map = {.plan = at, .bytes = bytes};
    enum cup_err    err = cup_plan_check(at, bytes, out_fault);
    if (err != CUP_OK) {
        unmap_plan(&map);
        return err;
    }
    *out_map = map;
    return CUP_OK;
}

/* A later plan may change anything but where the shard reads, writes and runs. */
static bool same_shard(const struct cup_plan *a, const struct cup_plan *b)
{
    return strcmp(cup_plan_text(a, a->lake), cup_plan_text(b, b->lake)) == 0 &&
           strcmp(cup_plan_text(a, a->domain), cup_plan_text(b, b->domain)) == 0 &&
           strcmp(cup_plan_text(a, a->pipeline), cup_plan_text(b, b->pipeline)) == 0 &&
           a->shard == b->shard && a->worker_count == b->worker_count &&
           a->pool_bytes == b->pool_bytes && a->bronze == b->bronze && a->silver == b->silver &&
           a->inputs.count == b->inputs.count && b->generation > a->generation;
}

/* --- boot --- */

/* Deals the inputs to the workers by group; finished inputs are left out. */
static enum cup_err deal_inputs(struct shard *shard, uint32_t worker, uint32_t *at,
                                uint32_t *out_count, struct cup_fault *out_fault)
{
    const struct cup_plan       *plan   = shard->first.plan;
    const struct cup_plan_input *inputs = cup_plan_inputs(plan);
    uint32_t                     from   = *at;

    for (uint32_t i = 0; i < plan->inputs.count; i++) {
        uint64_t start;
        bool     ended;
        if (inputs[i].group % plan->worker_count != worker) continue;
        enum cup_err err = cup_commit_start(shard->commit, i, &start, &ended, out_fault);
        if (err != CUP_OK) return err;
        if (ended) continue;
        shard->inputs[*at] = i;
        shard->starts[*at] = start;
        ++*at;
    }
    *out_count = *at - from;
    return CUP_OK;
}

static enum cup_err open_workers(struct shard *shard, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = shard->first.plan;
    int                    cores[CUP_PLAN_WORKERS_MAX];
    uint32_t               at    = 0;
    size_t                 count = plan->inputs.count == 0 ? 1 : plan->inputs.count;

    shard->inputs = calloc(count, sizeof *shard->inputs);
    shard->starts = calloc(count, sizeof *shard->starts);
    if (shard->inputs == NULL || shard->starts == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of inputs", NULL);
    cup_topology_pick(plan->worker_count, cores);
    for (uint32_t i = 0; i < plan->worker_count; i++) {
        struct cup_worker_config config = {.index   = i,
                                           .plan    = plan,
                                           .store   = shard->store,
                                           .stats   = &shard->stats->workers[i],
                                           .inputs  = shard->inputs + at,
                                           .starts  = shard->starts + at,
                                           .epoch   = cup_commit_next_epoch(shard->commit),
                                           .wake_fd = shard->wake_fd,
                                           .core    = cores[i]};
        enum cup_err             err = deal_inputs(shard, i, &at, &config.input_count, out_fault);
        if (err == CUP_OK) err = cup_worker_open(&config, &shard->workers[i], out_fault);
        if (err != CUP_OK) return err;
        shard->worker_count++;
    }
    return CUP_OK;
}

static enum cup_err send_ready(struct shard *shard, struct cup_fault *out_fault)
{
    const struct cup_plan *plan  = shard->current.plan;
    struct cup_wire_ready  ready = {.generation   = plan->generation,
                                    .pool_bytes   = plan->pool_bytes * plan->worker_count,
                                    .worker_count = plan->worker_count,
                                    .pid          = (uint32_t)getpid()};
    struct cup_json       *json;

    /* the level that this name means here: workers opened the same one */
    enum cup_err err = cup_json_open(cup_plan_text(plan, plan->kernels), CUP_BATCH_BYTES,
                                     CUP_JSON_LIMITS_DEFAULT, &json, out_fault);
    if (err != CUP_OK) return err;
    snprintf(ready.kernels, sizeof ready.kernels, "%s", cup_json_level(json));
    cup_json_close(json);
    return cup_wire_send(shard->socket, CUP_WIRE_READY, &ready, sizeof ready, -1, out_fault);
}

static enum cup_err boot(struct shard *shard, struct cup_fault *out_fault)
{
    enum cup_wire_kind kind;
    int                fd;
    char               staging[CUP_STORE_NAME_BYTES];

    enum cup_err err = cup_wire_receive(shard->socket, &kind, &shard->message, &fd, out_fault);
    if (err != CUP_OK) return err;
    if (kind != CUP_WIRE_PLAN)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "first message is no plan", NULL);
    err = map_plan(fd, &shard->first, out_fault);
    if (err != CUP_OK) return err;
    shard->current              = shard->first;
    const struct cup_plan *plan = shard->first.plan;
    shard->stats->worker_count  = plan->worker_count;
    cup_commit_staging(plan, staging);
    err = cup_store_open(cup_plan_text(plan, plan->lake), staging, &shard->store, out_fault);
    if (err == CUP_OK) err = cup_commit_open(shard->store, plan, &shard->commit, out_fault);
    if (err == CUP_OK) err = open_workers(shard, out_fault);
    if (err == CUP_OK) err = send_ready(shard, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < shard->worker_count; i++)
        err = cup_worker_start(shard->workers[i], out_fault);
    return err;
}

static void shut(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->worker_count; i++)
        cup_worker_close(shard->workers[i]);
    cup_commit_close(shard->commit);
    cup_store_close(shard->store);
    if (shard->current.plan != shard->first.plan) unmap_plan(&shard->current);
    unmap_plan(&shard->first);
    free(shard->inputs);
    free(shard->starts);
    cup_text_free(&shard->message);
    if (shard->wake_fd >= 0) (void)close(shard->wake_fd); /* an eventfd has nothing to lose */
}

/* --- closing an epoch --- */

static void open_epoch(struct shard *shard)
{
    shard->epoch_opened_ns = cup_clock_mono_ns();
    cup_clock_day_text(cup_clock_wall_us(), shard->epoch_day);
}

static void ask_close(struct cup_worker_link *link, bool hold)
{
    CUP_ASSERT(link != NULL);
    pthread_mutex_lock(&link->lock);
    link->hold = hold;
    /* pairs with the acquire in the worker's step */
    atomic_store_explicit(&link->close_asked, true, memory_order_release);
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

static enum cup_err wait_wake(struct shard *shard, struct cup_fault *out_fault)
{
    struct pollfd ready = {.fd = shard->wake_fd, .events = POLLIN};
    uint64_t      count;

    if (poll(&ready, 1, -1) < 0 && errno != EINTR)
        return cup_fault_set(out_fault, CUP_IO, "wait for workers", NULL);
    (void)!read(shard->wake_fd, &count, sizeof count); /* non-blocking: only empties it */
    return CUP_OK;
}

/* Takes the worker's part when it is there. A failed worker is a fault. */
static enum cup_err take_part(struct cup_worker_link *link, struct cup_epoch_part *part,
                              bool *taken, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    pthread_mutex_lock(&link->lock);
    if (link->state == CUP_WORKER_FAILED) {
        *out_fault = link->fault;
        err        = link->fault.err;
    } else if (link->part_ready) {
        *part            = link->part;
        link->part       = (struct cup_epoch_part){0};
        link->part_ready = false;
        *taken           = true;
    }
    pthread_mutex_unlock(&link->lock);
    return err;
}

/* Collects the part of every worker. On failure what was taken is freed. */
static enum cup_err collect(struct shard *shard, struct cup_epoch_part *parts,
                            struct cup_fault *out_fault)
{
    bool         taken[CUP_PLAN_WORKERS_MAX] = {0};
    uint32_t     missing                     = shard->worker_count;
    enum cup_err err                         = CUP_OK;

    while (err == CUP_OK && missing > 0) {
        missing = 0;
        for (uint32_t i = 0; err == CUP_OK && i < shard->worker_count; i++) {
            struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
            if (!taken[i]) err = take_part(link, &parts[i], &taken[i], out_fault);
            missing += !taken[i];
        }
        if (err == CUP_OK && missing > 0) err = wait_wake(shard, out_fault);
    }
    for (uint32_t i = 0; err != CUP_OK && i < shard->worker_count; i++)
        cup_epoch_part_free(&parts[i], shard->store);
    return err;
}

static void count_table(struct cup_wire_epoch_table *row, const struct cup_epoch_file *file)
{
    row->files++;
    row->rows += file->row_count;
    row->bytes += file->bytes;
}

/* Sums the parts' silver files per table, for control's summary; parts are freed by the commit. */
static void sum_tables(const struct shard *shard, const struct cup_epoch_part *parts,
                       struct cup_wire_epoch_table *rows)
{
    const struct cup_plan *plan = shard->current.plan;

    for (uint32_t i = 0; i < plan->tables.count; i++)
        snprintf(rows[i].path, sizeof rows[i].path, "%s",
                 cup_plan_text(plan, cup_plan_tables(plan)[i].path));
    for (uint32_t i = 0; i < plan->tables.count; i++)
        rows[i].zone = CUP_ZONE_SILVER;
    for (uint32_t p = 0; p < shard->worker_count; p++)
        for (uint32_t f = 0; f < parts[p].file_count; f++)
            if (parts[p].files[f].zone == CUP_ZONE_SILVER)
                count_table(&rows[parts[p].files[f].table], &parts[p].files[f]);
}

static enum cup_err send_epoch(struct shard *shard, const struct cup_commit_result *result,
                               const struct cup_wire_epoch_table *rows, struct cup_fault *out_fault)
{
    uint32_t              count = shard->current.plan->tables.count;
    struct cup_wire_epoch epoch = {.epoch        = result->epoch,
                                   .generation   = shard->current.plan->generation,
                                   .records      = result->record_count,
                                   .apply_ns     = result->apply_ns,
                                   .bronze_bytes = result->zones[CUP_ZONE_BRONZE].bytes,
                                   .bronze_files = result->zones[CUP_ZONE_BRONZE].files,
                                   .table_count  = count};

    cup_text_clear(&shard->message);
    cup_text_put(&shard->message, &epoch, sizeof epoch);
    cup_text_put(&shard->message, rows, count * sizeof *rows);
    if (shard->message.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "message", NULL);
    return cup_wire_send(shard->socket, CUP_WIRE_EPOCH, shard->message.at, shard->message.bytes, -1,
                         out_fault);
}

/* Closes the epoch: all workers seal, the committer decides and applies. hold: workers then wait.
 */
static enum cup_err close_epoch(struct shard *shard, bool hold, struct cup_fault *out_fault)
{
    struct cup_epoch_part    parts[CUP_PLAN_WORKERS_MAX] = {0};
    struct cup_commit_result result;
    size_t                   tables = shard->current.plan->tables.count;

    for (uint32_t i = 0; i < shard->worker_count; i++)
        ask_close(cup_worker_link(shard->workers[i]), hold);
    enum cup_err err = collect(shard, parts, out_fault);
    if (err != CUP_OK) return err;
    struct cup_wire_epoch_table *rows = calloc(tables + 1, sizeof *rows);
    if (rows == NULL) {
        for (uint32_t i = 0; i < shard->worker_count; i++)
            cup_epoch_part_free(&parts[i], shard->store);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "summary of an epoch", NULL);
    }
    sum_tables(shard, parts, rows);
    open_epoch(shard);
    err = cup_commit_epoch(shard->commit, parts, shard->worker_count, &result, out_fault);
    if (err == CUP_OK && result.epoch != 0) {
        atomic_store_explicit(&shard->stats->epoch, result.epoch, memory_order_relaxed);
        err = send_epoch(shard, &result, rows, out_fault);
    }
    free(rows);
    return err;
}

/* --- held workers --- */

/* The answer to an unknown schema. */
struct answer {
    struct plan_map  plan; /* .plan NULL: none */
    bool             refuse;
    enum cup_outcome refuse_as;
};

static void release_held(struct shard *shard, uint32_t asker, const struct answer *answer)
{
    for (uint32_t i = 0; i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        if (link->state == CUP_WORKER_HELD) {
            link->next_epoch = cup_commit_next_epoch(shard->commit);
            link->next_plan  = answer->plan.plan;
            link->refuse     = answer->refuse && i == asker;
            link->refuse_as  = answer->refuse_as;
            link->released   = true;
            pthread_cond_broadcast(&link->changed);
        }
        pthread_mutex_unlock(&link->lock);
    }
}

/* The plan that workers leave must outlive their use of it: they have adopted the new one when they
 * run again. */
static void wait_running(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        while (link->state == CUP_WORKER_HELD)
            pthread_cond_wait(&link->changed, &link->lock);
        pthread_mutex_unlock(&link->lock);
    }
}

static enum cup_err send_unknown(struct shard *shard, uint32_t worker,
                                 const struct cup_decode_unknown *unknown,
                                 struct cup_fault                *out_fault)
{
    const char *names[] = {unknown->source_name,  unknown->source_db, unknown->source_schema,
                           unknown->source_table, unknown->connector, unknown->topic};
    struct cup_wire_unknown head = {.id = ++shard->unknown_id, .worker = worker};

    _Static_assert(CUP_UNKNOWN_SCHEMA == sizeof names / sizeof names[0], "names come first");
    for (uint32_t i = 0; i < CUP_UNKNOWN_SCHEMA; i++)
        head.text_bytes[i] = (uint32_t)strlen(names[i]);
    head.text_bytes[CUP_UNKNOWN_SCHEMA]     = unknown->schema_bytes;
    head.text_bytes[CUP_UNKNOWN_KEY_SCHEMA] = unknown->key_schema_bytes;
    cup_text_clear(&shard->message);
    cup_text_put(&shard->message, &head, sizeof head);
    for (uint32_t i = 0; i < CUP_UNKNOWN_SCHEMA; i++)
        cup_text_puts(&shard->message, names[i]);
    cup_text_put(&shard->message, unknown->schema, unknown->schema_bytes);
    cup_text_put(&shard->message, unknown->key_schema, unknown->key_schema_bytes);
    if (shard->message.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "message", NULL);
    return cup_wire_send(shard->socket, CUP_WIRE_UNKNOWN, shard->message.at, shard->message.bytes,
                         -1, out_fault);
}

static enum cup_err read_refuse(struct shard *shard, struct answer *out_answer,
                                struct cup_fault *out_fault)
{
    struct cup_wire_refuse refuse;

    if (shard->message.bytes != sizeof refuse)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "refusal", NULL);
    memcpy(&refuse, shard->message.at, sizeof refuse);
    if (refuse.id != shard->unknown_id || refuse.outcome >= CUP_OUTCOME_COUNT ||
        cup_outcome_class((enum cup_outcome)refuse.outcome) != CUP_CLASS_QUARANTINED)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "refusal", NULL);
    out_answer->refuse    = true;
    out_answer->refuse_as = (enum cup_outcome)refuse.outcome;
    return CUP_OK;
}

/* Blocks until control has answered: a plan, a refusal, or STOP. */
static enum cup_err await_answer(struct shard *shard, struct answer *out_answer,
                                 struct cup_fault *out_fault)
{
    enum cup_wire_kind kind;
    int                fd;

    enum cup_err err = cup_wire_receive(shard->socket, &kind, &shard->message, &fd, out_fault);
    if (err != CUP_OK) return err;
    switch (kind) {
    case CUP_WIRE_STOP: shard->stopping = true; return CUP_OK;
    case CUP_WIRE_REFUSE: return read_refuse(shard, out_answer, out_fault);
    case CUP_WIRE_PLAN: break;
    default: return cup_fault_set(out_fault, CUP_BAD_DATA, "answer to an unknown schema", NULL);
    }
    err = map_plan(fd, &out_answer->plan, out_fault);
    if (err != CUP_OK) return err;
    if (same_shard(shard->current.plan, out_answer->plan.plan)) return CUP_OK;
    unmap_plan(&out_answer->plan);
    return cup_fault_set(out_fault, CUP_BAD_PLAN, "new plan is for another shard", NULL);
}

/* Asks control about the first worker that parked; the others ask again when it is their turn. */
static enum cup_err resolve_parked(struct shard *shard, struct cup_fault *out_fault)
{
    struct answer answer = {0};
    uint32_t      asker  = UINT32_MAX;

    for (uint32_t i = shard->worker_count; i-- > 0;) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        if (link->state == CUP_WORKER_HELD && link->before == CUP_WORKER_PARKED) asker = i;
        pthread_mutex_unlock(&link->lock);
    }
    if (asker != UINT32_MAX && !shard->stopping) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[asker]);
        enum cup_err            err  = send_unknown(shard, asker, &link->unknown, out_fault);
        if (err == CUP_OK) err = await_answer(shard, &answer, out_fault);
        if (err != CUP_OK) return err;
    }
    if (answer.plan.plan != NULL) cup_commit_adopt(shard->commit, answer.plan.plan);
    release_held(shard, asker, &answer);
    if (answer.plan.plan == NULL) return CUP_OK;
    wait_running(shard);
    if (shard->current.plan != shard->first.plan) unmap_plan(&shard->current);
    shard->current = answer.plan;
    return send_ready(shard, out_fault);
}

/* --- the loop --- */

struct census {
    uint32_t running, parked, ended;
    uint64_t records, bytes;
};

static enum cup_err take_census(struct shard *shard, struct census *out_census,
                                struct cup_fault *out_fault)
{
    struct census census = {0};

    for (uint32_t i = 0; i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        enum cup_worker_state state = link->state;
        if (state == CUP_WORKER_FAILED) *out_fault = link->fault;
        pthread_mutex_unlock(&link->lock);
        if (state == CUP_WORKER_FAILED) return out_fault->err;
        census.parked += state == CUP_WORKER_PARKED;
        census.ended += state == CUP_WORKER_ENDED;
        census.running += state == CUP_WORKER_RUNNING;
        census.records += atomic_load_explicit(&link->open_records, memory_order_relaxed);
        census.bytes += atomic_load_explicit(&link->open_bytes, memory_order_relaxed);
    }
    *out_census = census;
    return CUP_OK;
}

static bool is_due(const struct shard *shard, const struct census *census)
{
    const struct cup_plan *plan = shard->current.plan;
    char                   day[CUP_DAY_TEXT_BYTES];

    if (census->records == 0) return false;
    if (census->bytes >= plan->epoch_bytes_max) return true;
    if (cup_clock_mono_ns() - shard->epoch_opened_ns >= plan->epoch_ns_max) return true;
    cup_clock_day_text(cup_clock_wall_us(), day);
    return strcmp(day, shard->epoch_day) != 0; /* an epoch never spans two days */
}

static void ask_stop(struct shard *shard)
{
    shard->stopping = true;
    for (uint32_t i = 0; i < shard->worker_count; i++)
        atomic_store_explicit(&cup_worker_link(shard->workers[i])->stop_asked, true,
                              memory_order_relaxed);
}

/* Reads what control sent, if anything. */
static enum cup_err listen_control(struct shard *shard, struct cup_fault *out_fault)
{
    struct pollfd fds[2] = {{.fd = shard->socket, .events = POLLIN},
                            {.fd = shard->wake_fd, .events = POLLIN}};
    uint64_t      count;

    if (poll(fds, 2, WAKE_MS) < 0 && errno != EINTR)
        return cup_fault_set(out_fault, CUP_IO, "wait for workers and control", NULL);
    if (fds[1].revents != 0) (void)!read(shard->wake_fd, &count, sizeof count); /* empties it */
    if (fds[0].revents == 0) return CUP_OK;

    enum cup_wire_kind kind;
    int                fd;
    enum cup_err err = cup_wire_receive(shard->socket, &kind, &shard->message, &fd, out_fault);
    if (err != CUP_OK) return err;
    if (fd >= 0) (void)close(fd); /* nothing but an answer brings a descriptor */
    if (kind != CUP_WIRE_STOP)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "message that nobody asked for", NULL);
    ask_stop(shard);
    return CUP_OK;
}

static enum cup_err serve(struct shard *shard, struct cup_fault *out_fault)
{
    open_epoch(shard);
    for (;;) {
        struct census census = {0};
        enum cup_err  err    = listen_control(shard, out_fault);
        if (err == CUP_OK) err = take_census(shard, &census, out_fault);
        if (err != CUP_OK) return err;

        bool rest = census.running == 0 && census.parked + census.ended == shard->worker_count;
        bool last = rest && (census.parked == 0 || shard->stopping);
        if (last) return close_epoch(shard, true, out_fault);
        if (census.parked > 0) {
            err = close_epoch(shard, true, out_fault);
            if (err == CUP_OK) err = resolve_parked(shard, out_fault);
            if (err == CUP_OK && shard->stopping) ask_stop(shard);
        } else if (is_due(shard, &census)) {
            err = close_epoch(shard, false, out_fault);
            release_held(shard, UINT32_MAX, &(struct answer){0});
        }
        if (err != CUP_OK) return err;
    }
}

enum cup_err cup_shard_run(int socket, struct cup_stats *stats, struct cup_fault *out_fault)
{
    struct shard shard = {
        .socket = socket, .stats = stats, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    CUP_ASSERT(stats != NULL);
    if (shard.wake_fd < 0) return cup_fault_set(out_fault, CUP_IO, "eventfd", NULL);
    enum cup_err err = boot(&shard, out_fault);
    if (err == CUP_OK) err = serve(&shard, out_fault);
    shut(&shard);
    if (err == CUP_OK) err = cup_wire_send(socket, CUP_WIRE_ENDED, NULL, 0, -1, out_fault);
    return err;
}
