// SPDX-License-Identifier: Apache-2.0
/* How fast records become columns: MB/s of raw bytes, best of some rounds, for records without and
 * with embedded schema and a key; and of the JSON parser alone on the same bytes. */
#include "base/clock.h"
#include "kernels/json/json.h"
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define BATCHES 16u
#define RECORDS 256u /* of about 1 KiB: a batch */
#define ROUNDS  60

static const struct cup_spec_column columns[] = {
    {"tx_id", "long", "int64", .key = 1},
    {"account_id", "long", "int64", .key = 0},
    {"counterparty", "string", "string", .key = 0},
    {"amount", "decimal(18,2)", "decimal_base64", .scale = 2},
    {"currency", "string", "string", .key = 0},
    {"booked_at", "timestamp", "timestamp_zoned", .key = 0},
    {"value_date", "date", "date_days", .key = 0},
    {"kind", "string", "string", .key = 0},
    {"memo", "string", "string", .unavailable = 1},
    {"flagged", "boolean", "bool", .key = 0},
};

static void put_schema(struct cup_text *text)
{
    cup_text_puts(text, "{\"type\":\"struct\",\"fields\":[");
    for (int i = 0; i < 40; i++)
        cup_text_printf(
            text, "%s{\"type\":\"string\",\"optional\":true,\"name\":\"n%d\",\"field\":\"f%d\"}",
            i > 0 ? "," : "", i, i);
    cup_text_puts(text, "],\"optional\":false,\"name\":\"pg.bank.transaction.Envelope\"}");
}

