// SPDX-License-Identifier: Apache-2.0
/* How far a pipeline is behind, told by its journals and the cluster: it may run or not.
 *
 *   journals --positions--> partitions --watermarks--> records --first record behind--> seconds */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/commit/journal.h"
#include "dataplane/kafka/consumer.h"
#include "dataplane/kafka/tool/tool.h"
#include "lake/tool/tool_lake.h"
#include "lake/tool/tool_shard.h"

#define QUEUE_BYTES  (16ull << 20)
#define RECORD_BYTES (16u << 20)
#define FETCH_BYTES  "65536" /* one record of each partition is wanted */
#define POLL_MS      200
#define READ_TRIES   5 /* segments vanish while a running shard turns its journal */
#define AGES_NS_MAX  (10 * CUP_NS_PER_S)
#define UNKNOWN      (-1)

struct row {
    char    *topic;
    int32_t  partition;
    uint32_t shard;              /* CUP_SHARD_ANY: no journal knows it */
    int64_t  committed, visible; /* UNKNOWN: nothing of it was read */
    int64_t  low, high;          /* UNKNOWN: the cluster has no such partition */
    int64_t  age_ms;             /* of the first record that is not committed; UNKNOWN */
};

struct lag {
    const struct cup_tool     *tool;
    const struct cup_tool_lag *options;
    struct row                *rows;
    uint32_t                   count, cap;
};

static struct row *find(const struct lag *lag, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < lag->count; i++)
        if (lag->rows[i].partition == partition && strcmp(lag->rows[i].topic, topic) == 0)
            return &lag->rows[i];
    return NULL;
}

static struct row *add(struct lag *lag, const char *topic, int32_t partition)
{
    struct row *row = find(lag, topic, partition);

    if (row != NULL) return row;
    if (lag->count == lag->cap) {
        uint32_t    cap  = lag->cap * 2 + 64;
        struct row *rows = realloc(lag->rows, cap * sizeof *rows);
        if (rows == NULL) return NULL;
        lag->rows = rows;
        lag->cap  = cap;
    }
    char *copy = strdup(topic);
    if (copy == NULL) return NULL;
    row  = &lag->rows[lag->count++];
    *row = (struct row){.topic     = copy,
                        .partition = partition,
                        .shard     = CUP_SHARD_ANY,
                        .committed = UNKNOWN,
                        .visible   = UNKNOWN,
                        .low       = UNKNOWN,
                        .high      = UNKNOWN,
                        .age_ms    = UNKNOWN};
    return row;
}

/* --- what was read --- */

/* Inputs of other kinds have absolute paths. */
static bool split_name(const char *path, const char *topic, int32_t *out_partition)
{
    size_t bytes = strlen(topic);
    char  *end   = NULL;

    if (path[0] == '/' || strncmp(path, topic, bytes) != 0 || path[bytes] != '/') return false;
    unsigned long number = strtoul(path + bytes + 1, &end, 10);
    if (end == path + bytes + 1 || *end != '\0' || number > INT32_MAX) return false;
    *out_partition = (int32_t)number;
    return true;
}

static bool has_epoch(const struct lag *lag, const char *folder, const char *app, uint64_t epoch)
{
    struct cup_table *table = NULL;
    struct cup_fault  fault; /* a table that cannot be read shows nothing */
    bool              has = false;

    if (cup_table_open(lag->options->lake, folder, &table, &fault) == CUP_OK)
        has = cup_delta_txn_version(table->state, app) >= epoch;
    cup_table_close(table);
    return has;
}

/* The journal notes that an epoch is in all tables with the next one, or at the end: until then the
 * tables know. */
static enum cup_err is_visible(const struct lag *lag, struct cup_journal_reader *reader,
                               const struct cup_shard *shard, const struct cup_journal_state *state,
                               bool *out_visible, struct cup_fault *out_fault)
{
    struct cup_journal_line line;
    enum cup_err            err;
    char                    app[CUP_SHARD_BYTES];
    bool                    visible = true;

    cup_shard_app(shard, app);
    cup_journal_reader_start(reader, state->open.at, state->open.bytes);
    while (visible && (err = cup_journal_reader_next(reader, &line, out_fault)) != CUP_END) {
        if (err != CUP_OK) return err;
        if (line.kind == CUP_LINE_COMMIT) visible = has_epoch(lag, line.name, app, state->epoch);
    }
    *out_visible = visible;
    return CUP_OK;
}

