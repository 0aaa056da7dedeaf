// SPDX-License-Identifier: Apache-2.0
/* small_lake_priv: makes a lake of one pipeline for the tests of cupel-lake: two inputs (NDJSON and
 * a record dump), a few epochs, all zones; on request with one fault. */
#ifndef CUP_TESTS_LAKE_SMALL_LAKE_PRIV_H
#define CUP_TESTS_LAKE_SMALL_LAKE_PRIV_H

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/abi/plan.h"
#include "dataplane/abi/tables.h"
#include "kernels/isal/isal.h"
#include "lake/bronze.h"
#include "lake/delta_priv.h"
#include "lake/parquet.h"
#include "tests/check.h"

#define LAKE_RECORDS_MAX 4096u
#define LAKE_EPOCHS      4u
#define LAKE_SILVER      "default/silver/pg/bank/t"
#define LAKE_INDEX       "default/bronze/run/_index"
#define LAKE_QUARANTINE  "default/quarantine/run"
#define LAKE_LEDGER      "_cupel/default/run/ledger"

enum lake_fault {
    FAULT_NONE,
    FAULT_GAP,
    FAULT_OVERLAP,
    FAULT_BACKWARDS,
    FAULT_OTHER_FILE,
    FAULT_SUM,
    FAULT_OUTCOMES,
    FAULT_OUTCOME_NAME,
    FAULT_LEDGER_NULL,
    FAULT_EPOCH_HOLE,
    FAULT_TWO_IDS,
    FAULT_INDEX_ROW_MISSING,
    FAULT_INDEX_OUTCOME,
    FAULT_INDEX_POSITION,
    FAULT_INDEX_INPUT,
    FAULT_INDEX_EPOCH,
    FAULT_QUARANTINE_ROW_MISSING,
    FAULT_QUARANTINE_REASON,
    FAULT_QUARANTINE_NO_FILE,
    FAULT_SILVER_EPOCH,
    FAULT_SILVER_FEW,
    FAULT_LEDGER_ROWS,
    FAULT_LEDGER_TWICE,
    FAULT_NOT_ADDED,
    FAULT_ORPHAN,
    FAULT_ADD_SIZE,
};

struct lake_record {
    uint32_t input, epoch; /* epoch 1.. */
    int64_t  position, timestamp_us;
    enum lake_shape { LAKE_VALUE, LAKE_NULL, LAKE_EMPTY, LAKE_LINE } shape;
    enum cup_outcome        outcome;
    char                   *value, *key; /* key NULL: null */
    size_t                  value_bytes;
    const char             *headers, *headers_replayed;
    struct cup_bronze_place place;
    bool                    inline_value;
};

struct small_lake {
    char                       root[256];
    enum lake_fault            fault;
    bool                       no_bronze, no_silver, short_records;
    struct cup_rnd             rnd;
    struct cup_pool            pool;
    struct lake_record         records[LAKE_RECORDS_MAX];
    uint32_t                   record_count;
    struct cup_text            inputs[2]; /* what was read, uncompressed */
    int64_t                    starts[LAKE_EPOCHS + 2][2];
    uint64_t                   versions[3]; /* next version of index, quarantine, silver */
    struct cup_delta_priv_rows ledger;
};

static const char *const lake_inputs[]     = {"sub/a.ndjson", "d.ndjson.gz"};
static const char *const lake_identities[] = {"1:11:1024:0badcafe", "1:12:1024:1badcafe"};

/* --- files --- */

