// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <inttypes.h>
#include <string.h>

#include "dataplane/abi/tables.h"
#include "lake/parquet.h"

#define LEDGER_ROWS 1024u /* encoded at a time; a small piece of the pool */

struct ledger {
    struct cup_parquet            *file;
    const struct cup_commit_epoch *epoch;
    const struct cup_plan         *plan;
    uint32_t                       rows;
    struct cup_column              columns[CUP_LEDGER_COUNT];
    struct cup_text                texts[CUP_LEDGER_COUNT];
    uint8_t                        validity[CUP_LEDGER_COUNT][LEDGER_ROWS / 8];
    _Alignas(64) uint64_t values[CUP_LEDGER_COUNT][LEDGER_ROWS + 1]; /* or offsets */
};

static void start(struct ledger *ledger)
{
    memset(ledger->validity, 0, sizeof ledger->validity);
    memset(ledger->values, 0, sizeof ledger->values);
    ledger->rows = 0;
    for (uint32_t i = 0; i < CUP_LEDGER_COUNT; i++) {
        struct cup_column *column = &ledger->columns[i];
        cup_text_clear(&ledger->texts[i]);
        *column     = (struct cup_column){.validity = ledger->validity[i], .row_cap = LEDGER_ROWS};
        column->vec = (uint8_t)cup_type_vec((enum cup_type)cup_ledger_fields()[i].type);
        if (column->vec == CUP_VEC_VAR)
            column->offsets = (uint32_t *)(void *)ledger->values[i];
        else
            column->any = ledger->values[i];
    }
}

static void set(struct ledger *ledger, enum cup_ledger_column index)
{
    cup_bit_set(ledger->validity[index], ledger->rows, true);
}

static void put_u64(struct ledger *ledger, enum cup_ledger_column index, uint64_t value)
{
    struct cup_column *column = &ledger->columns[index];

    set(ledger, index);
    if (column->vec == CUP_VEC_BITS)
        cup_bit_set(column->bits, ledger->rows, value != 0);
    else if (column->vec == CUP_VEC_I32)
        column->i32[ledger->rows] = (int32_t)value;
    else
        column->i64[ledger->rows] = (int64_t)value;
}

static void put_text(struct ledger *ledger, enum cup_ledger_column index, const char *text)
{
    CUP_ASSERT(ledger->columns[index].vec == CUP_VEC_VAR);
    set(ledger, index);
    cup_text_puts(&ledger->texts[index], text);
}

/* Encodes the rows that are held. */
static enum cup_err flush(struct ledger *ledger, struct cup_fault *out_fault)
{
    static uint8_t nothing[1];

    for (uint32_t i = 0; i < CUP_LEDGER_COUNT; i++) {
        struct cup_column *column = &ledger->columns[i];
        if (ledger->texts[i].failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "ledger", NULL);
        column->row_count = ledger->rows;
        for (uint32_t row = 0; row < ledger->rows; row++)
            column->null_count += cup_column_is_null(column, row);
        if (column->vec != CUP_VEC_VAR) continue;
        column->text     = ledger->texts[i].at != NULL ? (uint8_t *)ledger->texts[i].at : nothing;
        column->text_cap = (uint32_t)ledger->texts[i].bytes;
    }
    enum cup_err err = cup_parquet_append(ledger->file, ledger->columns, ledger->rows, out_fault);
    if (err == CUP_NO_MEMORY) {
        err = cup_parquet_close_group(ledger->file, out_fault);
        if (err == CUP_OK)
            err = cup_parquet_append(ledger->file, ledger->columns, ledger->rows, out_fault);
    }
    start(ledger);
    return err;
}

