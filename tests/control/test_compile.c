// SPDX-License-Identifier: Apache-2.0
/* Goal:   what control compiles is what the data plane checks and finds, and nobody can change it.
 * Method: a catalog with learned and declared tables becomes a blob; cup_plan_check takes it; every
 *         text, list and number is read back; the memfd refuses to be written, grown or shrunk. */
#include "control/plan/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/control/fixture.h"

static struct cup_keep        keep;
static struct cup_inputs_file inputs[] = {
    {.path = "/data/a.ndjson", .topic = "a.ndjson", .group = 0, .form = CUP_INPUT_NDJSON},
    {.path = "/data/b.gz", .topic = "b.gz", .group = 1, .form = CUP_INPUT_DUMP, .gzip = true}};

static bool is_text(const struct cup_plan *plan, struct cup_plan_text text, const char *wanted)
{
    return text.bytes == strlen(wanted) && strcmp(cup_plan_text(plan, text), wanted) == 0;
}

static void learn(struct cup_catalog *catalog, const char *schema, const char *key)
{
    struct cup_catalog_unknown unknown = fixture_unknown("account", schema, key);
    struct cup_text            says    = {0};
    enum cup_outcome           outcome;

    CHECK(cup_catalog_learn(catalog, &unknown, &outcome, &says) == CUP_CATALOG_PLAN);
    cup_text_free(&says);
}

static struct cup_text compile(const struct cup_settings *settings,
                               const struct cup_catalog *catalog, uint64_t generation)
{
    struct cup_compile job   = {.settings    = settings,
                                .lake        = "/lake",
                                .inputs      = inputs,
                                .input_count = 2,
                                .catalog     = catalog,
                                .generation  = generation};
    struct cup_text    blob  = {0};
    struct cup_fault   fault = {0};

    if (cup_compile_blob(&job, &blob, &fault) != CUP_OK) {
        fprintf(stderr, "%s\n", fault.what);
        CHECK(false);
    }
    CHECK(cup_plan_check(blob.at, blob.bytes, &fault) == CUP_OK);
    return blob;
}

static void check_header(const struct cup_plan *plan, const struct cup_settings *settings)
{
    CHECK(plan->generation == 3 && plan->worker_count == settings->worker_count);
    CHECK(is_text(plan, plan->lake, "/lake") && is_text(plan, plan->domain, "default"));
    CHECK(is_text(plan, plan->pipeline, "run") && is_text(plan, plan->kernels, "auto"));
    CHECK(is_text(plan, plan->unavailable, "__debezium_unavailable_value"));
    CHECK(plan->record_bytes_max == CUP_RECORD_BYTES_DEFAULT && plan->depth_max == 64);
    CHECK(plan->members_max == 10000 && plan->key_bytes_max == 1024);
    CHECK(plan->number_bytes_max == 4096 && plan->codec == 6);
    CHECK(plan->epoch_ns_max == 10000000000u && plan->epoch_bytes_max == 1u << 30);
    CHECK(plan->pool_bytes == 96u << 20 && plan->until_end == 1 && plan->silver == 1);
    CHECK(plan->file_bytes_max == 1u << 30 && plan->file_rows_max == 100000000 && plan->store == 0);
    CHECK(plan->quarantine_max == 10ull << 30);
    CHECK(plan->log_retention_us == 30ull * 24 * 3600 * 1000000);
    CHECK(plan->bronze == 0 && plan->quarantine_inline == 1); /* one makes the other */
}