static inline void lake_path(const struct small_lake *lake, const char *name, char *out)
{
    CHECK(snprintf(out, 1024, "%s/%s", lake->root, name) < 1024);
    for (char *at = strchr(out + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(out, 0700);
        *at = '/';
    }
}

static inline void lake_write(const struct small_lake *lake, const char *name, const void *bytes,
                              size_t count)
{
    char path[1024];

    lake_path(lake, name, path);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
}

static inline enum cup_err lake_sink(void *arg, const void *bytes, size_t count,
                                     struct cup_fault *out_fault)
{
    (void)out_fault;
    cup_text_put(arg, bytes, count);
    return CUP_OK;
}

struct lake_file {
    uint64_t        bytes, rows;
    uint32_t        crc32c;
    struct cup_text stats;
};

/* A Parquet file of several row groups. */
static inline struct lake_file lake_parquet(struct small_lake *lake, const char *name,
                                            const struct cup_field *fields, uint32_t count,
                                            struct cup_delta_priv_rows *rows)
{
    struct cup_text         bytes = {0};
    struct lake_file        file  = {0};
    struct cup_parquet     *parquet;
    struct cup_parquet_done done;
    struct cup_sink         sink = {.arg = &bytes, .put = lake_sink};

    CHECK(!rows->failed);
    CHECK(cup_parquet_open(&lake->pool, fields, count, CUP_CODEC_ZSTD, sink, &parquet, NULL) ==
          CUP_OK);
    uint32_t row_count = rows->columns[0].row_count;
    if (row_count > 0) CHECK(cup_parquet_append(parquet, rows->columns, row_count, NULL) == CUP_OK);
    CHECK(cup_parquet_finish(parquet, &file.stats, &done, NULL) == CUP_OK);
    CHECK(done.row_count == row_count && done.bytes == bytes.bytes);
    file.bytes  = bytes.bytes;
    file.rows   = row_count;
    file.crc32c = cup_crc32c(0, bytes.at, bytes.bytes);
    lake_write(lake, name, bytes.at, bytes.bytes);
    cup_text_free(&bytes);
    return file;
}

/* --- Delta --- */

static inline void lake_commit(const struct small_lake *lake, const char *table, uint64_t version,
                               const struct cup_field *fields, uint32_t count, const char *file,
                               uint64_t bytes, const char *stats)
{
    struct cup_text              text = {0};
    struct cup_delta_commit_info info = {.timestamp_ms = 1700000000000,
                                         .operation    = "WRITE",
                                         .epoch_id     = "6f1c0d1e-0000-4000-8000-000000000001",
                                         .epoch        = 1};
    char                         name[1024], version_name[CUP_DELTA_NAME_BYTES];

    cup_delta_put_commit_info(&text, &info);
    if (version == 0) {
        struct cup_delta_metadata metadata = {.id          = "6f1c0d1e-0000-4000-8000-000000000002",
                                              .fields      = fields,
                                              .field_count = count,
                                              .created_ms  = 1700000000000};
        cup_delta_put_protocol(&text, fields, count);
        cup_delta_put_metadata(&text, &metadata);
    }
    if (file != NULL) {
        struct cup_delta_add add = {
            .path = file, .bytes = bytes, .stats = stats, .data_change = true};
        cup_delta_put_add(&text, &add);
    }
    cup_delta_version_name(version_name, version);
    snprintf(name, sizeof name, "%s/%s", table, version_name);
    lake_write(lake, name, text.at, text.bytes);
    cup_text_free(&text);
}

/* --- values of columns --- */

static inline void lake_text(struct cup_delta_priv_rows *rows, uint32_t column, const char *text)
{
    if (text == NULL)
        cup_delta_priv_put_null(rows, &rows->columns[column]);
    else
        cup_delta_priv_put_text(rows, &rows->columns[column], text, strlen(text));
}

static inline void lake_number(struct cup_delta_priv_rows *rows, uint32_t column, int64_t value)
{
    cup_delta_priv_put_i64(rows, &rows->columns[column], value);
}

/* Fills what a row has not got yet. */
static inline void lake_end_row(struct cup_delta_priv_rows *rows)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->columns[i].row_count > most) most = rows->columns[i].row_count;
    for (uint32_t i = 0; i < rows->count; i++)
        while (rows->columns[i].row_count < most)
            cup_delta_priv_put_null(rows, &rows->columns[i]);
}

