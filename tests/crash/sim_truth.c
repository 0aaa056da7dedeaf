// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/sim_world.h"

#include <inttypes.h>
#include <malloc.h>

#include "base/clock.h"
#include "dataplane/abi/tables.h"
#include "kernels/isal/isal.h"
#include "lake/bronze.h"
#include "lake/delta_priv.h"
#include "tests/check.h"

#define PLAN_BYTES  (16u << 10)
#define POOL_BYTES  (32u << 20)
#define DATA_FIELDS 2u
#define HEAP_BYTES  (256 << 20)
#define WALL_US     1795300000000000ll /* 2026-11-21 */
#define DAY_US      86400000000ull

const char *const world_tables[WORLD_TABLES] = {"dom/silver/db/t0",    "dom/silver/db/t1",
                                                "dom/silver/db/t2",    "dom/bronze/pipe/_index",
                                                "dom/quarantine/pipe", "_cupel/dom/pipe/ledger"};

/* What becomes of the record of an input; WORLD_QUARANTINE or a silver table. */
struct record {
    uint32_t        input, step;
    uint64_t        position;
    enum world_zone zone;
    bool            read_back;
};

struct making {
    struct world   *world;
    struct cup_pool pool;
    struct record   records[WORLD_STEPS_MAX * WORLD_INPUTS * WORLD_CHUNK_MAX];
    uint32_t        record_count;
};

/* --- the plan --- */

static struct cup_plan_text put_text(struct cup_plan *plan, const char *text)
{
    struct cup_plan_text out = {.offset = plan->total_bytes, .bytes = (uint32_t)strlen(text)};

    CHECK(out.offset + out.bytes + 1 < PLAN_BYTES);
    memcpy((char *)plan + out.offset, text, out.bytes + 1ul);
    plan->total_bytes += out.bytes + 1;
    return out;
}

static void *put_list(struct cup_plan *plan, size_t bytes, uint32_t count,
                      struct cup_plan_list *out)
{
    plan->total_bytes = (plan->total_bytes + 15) / 16 * 16;
    *out              = (struct cup_plan_list){.offset = plan->total_bytes, .count = count};
    plan->total_bytes += (uint32_t)(bytes * count);
    CHECK(plan->total_bytes < PLAN_BYTES);
    return (char *)plan + out->offset;
}

/* Columns of a shard's own are in the plan only: a row may have no value for them. */
static void put_columns(struct cup_plan *plan, struct cup_plan_table *table, uint32_t shard,
                        uint32_t more)
{
    struct cup_plan_column *columns =
        put_list(plan, sizeof *columns, DATA_FIELDS + more, &table->columns);
    char text[16];

    columns[0].name = put_text(plan, "id");
    columns[0].type = CUP_TYPE_LONG;
    columns[1].name = put_text(plan, "name");
    columns[1].type = CUP_TYPE_STRING;
    for (uint32_t i = DATA_FIELDS; i < DATA_FIELDS + more; i++) {
        snprintf(text, sizeof text, "more%u%u", shard, i);
        columns[i].name = put_text(plan, text);
        columns[i].type = CUP_TYPE_DOUBLE;
    }
    for (uint32_t i = 0; i < DATA_FIELDS + more; i++)
        columns[i].comment = table->description;
}

static struct cup_plan *make_plan(uint32_t shard, uint32_t shard_count, uint32_t more)
{
    struct cup_plan *plan = aligned_alloc(64, PLAN_BYTES);
    char             text[64];

    CHECK(plan != NULL);
    memset(plan, 0, PLAN_BYTES);
    plan->total_bytes             = sizeof *plan;
    plan->generation              = 1;
    plan->shard                   = shard;
    plan->shard_count             = shard_count;
    plan->log_retention_us        = 30 * DAY_US;
    plan->lake                    = put_text(plan, WORLD_LAKE);
    plan->domain                  = put_text(plan, "dom");
    plan->pipeline                = put_text(plan, "pipe");
    struct cup_plan_input *inputs = put_list(plan, sizeof *inputs, WORLD_INPUTS, &plan->inputs);
    struct cup_plan_table *tables = put_list(plan, sizeof *tables, WORLD_SILVER, &plan->tables);
    for (uint32_t i = 0; i < WORLD_INPUTS; i++) {
        snprintf(text, sizeof text, "/in/%u", shard * WORLD_INPUTS + i);
        inputs[i].path  = put_text(plan, text);
        inputs[i].topic = put_text(plan, text + 1);
    }
    for (uint32_t t = 0; t < WORLD_SILVER; t++) {
        tables[t].path        = put_text(plan, world_tables[t]);
        tables[t].description = put_text(plan, "");
        put_columns(plan, &tables[t], shard, more);
    }
    return plan;
}

