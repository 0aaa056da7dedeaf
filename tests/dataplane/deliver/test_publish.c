// SPDX-License-Identifier: Apache-2.0
/* Goal:   rows and records become the spool's records as publish.h's table says.
 * Method: rows of each operation with and without a key, in each mode of deletes; batches with
 *         pieces, nulls and headers; the file is read back. */
#include "dataplane/deliver/publish.h"

#include "dataplane/deliver/spool.h"
#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

#define ROWS         6u
#define COLUMN_COUNT (1u + CUP_SILVER_COUNT)

static char              lake[] = "/tmp/cupel-publish-XXXXXX";
static struct cup_disk  *disk;
static struct cup_store *store;

static const struct cup_spec_column keyed[]   = {{"id", "long", "int64", .key = 1}};
static const struct cup_spec_column unkeyed[] = {{"id", "long", "int64", .key = 0}};

static struct cup_plan *make_plan(const struct cup_spec_output *output, const char *path)
{
    const struct cup_spec_table tables[] = {
        {.schema = "s", .table = "k", .path = path, .columns = keyed, .column_count = 1},
        {.schema = "s", .table = "n", .columns = unkeyed, .column_count = 1}};

    return cup_spec_plan(&(struct cup_spec){.lake        = lake,
                                            .domain      = "dom",
                                            .pipeline    = "pipe",
                                            .tables      = tables,
                                            .table_count = 2,
                                            .brokers     = "localhost:1",
                                            .output      = *output});
}

/* --- rows: ids 0.., ops c u d r b t; partition 3, but for the last, which has none --- */

static int64_t           ids[ROWS];
static int32_t           partitions[ROWS];
static uint8_t           all[1] = {0xff}, none[1], id_valid[1], partition_valid[1];
static uint32_t          zeros[ROWS + 1], op_offsets[ROWS + 1];
static uint8_t           ops[] = "cudrbt";
static struct cup_column columns[COLUMN_COUNT];
static struct cup_field  fields[COLUMN_COUNT];

static void make_rows(void)
{
    fields[0] = (struct cup_field){.name = "id", .type = CUP_TYPE_LONG};
    for (uint32_t i = 0; i < CUP_SILVER_COUNT; i++)
        fields[1 + i] = cup_silver_fields()[i];
    for (uint32_t i = 0; i < COLUMN_COUNT; i++)
        columns[i] = (struct cup_column){.validity = none, .offsets = zeros, .row_count = ROWS};
    for (uint32_t i = 0; i < ROWS; i++) {
        ids[i]            = i;
        partitions[i]     = 3;
        op_offsets[i + 1] = i + 1;
    }
    id_valid[0]         = 0x1f; /* a truncate has no key */
    partition_valid[0]  = 0x1f;
    columns[0].i64      = ids;
    columns[0].validity = id_valid;
    columns[1 + CUP_SILVER_OP] =
        (struct cup_column){.validity = all, .text = ops, .offsets = op_offsets, .row_count = ROWS};
    columns[1 + CUP_SILVER_PARTITION].i32      = partitions;
    columns[1 + CUP_SILVER_PARTITION].validity = partition_valid;
}

/* Seals and places what was published, and opens it; the folder is where it should be. */
static void read_back(struct cup_publish *publish, struct cup_spool_reader *reader,
                      struct cup_published *published, uint64_t records)
{
    struct cup_sealed sealed;

    CHECK(cup_publish_finish(publish, 5, 2, published, NULL) == CUP_OK);
    CHECK(published->staged != NULL && published->record_count == records);
    CHECK(strncmp(published->name, "_cupel/dom/pipe/0/spool/00000000000000000005-2-", 47) == 0);
    CHECK(cup_store_seal(published->staged, &sealed, NULL) == CUP_OK);
    CHECK(cup_store_place(store, published->staged, published->name, NULL) == CUP_OK);
    cup_spool_reader_open(reader, store, published->name);
}