static inline void lake_ledger_start(struct small_lake *lake, uint32_t epoch, const char *kind)
{
    char id[64];

    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012u", epoch);
    if (lake->fault == FAULT_TWO_IDS && epoch == 2 && kind[0] == 'f') id[0] = '1';
    bool hole = lake->fault == FAULT_EPOCH_HOLE && epoch >= 3;
    lake_number(&lake->ledger, CUP_LEDGER_EPOCH, epoch + hole);
    lake_text(&lake->ledger, CUP_LEDGER_EPOCH_ID, id);
    lake_number(&lake->ledger, CUP_LEDGER_SHARD, 0);
    lake_number(&lake->ledger, CUP_LEDGER_GENERATION, 1);
    lake_text(&lake->ledger, CUP_LEDGER_KIND,
              lake->fault == FAULT_LEDGER_NULL && epoch == 2 ? NULL : kind);
}

static inline void lake_ledger_file(struct small_lake *lake, uint32_t epoch, const char *zone,
                                    const char *path, const struct lake_file *file)
{
    char crc[16];

    snprintf(crc, sizeof crc, "%08x", file->crc32c);
    lake_ledger_start(lake, epoch, "file");
    lake_text(&lake->ledger, CUP_LEDGER_ZONE, zone);
    lake_text(&lake->ledger, CUP_LEDGER_PATH, path);
    lake_number(&lake->ledger, CUP_LEDGER_BYTES, (int64_t)file->bytes);
    lake_text(&lake->ledger, CUP_LEDGER_CRC32C, crc);
    bool lie = lake->fault == FAULT_LEDGER_ROWS && epoch == 2 && zone[0] == 's';
    lake_number(&lake->ledger, CUP_LEDGER_ROWS, (int64_t)file->rows + lie);
    lake_end_row(&lake->ledger);
}

/* A file of a Delta table: data, commit, ledger row. */
static inline void lake_table_file(struct small_lake *lake, uint32_t epoch, uint32_t table,
                                   const struct cup_field *fields, uint32_t count,
                                   struct cup_delta_priv_rows *rows)
{
    static const char *const tables[] = {LAKE_INDEX, LAKE_QUARANTINE, LAKE_SILVER};
    static const char *const zones[]  = {"index", "quarantine", "silver"};
    char                     name[64], path[256];

    snprintf(name, sizeof name, "part %u-%u.zstd.parquet", epoch, table);
    snprintf(path, sizeof path, "%s/%s", tables[table], name);
    struct lake_file file       = lake_parquet(lake, path, fields, count, rows);
    bool             silver_two = table == 2 && epoch == 2;
    bool             skip       = lake->fault == FAULT_NOT_ADDED && silver_two;
    bool             lie        = lake->fault == FAULT_ADD_SIZE && silver_two;
    lake_commit(lake, tables[table], lake->versions[table]++, fields, count, skip ? NULL : name,
                file.bytes + lie, file.stats.at);
    bool hide = (lake->fault == FAULT_ORPHAN && silver_two) ||
                (lake->fault == FAULT_QUARANTINE_NO_FILE && table == 1 && epoch == 2);
    if (!hide) lake_ledger_file(lake, epoch, zones[table], path, &file);
    if (lake->fault == FAULT_LEDGER_TWICE && silver_two)
        lake_ledger_file(lake, epoch + 1, zones[table], path, &file);
    cup_text_free(&file.stats);
}

/* --- zones --- */