/* --- records --- */

/* Some tables get rows seldom: an epoch that leaves a table alone is the harder case. */
static enum world_zone choose_zone(struct cup_rnd *rnd)
{
    uint32_t draw = cup_rnd_below(rnd, 20);

    return draw < 10   ? WORLD_SILVER_0
           : draw < 14 ? WORLD_SILVER_0 + 1
           : draw < 16 ? WORLD_SILVER_0 + 2
                       : WORLD_QUARANTINE;
}

static void make_records(struct making *making, struct cup_rnd *rnd)
{
    struct world *world = making->world;

    for (uint32_t step = 0; step < world->steps; step++) {
        for (uint32_t input = 0; input < WORLD_INPUTS; input++) {
            uint64_t start = world->starts[step][input];
            uint32_t count = cup_rnd_below(rnd, WORLD_CHUNK_MAX + 1);
            if (input == 0 && count == 0) count = 1; /* an epoch has something to decide */
            for (uint32_t i = 0; i < count; i++) {
                struct record *record = &making->records[making->record_count++];
                *record               = (struct record){.input    = input,
                                                        .step     = step,
                                                        .position = start + i * WORLD_RECORD,
                                                        .zone     = choose_zone(rnd)};
                bool accepted         = record->zone != WORLD_QUARANTINE;
                world->outcomes[step][input]
                               [accepted ? CUP_OUTCOME_ACCEPTED : CUP_OUTCOME_JSON_SYNTAX]++;
            }
            world->starts[step + 1][input] = start + count * WORLD_RECORD;
        }
    }
}

/* --- files --- */

static enum cup_err sink_put(void *arg, const void *bytes, size_t count,
                             struct cup_fault *out_fault)
{
    (void)out_fault; /* memory is asserted */
    cup_text_put(arg, bytes, count);
    return CUP_OK;
}

static const struct cup_field *silver_fields(void)
{
    static struct cup_field fields[DATA_FIELDS + CUP_SILVER_COUNT] = {
        {.name = "id", .type = CUP_TYPE_LONG}, {.name = "name", .type = CUP_TYPE_STRING}};

    memcpy(fields + DATA_FIELDS, cup_silver_fields(), CUP_SILVER_COUNT * sizeof *fields);
    return fields;
}

static const struct cup_field *fields_of(enum world_zone zone, uint32_t *out_count)
{
    if (zone == WORLD_INDEX) {
        *out_count = CUP_INDEX_COUNT;
        return cup_index_fields();
    }
    if (zone == WORLD_QUARANTINE) {
        *out_count = CUP_QUARANTINE_COUNT;
        return cup_quarantine_fields();
    }
    *out_count = DATA_FIELDS + CUP_SILVER_COUNT;
    return silver_fields();
}

static void put_number(struct cup_delta_priv_rows *rows, uint32_t column, uint64_t value)
{
    cup_delta_priv_put_i64(rows, &rows->columns[column], (int64_t)value);
}

static void put_string(struct cup_delta_priv_rows *rows, uint32_t column, const char *text)
{
    cup_delta_priv_put_text(rows, &rows->columns[column], text, strlen(text));
}

/* Columns that hold input and position of a row. */
static void places_of(enum world_zone zone, uint32_t *out_input, uint32_t *out_position)
{
    *out_input    = zone == WORLD_INDEX        ? CUP_INDEX_INPUT
                    : zone == WORLD_QUARANTINE ? CUP_QUARANTINE_INPUT
                                               : DATA_FIELDS + CUP_SILVER_TOPIC;
    *out_position = zone == WORLD_INDEX        ? CUP_INDEX_POSITION
                    : zone == WORLD_QUARANTINE ? CUP_QUARANTINE_POSITION
                                               : DATA_FIELDS + CUP_SILVER_OFFSET;
}