static enum cup_err end_row(struct ledger *ledger, const char *kind, struct cup_fault *out_fault)
{
    put_u64(ledger, CUP_LEDGER_EPOCH, ledger->epoch->number);
    put_text(ledger, CUP_LEDGER_EPOCH_ID, ledger->epoch->id);
    put_u64(ledger, CUP_LEDGER_SHARD, ledger->plan->shard);
    put_u64(ledger, CUP_LEDGER_GENERATION, ledger->plan->generation);
    put_u64(ledger, CUP_LEDGER_DECIDED_AT, (uint64_t)ledger->epoch->decided_us);
    put_text(ledger, CUP_LEDGER_KIND, kind);
    ledger->rows++;
    for (uint32_t i = 0; i < CUP_LEDGER_COUNT; i++)
        if (ledger->columns[i].vec == CUP_VEC_VAR)
            ledger->columns[i].offsets[ledger->rows] = (uint32_t)ledger->texts[i].bytes;
    return ledger->rows == LEDGER_ROWS ? flush(ledger, out_fault) : CUP_OK;
}

static enum cup_err put_range(struct ledger *ledger, const struct cup_epoch_range *range,
                              const struct cup_position *position, struct cup_fault *out_fault)
{
    const struct cup_input_identity identity = cup_commit_priv_identity(position, range);
    bool                            consumed = cup_position_consumed(position->path);
    uint64_t                        sums[CUP_CLASS_DROPPED + 1] = {0};
    char                            text[96];
    struct cup_text                *outcomes = &ledger->texts[CUP_LEDGER_OUTCOMES];

    set(ledger, CUP_LEDGER_OUTCOMES);
    size_t begin = outcomes->bytes;
    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++) {
        enum cup_outcome outcome = (enum cup_outcome)i;
        sums[cup_outcome_class(outcome)] += range->outcomes[i];
        if (range->outcomes[i] == 0) continue;
        cup_text_puts(outcomes, outcomes->bytes == begin ? "{" : ",");
        cup_text_printf(outcomes, "\"%s\":%" PRIu64, cup_outcome_name(outcome), range->outcomes[i]);
    }
    cup_text_puts(outcomes, outcomes->bytes == begin ? "{}" : "}");
    snprintf(text, sizeof text, "%" PRIu64 ":%" PRIu64 ":%" PRIu32 ":%08" PRIx32, identity.device,
             identity.inode, identity.head_bytes, identity.head_crc32c);
    put_text(ledger, CUP_LEDGER_INPUT, consumed ? position->path : position->topic);
    put_text(ledger, CUP_LEDGER_IDENTITY, text);
    put_text(ledger, CUP_LEDGER_PATH, position->path);
    put_u64(ledger, CUP_LEDGER_BYTES, consumed ? range->bytes : position->size);
    if (consumed) put_u64(ledger, CUP_LEDGER_LOST, range->lost_count);
    put_u64(ledger, CUP_LEDGER_START, range->start);
    put_u64(ledger, CUP_LEDGER_END, range->end);
    put_u64(ledger, CUP_LEDGER_ENDED, range->ended);
    put_u64(ledger, CUP_LEDGER_RECORDS, range->record_count);
    put_u64(ledger, CUP_LEDGER_ACCEPTED, sums[CUP_CLASS_ACCEPTED]);
    put_u64(ledger, CUP_LEDGER_QUARANTINED, sums[CUP_CLASS_QUARANTINED]);
    put_u64(ledger, CUP_LEDGER_DROPPED, sums[CUP_CLASS_DROPPED]);
    put_u64(ledger, CUP_LEDGER_BLANK, range->blank_count);
    return end_row(ledger, "input", out_fault);
}

static enum cup_err put_file(struct ledger *ledger, const struct cup_epoch_file *file,
                             struct cup_fault *out_fault)
{
    char crc[9];

    snprintf(crc, sizeof crc, "%08" PRIx32, file->crc32c);
    put_text(ledger, CUP_LEDGER_ZONE, cup_commit_priv_zone_name(file->zone));
    put_text(ledger, CUP_LEDGER_PATH, file->name);
    put_u64(ledger, CUP_LEDGER_BYTES, file->bytes);
    put_text(ledger, CUP_LEDGER_CRC32C, crc);
    put_u64(ledger, CUP_LEDGER_ROWS, file->row_count);
    put_text(ledger, CUP_LEDGER_CLOSED, cup_close_name(file->closed));
    return end_row(ledger, "file", out_fault);
}

