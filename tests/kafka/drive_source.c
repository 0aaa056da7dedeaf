// SPDX-License-Identifier: Apache-2.0
/* Goal:   what a source of partitions gives, in words, for tests/kafka/test_partitions.py.
 * Method: commands on stdin, answers on stdout; each batch is checked against the promises of
 *         batch.h, its texts are printed as hex.
 *
 *   drive_source BROKERS POOL_MIB RECORD_BYTES_MAX halt|skip end|follow [PROPERTY VALUE]...
 *
 *   consume INPUT TOPIC PARTITION START END [ANCHOR_OFFSET BYTES CRC US]
 *   run MS BATCHES       until so many batches, the end, a fault, or so long nothing
 *   count                from now on: no records in words, sums at the end of a run
 *   lags                 a line for each partition, and how many anchors were gone
 *   usage                seconds of the processor, and KiB */
#include <inttypes.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "dataplane/source/source.h"
#include "tests/check.h"

#define PARTITIONS_MAX 4096u
#define SETTINGS_MAX   8u

static struct {
    struct cup_plan         plan;
    struct cup_plan_setting settings[SETTINGS_MAX];
    struct cup_plan_topic   topics[1];
    char                    text[512];
} blob;
static uint32_t text_bytes;

static struct cup_pool pool;
static bool            counting;
static uint64_t        batch_count, record_count, value_bytes;
static int64_t         positions[PARTITIONS_MAX];
static bool            in_pieces[PARTITIONS_MAX];

static struct cup_plan_text text_of(const char *text)
{
    struct cup_plan_text at = {.offset = (uint32_t)(blob.text - (char *)&blob.plan) + text_bytes,
                               .bytes  = (uint32_t)strlen(text)};

    CHECK(text_bytes + at.bytes + 1 <= sizeof blob.text);
    memcpy(blob.text + text_bytes, text, at.bytes + 1);
    text_bytes += at.bytes + 1;
    return at;
}

static void add_setting(const char *name, const char *value)
{
    struct cup_plan_list *list = &blob.plan.kafka.settings;

    CHECK(list->count < SETTINGS_MAX);
    list->offset = (uint32_t)((char *)blob.settings - (char *)&blob.plan);
    blob.settings[list->count++] =
        (struct cup_plan_setting){.name = text_of(name), .value = text_of(value)};
}

static void make_plan(int argc, char **argv)
{
    blob.plan.pool_bytes       = strtoull(argv[2], NULL, 10) << 20;
    blob.plan.record_bytes_max = (uint32_t)strtoul(argv[3], NULL, 10);
    blob.plan.gaps             = strcmp(argv[4], "skip") == 0 ? CUP_GAPS_SKIP : CUP_GAPS_HALT;
    blob.plan.until_end        = strcmp(argv[5], "end") == 0;
    blob.plan.worker_count     = 1;
    blob.plan.kernels          = text_of("auto");
    blob.topics[0].name        = text_of("t");
    add_setting("bootstrap.servers", argv[1]);
    for (int i = 6; i + 1 < argc; i += 2)
        add_setting(argv[i], argv[i + 1]);
    blob.plan.topics = (struct cup_plan_list){
        .offset = (uint32_t)((char *)blob.topics - (char *)&blob.plan), .count = 1};
}

/* --- a batch --- */