static void check_record(struct cup_spool_reader *reader, const char *topic, int32_t partition,
                         const char *key, const char *value)
{
    struct cup_spool_record record;

    CHECK(cup_spool_next(reader, &record, NULL) == CUP_OK);
    CHECK(strcmp(record.topic, topic) == 0);
    CHECK(record.head.partition == partition);
    CHECK((record.key == NULL) == (key == NULL) && (record.value == NULL) == (value == NULL));
    if (key != NULL)
        CHECK(strlen(key) == record.head.key_bytes &&
              memcmp(record.key, key, record.head.key_bytes) == 0);
    if (value != NULL)
        CHECK(strlen(value) == record.head.value_bytes &&
              memcmp(record.value, value, record.head.value_bytes) == 0);
}

static void check_keyed(struct cup_spool_reader *reader, uint8_t deletes)
{
    const int32_t by_key = CUP_SPOOL_BY_KEY;

    check_record(reader, "dom.k", by_key, "{\"id\":0}",
                 "{\"id\":0,\"_op\":\"c\",\"_partition\":3}");
    check_record(reader, "dom.k", by_key, "{\"id\":1}",
                 "{\"id\":1,\"_op\":\"u\",\"_partition\":3}");
    if (deletes != CUP_OUTPUT_TOMBSTONE)
        check_record(reader, "dom.k", by_key, "{\"id\":2}",
                     "{\"id\":2,\"_op\":\"d\",\"_partition\":3}");
    if (deletes != CUP_OUTPUT_ROW) check_record(reader, "dom.k", by_key, "{\"id\":2}", NULL);
    check_record(reader, "dom.k", by_key, "{\"id\":3}",
                 "{\"id\":3,\"_op\":\"r\",\"_partition\":3}");
    check_record(reader, "dom.k", CUP_SPOOL_EVERY, "{\"id\":null}", "{\"id\":null,\"_op\":\"t\"}");
}

static void check_unkeyed(struct cup_spool_reader *reader)
{
    char value[64];

    for (uint32_t i = 0; i < 5; i++) {
        snprintf(value, sizeof value, "{\"id\":%u,\"_op\":\"%c\",\"_partition\":3}", i, ops[i]);
        check_record(reader, "dom.n", 3, NULL, value);
    }
    check_record(reader, "dom.n", CUP_SPOOL_EVERY, NULL, "{\"id\":null,\"_op\":\"t\"}");
}

static void test_rows(uint8_t deletes)
{
    const struct cup_spec_output output = {.kind          = CUP_OUTPUT_CHANGES,
                                           .deletes       = deletes,
                                           .topic         = "{domain}.{table}",
                                           .control_topic = "c"};
    struct cup_plan             *plan   = make_plan(&output, NULL);
    uint64_t                     count  = deletes == CUP_OUTPUT_BOTH ? 12 : 11;
    struct cup_publish          *publish;
    struct cup_spool_reader      reader;
    struct cup_spool_record      record;
    struct cup_published         published;

    CHECK(cup_publish_open(plan, store, &publish, NULL) == CUP_OK);
    for (uint32_t file = 0; file < 2; file++) { /* a file names its topics anew */
        CHECK(cup_publish_rows(publish, 0, fields, columns, ROWS, NULL) == CUP_OK);
        CHECK(cup_publish_rows(publish, 1, fields, columns, ROWS, NULL) == CUP_OK);
        read_back(publish, &reader, &published, count);
        check_keyed(&reader, deletes);
        check_unkeyed(&reader);
        CHECK(cup_spool_next(&reader, &record, NULL) == CUP_END);
        cup_spool_reader_close(&reader);
        CHECK(cup_publish_finish(publish, 6, 2, &published, NULL) == CUP_OK);
        CHECK(published.staged == NULL); /* nothing since */
    }
    cup_publish_close(publish);
    free(plan);
}

/* --- records --- */

static const char *topic_of(const void *arg, uint32_t topic)
{
    (void)arg;
    return topic == 0 ? "a/b c" : "plain";
}