static enum cup_err put_parts(struct ledger *ledger, const struct cup_commit *commit,
                              const struct cup_epoch_part *parts, uint32_t part_count,
                              struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    start(ledger);
    for (uint32_t p = 0; p < part_count; p++) {
        const struct cup_epoch_part *part = &parts[p];
        for (uint32_t i = 0; err == CUP_OK && i < part->range_count; i++) {
            const struct cup_epoch_range *range    = &part->ranges[i];
            const struct cup_position    *position = commit->inputs[range->input];
            if (cup_commit_priv_advances(position, range))
                err = put_range(ledger, range, position, out_fault);
        }
        for (uint32_t i = 0; err == CUP_OK && i < part->file_count; i++)
            if (part->files[i].zone != CUP_ZONE_SPOOL) /* gone when it is delivered */
                err = put_file(ledger, &part->files[i], out_fault);
    }
    return err == CUP_OK && ledger->rows > 0 ? flush(ledger, out_fault) : err;
}

static enum cup_err sink_put(void *arg, const void *bytes, size_t count,
                             struct cup_fault *out_fault)
{
    return cup_store_append(arg, bytes, count, out_fault);
}

static enum cup_err name_file(const struct cup_commit *commit, const struct cup_commit_epoch *epoch,
                              char out_name[CUP_STORE_NAME_BYTES], struct cup_fault *out_fault)
{
    char        uuid[CUP_UUID_TEXT_BYTES], leaf[96];
    const char *codec = commit->plan->codec == CUP_CODEC_ZSTD     ? ".zstd"
                        : commit->plan->codec == CUP_CODEC_SNAPPY ? ".snappy"
                                                                  : "";

    cup_rnd_uuid(uuid);
    snprintf(leaf, sizeof leaf, "part-%010" PRIu64 "-%" PRIu32 "-c-%s%s.parquet", epoch->number,
             commit->plan->shard, uuid, codec);
    return cup_commit_priv_join(commit->ledger_folder, leaf, out_name, out_fault);
}

enum cup_err cup_commit_priv_ledger(struct cup_commit *commit, const struct cup_commit_epoch *epoch,
                                    const struct cup_epoch_part *parts, uint32_t part_count,
                                    struct cup_epoch_file *out_file, struct cup_fault *out_fault)
{
    struct cup_epoch_file   file = {.zone = CUP_ZONE_LEDGER};
    struct cup_parquet_done done;
    struct ledger          *ledger = aligned_alloc(64, (sizeof *ledger + 63) / 64 * 64);

    if (ledger == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "ledger", NULL);
    memset(ledger, 0, sizeof *ledger);
    ledger->epoch    = epoch;
    ledger->plan     = commit->plan;
    enum cup_err err = name_file(commit, epoch, file.name, out_fault);
    if (err == CUP_OK) err = cup_store_stage(commit->store, &file.staged, out_fault);
    struct cup_sink sink = {.arg = file.staged, .put = sink_put};
    if (err == CUP_OK)
        err = cup_parquet_open(&commit->pool, cup_ledger_fields(), CUP_LEDGER_COUNT,
                               (enum cup_codec)commit->plan->codec, sink, &ledger->file, out_fault);
    if (err == CUP_OK) {
        err = put_parts(ledger, commit, parts, part_count, out_fault);
        if (err == CUP_OK)
            err = cup_parquet_finish(ledger->file, &file.stats, &done, out_fault);
        else
            cup_parquet_drop(ledger->file);
    }
    if (err == CUP_OK && file.stats.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "ledger statistics", NULL);
    for (uint32_t i = 0; i < CUP_LEDGER_COUNT; i++)
        cup_text_free(&ledger->texts[i]);
    free(ledger);
    if (err != CUP_OK) {
        cup_store_discard(commit->store, file.staged);
        cup_text_free(&file.stats);
        return err;
    }
    struct cup_sealed sum = cup_store_sum(file.staged);
    file.bytes            = sum.bytes;
    file.crc32c           = sum.crc32c;
    file.row_count        = done.row_count;
    *out_file             = file;
    return CUP_OK;
}
