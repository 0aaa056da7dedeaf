// SPDX-License-Identifier: Apache-2.0
/* Rules for the records of an epoch: measured when all workers have handed over, before anything is
 * decided, so that ABORT leaves no trace of the epoch. */
#include <math.h>
#include <string.h>

#include "dataplane/shard_priv.h"

/* What one rule looks at. */
struct measure {
    uint64_t accepted_count, quarantined_count, row_count;
    int64_t  newest_us;
};

bool cup_shard_priv_can_pause(const struct cup_plan *plan)
{
    if (cup_plan_judges_again(plan)) return false;
    bool can = plan->breaker.action == CUP_ACTION_PAUSE && isfinite(plan->breaker.most);

    for (uint32_t i = 0; !can && i < plan->tables.count; i++) {
        const struct cup_plan_table *table = &cup_plan_tables(plan)[i];
        for (uint32_t k = 0; k < table->datasets.count; k++)
            can |= cup_plan_datasets(plan, table)[k].action == CUP_ACTION_PAUSE;
    }
    return can;
}

static struct measure of_table(const struct cup_shard *shard, const struct cup_epoch_part *parts,
                               uint32_t table)
{
    struct measure sum = {.newest_us = INT64_MIN};

    for (uint32_t i = 0; i < shard->worker_count; i++) {
        if (parts[i].tallies == NULL) continue;
        const struct cup_epoch_tally *tally = &parts[i].tallies[table];
        sum.accepted_count += tally->accepted_count;
        sum.quarantined_count += tally->quarantined_count;
        sum.row_count += tally->row_count;
        if (tally->newest_us > sum.newest_us) sum.newest_us = tally->newest_us;
    }
    return sum;
}

/* All records, also those of which nobody knows the table. */
static struct measure of_all(const struct cup_shard *shard, const struct cup_epoch_part *parts)
{
    struct measure sum = {.newest_us = INT64_MIN};

    for (uint32_t i = 0; i < shard->worker_count; i++) {
        for (uint32_t r = 0; r < parts[i].range_count; r++) {
            const struct cup_epoch_range *range = &parts[i].ranges[r];
            uint64_t                      bad   = 0;
            for (int k = 0; k < CUP_OUTCOME_COUNT; k++)
                if (cup_outcome_class((enum cup_outcome)k) == CUP_CLASS_QUARANTINED)
                    bad += range->outcomes[k];
            sum.quarantined_count += bad;
            sum.accepted_count += range->record_count - bad; /* or dropped by a named rule */
        }
    }
    return sum;
}

/* false: there is nothing to measure. */
static bool measure(const struct measure *of, enum cup_dataset kind, double *out)
{
    uint64_t count = of->accepted_count + of->quarantined_count;

    switch (kind) {
    case CUP_DATASET_FAILURE_RATE:
        *out = 100.0 * (double)of->quarantined_count / (double)count;
        break;
    case CUP_DATASET_FAILURES: *out = (double)of->quarantined_count; break;
    case CUP_DATASET_ROW_COUNT: *out = (double)of->row_count; break;
    case CUP_DATASET_FRESHNESS:
        if (of->newest_us == INT64_MIN) return false;
        *out = (double)(cup_clock_wall_us() - of->newest_us) / (double)CUP_US_PER_S;
        break;
    case CUP_DATASET_COUNT: return false;
    }
    return count > 0;
}

static enum cup_err tell(struct cup_shard *shard, const struct cup_plan_dataset *rule,
                         const char *table, const struct measure *of, double measured, bool last,
                         struct cup_fault *out_fault)
{
    const struct cup_plan *plan   = shard->current.plan;
    bool                   pause  = rule->action == CUP_ACTION_PAUSE && !last && !shard->stopping;
    struct cup_wire_broken broken = {.epoch        = cup_commit_next_epoch(shard->commit),
                                     .record_count = of->accepted_count + of->quarantined_count,
                                     .kind         = rule->kind,
                                     .action       = rule->action,
                                     .measured     = measured,
                                     .least        = rule->least,
                                     .most         = rule->most,
                                     .wait_ns      = pause ? plan->pause_ns : 0};