static void put_row(struct cup_delta_priv_rows *rows, enum world_zone zone,
                    const struct record *record, uint32_t shard)
{
    const char *outcome = cup_outcome_name(
        record->zone == WORLD_QUARANTINE ? CUP_OUTCOME_JSON_SYNTAX : CUP_OUTCOME_ACCEPTED);
    uint32_t input, position, before = rows->columns[0].row_count;
    char     topic[16];

    snprintf(topic, sizeof topic, "in/%u", shard * WORLD_INPUTS + record->input);
    places_of(zone, &input, &position);
    put_string(rows, input, topic);
    put_number(rows, position, record->position);
    if (zone == WORLD_INDEX) {
        put_number(rows, CUP_INDEX_EPOCH, record->step + 1);
        put_string(rows, CUP_INDEX_OUTCOME, outcome);
    } else if (zone == WORLD_QUARANTINE) {
        put_number(rows, CUP_QUARANTINE_EPOCH, record->step + 1);
        put_string(rows, CUP_QUARANTINE_REASON, outcome);
    } else {
        put_number(rows, 0, record->position);
        put_string(rows, DATA_FIELDS + CUP_SILVER_OP, "c");
        put_number(rows, DATA_FIELDS + CUP_SILVER_EPOCH, record->step + 1);
    }
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->columns[i].row_count == before) cup_delta_priv_put_null(rows, &rows->columns[i]);
}

static void keep(struct world_file *file, struct cup_text *bytes, uint32_t rows)
{
    CHECK(!bytes->failed && bytes->bytes > 0);
    file->bytes  = bytes->at;
    file->count  = bytes->bytes;
    file->crc32c = cup_crc32c(0, bytes->at, bytes->bytes);
    file->rows   = rows;
}

static bool belongs(const struct record *record, uint32_t step, enum world_zone zone)
{
    return record->step == step && (zone == WORLD_INDEX || record->zone == zone);
}

static void make_table_file(struct making *making, uint32_t step, enum world_zone zone)
{
    struct world_file         *file  = &making->world->files[step][zone];
    struct cup_text            bytes = {0}, stats = {0};
    struct cup_delta_priv_rows rows;
    struct cup_parquet        *parquet;
    struct cup_parquet_done    done;
    uint32_t                   count;
    const struct cup_field    *fields = fields_of(zone, &count);
    struct cup_sink            sink   = {.arg = &bytes, .put = sink_put};

    CHECK(cup_delta_priv_rows_init(&rows, fields, count));
    for (uint32_t i = 0; i < making->record_count; i++)
        if (belongs(&making->records[i], step, zone))
            put_row(&rows, zone, &making->records[i], making->world->shard);
    uint32_t row_count = rows.columns[0].row_count;
    CHECK(!rows.failed);
    if (row_count > 0) {
        CHECK(cup_parquet_open(&making->pool, fields, count, CUP_CODEC_NONE, sink, &parquet,
                               NULL) == CUP_OK);
        CHECK(cup_parquet_append(parquet, rows.columns, row_count, NULL) == CUP_OK);
        CHECK(cup_parquet_finish(parquet, &stats, &done, NULL) == CUP_OK);
        CHECK(done.row_count == row_count && !stats.failed);
        keep(file, &bytes, row_count);
        file->stats = stats.at;
    }
    cup_delta_priv_rows_free(&rows);
}

static void make_bronze(struct making *making, uint32_t step)
{
    struct world_file *file  = &making->world->files[step][WORLD_BRONZE];
    struct cup_text    bytes = {0};
    struct cup_bronze *bronze;
    uint64_t           size;
    char               line[WORLD_RECORD + 1];
    uint32_t           rows = 0;

    CHECK(cup_bronze_open(&bronze, NULL) == CUP_OK);
    cup_bronze_begin(bronze, (struct cup_sink){.arg = &bytes, .put = sink_put});
    for (uint32_t i = 0; i < making->record_count; i++) {
        const struct record *record = &making->records[i];
        if (record->step != step) continue;
        snprintf(line, sizeof line, "{\"%u\":%03u}\n", record->input,
                 (unsigned)(record->position % 1000));
        CHECK(cup_bronze_put(bronze, (const uint8_t *)line, strlen(line), true, NULL) == CUP_OK);
        rows++;
    }
    CHECK(cup_bronze_end(bronze, &size, NULL) == CUP_OK && size == bytes.bytes);
    cup_bronze_close(bronze);
    keep(file, &bytes, rows);
}

/* --- reading back --- */