static void check_tables(const struct cup_plan *plan, const char *schema_text)
{
    const struct cup_plan_input  *files   = cup_plan_inputs(plan);
    const struct cup_plan_table  *table   = cup_plan_tables(plan);
    const struct cup_plan_schema *schemas = cup_plan_schemas(plan);
    const struct cup_plan_column *columns = cup_plan_columns(plan, table);
    const struct cup_plan_field  *fields  = cup_plan_fields(plan, &schemas[1]);

    CHECK(plan->inputs.count == 2 && files[1].group == 1 && files[1].gzip == 1);
    CHECK(files[1].form == CUP_INPUT_DUMP && is_text(plan, files[0].path, "/data/a.ndjson"));
    CHECK(plan->tables.count == 1 && table->columns.count == 4 && table->contracted == 0);
    CHECK(table->partitions.count == 2 && cup_plan_partitions(plan, table)[1] == 0);
    CHECK(cup_plan_partitions(plan, table)[0] == CUP_PLAN_PARTITION_DATE);
    CHECK(is_text(plan, table->path, "default/silver/pg/bank/account"));
    CHECK(is_text(plan, table->source_name, "pg") && is_text(plan, table->source_db, "db"));
    CHECK(is_text(plan, table->source_schema, "bank"));
    CHECK(is_text(plan, table->source_table, "account"));
    CHECK(is_text(plan, columns[0].name, "id") && columns[0].key_place == 1);
    CHECK(is_text(plan, columns[2].name, "balance__2") && columns[2].type == CUP_TYPE_DECIMAL);
    CHECK(columns[2].precision == 20 && columns[2].scale == 4);
    CHECK(plan->schemas.count == 2 && schemas[1].table == 0 && schemas[1].quarantine == 0);
    CHECK(is_text(plan, schemas[0].text, schema_text));
    CHECK(schemas[1].fields.count == 3 && fields[1].column == 2 && fields[1].scale == 4);
    CHECK(is_text(plan, fields[1].member, "balance"));
    CHECK(columns[3].type == CUP_TYPE_STRING && columns[3].scale == 0 && fields[2].scale == 5);
    CHECK(fields[1].encoding == CUP_ENCODING_DECIMAL_BASE64);
}

static void check_blob(struct cup_catalog *catalog)
{
    const char         *first = ENVELOPE(INT64("id") "," DECIMAL("balance", "18", "2"));
    struct cup_settings settings;

    cup_settings_default(&settings);
    settings.bronze    = false;
    settings.until_end = true;
    learn(catalog, first, KEY(INT64("id")));
    learn(catalog,
          ENVELOPE(INT64("id") "," DECIMAL("balance", "20", "4") "," DECIMAL("odd", "39", "5")),
          KEY(INT64("id")));
    catalog->tables[0].partitions[0]   = "_date";
    catalog->tables[0].partitions[1]   = "id";
    catalog->tables[0].partition_count = 2;
    struct cup_text        blob        = compile(&settings, catalog, 3);
    const struct cup_plan *plan        = (const void *)blob.at;
    check_header(plan, &settings);
    check_tables(plan, first);
    cup_text_free(&blob);

    struct cup_catalog empty = fixture_catalog(&keep);
    blob                     = compile(&settings, &empty, 1);
    plan                     = (const void *)blob.at;
    CHECK(plan->tables.count == 0 && plan->schemas.count == 0);
    cup_text_free(&blob);
}

/* A setting that no earlier check saw must not get as far as the data plane. */
static void check_refusal(const struct cup_catalog *catalog)
{
    struct cup_settings settings;
    struct cup_text     blob  = {0};
    struct cup_fault    fault = {0};

    cup_settings_default(&settings);
    settings.domain              = "a/b";
    const struct cup_compile job = {.settings    = &settings,
                                    .lake        = "/lake",
                                    .inputs      = inputs,
                                    .input_count = 2,
                                    .catalog     = catalog,
                                    .generation  = 1};
    CHECK(cup_compile_blob(&job, &blob, &fault) == CUP_BAD_PLAN);
    cup_text_free(&blob);
}

static void check_seal(const struct cup_catalog *catalog)
{
    struct cup_settings settings;
    struct cup_fault    fault = {0};
    int                 fd    = -1;

    cup_settings_default(&settings);
    struct cup_text blob = compile(&settings, catalog, 1);
    CHECK(cup_compile_seal(&blob, &fd, &fault) == CUP_OK);
    CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
    CHECK(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
    CHECK(ftruncate(fd, 1) < 0 && ftruncate(fd, 1 << 30) < 0);
    void *at = mmap(NULL, blob.bytes, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED && memcmp(at, blob.at, blob.bytes) == 0);
    CHECK(munmap(at, blob.bytes) == 0 && close(fd) == 0);
    cup_text_free(&blob);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep                       = fixture_keep();
    struct cup_catalog catalog = fixture_catalog(&keep);
    check_blob(&catalog);
    check_refusal(&catalog);
    check_seal(&catalog);
    cup_keep_close(&keep);
    return 0;
}
