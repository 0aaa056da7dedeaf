// SPDX-License-Identifier: Apache-2.0
/* Goal:   how fast records become nodes, next to memcpy of the same bytes in the same run.
 * Method: seeded Debezium-like records, cut into slices as a worker does; per kernel level the
 *         median of several rounds, for the index alone and for index + parse. The scalar level
 *         gets the same input. */
#include "kernels/json/json.h"

#include <time.h>

#include "tests/check.h"

#define BENCH_BYTES (8u << 20)
#define SLICE_BYTES (16u << 10)
#define ROUND_COUNT 9

struct slices {
    uint8_t  *buf;
    uint32_t  bytes;
    uint32_t *ends; /* of records, at their LF */
    uint32_t  record_count;
};

static double now(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int put_row(char *out, size_t cap, struct cup_rnd *rnd, const char *name)
{
    return snprintf(out, cap,
                    "\"%s\":{\"id\":%u,\"account_id\":%u,\"booked_at\":%llu,"
                    "\"amount\":\"%u.%02u\",\"currency\":\"EUR\",\"kind\":\"card\","
                    "\"merchant\":\"Shop number %u\",\"reference\":\"%016llx%016llx\","
                    "\"reversed\":%s,\"note\":null,\"balance\":%u.%02u}",
                    name, cup_rnd_below(rnd, 100000000), cup_rnd_below(rnd, 1000000),
                    1700000000000000ull + cup_rnd_below(rnd, 1000000000), cup_rnd_below(rnd, 10000),
                    cup_rnd_below(rnd, 100), cup_rnd_below(rnd, 20),
                    (unsigned long long)cup_rnd_u64(rnd), (unsigned long long)cup_rnd_u64(rnd),
                    cup_rnd_below(rnd, 2) ? "true" : "false", cup_rnd_below(rnd, 100000),
                    cup_rnd_below(rnd, 100));
}

static int put_record(char *out, size_t cap, struct cup_rnd *rnd)
{
    unsigned lsn = cup_rnd_below(rnd, 1u << 30);
    int      n   = snprintf(out, cap, "{");

    n += put_row(out + n, cap - (size_t)n, rnd, "before");
    n += snprintf(out + n, cap - (size_t)n, ",");
    n += put_row(out + n, cap - (size_t)n, rnd, "after");
    n += snprintf(out + n, cap - (size_t)n,
                  ",\"source\":{\"version\":\"2.7.3.Final\",\"connector\":\"postgresql\","
                  "\"name\":\"bank\",\"ts_ms\":1700000000123,\"snapshot\":\"false\","
                  "\"db\":\"bank\",\"sequence\":\"[\\\"%u\\\",\\\"%u\\\"]\","
                  "\"ts_us\":1700000000123456,\"ts_ns\":1700000000123456789,"
                  "\"schema\":\"public\",\"table\":\"transaction\",\"txId\":%u,\"lsn\":%u,"
                  "\"xmin\":null},\"transaction\":null,\"op\":\"u\",\"ts_ms\":1700000000456,"
                  "\"ts_us\":1700000000456789,\"ts_ns\":1700000000456789012}\n",
                  lsn, lsn + 8, lsn / 64, lsn + 8);
    CHECK(n > 0 && (size_t)n < cap);
    return n;
}

static struct slices make_slices(struct cup_rnd *rnd)
{
    struct slices s = {.buf  = malloc(BENCH_BYTES + CUP_JSON_PADDING),
                       .ends = malloc(BENCH_BYTES / 256 * sizeof *s.ends)};
    char          record[4096];

    CHECK(s.buf != NULL && s.ends != NULL);
    memset(s.buf, ' ', BENCH_BYTES + CUP_JSON_PADDING);
    for (;;) {
        uint32_t n = (uint32_t)put_record(record, sizeof record, rnd);
        if (s.bytes + n > BENCH_BYTES) return s;
        memcpy(s.buf + s.bytes, record, n);
        s.bytes += n;
        s.ends[s.record_count++] = s.bytes - 1;
    }
}

/* One pass over all slices. Returns the nodes seen, so that no work can be left out. */
static uint64_t run(struct cup_json *json, const struct slices *s, bool parse)
{
    uint64_t node_count = 0;
    uint32_t from = 0, record = 0;

    while (record < s->record_count) {
        uint32_t first = record;
        while (record < s->record_count && s->ends[record] < from + SLICE_BYTES)
            record++;
        uint32_t to = s->ends[record - 1] + 1, at = from;
        cup_json_index(json, s->buf, from, to);
        for (uint32_t i = first; parse && i < record; i++) {
            struct cup_json_doc doc;
            cup_json_parse(json, at, s->ends[i] - at, NULL, 0, &doc);
            CHECK(doc.verdict == CUP_JSON_OK);
            node_count += doc.node_count;
            at = s->ends[i] + 1;
        }
        from = to;
    }
    return node_count;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, double *seconds, const struct slices *s)
{
    qsort(seconds, ROUND_COUNT, sizeof *seconds, by_size);
    double median = seconds[ROUND_COUNT / 2];
    printf("%-24s %8.0f MB/s  %7.0f ns/record  (best %.0f MB/s)\n", what, s->bytes / median / 1e6,
           median / s->record_count * 1e9, s->bytes / seconds[0] / 1e6);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);
    struct slices  s   = make_slices(&rnd);
    uint8_t       *to  = malloc(s.bytes);
    double         seconds[ROUND_COUNT];
    uint64_t       sum = 0;

    CHECK(to != NULL);
    printf("%u records, %u bytes each\n", s.record_count, s.bytes / s.record_count);
    for (int i = 0; i < ROUND_COUNT; i++) {
        double start = now();
        memcpy(to, s.buf, s.bytes);
        seconds[i] = now() - start;
        sum += to[cup_rnd_below(&rnd, s.bytes)];
    }
    report("memcpy", seconds, &s);

    static const char *const levels[] = {"scalar", "sse42", "avx2", "avx512"};
    for (size_t level = 0; level < sizeof levels / sizeof levels[0]; level++) {
        struct cup_json *json;
        struct cup_fault fault;
        if (cup_json_open(levels[level], SLICE_BYTES, CUP_JSON_LIMITS_DEFAULT, &json, &fault) !=
            CUP_OK) {
            printf("%s: this CPU cannot run it\n", levels[level]);
            continue;
        }
        for (int parse = 0; parse < 2; parse++) {
            char what[64];
            for (int i = 0; i < ROUND_COUNT; i++) {
                double start = now();
                sum += run(json, &s, parse);
                seconds[i] = now() - start;
            }
            snprintf(what, sizeof what, "%s %s", levels[level], parse ? "index+parse" : "index");
            report(what, seconds, &s);
        }
        cup_json_close(json);
    }
    printf("(checksum %llu)\n", (unsigned long long)sum);
    free(to);
    free(s.buf);
    free(s.ends);
    return 0;
}
