// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/load.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

#define START_US      1767225600000000ll /* 2026-01-01T00:00:00Z: runs do not depend on the clock */
#define START_LSN     149425264u
#define START_TX      2387u
#define TX_EVENTS_MAX 5u
#define STEP_US_MAX   2000u
#define LSN_STEP_MAX  400u
#define LATE_S_MAX    7200   /* two hours */
#define CONNECTOR_LAG 250000 /* the connector reads a quarter of a second behind */
#define ROWS_FIRST    1024u

void cup_load_init(struct cup_load *load, const struct cup_load_settings *settings,
                   struct cup_load_sink sink)
{
    uint64_t weights = 0, left = settings->snapshot_count;
    *load = (struct cup_load){.settings    = *settings,
                              .sink        = sink,
                              .rnd         = cup_rnd_seed(settings->seed),
                              .lsn         = START_LSN,
                              .tx          = START_TX,
                              .last_commit = START_LSN,
                              .now_us      = START_US};
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++) {
        weights += settings->table_weights[t];
        load->tables[t].key_next = load->tables[t].identity_next = 1;
    }
    CUP_ASSERT(weights > 0);
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++) {
        uint64_t share         = left * settings->table_weights[t] / (weights > 0 ? weights : 1);
        load->snapshot_left[t] = share;
        left -= share;
        weights -= settings->table_weights[t];
    }
}

void cup_load_free(struct cup_load *load)
{
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++)
        free(load->tables[t].rows);
}

static double draw_unit(struct cup_load *load)
{
    return (double)(cup_rnd_u64(&load->rnd) >> 11) * 0x1p-53;
}

static uint32_t draw_weighted(struct cup_load *load, const uint64_t *weights, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    uint64_t at = cup_rnd_u64(&load->rnd) % sum;
    for (uint32_t i = 0; i < count; i++) {
        if (at < weights[i]) return i;
        at -= weights[i];
    }
    return count - 1;
}

/* Rank 0..count-1 with probability about 1/(rank+1)^skew: the inverse of the continuous
 * distribution, which differs from Zipf's in the first few ranks only. */
static uint32_t draw_rank(struct cup_load *load, uint32_t count)
{
    double unit = draw_unit(load), skew = load->settings.skew, rank;
    if (fabs(skew - 1) < 1e-9)
        rank = pow((double)count + 1, unit) - 1;
    else
        rank = pow((pow((double)count + 1, 1 - skew) - 1) * unit + 1, 1 / (1 - skew)) - 1;
    return rank < (double)count ? (uint32_t)rank : count - 1;
}

static enum cup_err add_row(struct cup_load_table *table, struct cup_fault *out_fault)
{
    if (table->row_count == table->row_cap) {
        uint32_t        cap = table->row_cap == 0 ? ROWS_FIRST : table->row_cap * 2;
        struct cup_row *rows =
            cap > table->row_cap ? realloc(table->rows, cap * sizeof(*rows)) : NULL;
        if (rows == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "rows of a table", NULL);
        table->rows    = rows;
        table->row_cap = cap;
    }
    table->rows[table->row_count++] = (struct cup_row){
        .key = table->key_next++, .identity = table->identity_next++, .version = 0};
    return CUP_OK;
}

/* Stamps and log positions of the next event; transactions hold a few events each. */
static void stamp(struct cup_load *load, struct cup_event *event)
{
    load->lsn += 56 + 8 * (uint64_t)cup_rnd_below(&load->rnd, LSN_STEP_MAX / 8);
    if (load->tx_left == 0) {
        load->tx_left     = 1 + cup_rnd_below(&load->rnd, TX_EVENTS_MAX);
        load->last_commit = load->lsn;
        load->tx++;
        load->now_us += 1 + cup_rnd_below(&load->rnd, STEP_US_MAX);
    }
    load->tx_left--;
    int64_t late        = draw_unit(load) * 100 < load->settings.late_percent
                              ? (int64_t)cup_rnd_below(&load->rnd, LATE_S_MAX) * CUP_US_PER_S
                              : 0;
    event->snapshot     = "false";
    event->last_commit  = load->last_commit;
    event->lsn          = load->lsn;
    event->tx           = load->tx;
    event->commit_us    = load->now_us - late;
    event->connector_us = load->now_us + CONNECTOR_LAG;
}

static enum cup_err put(struct cup_load *load, const struct cup_event *event,
                        struct cup_fault *out_fault)
{
    load->event_count++;
    return load->sink.put(load->sink.ctx, event, out_fault);
}

