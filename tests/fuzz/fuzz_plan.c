// SPDX-License-Identifier: Apache-2.0
/* Goal:   no plan, however damaged, makes the data plane do anything but refuse it or run it.
 * Method: bytes are patches over a good plan (offset, width, value), its checksum is mended; what
 *         the check accepts is opened, and decodes some records. The first byte 0: the bytes are
 *         the plan; a multiple of 8: decode is left out, which is what takes the time. */
#include <string.h>

#include "dataplane/decode/decode.h"
#include "tests/dataplane/plan_maker.h"
#include "tests/fuzz/fuzz.h"

#define POOL_BYTES  (16u << 20)
#define PATCH_BYTES 6u

static const char records[] =
    "{\"before\":null,\"after\":{\"id\":1,\"amount\":\"ZA==\",\"tags\":[\"a\",null]},\"source\":{"
    "\"connector\":\"postgresql\",\"name\":\"pg\",\"db\":\"d\",\"schema\":\"bank\",\"table\":\"t\","
    "\"lsn\":7,\"ts_ms\":1},\"op\":\"c\"}\n"
    "{\"before\":{\"id\":1},\"after\":null,\"source\":{\"connector\":\"postgresql\",\"name\":"
    "\"pg\","
    "\"db\":\"d\",\"schema\":\"bank\",\"table\":\"t\",\"lsn\":8,\"ts_ms\":2},\"op\":\"d\"}\n";

static const char *topic_of(const void *arg, uint32_t topic)
{
    (void)arg, (void)topic; /* there is one */
    return "topic";
}

static struct cup_plan *make_good(void)
{
    static const struct cup_spec_column columns[] = {
        {.name = "id", .type = "long", .encoding = "int64", .key = 1},
        {.name = "amount", .type = "decimal(10,2)", .encoding = "decimal_base64", .scale = 2},
        {.name = "tags", .type = "string", .encoding = "list", .element = "string"},
    };
    static const struct cup_spec_table tables[] = {
        {.schema       = "bank",
         .table        = "t",
         .columns      = columns,
         .column_count = 3,
         .partitions   = {"id"}},
        {.schema = "bank", .table = "u", .columns = columns, .column_count = 2, .write_before = 1},
    };
    static const struct cup_spec_input inputs[] = {{.path = "/in", .topic = "in"}};
    static const struct cup_spec       spec     = {.tables           = tables,
                                                   .table_count      = 2,
                                                   .inputs           = inputs,
                                                   .input_count      = 1,
                                                   .kernels          = "scalar",
                                                   .record_bytes_max = CUP_RECORD_BYTES_MIN};

    return cup_spec_plan(&spec);
}

static struct cup_pool pool; /* kept: making one costs more than the rest */

static void decode_some(const struct cup_plan *plan)
{
    static uint8_t    region[sizeof records + CUP_BATCH_PADDING];
    const char       *cut     = strchr(records, '\n');
    const uint32_t    first   = (uint32_t)(cut - records) + 1;
    struct cup_record rows[2] = {{.value_bytes = first - 1, .value_kind = CUP_VALUE_BYTES},
                                 {.value_at    = first,
                                  .value_bytes = (uint32_t)sizeof records - 2 - first,
                                  .value_kind  = CUP_VALUE_BYTES,
                                  .offset      = 1}};
    struct cup_batch  batch   = {.region       = region,
                                 .region_bytes = (uint32_t)sizeof records - 1,
                                 .records      = rows,
                                 .record_count = 2};
    const struct cup_decode_stamp stamp = {.epoch = 1};
    struct cup_verdict            verdicts[2];
    struct cup_decode            *decode;
    struct cup_fault              fault = {0};
    uint32_t                      next  = 0;

    memcpy(region, records, sizeof records - 1);
    if (pool.memory == NULL) FUZZ_CHECK(cup_pool_init(&pool, POOL_BYTES, &fault) == CUP_OK);
    if (cup_decode_open(plan, &pool, topic_of, NULL, &decode, &fault) == CUP_OK) {
        enum cup_decode_stop stop = cup_decode_batch(decode, &batch, &stamp, &next, verdicts);
        FUZZ_CHECK(stop != CUP_DECODE_DONE || next == 2);
        cup_decode_close(decode);
    }
    FUZZ_CHECK(pool.free_count == pool.block_count);
}

static void patch(uint8_t *plan, size_t plan_bytes, const uint8_t *bytes, size_t count)
{
    for (; count >= PATCH_BYTES; bytes += PATCH_BYTES, count -= PATCH_BYTES) {
        size_t at = (bytes[0] | (size_t)bytes[1] << 8) % plan_bytes;
        if (bytes[2] & 1) { /* a small number in a whole member */
            uint32_t value = bytes[3] | (uint32_t)bytes[4] << 8 | (uint32_t)(bytes[5] & 1) << 31;
            at &= ~(size_t)3;
            if (at + sizeof value <= plan_bytes) memcpy(plan + at, &value, sizeof value);
        } else {
            plan[at] = bytes[3];
        }
    }
}

/* The bytes as a plan, or a good plan with the bytes as patches. The caller frees it. */
static struct cup_plan *make_bad(const uint8_t *bytes, size_t count, size_t *out_size)
{
    static struct cup_plan *good;

    if (good == NULL) good = make_good();
    bool     whole = bytes[0] == 0;
    size_t   size  = whole ? count - 1 : good->total_bytes;
    uint8_t *plan  = malloc(size + 1);
    FUZZ_CHECK(plan != NULL);
    memcpy(plan, whole ? bytes + 1 : (const uint8_t *)good, size);
    if (!whole) patch(plan, size, bytes + 1, count - 1);
    *out_size = size;
    return (struct cup_plan *)(void *)plan;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct cup_fault fault = {0};
    size_t           size;

    if (count == 0) return 0;
    struct cup_plan *plan = make_bad(bytes, count, &size);
    if (size >= sizeof *plan) plan->crc32c = cup_plan_checksum(plan, size);
    if (cup_plan_check(plan, size, &fault) == CUP_OK && bytes[0] % 8 != 0) decode_some(plan);
    free(plan);
    return 0;
}