    snprintf(broken.rule, sizeof broken.rule, "%s", cup_plan_text(plan, rule->id));
    snprintf(broken.table, sizeof broken.table, "%s", table);
    cup_stats_add(&shard->stats->workers[0].counters[CUP_COUNTER_RULES_BROKEN], 1);
    return cup_wire_send(shard->socket, CUP_WIRE_BROKEN, &broken, sizeof broken, -1, out_fault);
}

/* An epoch that ends before its time, for a new schema or a STOP, says nothing about "at least". */
static enum cup_err judge(struct cup_shard *shard, const struct cup_plan_dataset *rule,
                          const char *table, const struct measure *of, bool last,
                          enum cup_action *gravest, struct cup_fault *out_fault)
{
    double measured = 0;

    if (of->accepted_count + of->quarantined_count < rule->records_min) return CUP_OK;
    if (!measure(of, (enum cup_dataset)rule->kind, &measured)) return CUP_OK;
    bool low = measured < rule->least && !shard->cut_short;
    if (!low && measured <= rule->most) return CUP_OK;
    if ((enum cup_action)rule->action > *gravest) *gravest = (enum cup_action)rule->action;
    enum cup_err err = tell(shard, rule, table, of, measured, last, out_fault);
    if (err != CUP_OK || rule->action != CUP_ACTION_ABORT) return err;
    return cup_fault_set(out_fault, CUP_RULE_BROKEN, "the epoch was dropped",
                         cup_plan_text(shard->current.plan, rule->id));
}

static enum cup_err judge_table(struct cup_shard *shard, const struct cup_epoch_part *parts,
                                uint32_t index, bool last, enum cup_action *gravest,
                                struct cup_fault *out_fault)
{
    const struct cup_plan       *plan  = shard->current.plan;
    const struct cup_plan_table *table = &cup_plan_tables(plan)[index];
    enum cup_err                 err   = CUP_OK;

    if (table->datasets.count == 0) return CUP_OK;
    const struct measure of = of_table(shard, parts, index);
    for (uint32_t i = 0; err == CUP_OK && i < table->datasets.count; i++)
        err = judge(shard, &cup_plan_datasets(plan, table)[i], cup_plan_text(plan, table->path),
                    &of, last, gravest, out_fault);
    return err;
}

enum cup_err cup_shard_priv_judge(struct cup_shard *shard, const struct cup_epoch_part *parts,
                                  bool last, enum cup_action *out_action,
                                  struct cup_fault *out_fault)
{
    const struct cup_plan *plan    = shard->current.plan;
    enum cup_action        gravest = CUP_ACTION_WARN;
    enum cup_err           err     = CUP_OK;

    *out_action = CUP_ACTION_WARN;
    if (cup_plan_judges_again(plan)) return CUP_OK; /* who chose bad records is to get them back */
    for (uint32_t i = 0; err == CUP_OK && i < plan->tables.count; i++)
        err = judge_table(shard, parts, i, last, &gravest, out_fault);
    if (err == CUP_OK && isfinite(plan->breaker.most)) {
        const struct measure of = of_all(shard, parts);
        err                     = judge(shard, &plan->breaker, "", &of, last, &gravest, out_fault);
    }
    if (err != CUP_OK) return err;
    /* who is at the end has nothing to wait for */
    *out_action = gravest == CUP_ACTION_PAUSE && last ? CUP_ACTION_WARN : gravest;
    return CUP_OK;
}

enum cup_err cup_shard_priv_bound(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = shard->current.plan;
    const char            *folder;
    char                   where[CUP_STORE_NAME_BYTES + 128];
    uint64_t               bytes = cup_commit_quarantine(shard->commit, &folder);

    if (bytes <= plan->quarantine_max || cup_plan_judges_again(plan)) return CUP_OK;
    snprintf(where, sizeof where, "%s: %llu bytes, and quarantine.bytes_max is %llu", folder,
             (unsigned long long)bytes, (unsigned long long)plan->quarantine_max);
    return cup_fault_set(out_fault, CUP_QUARANTINE_FULL, "bound the quarantine", where);
}