static enum cup_err memory_read(void *arg, uint64_t at, void *bytes, size_t count,
                                struct cup_fault *out_fault)
{
    const struct world_file *file = arg;

    (void)out_fault; /* the reader asks for what there is */
    CHECK(at + count <= file->count);
    memcpy(bytes, (const char *)file->bytes + at, count);
    return CUP_OK;
}

static void check_row(struct making *making, uint32_t step, enum world_zone zone,
                      const struct cup_column *columns, uint32_t row)
{
    uint32_t input_column, position_column;

    places_of(zone, &input_column, &position_column);
    const struct cup_column *input = &columns[input_column];
    CHECK(input->offsets[row + 1] - input->offsets[row] == 4);
    uint32_t number   = ((uint32_t)input->text[input->offsets[row] + 3] - '0') % WORLD_INPUTS;
    int64_t  position = columns[position_column].i64[row];
    for (uint32_t i = 0; i < making->record_count; i++) {
        struct record *record = &making->records[i];
        if (record->input != number || record->position != (uint64_t)position) continue;
        CHECK(belongs(record, step, zone));
        if (zone == WORLD_INDEX) return;
        CHECK(!record->read_back);
        record->read_back = true;
        return;
    }
    CHECK(!"a row of a record");
}

/* The files hold each record once, in the right table: read with the reader, not with the maker. */
static void check_files(struct making *making)
{
    for (uint32_t step = 0; step < making->world->steps; step++) {
        for (enum world_zone zone = 0; zone < WORLD_LEDGER; zone++) {
            struct world_file      *file   = &making->world->files[step][zone];
            struct cup_bytes_source source = {
                .arg = file, .bytes = file->count, .read = memory_read};
            struct cup_parquet_reader *reader;
            const struct cup_column   *columns;
            uint32_t                   rows;
            if (file->bytes == NULL) continue;
            CHECK(cup_parquet_reader_open(source, &reader, NULL) == CUP_OK);
            CHECK(cup_parquet_reader_group_count(reader) == 1);
            CHECK(cup_parquet_reader_group(reader, 0, NULL, &columns, &rows, NULL) == CUP_OK);
            for (uint32_t row = 0; row < rows; row++)
                check_row(making, step, zone, columns, row);
            cup_parquet_reader_close(reader);
        }
    }
    for (uint32_t i = 0; i < making->record_count; i++)
        CHECK(making->records[i].read_back);
}

void world_begin(void)
{
    /* a block of the system for each megabyte costs more than all that is done with it; a malloc
     * without these options is only slower */
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_BYTES);
    cup_clock_wall_set(WALL_US);
}

struct world *world_make(uint64_t seed, uint32_t steps)
{
    return world_make_shard(seed, steps, 0, 1);
}

struct world *world_make_shard(uint64_t seed, uint32_t steps, uint32_t shard, uint32_t shard_count)
{
    struct making *making = calloc(1, sizeof *making);
    struct world  *world  = calloc(1, sizeof *world);
    struct cup_rnd rnd    = cup_rnd_seed(seed);

    CHECK(making != NULL && world != NULL && steps <= WORLD_STEPS_MAX);
    making->world = world;
    world->seed   = seed;
    world->steps  = steps;
    world->rounds = 1;
    world->shard  = shard;

    world->shard_count = shard_count;
    world->late_step   = shard_count > 1 ? steps / 2 : steps;
    world->plan        = make_plan(shard, shard_count, shard_count > 1);
    world->late        = make_plan(shard, shard_count, 2);
    CHECK(cup_pool_init(&making->pool, POOL_BYTES, NULL) == CUP_OK);
    make_records(making, &rnd);
    for (uint32_t step = 0; step < steps; step++) {
        for (enum world_zone zone = 0; zone < WORLD_LEDGER; zone++)
            make_table_file(making, step, zone);
        make_bronze(making, step);
    }
    check_files(making);
    cup_pool_fini(&making->pool);
    free(making);
    return world;
}

void world_free(struct world *world)
{
    if (world == NULL) return;
    for (uint32_t step = 0; step < WORLD_STEPS_MAX; step++) {
        for (enum world_zone zone = 0; zone < WORLD_ZONES; zone++) {
            free(world->files[step][zone].bytes);
            free(world->files[step][zone].stats);
        }
    }
    free(world->plan);
    free(world->late);
    free(world);
}
