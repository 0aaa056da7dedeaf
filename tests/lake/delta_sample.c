// SPDX-License-Identifier: Apache-2.0
/* Writes sample tables for test_delta_readers.py:
 *   delta_sample DIR
 * makes DIR/plain (unpartitioned, a column added later), DIR/partitioned, DIR/ntz (protocol 3/7),
 * DIR/checkpointed and DIR/checkpointed_ntz (checkpoint, older commits gone). Row n of a file with
 * number f has id = 100 f + n. */
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lake/delta_priv.h"
#include "lake/parquet.h"
#include "tests/check.h"

#define FILE_ROWS 10u
#define COMMITS   13u

static const struct cup_field element[] = {{.name = "element", .type = CUP_TYPE_STRING}};
static const struct cup_field fields[]  = {
     {.name = "id", .type = CUP_TYPE_LONG, .comment = "the key"},
     {.name = "text", .type = CUP_TYPE_STRING, .comment = "a \"quoted\"\nline \xc3\xa9"},
     {.name = "at", .type = CUP_TYPE_TIMESTAMP},
     {.name = "tags", .type = CUP_TYPE_LIST, .child_count = 1, .children = element},
     {.name = "later", .type = CUP_TYPE_INT}};
static const struct cup_field ntz_fields[]  = {{.name = "id", .type = CUP_TYPE_LONG},
                                               {.name = "local", .type = CUP_TYPE_TIMESTAMP_NTZ}};
static const struct cup_field partitioned[] = {{.name = "id", .type = CUP_TYPE_LONG},
                                               {.name = "p", .type = CUP_TYPE_STRING}};

static struct cup_pool pool;
static char            root[512];

static void write_file(const char *name, const struct cup_text *text)
{
    char path[1024];

    CHECK(snprintf(path, sizeof path, "%s/%s", root, name) < (int)sizeof path);
    for (char *at = strchr(path + strlen(root), '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0755);
        *at = '/';
    }
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(text->at, 1, text->bytes, file) == text->bytes);
    CHECK(fclose(file) == 0);
}

static enum cup_err put(void *arg, const void *bytes, size_t count, struct cup_fault *out_fault)
{
    (void)out_fault;
    cup_text_put(arg, bytes, count);
    return CUP_OK;
}

static void put_value(struct cup_delta_priv_rows *rows, const struct cup_field *field,
                      struct cup_column *column, int64_t id)
{
    char text[32];

    switch (field->type) {
    case CUP_TYPE_STRING:
        snprintf(text, sizeof text, "t%" PRId64, id);
        cup_delta_priv_put_text(rows, column, text, strlen(text));
        return;
    case CUP_TYPE_LIST:
        for (int64_t i = 0; i < id % 3; i++)
            cup_delta_priv_put_text(rows, &column->children[0], "x", 1);
        cup_delta_priv_put_list(rows, column, (uint32_t)(id % 3));
        return;
    case CUP_TYPE_TIMESTAMP:
    case CUP_TYPE_TIMESTAMP_NTZ:
        cup_delta_priv_put_i64(rows, column, 1700000000000000 + id);
        return;
    default: cup_delta_priv_put_i64(rows, column, id);
    }
}

/* A data file with the first `count` fields; appends its add action. */
static void add_file(struct cup_text *commit, const char *table, const char *path,
                     const char *const *partition, const struct cup_field *of, uint32_t count,
                     uint32_t number)
{
    struct cup_delta_priv_rows rows;
    struct cup_text            bytes = {0}, stats = {0};
    struct cup_parquet        *file;
    struct cup_parquet_done    done;
    char                       name[512];

    CHECK(cup_delta_priv_rows_init(&rows, of, count));
    for (uint32_t row = 0; row < FILE_ROWS; row++)
        for (uint32_t i = 0; i < count; i++)
            put_value(&rows, &of[i], &rows.columns[i], 100 * (int64_t)number + row);
    CHECK(cup_parquet_open(&pool, of, count, CUP_CODEC_ZSTD,
                           (struct cup_sink){.arg = &bytes, .put = put}, &file, NULL) == CUP_OK);
    CHECK(cup_parquet_append(file, rows.columns, FILE_ROWS, NULL) == CUP_OK);
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    snprintf(name, sizeof name, "%s/%s", table, path);
    write_file(name, &bytes);
    struct cup_delta_add add = {.path             = path,
                                .partition_values = partition,
                                .bytes            = done.bytes,
                                .modified_ms      = 1700000000000 + number,
                                .stats            = stats.at,
                                .data_change      = true};
    cup_delta_put_add(commit, &add);
    cup_delta_priv_rows_free(&rows);
    cup_text_free(&bytes);
    cup_text_free(&stats);
}

static void start(struct cup_text *commit, uint64_t epoch)
{
    struct cup_delta_commit_info info = {.timestamp_ms = 1700000000000 + (int64_t)epoch,
                                         .operation    = epoch == 0 ? "CREATE TABLE" : "WRITE",
                                         .epoch_id     = "5f0c8f2e-6f5c-4e0f-9d53-6b1d8f6b0a01",
                                         .epoch        = epoch,
                                         .blind_append = epoch > 0};
    cup_delta_put_commit_info(commit, &info);
    if (epoch > 0) cup_delta_put_txn(commit, "cupel-sample", epoch, 1700000000000 + (int64_t)epoch);
}