static void put_event(struct cup_text *text, struct cup_rnd *rnd, uint32_t id)
{
    static const char hex[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    uint32_t r = cup_rnd_below(rnd, 1000000);

    cup_text_printf(
        text,
        "{\"before\":null,\"after\":{\"tx_id\":%u,\"account_id\":9%09u,\"counterparty\":"
        "\"GB25CUPL%014u\",\"amount\":\"AIT7YA==\",\"currency\":\"GBP\",\"booked_at\":"
        "\"2024-06-24T01:26:14.%06uZ\",\"value_date\":%u,\"kind\":\"card_payment\",\"memo\":"
        "\"%.*s\",\"flagged\":false},",
        id, r, r, r, 19000 + r % 900, 40 + (int)(r % 40), hex);
    cup_text_printf(
        text,
        "\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"postgresql\",\"name\":\"pg\","
        "\"ts_ms\":1795231857240,\"snapshot\":\"false\",\"db\":\"bank_default\",\"sequence\":"
        "\"[\\\"149442984\\\",\\\"149443240\\\"]\",\"ts_us\":1795231857240354,\"ts_ns\":"
        "1795231857240354000,\"schema\":\"bank\",\"table\":\"transaction\",\"txId\":%u,\"lsn\":%u,"
        "\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":{\"id\":\"2404:"
        "149443240\","
        "\"total_order\":3,\"data_collection_order\":1},\"op\":\"c\",\"ts_ms\":1795231860220,"
        "\"ts_us\":1795231860220407,\"ts_ns\":1795231860220407746}",
        id / 3, 149443240 + id * 56);
}

static const char *topic_of(const void *arg, uint32_t topic)
{
    (void)arg; /* one topic */
    return topic == 0 ? "pg.bank.transaction" : "";
}

struct load {
    struct cup_batch batches[BATCHES];
    uint64_t         bytes;
};

static void make_load(struct load *load, const char *schema, bool keys)
{
    struct cup_rnd  rnd   = cup_rnd_seed(7);
    struct cup_text value = {0}, key = {0};

    load->bytes = 0;
    for (uint32_t b = 0; b < BATCHES; b++) {
        uint8_t           *region  = calloc(1, 4u << 20);
        struct cup_record *records = calloc(RECORDS, sizeof *records);
        uint32_t           at      = 0;
        CHECK(region != NULL && records != NULL);
        for (uint32_t i = 0; i < RECORDS; i++) {
            cup_text_clear(&value);
            if (schema != NULL) cup_text_printf(&value, "{\"schema\":%s,\"payload\":", schema);
            put_event(&value, &rnd, b * RECORDS + i);
            if (schema != NULL) cup_text_puts(&value, "}");
            memcpy(region + at, value.at, value.bytes + 1);
            region[at + value.bytes] = '\n';
            records[i]               = (struct cup_record){.value_at    = at,
                                                           .value_bytes = (uint32_t)value.bytes,
                                                           .value_kind  = CUP_VALUE_BYTES,
                                                           .offset      = i};
            at += (uint32_t)value.bytes + 1;
        }
        load->bytes += at;
        for (uint32_t i = 0; keys && i < RECORDS; i++) {
            cup_text_clear(&key);
            cup_text_printf(&key, "{\"tx_id\":%u}", b * RECORDS + i);
            memcpy(region + at, key.at, key.bytes);
            records[i].key_kind = CUP_VALUE_BYTES;
            records[i].key_at = at, records[i].key_bytes = (uint32_t)key.bytes;
            region[at + key.bytes] = '\n';
            at += (uint32_t)key.bytes + 1;
        }
        load->batches[b] = (struct cup_batch){
            .region = region, .region_bytes = at, .records = records, .record_count = RECORDS};
    }
    cup_text_free(&value);
    cup_text_free(&key);
}

static void free_load(struct load *load)
{
    for (uint32_t b = 0; b < BATCHES; b++) {
        free((void *)(uintptr_t)load->batches[b].region);
        free((void *)(uintptr_t)load->batches[b].records);
    }
}

static void report(const char *name, const struct load *load, uint64_t best_ns)
{
    printf("%-28s %7.0f MB/s  %6.0f ns a record\n", name,
           (double)load->bytes * 1e3 / (double)best_ns, (double)best_ns / (BATCHES * RECORDS));
}

static void bench_decode(const char *name, const struct load *load, struct cup_decode *decode)
{
    static struct cup_verdict     verdicts[RECORDS];
    const struct cup_decode_stamp stamp   = {.ingested_us = 1, .epoch = 1};
    uint64_t                      best_ns = UINT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = cup_clock_mono_ns();
        for (uint32_t b = 0; b < BATCHES; b++) {
            uint32_t next = 0;
            while (cup_decode_batch(decode, &load->batches[b], &stamp, &next, verdicts) !=
                   CUP_DECODE_DONE)
                cup_decode_taken(decode, 0);
            CHECK(verdicts[RECORDS - 1].outcome == CUP_OUTCOME_ACCEPTED);
        }
        uint64_t took = cup_clock_mono_ns() - start;
        cup_decode_taken(decode, 0);
        if (took < best_ns) best_ns = took;
    }
    report(name, load, best_ns);
}

static void bench_json(const char *name, const struct load *load)
{
    struct cup_json    *json;
    struct cup_json_doc doc;
    uint64_t            best_ns = UINT64_MAX;

    CHECK(cup_json_open("auto", 1u << 20, CUP_JSON_LIMITS_DEFAULT, &json, NULL) == CUP_OK);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = cup_clock_mono_ns();
        for (uint32_t b = 0; b < BATCHES; b++) {
            const struct cup_batch *batch = &load->batches[b];
            for (uint32_t i = 0; i < RECORDS; i += 32) {
                const struct cup_record *last = &batch->records[i + 31];
                cup_json_index(json, batch->region, batch->records[i].value_at,
                               last->value_at + last->value_bytes + 1);
                for (uint32_t k = i; k < i + 32; k++)
                    cup_json_parse(json, batch->records[k].value_at, batch->records[k].value_bytes,
                                   NULL, 0, &doc);
            }
        }
        uint64_t took = cup_clock_mono_ns() - start;
        if (took < best_ns) best_ns = took;
    }
    report(name, load, best_ns);
    cup_json_close(json);
}

int main(void)
{
    struct cup_text schema  = {0};
    const char     *both[2] = {"", NULL};
    struct load     load;
    struct cup_pool pool;

    put_schema(&schema);
    both[1]                     = schema.at;
    struct cup_spec_table table = {.schema       = "bank",
                                   .table        = "transaction",
                                   .columns      = columns,
                                   .column_count = 10,
                                   .texts        = both,
                                   .text_count   = 2};
    struct cup_plan   *plan = cup_spec_plan(&(struct cup_spec){.tables = &table, .table_count = 1});
    struct cup_decode *decode;
    CHECK(cup_pool_init(&pool, plan->pool_bytes, NULL) == CUP_OK);
    CHECK(cup_decode_open(plan, &pool, topic_of, NULL, &decode, NULL) == CUP_OK);
    make_load(&load, NULL, false);
    bench_json("json alone", &load);
    bench_decode("decode, no schema", &load, decode);
    free_load(&load);
    make_load(&load, NULL, true);
    bench_decode("decode, no schema, key", &load, decode);
    free_load(&load);
    make_load(&load, schema.at, false);
    bench_decode("decode, embedded schema", &load, decode);
    free_load(&load);
    cup_decode_close(decode);
    cup_pool_fini(&pool);
    free(plan);
    cup_text_free(&schema);
    return 0;
}