static inline void lake_put_bronze(struct small_lake *lake, uint32_t epoch, const char *file)
{
    struct cup_bronze *bronze;
    struct cup_text    bytes = {0};
    struct lake_file   made  = {0};
    char               path[256];
    uint64_t           size;

    CHECK(cup_bronze_open(&bronze, NULL) == CUP_OK);
    cup_bronze_begin(bronze, (struct cup_sink){.arg = &bytes, .put = lake_sink});
    for (uint32_t i = 0; i < lake->record_count; i++) {
        struct lake_record *record = &lake->records[i];
        if (record->epoch != epoch || record->inline_value) continue;
        if (record->shape == LAKE_NULL || record->shape == LAKE_EMPTY) continue;
        record->place = cup_bronze_place(bronze);
        CHECK(cup_bronze_put(bronze, (const uint8_t *)record->value, record->value_bytes, false,
                             NULL) == CUP_OK);
        CHECK(cup_bronze_put(bronze, (const uint8_t *)"\n", 1, true, NULL) == CUP_OK);
    }
    CHECK(cup_bronze_end(bronze, &size, NULL) == CUP_OK && size == bytes.bytes);
    snprintf(path, sizeof path, "default/bronze/run/%s", file);
    lake_write(lake, path, bytes.at ? bytes.at : "", bytes.bytes);
    made.bytes  = size;
    made.crc32c = cup_crc32c(0, bytes.at, bytes.bytes);
    lake_ledger_file(lake, epoch, "bronze", path, &made);
    cup_bronze_close(bronze);
    cup_text_free(&bytes);
}

static inline void lake_index_row(const struct small_lake *lake, struct cup_delta_priv_rows *rows,
                                  const struct lake_record *record, const char *file, bool wrong)
{
    static const char *const kinds[] = {"value", "null", "empty", "line"};
    bool                     dump    = record->input == 1;
    bool                     bytes   = record->shape == LAKE_VALUE || record->shape == LAKE_LINE;
    enum lake_fault          fault   = wrong ? lake->fault : FAULT_NONE;
    const char              *outcome = cup_outcome_name(record->outcome);

    lake_number(rows, CUP_INDEX_EPOCH, record->epoch + (fault == FAULT_INDEX_EPOCH ? 77 : 0));
    lake_text(rows, CUP_INDEX_INPUT,
              fault == FAULT_INDEX_INPUT ? "other.ndjson" : lake_inputs[record->input]);
    lake_number(rows, CUP_INDEX_POSITION,
                record->position + (fault == FAULT_INDEX_POSITION ? 100000000 : 0));
    lake_text(rows, CUP_INDEX_FORM, dump ? "dump" : "ndjson");
    lake_text(rows, CUP_INDEX_TOPIC, dump ? "pg.\"bank\".t" : lake_inputs[record->input]);
    lake_number(rows, CUP_INDEX_PARTITION, dump ? 3 : 0);
    lake_number(rows, CUP_INDEX_OFFSET, record->position);
    if (record->timestamp_us != 0) lake_number(rows, CUP_INDEX_TIMESTAMP, record->timestamp_us);
    lake_text(rows, CUP_INDEX_KEY, record->key);
    lake_text(rows, CUP_INDEX_HEADERS, record->headers);
    lake_text(rows, CUP_INDEX_KIND, kinds[record->shape]);
    if (bytes && !record->inline_value) {
        lake_text(rows, CUP_INDEX_FILE, file);
        lake_number(rows, CUP_INDEX_MEMBER_AT, (int64_t)record->place.member_at);
        lake_number(rows, CUP_INDEX_AT, record->place.at);
    }
    lake_number(rows, CUP_INDEX_BYTES, (int64_t)record->value_bytes);
    if (record->inline_value)
        cup_delta_priv_put_text(rows, &rows->columns[CUP_INDEX_VALUE], record->value,
                                record->value_bytes);
    lake_text(rows, CUP_INDEX_OUTCOME, fault == FAULT_INDEX_OUTCOME ? "depth" : outcome);
    lake_end_row(rows);
}

static inline void lake_put_index(struct small_lake *lake, uint32_t epoch, const char *file)
{
    struct cup_delta_priv_rows rows;
    uint32_t                   seen = 0;

    CHECK(cup_delta_priv_rows_init(&rows, cup_index_fields(), CUP_INDEX_COUNT));
    for (uint32_t i = 0; i < lake->record_count; i++) {
        if (lake->records[i].epoch != epoch) continue;
        bool wrong = epoch == 2 && seen++ == 3;
        if (wrong && lake->fault == FAULT_INDEX_ROW_MISSING) continue;
        lake_index_row(lake, &rows, &lake->records[i], file, wrong);
    }
    lake_table_file(lake, epoch, 0, cup_index_fields(), CUP_INDEX_COUNT, &rows);
    cup_delta_priv_rows_free(&rows);
}

