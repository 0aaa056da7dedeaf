// SPDX-License-Identifier: Apache-2.0
/* Shows what we make of a table of another engine, for test_delta_foreign.py:
 *   delta_merge LAKE TABLE OUT.parquet
 * prints the state as one JSON object and writes the rows of all live files, merged as compaction
 * does it, to OUT.parquet. Exit 3: the table is UNSUPPORTED, with the reason on standard error. */
#include <inttypes.h>

#include "lake/tool/tool_group.h"
#include "lake/tool/tool_merge.h"
#include "tests/check.h"

static enum cup_err put(void *arg, const void *bytes, size_t count, struct cup_fault *out_fault)
{
    (void)out_fault;
    CHECK(fwrite(bytes, 1, count, arg) == count);
    return CUP_OK;
}

static void print_state(const struct cup_delta_state *state)
{
    struct cup_text text = {0};

    cup_text_printf(&text, "{\"version\":%" PRIu64 ",\"reader\":%u,\"id\":\"%s\",\"columns\":%s,",
                    state->version, state->min_reader, state->id, state->partition_columns_json);
    cup_text_printf(&text, "\"properties\":%s,\"schema\":%s,\"files\":[", state->configuration_json,
                    state->schema_string);
    for (uint64_t i = 0; i < state->file_count; i++) {
        cup_text_puts(&text, i > 0 ? ",[" : "[");
        cup_text_json(&text, state->files[i].path, strlen(state->files[i].path));
        cup_text_printf(&text, ",%" PRIu64 ",%" PRId64 ",%s]", state->files[i].bytes,
                        (int64_t)state->files[i].row_count, state->files[i].partition_json);
    }
    cup_text_puts(&text, "],\"tombstones\":[");
    for (uint64_t i = 0; i < state->tombstone_count; i++) {
        cup_text_puts(&text, i > 0 ? ",[" : "[");
        cup_text_json(&text, state->tombstones[i].path, strlen(state->tombstones[i].path));
        cup_text_printf(&text, ",%" PRId64 "]", state->tombstones[i].deleted_ms);
    }
    cup_text_puts(&text, "]}");
    CHECK(!text.failed);
    puts(text.at);
    cup_text_free(&text);
}

static void fail(const char *what, const struct cup_fault *fault)
{
    fprintf(stderr, "%s: %s: %s %s\n", what, cup_err_text(fault->err),
            fault->what ? fault->what : "", fault->where);
    exit(fault->err == CUP_UNSUPPORTED ? 3 : 1);
}

int main(int argc, char **argv)
{
    struct cup_table       *table;
    struct cup_fault        fault = {0};
    struct cup_pool         pool;
    struct cup_text         stats = {0};
    struct cup_parquet_done done;
    uint32_t                bad;

    CHECK(argc == 4);
    if (cup_table_open(argv[1], argv[2], &table, &fault) != CUP_OK) fail(argv[2], &fault);
    cup_delta_forget(table->state, 0);
    print_state(table->state);
    const struct cup_delta_file **inputs = calloc(table->state->file_count + 1, sizeof *inputs);
    for (uint64_t i = 0; i < table->state->file_count; i++)
        inputs[i] = &table->state->files[i];
    FILE *out = fopen(argv[3], "wb");
    CHECK(out != NULL && inputs != NULL);
    CHECK(cup_pool_init(&pool, CUP_MERGE_POOL_BYTES, &fault) == CUP_OK);
    struct cup_merge merge = {.table       = table,
                              .inputs      = inputs,
                              .input_count = (uint32_t)table->state->file_count,
                              .codec       = CUP_CODEC_ZSTD};
    struct cup_sink  sink  = {.arg = out, .put = put};
    if (cup_merge_write(&merge, &pool, sink, &stats, &done, &bad, &fault) != CUP_OK)
        fail(inputs[bad < merge.input_count ? bad : 0]->path, &fault);
    CHECK(fclose(out) == 0);
    cup_pool_fini(&pool);
    cup_text_free(&stats);
    free(inputs);
    cup_table_close(table);
    return 0;
}