static void put_schema(struct cup_text *commit, const struct cup_field *of, uint32_t count,
                       const char *const *partition_columns)
{
    struct cup_delta_metadata metadata = {.id          = "6f1c0d1e-0000-4000-8000-000000000001",
                                          .description = "sample",
                                          .fields      = of,
                                          .field_count = count,
                                          .partition_columns = partition_columns,
                                          .created_ms        = 1700000000000};
    cup_delta_put_metadata(commit, &metadata);
}

static void store(const char *table, uint64_t version, struct cup_text *commit)
{
    char file[CUP_DELTA_NAME_BYTES], name[512];

    cup_delta_version_name(file, version);
    snprintf(name, sizeof name, "%s/%s", table, file);
    write_file(name, commit);
    cup_text_free(commit);
}

static void make_plain(void)
{
    struct cup_text commit = {0};

    start(&commit, 0);
    cup_delta_put_protocol(&commit, fields, 5);
    put_schema(&commit, fields, 4, NULL);
    store("plain", 0, &commit);
    start(&commit, 1);
    add_file(&commit, "plain", "a b #%2F \xc3\xa9.parquet", NULL, fields, 4, 0);
    store("plain", 1, &commit);
    start(&commit, 2);
    put_schema(&commit, fields, 5, NULL); /* a column added with its first file */
    add_file(&commit, "plain", "part-1.zstd.parquet", NULL, fields, 5, 1);
    store("plain", 2, &commit);
}

static void make_partitioned(void)
{
    static const char *const columns[]   = {"p", NULL};
    static const char *const values[][3] = {{"p", "a/b c", NULL}, {"p", NULL, NULL}};
    static const char *const folders[]   = {"p=a%2Fb c", "p=__HIVE_DEFAULT_PARTITION__"};
    struct cup_text          commit      = {0};
    char                     path[200];

    start(&commit, 0);
    cup_delta_put_protocol(&commit, partitioned, 2);
    put_schema(&commit, partitioned, 2, columns);
    store("partitioned", 0, &commit);
    start(&commit, 1);
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/part-%u.parquet", folders[i], i);
        add_file(&commit, "partitioned", path, values[i], partitioned, 1, i);
    }
    store("partitioned", 1, &commit);
}

/* --- reading our own log back, for the checkpoint --- */

static enum cup_err get(void *arg, const char *name, struct cup_text *out,
                        struct cup_fault *out_fault)
{
    char path[1024], buffer[4096];

    snprintf(path, sizeof path, "%s/%s/%s", root, (const char *)arg, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return cup_fault_set(out_fault, CUP_NOT_FOUND, "open", path);
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
        cup_text_put(out, buffer, got);
    fclose(file);
    return CUP_OK;
}

static enum cup_err list(void *arg, const char *folder, void (*each)(void *, const char *),
                         void *each_arg, struct cup_fault *out_fault)
{
    (void)arg, (void)folder, (void)out_fault;
    each(each_arg, "00000000000000000000.json");
    return CUP_OK;
}

static void make_checkpointed(const char *table, const struct cup_field *of, uint32_t count,
                              bool with_log)
{
    struct cup_delta_io     io     = {.arg = (char *)table, .get = get, .list = list};
    struct cup_text         commit = {0}, file = {0}, last = {0};
    struct cup_delta_state *state;
    char                    path[1024];

    start(&commit, 0);
    cup_delta_put_protocol(&commit, of, count);
    put_schema(&commit, of, count, NULL);
    store(table, 0, &commit);
    for (uint32_t version = 1; version < COMMITS; version++) {
        start(&commit, version);
        snprintf(path, sizeof path, "part %u.parquet", version);
        add_file(&commit, table, path, NULL, of, count, version);
        if (version == 5)
            cup_text_puts(&commit, "{\"remove\":{\"path\":\"part%202.parquet\","
                                   "\"deletionTimestamp\":1700000002000,\"dataChange\":true}}\n");
        store(table, version, &commit);
        if (version != CUP_DELTA_CHECKPOINT_INTERVAL) continue;
        CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
        CHECK(cup_delta_refresh(state, &io, NULL) == CUP_OK && state->version == version);
        CHECK(cup_delta_checkpoint(state, &file, &last, NULL) == CUP_OK);
        snprintf(path, sizeof path, "%s/_delta_log/%020u.checkpoint.parquet", table, version);
        write_file(path, &file);
        snprintf(path, sizeof path, "%s/_delta_log/_last_checkpoint", table);
        write_file(path, &last);
        cup_delta_state_free(state);
    }
    for (uint32_t version = 0; !with_log && version < CUP_DELTA_CHECKPOINT_INTERVAL; version++) {
        snprintf(path, sizeof path, "%s/%s/_delta_log/%020u.json", root, table, version);
        CHECK(unlink(path) == 0);
    }
    cup_text_free(&file);
    cup_text_free(&last);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 && strlen(argv[1]) < sizeof root);
    snprintf(root, sizeof root, "%s", argv[1]);
    CHECK(cup_pool_init(&pool, 64u << 20, NULL) == CUP_OK);
    make_plain();
    make_partitioned();
    make_checkpointed("ntz", ntz_fields, 2, true);
    make_checkpointed("checkpointed", fields, 5, false);
    make_checkpointed("checkpointed_ntz", ntz_fields, 2, false);
    cup_pool_fini(&pool);
    return 0;
}