static inline void lake_put_quarantine(struct small_lake *lake, uint32_t epoch)
{
    struct cup_delta_priv_rows rows;
    uint32_t                   seen = 0;

    CHECK(cup_delta_priv_rows_init(&rows, cup_quarantine_fields(), CUP_QUARANTINE_COUNT));
    for (uint32_t i = 0; i < lake->record_count; i++) {
        const struct lake_record *record = &lake->records[i];
        if (record->epoch != epoch || cup_outcome_class(record->outcome) != CUP_CLASS_QUARANTINED)
            continue;
        bool wrong = epoch == 2 && seen++ == 0;
        if (wrong && lake->fault == FAULT_QUARANTINE_ROW_MISSING) continue;
        bool lie = wrong && lake->fault == FAULT_QUARANTINE_REASON;
        lake_number(&rows, CUP_QUARANTINE_EPOCH, epoch);
        lake_text(&rows, CUP_QUARANTINE_REASON, lie ? "depth" : cup_outcome_name(record->outcome));
        lake_end_row(&rows);
    }
    lake_table_file(lake, epoch, 1, cup_quarantine_fields(), CUP_QUARANTINE_COUNT, &rows);
    cup_delta_priv_rows_free(&rows);
}

static inline void lake_put_silver(struct small_lake *lake, uint32_t epoch)
{
    static const struct cup_field fields[] = {{.name = "id", .type = CUP_TYPE_LONG},
                                              {.name = "_epoch", .type = CUP_TYPE_LONG}};
    struct cup_delta_priv_rows    rows;

    CHECK(cup_delta_priv_rows_init(&rows, fields, 2));
    bool few = lake->fault == FAULT_SILVER_FEW && epoch == 2;
    for (uint32_t i = 0; i < lake->record_count; i++) {
        if (lake->records[i].epoch != epoch || lake->records[i].outcome != CUP_OUTCOME_ACCEPTED)
            continue;
        if (few) {
            few = false;
            continue;
        }
        lake_number(&rows, 0, i);
        lake_number(&rows, 1, lake->fault == FAULT_SILVER_EPOCH && epoch == 2 ? 1 : epoch);
    }
    lake_table_file(lake, epoch, 2, fields, 2, &rows);
    cup_delta_priv_rows_free(&rows);
}

/* --- ledger rows of inputs --- */

