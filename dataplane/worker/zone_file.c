// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/zone_file.h"

#include "base/rnd.h"
#include "dataplane/abi/partition.h"

static enum cup_err put_staged(void *arg, const void *bytes, size_t count,
                               struct cup_fault *out_fault)
{
    struct cup_zone_file *file = arg;

    file->bytes += count;
    return cup_store_append(file->staged, bytes, count, out_fault);
}

static enum cup_err open_file(struct cup_zone_file *file, const struct cup_zone_context *context,
                              struct cup_fault *out_fault)
{
    struct cup_store_file *staged;
    struct cup_parquet    *parquet;

    enum cup_err err = cup_store_stage(context->store, &staged, out_fault);
    if (err != CUP_OK) return err;
    struct cup_sink sink = {.arg = file, .put = put_staged};
    err = cup_parquet_open(context->pool, file->fields, file->field_count, context->codec, sink,
                           &parquet, out_fault);
    if (err != CUP_OK) {
        cup_store_discard(context->store, staged);
        return err;
    }
    file->staged    = staged;
    file->parquet   = parquet;
    file->bytes     = 0;
    file->row_count = 0;
    return CUP_OK;
}

enum cup_err cup_zone_file_append(struct cup_zone_file          *file,
                                  const struct cup_zone_context *context,
                                  const struct cup_column *columns, uint32_t row_count,
                                  struct cup_fault *out_fault)
{
    CUP_ASSERT(file->fields != NULL);
    CUP_ASSERT(row_count > 0);
    if (file->parquet == NULL) {
        enum cup_err err = open_file(file, context, out_fault);
        if (err != CUP_OK) return err;
    }
    enum cup_err err = cup_parquet_append(file->parquet, columns, row_count, out_fault);
    if (err == CUP_OK) file->row_count += row_count;
    return err;
}

uint64_t cup_zone_file_bytes(const struct cup_zone_file *file)
{
    return file->parquet == NULL ? 0 : cup_parquet_group_bytes(file->parquet);
}

enum cup_err cup_zone_file_spill(struct cup_zone_file *file, struct cup_fault *out_fault)
{
    CUP_ASSERT(file->parquet != NULL);
    return cup_parquet_close_group(file->parquet, out_fault);
}

/* Epoch, shard and worker in the name are for people and for clean-up; the UUID makes it unique for
 * ever.
 */
static void name_file(const struct cup_zone_file *file, const struct cup_zone_context *context,
                      struct cup_epoch_file *done)
{
    char        uuid[CUP_UUID_TEXT_BYTES];
    const char *codec = context->codec == CUP_CODEC_ZSTD     ? ".zstd"
                        : context->codec == CUP_CODEC_SNAPPY ? ".snappy"
                                                             : "";

    cup_rnd_uuid(uuid);
    int bytes = snprintf(done->name, sizeof done->name, "%s/part-%010llu-%u-%u-%s%s.parquet",
                         file->folder, (unsigned long long)context->epoch, context->plan->shard,
                         context->worker, uuid, codec);
    CUP_ASSERT(bytes > 0 && (size_t)bytes < sizeof done->name);
}

enum cup_err cup_zone_file_finish(struct cup_zone_file          *file,
                                  const struct cup_zone_context *context,
                                  struct cup_epoch_file *out_done, struct cup_fault *out_fault)
{
    struct cup_epoch_file   done = {.zone = file->zone, .table = file->table};
    struct cup_parquet_done parquet;

    CUP_ASSERT(file->parquet != NULL);
    enum cup_err err = cup_parquet_finish(file->parquet, &done.stats, &parquet, out_fault);
    file->parquet    = NULL;
    if (err != CUP_OK) {
        cup_zone_file_drop(file, context->store);
        cup_text_free(&done.stats);
        return err;
    }
    done.staged    = file->staged;
    done.bytes     = parquet.bytes;
    done.row_count = parquet.row_count;
    if (file->partition != NULL)
        cup_partition_json(context->plan, &cup_plan_tables(context->plan)[file->table],
                           file->partition, &done.partition_json);
    name_file(file, context, &done);
    file->staged = NULL;
    *out_done    = done;
    return CUP_OK;
}

void cup_zone_file_drop(struct cup_zone_file *file, struct cup_store *store)
{
    cup_parquet_drop(file->parquet);
    cup_store_discard(store, file->staged);
    file->parquet = NULL;
    file->staged  = NULL;
}