/* The marker that Debezium gives a snapshot row by its place; an empty table has none. */
static const char *snapshot_marker(const struct cup_load *load, uint64_t table_made,
                                   uint64_t table_left)
{
    if (load->snapshot_made + 1 == load->settings.snapshot_count) return "last";
    if (load->snapshot_made == 0) return "first";
    if (table_left == 1) return "last_in_data_collection";
    return table_made == 0 ? "first_in_data_collection" : "true";
}

static enum cup_err read_row(struct cup_load *load, enum cup_bank_table t,
                             struct cup_fault *out_fault)
{
    struct cup_load_table *table = &load->tables[t];
    enum cup_err           err   = add_row(table, out_fault);
    if (err != CUP_OK) return err;

    struct cup_event event = {.table        = t,
                              .op           = 'r',
                              .after        = &table->rows[table->row_count - 1],
                              .lsn          = START_LSN,
                              .tx           = START_TX,
                              .commit_us    = START_US,
                              .connector_us = START_US + CONNECTOR_LAG};
    event.snapshot         = snapshot_marker(load, table->snapshot_count, load->snapshot_left[t]);
    load->snapshot_left[t]--;
    load->snapshot_made++;
    table->snapshot_count++;
    return put(load, &event, out_fault);
}

static enum cup_err insert_row(struct cup_load *load, enum cup_bank_table t,
                               struct cup_fault *out_fault)
{
    struct cup_load_table *table = &load->tables[t];
    enum cup_err           err   = add_row(table, out_fault);
    if (err != CUP_OK) return err;
    struct cup_event event = {.table = t, .op = 'c', .after = &table->rows[table->row_count - 1]};
    stamp(load, &event);
    table->event_counts[CUP_LOAD_C]++;
    return put(load, &event, out_fault);
}

static enum cup_err update_row(struct cup_load *load, enum cup_bank_table t, struct cup_row *row,
                               struct cup_fault *out_fault)
{
    struct cup_row before = *row;
    row->version++;
    struct cup_event event = {.table = t, .op = 'u', .before = &before, .after = row};
    stamp(load, &event);
    load->tables[t].event_counts[CUP_LOAD_U]++;
    return put(load, &event, out_fault);
}

/* A delete, and in a record dump the tombstone behind it; new_key: the old half of a key update. */
static enum cup_err put_delete(struct cup_load *load, enum cup_bank_table t,
                               const struct cup_row *row, uint64_t new_key,
                               struct cup_event *out_event, struct cup_fault *out_fault)
{
    struct cup_event event = {.table = t, .op = 'd', .before = row, .new_key = new_key};
    stamp(load, &event);
    load->tables[t].event_counts[CUP_LOAD_D]++;
    *out_event = event;
    return put(load, &event, out_fault);
}

static enum cup_err change_key(struct cup_load *load, enum cup_bank_table t, struct cup_row *row,
                               struct cup_fault *out_fault)
{
    struct cup_row   before = *row;
    struct cup_event event;
    row->key         = load->tables[t].key_next++;
    enum cup_err err = put_delete(load, t, &before, row->key, &event, out_fault);
    if (err != CUP_OK) return err;

    /* both halves share position and commit time */
    event.op      = 'c';
    event.before  = NULL;
    event.after   = row;
    event.new_key = 0;
    event.old_key = before.key;
    load->tables[t].event_counts[CUP_LOAD_C]++;
    load->tables[t].event_counts[CUP_LOAD_K]++;
    return put(load, &event, out_fault);
}

static enum cup_err delete_row(struct cup_load *load, enum cup_bank_table t, uint32_t rank,
                               struct cup_fault *out_fault)
{
    struct cup_load_table *table = &load->tables[t];
    struct cup_event       event;
    struct cup_row         row = table->rows[rank];
    table->rows[rank]          = table->rows[--table->row_count];
    return put_delete(load, t, &row, 0, &event, out_fault);
}

enum cup_err cup_load_step(struct cup_load *load, struct cup_fault *out_fault)
{
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++)
        if (load->snapshot_left[t] > 0) return read_row(load, t, out_fault);

    enum cup_bank_table    t  = draw_weighted(load, load->settings.table_weights, CUP_BANK_COUNT);
    enum cup_load_op       op = draw_weighted(load, load->settings.op_weights, CUP_LOAD_OP_COUNT);
    struct cup_load_table *table = &load->tables[t];
    if (op == CUP_LOAD_C || table->row_count == 0) return insert_row(load, t, out_fault);

    uint32_t rank = draw_rank(load, table->row_count);
    if (op == CUP_LOAD_U) return update_row(load, t, &table->rows[rank], out_fault);
    if (op == CUP_LOAD_K) return change_key(load, t, &table->rows[rank], out_fault);
    return delete_row(load, t, rank, out_fault);
}