static inline void lake_put_range(struct small_lake *lake, uint32_t epoch, uint32_t input)
{
    uint64_t        counts[CUP_OUTCOME_COUNT] = {0}, classes[3] = {0}, records = 0;
    struct cup_text text  = {0};
    bool            wrong = epoch == 2 && input == 0;
    enum lake_fault fault = wrong ? lake->fault : FAULT_NONE;

    for (uint32_t i = 0; i < lake->record_count; i++) {
        const struct lake_record *record = &lake->records[i];
        if (record->epoch != epoch || record->input != input) continue;
        counts[record->outcome]++;
        classes[cup_outcome_class(record->outcome)]++;
        records++;
    }
    if (fault == FAULT_OUTCOMES) counts[CUP_OUTCOME_HEARTBEAT]++;
    cup_text_puts(&text, "{");
    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++)
        if (counts[i] > 0)
            cup_text_printf(&text, "%s\"%s\":%" PRIu64, text.bytes > 1 ? "," : "",
                            fault == FAULT_OUTCOME_NAME ? "vanished"
                                                        : cup_outcome_name((enum cup_outcome)i),
                            counts[i]);
    cup_text_puts(&text, "}");
    int64_t start = lake->starts[epoch][input], end = lake->starts[epoch + 1][input];
    if (fault == FAULT_GAP) start += 1;
    if (fault == FAULT_OVERLAP) start -= 1;
    if (fault == FAULT_BACKWARDS) end = start - 1;
    bool other = fault == FAULT_OTHER_FILE;
    lake_ledger_start(lake, epoch, "input");
    lake_text(&lake->ledger, CUP_LEDGER_INPUT, lake_inputs[input]);
    lake_text(&lake->ledger, CUP_LEDGER_IDENTITY, other ? "1:99:9:1" : lake_identities[input]);
    lake_number(&lake->ledger, CUP_LEDGER_START, start);
    lake_number(&lake->ledger, CUP_LEDGER_END, end);
    lake_number(&lake->ledger, CUP_LEDGER_ENDED, epoch == LAKE_EPOCHS);
    lake_number(&lake->ledger, CUP_LEDGER_RECORDS, (int64_t)records + (fault == FAULT_SUM));
    lake_number(&lake->ledger, CUP_LEDGER_ACCEPTED, (int64_t)classes[CUP_CLASS_ACCEPTED]);
    lake_number(&lake->ledger, CUP_LEDGER_QUARANTINED, (int64_t)classes[CUP_CLASS_QUARANTINED]);
    lake_number(&lake->ledger, CUP_LEDGER_DROPPED, (int64_t)classes[CUP_CLASS_DROPPED]);
    lake_text(&lake->ledger, CUP_LEDGER_OUTCOMES, text.at);
    lake_number(&lake->ledger, CUP_LEDGER_BLANK, 0);
    lake_end_row(&lake->ledger);
    cup_text_free(&text);
}

/* --- records --- */

static inline void lake_add(struct small_lake *lake, uint32_t epoch, uint32_t input,
                            size_t value_bytes)
{
    static const char *const headers[][2] = {
        {NULL, "{}"},
        {"[[\"a\",\"x\\\"y\"],[\"b\",null]]", "{\"a\":\"x\\\"y\",\"b\":null}"},
        {"[[\"a\",\"1\"],[\"a\",\"2\"]]", "[[\"a\",\"1\"],[\"a\",\"2\"]]"}};
    struct lake_record *record = &lake->records[lake->record_count++];
    struct cup_text    *text   = &lake->inputs[input];
    bool                dump   = input == 1;
    uint32_t            draw   = cup_rnd_below(&lake->rnd, 10);

    CHECK(lake->record_count <= LAKE_RECORDS_MAX);
    *record             = (struct lake_record){.input    = input,
                                               .epoch    = epoch,
                                               .position = (int64_t)text->bytes,
                                               .outcome  = CUP_OUTCOME_ACCEPTED};
    record->value       = malloc(value_bytes + 64);
    record->value_bytes = (size_t)snprintf(record->value, 64, "{\"id\":%u,\"s\":\"%c\\u00e9\"",
                                           lake->record_count, 'a' + (int)draw);
    while (record->value_bytes < value_bytes)
        record->value[record->value_bytes++] = ' ';
    record->value[record->value_bytes++] = '}';
    if (draw == 0) record->outcome = CUP_OUTCOME_JSON_SYNTAX;
    if (draw == 1) record->outcome = CUP_OUTCOME_HEARTBEAT;
    if (!dump) {
        cup_text_put(text, record->value, record->value_bytes);
        cup_text_puts(text, "\n");
        return;
    }
    if (draw == 2) record->shape = LAKE_NULL, record->outcome = CUP_OUTCOME_TOMBSTONE;
    if (draw == 3) record->shape = LAKE_EMPTY, record->outcome = CUP_OUTCOME_EMPTY_VALUE;
    if (draw == 4) record->shape = LAKE_LINE, record->outcome = CUP_OUTCOME_DUMP_SYNTAX;
    if (draw == 5) {
        record->inline_value                   = true;
        record->value[record->value_bytes - 2] = '\n';
    }
    record->key     = draw == 6 ? NULL : draw == 7 ? strdup("") : strdup("{\"k\":\"\x7f\"}");
    record->headers = headers[draw % 3][0];
    record->headers_replayed = headers[draw % 3][1];
    record->timestamp_us     = draw % 2 ? 1700000000123000 : 0;
    if (record->shape == LAKE_LINE) {
        cup_text_put(text, record->value, record->value_bytes);
        cup_text_puts(text, "\n");
        return;
    }
    cup_text_printf(text, "{\"topic\":\"pg.\\\"bank\\\".t\",\"partition\":3,\"offset\":%" PRId64 "",
                    record->position);
    if (record->timestamp_us != 0) cup_text_puts(text, ",\"timestamp\":1700000000123");
    cup_text_puts(text, ",\"key\":");
    if (record->key != NULL)
        cup_text_json(text, record->key, strlen(record->key));
    else
        cup_text_puts(text, "null");
    cup_text_puts(text, ",\"value\":");
    if (record->shape == LAKE_NULL)
        cup_text_puts(text, "null");
    else
        cup_text_json(text, record->value, record->shape == LAKE_EMPTY ? 0 : record->value_bytes);
    cup_text_printf(text, ",\"headers\":%s", record->headers_replayed);
    cup_text_puts(text, "}\n");
    if (record->shape == LAKE_NULL || record->shape == LAKE_EMPTY) record->value_bytes = 0;
}