/* The decided epoch that is not in all tables yet: what it read is committed and not visible. */
static enum cup_err take_open(struct lag *lag, const struct cup_shard *shard,
                              const struct cup_journal_state *state, struct cup_fault *out_fault)
{
    struct cup_journal_reader reader;
    struct cup_journal_line   line;
    int32_t                   partition;
    bool                      visible = false;

    if (state->open.bytes == 0) return CUP_OK;
    enum cup_err err = cup_journal_reader_open(&reader, out_fault);
    if (err != CUP_OK) return err;
    err = is_visible(lag, &reader, shard, state, &visible, out_fault);
    if (err == CUP_OK) cup_journal_reader_start(&reader, state->open.at, state->open.bytes);
    while (err == CUP_OK && !visible &&
           (err = cup_journal_reader_next(&reader, &line, out_fault)) == CUP_OK) {
        if (line.kind != CUP_LINE_RANGE || !split_name(line.name, line.topic, &partition)) continue;
        struct row *row = find(lag, line.topic, partition);
        if (row != NULL) row->visible = (int64_t)line.start;
    }
    cup_journal_reader_close(&reader);
    return err == CUP_END ? CUP_OK : err;
}

/* A partition that another number of shards gave to another one: the further position counts. */
static enum cup_err take_shard(struct lag *lag, const struct cup_shard *shard,
                               const struct cup_journal_state *state, struct cup_fault *out_fault)
{
    int32_t partition;

    for (uint32_t i = 0; i < state->positions.count; i++) {
        const struct cup_position *position = state->positions.list[i];
        if (!position->recorded || !split_name(position->path, position->topic, &partition))
            continue;
        struct row *row = add(lag, position->topic, partition);
        if (row == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list partitions", NULL);
        if (row->committed >= (int64_t)position->end) continue;
        row->committed = row->visible = (int64_t)position->end;
        row->shard                    = shard->number;
    }
    return take_open(lag, shard, state, out_fault);
}

static enum cup_err read_shard(struct lag *lag, struct cup_disk *disk,
                               const struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_journal_state state = {0};
    struct cup_store        *store = NULL;
    char                     name[CUP_SHARD_BYTES];
    enum cup_err             err = CUP_OK;

    cup_shard_folder(shard, "", name); /* nothing is staged */
    err = cup_store_open(disk, lag->options->lake, name, &store, out_fault);
    if (err != CUP_OK) return err;
    cup_shard_folder(shard, "journal", name);
    for (int i = 0; i < READ_TRIES; i++) {
        err = cup_journal_read(store, name, &state, out_fault);
        if (err == CUP_OK || err == CUP_NOT_FOUND) break;
    }
    if (err == CUP_OK) err = take_shard(lag, shard, &state, out_fault);
    cup_journal_state_free(&state);
    cup_store_close(store);
    return err == CUP_NOT_FOUND ? CUP_OK : err;
}

static enum cup_err read_journals(struct lag *lag, struct cup_fault *out_fault)
{
    const struct cup_tool_lag *options = lag->options;
    struct cup_shards          shards  = {0};
    struct cup_disk           *disk    = NULL;

    enum cup_err err = cup_shards_find(options->lake, options->domain, options->pipeline,
                                       CUP_SHARD_ANY, &shards, out_fault);
    if (err == CUP_NOT_FOUND) return CUP_OK; /* it never ran */
    if (err == CUP_OK) err = cup_disk_open(CUP_DISK_POSIX, &disk, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < shards.count; i++)
        err = read_shard(lag, disk, &shards.list[i], out_fault);
    cup_disk_close(disk);
    cup_shards_free(&shards);
    return err;
}

/* --- what is there --- */

/* Of chosen topics all partitions are shown, read or not. */
static enum cup_err add_chosen(struct lag *lag, struct cup_kafka_client *client,
                               struct cup_fault *out_fault)
{
    struct cup_tool_topics topics = {0};

    if (lag->tool->topic_count == 0) return CUP_OK;
    enum cup_err err = cup_tool_topics(lag->tool, client, &topics, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < topics.count; i++) {
        const struct cup_kafka_topic *topic = &topics.all.list[topics.list[i]];
        for (uint32_t p = 0; err == CUP_OK && p < topic->partition_count; p++)
            if (add(lag, topic->name, (int32_t)p) == NULL)
                err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list partitions", topic->name);
    }
    cup_tool_topics_free(&topics);
    return err;
}

static enum cup_err measure(struct lag *lag, struct cup_kafka_client *client,
                            struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < lag->count; i++) {
        struct row  *row = &lag->rows[i];
        enum cup_err err =
            cup_kafka_watermarks(client, row->topic, row->partition, CUP_TOOL_TIMEOUT_MS, &row->low,
                                 &row->high, out_fault);
        if (err == CUP_NOT_FOUND) { /* it was removed, or made anew with fewer partitions */
            row->low = row->high = UNKNOWN;
            continue;
        }
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

/* The first offset that is not committed; what retention took is no more behind than its end. */
static int64_t next_of(const struct row *row)
{
    return row->committed > row->low ? row->committed : row->low;
}

static int64_t behind(const struct row *row, int64_t position)
{
    int64_t from = position > row->low ? position : row->low;
    return row->high == UNKNOWN || from >= row->high ? 0 : row->high - from;
}

/* Asks for the partitions that are behind; tags are places in `asked`. */
static enum cup_err ask(struct lag *lag, struct cup_kafka_consumer *consumer, struct row **asked,
                        uint32_t *out_count, struct cup_fault *out_fault)
{
    uint32_t     count = 0;
    enum cup_err err   = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < lag->count; i++) {
        struct row *row = &lag->rows[i];
        if (row->high == UNKNOWN) continue;
        if (behind(row, row->committed) == 0) {
            row->age_ms = 0;
            continue;
        }
        err = cup_kafka_consumer_add(consumer, row->topic, row->partition, next_of(row), count,
                                     out_fault);
        asked[count++] = row;
    }
    *out_count = count;
    return err;
}

static int64_t age_of(const struct cup_kafka_event *event)
{
    int64_t age = cup_clock_wall_us() / CUP_US_PER_MS - event->timestamp_ms;

    if (event->timestamp_ms < 0) return UNKNOWN;
    return age < 0 ? 0 : age; /* the producer's clock is ahead */
}

/* Takes one event; true when it answers for its partition. A refusal is told. */
static bool answers(struct row *row, const struct cup_kafka_event *event,
                    const struct cup_fault *refusal)
{
    switch (event->kind) {
    case CUP_KAFKA_RECORD: row->age_ms = age_of(event); return true;
    case CUP_KAFKA_AT_END: row->age_ms = 0; return true; /* marks of transactions, or compacted */
    case CUP_KAFKA_REFUSED: (void)cup_tool_complain(refusal); return true; /* others are read */
    case CUP_KAFKA_OUT_OF_RANGE: return true;
    default: return false;
    }
}

/* Reads the first record behind each position. */
static enum cup_err read_ages(struct lag *lag, struct cup_kafka_consumer *consumer,
                              struct cup_fault *out_fault)
{
    uint64_t     until = cup_clock_mono_ns() + AGES_NS_MAX;
    uint32_t     open  = 0;
    struct row **asked = calloc(lag->count + 1ul, sizeof *asked);

    if (asked == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list partitions", NULL);
    enum cup_err err = ask(lag, consumer, asked, &open, out_fault);
    while (err == CUP_OK && open > 0 && cup_clock_mono_ns() < until) {
        struct cup_kafka_event event = {0};
        err = cup_kafka_consumer_next(consumer, POLL_MS, &event, out_fault);
        if (err != CUP_OK || event.kind == CUP_KAFKA_NOTHING) continue;
        struct row              *row = asked[event.tag];
        bool new                     = row != NULL &&answers(row, &event, out_fault);
        if (event.kind == CUP_KAFKA_RECORD) cup_kafka_event_release(&event);
        if (!new) continue;
        asked[event.tag] = NULL;
        open--;
        cup_kafka_consumer_stop(consumer, event.tag);
    }
    free(asked);
    return err;
}

/* --- telling --- */

static void put_number(FILE *out, bool json, int64_t number)
{
    if (number == UNKNOWN)
        fprintf(out, json ? "null" : " %14s", "-");
    else
        fprintf(out, json ? "%" PRId64 : " %14" PRId64, number);
}

static void put_seconds(FILE *out, bool json, int64_t age_ms)
{
    if (age_ms == UNKNOWN)
        fprintf(out, json ? "null" : " %10s", "-");
    else
        fprintf(out, json ? "%.3f" : " %10.1f", (double)age_ms / 1000);
}

static void put_json_row(FILE *out, const struct row *row)
{
    struct cup_text name = {0};

    cup_text_json(&name, row->topic, strlen(row->topic));
    fprintf(out,
            "{\"topic\":%s,\"partition\":%" PRId32 ",\"shard\":", name.failed ? "null" : name.at,
            row->partition);
    put_number(out, true, row->shard == CUP_SHARD_ANY ? UNKNOWN : (int64_t)row->shard);
    fputs(",\"committed\":", out);
    put_number(out, true, row->committed);
    fputs(",\"visible\":", out);
    put_number(out, true, row->visible);
    fputs(",\"low\":", out);
    put_number(out, true, row->low);
    fputs(",\"end\":", out);
    put_number(out, true, row->high);
    fprintf(out, ",\"records\":%" PRId64 ",\"records_visible\":%" PRId64 ",\"seconds\":",
            behind(row, row->committed), behind(row, row->visible));
    put_seconds(out, true, row->age_ms);
    fputs("}", out);
    cup_text_free(&name);
}

static const char *remark(const struct row *row)
{
    if (row->high == UNKNOWN) return "  not in the cluster, or not shown";
    if (row->committed > row->high) return "  shorter than what was read: made anew, or cut off";
    if (row->committed != UNKNOWN && row->low > row->committed)
        return "  records are gone that were not read yet";
    return "";
}

static void put_row(FILE *out, const struct row *row)
{
    fprintf(out, "%-48s %9" PRId32, row->topic, row->partition);
    put_number(out, false, row->committed);
    put_number(out, false, row->visible);
    put_number(out, false, row->high);
    put_number(out, false, behind(row, row->committed));
    put_seconds(out, false, row->age_ms);
    fprintf(out, "%s\n", remark(row));
}

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int               order = strcmp(x->topic, y->topic);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void put_all(const struct lag *lag, FILE *out)
{
    bool    json    = lag->tool->json;
    bool    unknown = false, seen = false; /* unknown: one that is behind cannot be read */
    int64_t records = 0, age_ms = 0;

    if (json)
        fputs("{\"partitions\":[", out);
    else
        fprintf(out, "%-48s %9s %14s %14s %14s %14s %10s\n", "topic", "partition", "committed",
                "visible", "end", "records <=", "seconds");
    for (uint32_t i = 0; i < lag->count; i++) {
        const struct row *row = &lag->rows[i];
        if (json) fputs(i > 0 ? "," : "", out);
        (json ? put_json_row : put_row)(out, row);
        records += behind(row, row->committed);
        if (row->age_ms > age_ms) age_ms = row->age_ms;
        unknown |= row->age_ms == UNKNOWN && behind(row, row->committed) > 0;
        seen |= row->high != UNKNOWN;
    }
    if (unknown || !seen) age_ms = UNKNOWN;
    if (json) {
        fprintf(out, "],\"records\":%" PRId64 ",\"seconds\":", records);
        put_seconds(out, true, age_ms);
        fputs("}\n", out);
    } else {
        fprintf(out, "%" PRId64 " records behind", records);
        fprintf(out, age_ms == UNKNOWN ? "\n" : ", %.1f seconds\n", (double)age_ms / 1000);
    }
}

enum cup_exit cup_tool_lag(const struct cup_tool *tool, const struct cup_tool_lag *options,
                           FILE *out)
{
    struct cup_kafka_setting         settings[CUP_KAFKA_SETTINGS_MAX];
    struct lag                       lag      = {.tool = tool, .options = options};
    struct cup_kafka_consumer       *consumer = NULL;
    struct cup_fault                 fault    = {0};
    struct cup_kafka_consumer_config config   = {.settings         = settings,
                                                 .setting_count    = tool->setting_count,
                                                 .queue_bytes      = QUEUE_BYTES,
                                                 .record_bytes_max = RECORD_BYTES};

    memcpy(settings, tool->settings, tool->setting_count * sizeof *settings);
    if (config.setting_count < CUP_KAFKA_SETTINGS_MAX)
        settings[config.setting_count++] =
            (struct cup_kafka_setting){.name = "fetch.message.max.bytes", .value = FETCH_BYTES};
    enum cup_err err = read_journals(&lag, &fault);
    if (err == CUP_OK) err = cup_kafka_consumer_open(&config, &consumer, &fault);
    if (err == CUP_OK) err = add_chosen(&lag, cup_kafka_consumer_client(consumer), &fault);
    if (err == CUP_OK) err = measure(&lag, cup_kafka_consumer_client(consumer), &fault);
    if (err == CUP_OK && lag.count > 0) qsort(lag.rows, lag.count, sizeof *lag.rows, compare);
    if (err == CUP_OK) err = read_ages(&lag, consumer, &fault);
    if (err == CUP_OK) put_all(&lag, out);
    cup_kafka_consumer_close(consumer);
    for (uint32_t i = 0; i < lag.count; i++)
        free(lag.rows[i].topic);
    free(lag.rows);
    return err == CUP_OK ? CUP_EXIT_OK : cup_tool_complain(&fault);
}
