// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/publish.h"

#include <stdlib.h>
#include <string.h>

#include "base/rnd.h"
#include "dataplane/abi/topic.h"
#include "dataplane/deliver/json_row.h"
#include "dataplane/deliver/spool.h"

/* Where something goes in the open file; file: which one that was. */
struct target {
    uint64_t file;
    uint32_t topic;
};

struct cup_publish {
    const struct cup_plan *plan;
    struct cup_spool       spool;
    uint64_t               file;    /* 1..: the open one, or the next */
    struct target         *targets; /* by table, or by topic of the source */
    uint32_t               target_count;
    struct cup_json_row  **rows; /* by table; NULL: none came yet */
    struct cup_text        key, value;
};

void cup_publish_folder(const struct cup_plan *plan, char out_name[CUP_STORE_NAME_BYTES])
{
    snprintf(out_name, CUP_STORE_NAME_BYTES, "_cupel/%s/%s/%u/spool",
             cup_plan_text(plan, plan->domain), cup_plan_text(plan, plan->pipeline), plan->shard);
}

enum cup_err cup_publish_open(const struct cup_plan *plan, struct cup_store *store,
                              struct cup_publish **out_publish, struct cup_fault *out_fault)
{
    if (plan->output.kind == CUP_OUTPUT_NONE) {
        *out_publish = NULL;
        return CUP_OK;
    }
    struct cup_publish *publish = calloc(1, sizeof *publish);
    if (publish == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "output", NULL);
    *publish = (struct cup_publish){.plan = plan, .file = 1};
    cup_spool_init(&publish->spool, store);
    publish->rows = calloc(plan->tables.count + 1ul, sizeof(void *));
    if (publish->rows == NULL) {
        cup_publish_close(publish);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "output", NULL);
    }
    *out_publish = publish;
    return CUP_OK;
}

void cup_publish_close(struct cup_publish *publish)
{
    if (publish == NULL) return;
    for (uint32_t i = 0; publish->rows != NULL && i < publish->plan->tables.count; i++)
        cup_json_row_close(publish->rows[i]);
    free(publish->rows);
    free(publish->targets);
    cup_spool_drop(&publish->spool);
    cup_text_free(&publish->key);
    cup_text_free(&publish->value);
    free(publish);
}

/* --- targets --- */

static bool grow_targets(struct cup_publish *publish, uint32_t index)
{
    uint32_t count = publish->target_count == 0 ? 64 : publish->target_count;

    while (count <= index)
        count *= 2;
    struct target *grown = realloc(publish->targets, count * sizeof *grown);
    if (grown == NULL) return false;
    memset(grown + publish->target_count, 0, (count - publish->target_count) * sizeof *grown);
    publish->targets      = grown;
    publish->target_count = count;
    return true;
}

/* The name of a table's topic, or of the one that a source's topic is passed on to. */
static enum cup_err name_topic(const struct cup_plan *plan, uint32_t index, const char *source,
                               char out_name[CUP_TOPIC_NAME_MAX + 1], struct cup_fault *out_fault)
{
    const char *path =
        source == NULL ? cup_plan_text(plan, cup_plan_tables(plan)[index].path) : NULL;
    struct cup_topic_parts parts = cup_topic_parts_of(
        cup_plan_text(plan, plan->domain), cup_plan_text(plan, plan->pipeline), path, source);

    if (cup_topic_name(cup_plan_text(plan, plan->output.topic), &parts, out_name) > 0)
        return CUP_OK;
    return cup_fault_set(out_fault, CUP_BAD_CONFIG,
                         "output.topic gives a name that no topic can have",
                         source == NULL ? path : source);
}

/* The topic in the open file of a table, or of a source's topic. */
static enum cup_err find_target(struct cup_publish *publish, uint32_t index, const char *source,
                                uint32_t *out_topic, struct cup_fault *out_fault)
{
    char name[CUP_TOPIC_NAME_MAX + 1];

    if (index >= publish->target_count && !grow_targets(publish, index))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "topics of the output", NULL);
    struct target *target = &publish->targets[index];
    if (target->file != publish->file) {
        enum cup_err err = name_topic(publish->plan, index, source, name, out_fault);
        if (err == CUP_OK) err = cup_spool_topic(&publish->spool, name, &target->topic, out_fault);
        if (err != CUP_OK) return err;
        target->file = publish->file;
    }
    *out_topic = target->topic;
    return CUP_OK;
}

/* --- rows --- */

/* One row on its way. */
struct change {
    struct cup_publish        *publish;
    const struct cup_json_row *row;
    const struct cup_column   *columns, *partition; /* partition: of the records that rows are of */
    uint32_t                   at, topic;
};

static int32_t partition_of(const struct change *change)
{
    if (cup_json_row_has_key(change->row)) return CUP_SPOOL_BY_KEY;
    if (cup_column_is_null(change->partition, change->at)) return 0;
    int32_t partition = change->partition->i32[change->at];
    return partition < 0 ? 0 : partition;
}

static enum cup_err put_change(const struct change *change, bool with_row, int32_t partition,
                               struct cup_fault *out_fault)
{
    struct cup_publish     *publish = change->publish;
    struct cup_text        *key = &publish->key, *value = &publish->value;
    struct cup_spool_record record = {
        .head = {.kind = CUP_SPOOL_RECORD, .topic = change->topic, .partition = partition}};

    cup_text_clear(key);
    cup_text_clear(value);
    if (cup_json_row_has_key(change->row)) {
        cup_json_row_key(change->row, change->columns, change->at, key);
        record.key            = (const uint8_t *)key->at;
        record.head.key_bytes = (uint32_t)key->bytes;
    }
    if (with_row) {
        cup_json_row_value(change->row, change->columns, change->at, value);
        record.value            = (const uint8_t *)value->at;
        record.head.value_bytes = (uint32_t)value->bytes;
    }
    if (key->failed || value->failed)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "row for the output", NULL);
    return cup_spool_put(&publish->spool, &record, out_fault);
}