/* --- the whole --- */

static inline void lake_make(struct small_lake *lake, const char *root, enum lake_fault fault,
                             uint64_t seed)
{
    char file[64], path[256];

    snprintf(lake->root, sizeof lake->root, "%s", root);
    lake->fault = fault;
    lake->rnd   = cup_rnd_seed(seed);
    CHECK(cup_pool_init(&lake->pool, 64u << 20, NULL) == CUP_OK);
    for (uint32_t epoch = 1; epoch <= LAKE_EPOCHS; epoch++) {
        for (uint32_t input = 0; input < 2; input++)
            lake->starts[epoch][input] = (int64_t)lake->inputs[input].bytes;
        for (uint32_t i = 0; i < 120; i++) /* a few long ones, so that members are closed */
            lake_add(lake, epoch, i % 3 == 0,
                     i % 30 == 7 && !lake->short_records ? 400000 : 60 + i);
    }
    for (uint32_t input = 0; input < 2; input++)
        lake->starts[LAKE_EPOCHS + 1][input] = (int64_t)lake->inputs[input].bytes;
    for (uint32_t epoch = 1; epoch <= LAKE_EPOCHS; epoch++) {
        CHECK(cup_delta_priv_rows_init(&lake->ledger, cup_ledger_fields(), CUP_LEDGER_COUNT));
        for (uint32_t input = 0; input < 2; input++)
            lake_put_range(lake, epoch, input);
        snprintf(file, sizeof file, "date=2026-11-21/%u.ndjson.gz", epoch);
        if (!lake->no_bronze) lake_put_bronze(lake, epoch, file);
        if (!lake->no_bronze) lake_put_index(lake, epoch, file);
        lake_put_quarantine(lake, epoch);
        if (!lake->no_silver) lake_put_silver(lake, epoch);
        snprintf(file, sizeof file, "part-%u.parquet", epoch);
        snprintf(path, sizeof path, LAKE_LEDGER "/%s", file);
        struct lake_file made =
            lake_parquet(lake, path, cup_ledger_fields(), CUP_LEDGER_COUNT, &lake->ledger);
        lake_commit(lake, LAKE_LEDGER, epoch - 1, cup_ledger_fields(), CUP_LEDGER_COUNT, file,
                    made.bytes, made.stats.at);
        cup_text_free(&made.stats);
        cup_delta_priv_rows_free(&lake->ledger);
    }
}

static inline void lake_free(struct small_lake *lake)
{
    for (uint32_t i = 0; i < lake->record_count; i++) {
        free(lake->records[i].value);
        free(lake->records[i].key);
    }
    cup_text_free(&lake->inputs[0]);
    cup_text_free(&lake->inputs[1]);
    cup_pool_fini(&lake->pool);
}

#endif