static const struct cup_record records[] = {
    {.value_at     = 0,
     .value_bytes  = 2,
     .whole_bytes  = 2,
     .value_kind   = CUP_VALUE_BYTES,
     .key_at       = 3,
     .key_bytes    = 2,
     .key_kind     = CUP_VALUE_BYTES,
     .partition    = 4,
     .timestamp_ms = 99},
    {.value_kind   = CUP_VALUE_NULL,
     .key_kind     = CUP_VALUE_EMPTY,
     .partition    = -1,
     .timestamp_ms = INT64_MIN,
     .topic        = 1},
    {.value_kind = CUP_VALUE_EMPTY, .key_kind = CUP_VALUE_NULL},
    {.value_at    = 6,
     .value_bytes = 2,
     .whole_bytes = 2,
     .value_kind  = CUP_VALUE_BYTES,
     .flags       = CUP_RECORD_PART},
    {.value_at    = 9,
     .value_bytes = 2,
     .whole_bytes = 4,
     .value_kind  = CUP_VALUE_BYTES,
     .flags       = CUP_RECORD_PART},
    {.value_at    = 12,
     .value_bytes = 3,
     .whole_bytes = 7,
     .value_kind  = CUP_VALUE_BYTES,
     .flags       = CUP_RECORD_OVERSIZE},
    {.value_at    = 6,
     .value_bytes = 2,
     .whole_bytes = 2,
     .value_kind  = CUP_VALUE_BYTES,
     .flags       = CUP_RECORD_PART},
    {.value_at    = 12,
     .value_bytes = 3,
     .whole_bytes = CUP_SPOOL_VALUE_MAX + 1,
     .value_kind  = CUP_VALUE_BYTES,
     .flags       = CUP_RECORD_OVERSIZE},
    {.value_at = 0, .value_bytes = 2, .whole_bytes = 2, .value_kind = CUP_VALUE_BYTES}};

static void test_records(void)
{
    static uint8_t               region[] = "v0 k0 ll oo end";
    const struct cup_spec_output output   = {
          .kind = CUP_OUTPUT_RAW, .topic = "{topic}.copy", .control_topic = "c"};
    const uint32_t          count = sizeof records / sizeof *records;
    struct cup_batch        batch = {.region = region, .records = records, .record_count = count};
    struct cup_plan        *plan  = make_plan(&output, NULL);
    struct cup_publish     *publish;
    struct cup_spool_reader reader;
    struct cup_spool_record record;
    struct cup_published    published;
    uint64_t                left;

    CHECK(cup_publish_open(plan, store, &publish, NULL) == CUP_OK);
    batch.retried = 1;
    CHECK(cup_publish_records(publish, &batch, 0, count, topic_of, NULL, &left, NULL) == CUP_OK);
    batch.retried = 0;
    CHECK(cup_publish_records(publish, &batch, 0, count, topic_of, NULL, &left, NULL) == CUP_OK);
    CHECK(left == 1);
    CHECK(cup_publish_rows(publish, 0, fields, columns, ROWS, NULL) == CUP_OK); /* not wanted */
    read_back(publish, &reader, &published, 5);
    check_record(&reader, "a_b_c.copy", 4, "k0", "v0");
    check_record(&reader, "plain.copy", 0, "", NULL);
    check_record(&reader, "a_b_c.copy", 0, NULL, "");
    check_record(&reader, "a_b_c.copy", 0, NULL, "llooend");
    check_record(&reader, "a_b_c.copy", 0, NULL, "v0");
    CHECK(cup_spool_next(&reader, &record, NULL) == CUP_END);
    cup_spool_reader_close(&reader);
    cup_publish_close(publish);
    free(plan);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    char command[64];

    CHECK(mkdtemp(lake) != NULL);
    CHECK(cup_disk_open(CUP_DISK_POSIX, &disk, NULL) == CUP_OK);
    CHECK(cup_store_open(disk, lake, "_cupel/dom/pipe/0/staging", &store, NULL) == CUP_OK);
    make_rows();
    for (uint8_t deletes = 0; deletes < CUP_OUTPUT_DELETES_COUNT; deletes++)
        test_rows(deletes);
    test_records();
    cup_store_close(store);
    cup_disk_close(disk);
    snprintf(command, sizeof command, "rm -rf %s", lake);
    return system(command) == 0 ? 0 : 1;
}