static enum cup_err put_row(const struct change *change, struct cup_fault *out_fault)
{
    bool         keyed     = cup_json_row_has_key(change->row);
    uint8_t      deletes   = change->publish->plan->output.deletes;
    char         op        = cup_json_row_op(change->row, change->columns, change->at);
    int32_t      partition = partition_of(change);
    enum cup_err err       = CUP_OK;

    if (op == 't') return put_change(change, true, CUP_SPOOL_EVERY, out_fault);
    if (op == 'b' && keyed) return CUP_OK;
    if (op != 'd' || !keyed) return put_change(change, true, partition, out_fault);
    if (deletes != CUP_OUTPUT_TOMBSTONE) err = put_change(change, true, partition, out_fault);
    if (err == CUP_OK && deletes != CUP_OUTPUT_ROW)
        err = put_change(change, false, partition, out_fault);
    return err;
}

enum cup_err cup_publish_rows(struct cup_publish *publish, uint32_t table,
                              const struct cup_field *fields, const struct cup_column *columns,
                              uint32_t row_count, struct cup_fault *out_fault)
{
    if (publish == NULL || publish->plan->output.kind != CUP_OUTPUT_CHANGES) return CUP_OK;
    const struct cup_plan_table *planned = &cup_plan_tables(publish->plan)[table];
    struct change                change  = {.publish = publish, .columns = columns};

    change.partition = &columns[planned->columns.count + CUP_SILVER_PARTITION];
    enum cup_err err = find_target(publish, table, NULL, &change.topic, out_fault);
    if (err == CUP_OK && publish->rows[table] == NULL)
        err = cup_json_row_open(publish->plan, planned, fields,
                                (enum cup_output_schema)publish->plan->output.schema,
                                &publish->rows[table], out_fault);
    if (err != CUP_OK) return err;
    change.row = publish->rows[table];
    for (; err == CUP_OK && change.at < row_count; change.at++)
        err = put_row(&change, out_fault);
    return err;
}

/* --- records --- */

static enum cup_err put_record(struct cup_publish *publish, const struct cup_batch *batch,
                               const struct cup_record *record, uint32_t topic,
                               struct cup_fault *out_fault)
{
    bool                    part  = (record->flags & CUP_RECORD_PART) != 0;
    bool                    long_ = record->whole_bytes > CUP_SPOOL_VALUE_MAX;
    struct cup_spool_record entry = {
        .head = {.kind         = part ? CUP_SPOOL_PIECE : CUP_SPOOL_RECORD,
                 .topic        = topic,
                 .partition    = record->partition < 0 ? 0 : record->partition,
                 .value_bytes  = record->value_bytes,
                 .timestamp_ms = record->timestamp_ms == INT64_MIN ? 0 : record->timestamp_ms}};

    if (part && long_) return CUP_OK;
    if (long_) entry.head = (struct cup_spool_head){.kind = CUP_SPOOL_CUT};
    if (!part && !long_) {
        entry.head.key_bytes     = record->key_bytes;
        entry.head.headers_bytes = record->headers_bytes;
        entry.headers            = batch->region + record->headers_at;
        if (record->key_kind != CUP_VALUE_NULL) entry.key = batch->region + record->key_at;
    }
    if (!long_ && record->value_kind != CUP_VALUE_NULL)
        entry.value = batch->region + record->value_at;
    return cup_spool_put(&publish->spool, &entry, out_fault);
}

enum cup_err cup_publish_records(struct cup_publish *publish, const struct cup_batch *batch,
                                 uint32_t from, uint32_t to, cup_publish_topic_fn *topic_of,
                                 const void *topic_arg, uint64_t *out_left,
                                 struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    *out_left = 0;
    if (publish == NULL || publish->plan->output.kind != CUP_OUTPUT_RAW) return CUP_OK;
    if (batch->retried) return CUP_OK; /* they went out when they came first */
    for (uint32_t i = from; err == CUP_OK && i < to; i++) {
        const struct cup_record *record = &batch->records[i];
        uint32_t                 topic  = 0;
        err = find_target(publish, record->topic, topic_of(topic_arg, record->topic), &topic,
                          out_fault);
        if (err == CUP_OK) err = put_record(publish, batch, record, topic, out_fault);
        *out_left +=
            (record->flags & CUP_RECORD_PART) == 0 && record->whole_bytes > CUP_SPOOL_VALUE_MAX;
    }
    return err;
}

/* --- the end of an epoch --- */

enum cup_err cup_publish_finish(struct cup_publish *publish, uint64_t epoch, uint32_t worker,
                                struct cup_published *out_published, struct cup_fault *out_fault)
{
    char folder[CUP_STORE_NAME_BYTES], uuid[CUP_UUID_TEXT_BYTES];

    *out_published = (struct cup_published){0};
    if (publish == NULL || publish->spool.staged == NULL) return CUP_OK;
    enum cup_err err = cup_spool_finish(&publish->spool, &out_published->staged, out_fault);
    if (err != CUP_OK) return err;
    publish->file++;
    cup_publish_folder(publish->plan, folder);
    cup_rnd_uuid(uuid);
    int bytes = snprintf(out_published->name, sizeof out_published->name, "%s/%020llu-%u-%s.spool",
                         folder, (unsigned long long)epoch, worker, uuid);
    CUP_ASSERT(bytes > 0 && (size_t)bytes < sizeof out_published->name); /* as the staging folder */
    out_published->bytes        = publish->spool.bytes;
    out_published->record_count = publish->spool.record_count;
    return CUP_OK;
}