static const char *hex(const uint8_t *bytes, size_t count, uint8_t kind)
{
    static char text[4][2u << 20];
    static int  at;
    char       *out = text[at++ % 4];

    if (kind == CUP_VALUE_NULL) return "null";
    if (kind == CUP_VALUE_EMPTY) return "empty";
    CHECK(count * 2 + 1 <= sizeof text[0]);
    for (size_t i = 0; i < count; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return out;
}

static void print_record(const struct cup_source *source, const struct cup_batch *batch,
                         const struct cup_record *record)
{
    const uint8_t    *region = batch->region;
    struct cup_header header;
    uint32_t          at = 0;

    printf("record %u %s %d %" PRId64 " %" PRId64 " %s %s %u %" PRIu64, batch->input,
           cup_source_topic(source, record->topic), record->partition, record->offset,
           record->timestamp_ms,
           hex(region + record->value_at, record->value_bytes, record->value_kind),
           hex(region + record->key_at, record->key_bytes, record->key_kind), record->flags,
           record->whole_bytes);
    while (cup_header_next(region + record->headers_at, record->headers_bytes, &at, &header))
        printf(" %.*s=%s", (int)header.name_bytes, (const char *)header.name,
               hex(header.value, header.value_bytes,
                   header.value == NULL
                       ? CUP_VALUE_NULL
                       : (header.value_bytes > 0 ? CUP_VALUE_BYTES : CUP_VALUE_EMPTY)));
    printf("\n");
}

static void check_record(const struct cup_batch *batch, const struct cup_record *record,
                         uint32_t *values_to)
{
    if (record->value_kind == CUP_VALUE_BYTES) {
        CHECK(record->value_at == *values_to);
        *values_to += record->value_bytes + 1;
        CHECK(batch->region[*values_to - 1] == '\n');
    }
    if (record->key_kind == CUP_VALUE_BYTES)
        CHECK(batch->region[record->key_at + record->key_bytes] == '\n');
    CHECK(record->position == (uint64_t)record->offset);
    CHECK(record->offset >= (int64_t)batch->start);
    CHECK(*values_to <= batch->region_bytes);
}

static void take_batch(const struct cup_source *source, const struct cup_batch *batch)
{
    uint32_t values_to = 0;
    bool     part      = false;

    CHECK(batch->input < PARTITIONS_MAX && (int64_t)batch->start == positions[batch->input]);
    CHECK(batch->end >= batch->start && !batch->verbatim && !batch->no_keys);
    CHECK(batch->record_count <= CUP_BATCH_RECORDS_MAX);
    CHECK(batch->region_bytes <= CUP_BATCH_BYTES || batch->record_count == 1);
    CHECK(batch->lost_count == 0 || batch->record_count == 0);
    for (uint32_t i = 0; i < batch->record_count; i++) {
        check_record(batch, &batch->records[i], &values_to);
        if (!counting) print_record(source, batch, &batch->records[i]);
        part = batch->records[i].flags & CUP_RECORD_PART;
        value_bytes += batch->records[i].value_bytes;
    }
    for (uint32_t i = 0; i < CUP_BATCH_PADDING; i++)
        value_bytes += batch->region[batch->region_bytes + i] & 0; /* readable */
    CHECK(part == (batch->record_count > 0 && batch->end == batch->start));
    CHECK(batch->anchor != NULL || batch->record_count == 0 || part);
    CHECK(batch->anchor == NULL || batch->anchor->inode < batch->end);
    record_count += batch->record_count - part;
    batch_count++;
    positions[batch->input] = (int64_t)batch->end;
    in_pieces[batch->input] = part;
    if (counting) return;
    printf("batch %u %s %" PRIu64 " %" PRIu64 " lost %" PRIu64 " ends %u", batch->input,
           batch->name, batch->start, batch->end, batch->lost_count, batch->ends_input);
    if (batch->anchor != NULL)
        printf(" anchor %" PRIu64 " %u %u %" PRId64, batch->anchor->inode,
               batch->anchor->head_bytes, batch->anchor->head_crc32c, batch->anchor->born_us);
    printf("\n");
}

/* --- commands --- */

static void consume(struct cup_source *source, const char *line)
{
    char                        topic[256], name[300];
    struct cup_fault            fault;
    struct cup_source_partition what = {
        .anchor.inode = CUP_ANCHOR_NONE, .topic = topic, .name = name};

    int got =
        sscanf(line, "consume %u %255s %d %" SCNd64 " %" SCNd64 " %" SCNu64 " %u %u %" SCNd64,
               &what.input, topic, &what.partition, &what.start, &what.end, &what.anchor.inode,
               &what.anchor.head_bytes, &what.anchor.head_crc32c, &what.anchor.born_us);
    CHECK(got == 5 || got == 9);
    snprintf(name, sizeof name, "%s/%d", topic, what.partition);
    positions[what.input] = what.start;
    if (cup_source_consume(source, &what, &fault) != CUP_OK)
        printf("fault %s | %s\n", fault.what, fault.where);
}

static void run(struct cup_source *source, uint64_t quiet_ms, uint64_t batches)
{
    uint64_t         quiet_from = cup_clock_mono_ns();
    enum cup_err     err        = CUP_OK;
    struct cup_fault fault;
    struct cup_batch batch;

    while (batches > 0) {
        err = cup_source_next(source, &batch, &fault);
        if (err == CUP_OK) {
            take_batch(source, &batch);
            quiet_from = cup_clock_mono_ns();
            batches--;
        } else if (err != CUP_AGAIN) {
            break;
        } else {
            CHECK(!in_pieces[0]);
            if (cup_clock_mono_ns() - quiet_from > quiet_ms * 1000000) break;
        }
    }
    if (counting)
        printf("sum %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", batch_count, record_count, value_bytes);
    if (err == CUP_OK || err == CUP_AGAIN)
        printf("quiet\n");
    else if (err == CUP_END)
        printf("end\n");
    else
        printf("fault %s | %s\n", fault.what, fault.where);
}

static void lags(struct cup_source *source)
{
    static struct cup_source_lag rows[PARTITIONS_MAX];
    uint32_t                     count = cup_source_lags(source, rows, PARTITIONS_MAX);

    for (uint32_t i = 0; i < count; i++)
        printf("lag %u %" PRId64 " %" PRId64 " %" PRId64 "\n", rows[i].input, rows[i].position,
               rows[i].high, rows[i].last_ms);
    printf("gone %" PRIu64 "\n", cup_source_anchors_gone(source));
}

static void usage(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("usage %.3f %.3f %ld\n",
           (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6, usage.ru_maxrss);
}

static void obey(struct cup_source *source, const char *line)
{
    uint64_t quiet_ms, batches;

    if (strncmp(line, "consume", 7) == 0) consume(source, line);
    if (sscanf(line, "run %" SCNu64 " %" SCNu64, &quiet_ms, &batches) == 2)
        run(source, quiet_ms, batches);
    if (strncmp(line, "count", 5) == 0) counting = true;
    if (strncmp(line, "lags", 4) == 0) lags(source);
    if (strncmp(line, "usage", 5) == 0) usage();
    printf("done\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct cup_source *source;
    struct cup_fault   fault;
    char               line[1024];

    CHECK(argc >= 6);
    make_plan(argc, argv);
    CHECK(cup_pool_init(&pool, blob.plan.pool_bytes, &fault) == CUP_OK);
    if (cup_source_open(&blob.plan, NULL, NULL, 0, &pool, &source, &fault) != CUP_OK) {
        printf("fault %s | %s\n", fault.what, fault.where);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL)
        obey(source, line);
    cup_source_close(source);
    CHECK(pool.free_count == pool.block_count);
    cup_pool_fini(&pool);
    return 0;
}
