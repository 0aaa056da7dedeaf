// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/shard_priv.h"
#include "kernels/json/json.h"

void cup_shard_priv_plan_unmap(struct cup_shard_plan *map)
{
    if (map->plan != NULL) munmap((void *)(uintptr_t)map->plan, map->bytes);
    *map = (struct cup_shard_plan){0};
}

enum cup_err cup_shard_priv_plan_map(int fd, struct cup_shard_plan *out_map,
                                     struct cup_fault *out_fault)
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
    struct cup_shard_plan map = {.plan = at, .bytes = bytes};
    enum cup_err          err = cup_plan_check(at, bytes, out_fault);
    if (err != CUP_OK) {
        cup_shard_priv_plan_unmap(&map);
        return err;
    }
    *out_map = map;
    return CUP_OK;
}

enum cup_err cup_shard_priv_send_ready(struct cup_shard *shard, struct cup_fault *out_fault)
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
    const char *name      = cup_disk_name(shard->disk);
    bool        fell_back = plan->store == CUP_DISK_AUTO && strcmp(name, "uring") != 0;
    snprintf(ready.store, sizeof ready.store, "%s%s", name, fell_back ? " (no io_uring here)" : "");
    return cup_wire_send(shard->socket, CUP_WIRE_READY, &ready, sizeof ready, -1, out_fault);
}

/* A later plan may change anything but where the shard reads, writes and runs. */
static bool same_shard(const struct cup_plan *a, const struct cup_plan *b)
{
    return strcmp(cup_plan_text(a, a->lake), cup_plan_text(b, b->lake)) == 0 &&
           strcmp(cup_plan_text(a, a->domain), cup_plan_text(b, b->domain)) == 0 &&
           strcmp(cup_plan_text(a, a->pipeline), cup_plan_text(b, b->pipeline)) == 0 &&
           a->shard == b->shard && a->worker_count == b->worker_count &&
           a->pool_bytes == b->pool_bytes && a->bronze == b->bronze && a->silver == b->silver &&
           a->inputs.count == b->inputs.count && a->topics.count == b->topics.count &&
           a->until_end == b->until_end && b->generation > a->generation;
}

/* --- unknown schemas --- */

static enum cup_err send_unknown(struct cup_shard *shard, uint32_t worker,
                                 const struct cup_decode_unknown *unknown,
                                 struct cup_fault                *out_fault)
{
    const char *names[] = {unknown->source_name,  unknown->source_db, unknown->source_schema,
                           unknown->source_table, unknown->connector, unknown->topic,
                           unknown->what};
    struct cup_wire_unknown head = {.id        = ++shard->unknown_id,
                                    .offset    = unknown->offset,
                                    .partition = unknown->partition,
                                    .worker    = worker,
                                    .kind      = (uint32_t)unknown->kind};

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

static enum cup_err read_refuse(struct cup_shard *shard, struct cup_shard_answer *out_answer,
                                struct cup_fault *out_fault)
{
    struct cup_wire_refuse refuse;

    if (shard->message.bytes != sizeof refuse)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "refusal", NULL);
    memcpy(&refuse, shard->message.at, sizeof refuse);
    if (refuse.id != shard->unknown_id || refuse.outcome >= CUP_OUTCOME_COUNT ||
        cup_outcome_class((enum cup_outcome)refuse.outcome) == CUP_CLASS_ACCEPTED)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "refusal", NULL);
    out_answer->refuse    = true;
    out_answer->refuse_as = (enum cup_outcome)refuse.outcome;
    return CUP_OK;
}

/* Blocks until control has answered: a plan, a refusal, or STOP. */
static enum cup_err await_answer(struct cup_shard *shard, struct cup_shard_answer *out_answer,
                                 struct cup_fault *out_fault)
{
    enum cup_wire_kind kind;
    int                fd;

    enum cup_err err = cup_wire_receive(shard->socket, &kind, &shard->message, &fd, out_fault);
    while (err == CUP_OK && kind == CUP_WIRE_INPUTS && fd < 0) { /* sent before the question */
        err = cup_shard_priv_inputs_take(shard, out_fault);
        if (err == CUP_OK)
            err = cup_wire_receive(shard->socket, &kind, &shard->message, &fd, out_fault);
    }
    if (err != CUP_OK) return err;
    switch (kind) {
    case CUP_WIRE_STOP: shard->stopping = true; return CUP_OK;
    case CUP_WIRE_REFUSE: return read_refuse(shard, out_answer, out_fault);
    case CUP_WIRE_PLAN: break;
    default: return cup_fault_set(out_fault, CUP_BAD_DATA, "answer to an unknown schema", NULL);
    }
    err = cup_shard_priv_plan_map(fd, &out_answer->plan, out_fault);
    if (err != CUP_OK) return err;
    if (same_shard(shard->current.plan, out_answer->plan.plan)) return CUP_OK;
    cup_shard_priv_plan_unmap(&out_answer->plan);
    return cup_fault_set(out_fault, CUP_BAD_PLAN, "new plan is for another shard", NULL);
}

/* The plan that workers leave must outlive their use of it: they have adopted the new one when they
 * run again. */
static void wait_running(struct cup_shard *shard)
{
    for (uint32_t i = 0; i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        while (link->state == CUP_WORKER_HELD)
            pthread_cond_wait(&link->changed, &link->lock);
        pthread_mutex_unlock(&link->lock);
    }
}

static uint32_t find_parked(struct cup_shard *shard)
{
    for (uint32_t i = 0; i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        bool parked = link->state == CUP_WORKER_HELD && link->before == CUP_WORKER_PARKED;
        pthread_mutex_unlock(&link->lock);
        if (parked) return i;
    }
    return UINT32_MAX;
}

enum cup_err cup_shard_priv_resolve_parked(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_shard_answer answer = {0};
    uint32_t                asker  = find_parked(shard);

    if (asker != UINT32_MAX && !shard->stopping) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[asker]);
        enum cup_err            err  = send_unknown(shard, asker, &link->unknown, out_fault);
        if (err == CUP_OK) err = await_answer(shard, &answer, out_fault);
        if (err != CUP_OK) return err;
    }
    if (answer.plan.plan != NULL) cup_commit_adopt(shard->commit, answer.plan.plan);
    cup_shard_priv_workers_release(shard, asker, &answer);
    if (answer.plan.plan == NULL) return CUP_OK;
    wait_running(shard);
    if (shard->current.plan != shard->first.plan) cup_shard_priv_plan_unmap(&shard->current);
    shard->current = answer.plan;
    return cup_shard_priv_send_ready(shard, out_fault);
}
