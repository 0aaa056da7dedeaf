// SPDX-License-Identifier: Apache-2.0
/* cupel-gen: seeded synthetic change data capture of a small bank.
 *
 *   options --> load (what happens) --> event (how it is written) --> out (files), topics (Kafka)
 *                 \--> truth (what must be the end)
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "benchmarks/gen/event.h"
#include "benchmarks/gen/load.h"
#include "benchmarks/gen/options.h"
#include "benchmarks/gen/out.h"
#include "benchmarks/gen/topics.h"
#include "benchmarks/gen/truth.h"

#define PARTITIONS_MAX    256u       /* files that are open at once, three a partition */
#define RECORD_BYTES_MAX  (8u << 20) /* mean; a record stays below cupel's ceiling of 16 MiB */
#define PACE_EVENTS       64u        /* how often a fast paced run looks at the clock */
#define PACE_SLEEP_NS_MIN 1000000u   /* shorter waits than the scheduler's are not worth a call */

struct gen {
    const struct cup_gen_options *options;
    struct cup_bank               bank;
    struct cup_event_writer       writer;
    struct cup_load               load;
    struct cup_out               *outs; /* one, or one per table and partition; none for topics */
    uint32_t                      out_count;
    struct cup_gen_topics        *topics; /* NULL: files */
    uint64_t                      partition_count, tombstone_count, record_count;
    uint64_t                     *offsets; /* next, per table and partition */
    uint64_t                      start_ns;
};

static const struct cup_gen_value *option(const struct gen *gen, enum cup_gen_option id)
{
    return &gen->options->values[id];
}

static uint64_t bytes_written(const struct gen *gen)
{
    uint64_t sum = gen->topics != NULL ? cup_gen_topics_bytes(gen->topics) : 0;
    for (uint32_t i = 0; i < gen->out_count; i++)
        sum += gen->outs[i].written;
    return sum;
}

static enum cup_err put_record(struct gen *gen, struct cup_event *event,
                               struct cup_fault *out_fault)
{
    const struct cup_row *row = event->after != NULL ? event->after : event->before;
    if (gen->topics != NULL) {
        gen->record_count++;
        return cup_gen_topics_put(gen->topics, event, out_fault);
    }
    event->partition     = row->key * 0x9E3779B97F4A7C15u % gen->partition_count;
    uint64_t        lane = (uint64_t)event->table * gen->partition_count + event->partition;
    struct cup_out *out  = &gen->outs[gen->out_count == 1 ? 0 : lane];
    event->offset        = gen->offsets[lane]++;
    gen->record_count++;
    return cup_out_end(out, cup_event_put(&gen->writer, event, cup_out_begin(out)), out_fault);
}

static enum cup_err put_event(void *ctx, const struct cup_event *event, struct cup_fault *out_fault)
{
    struct gen      *gen     = ctx;
    struct cup_event copy    = *event;
    enum cup_err     err     = put_record(gen, &copy, out_fault);
    bool             is_line = gen->topics == NULL && !gen->writer.style.dump;
    if (err != CUP_OK || event->op != 'd' || is_line) return err; /* a line is never NULL */
    copy.tombstone = true;
    gen->tombstone_count++;
    return put_record(gen, &copy, out_fault);
}

/* Waits until the events so far are due; what is due is on its way before it sleeps. */
static enum cup_err pace(struct gen *gen, struct cup_fault *out_fault)
{
    uint64_t rate = option(gen, CUP_GEN_RATE)->count;
    if (rate == 0 || (rate > 10000 && gen->load.event_count % PACE_EVENTS != 0)) return CUP_OK;
    uint64_t due = gen->start_ns + (uint64_t)((double)gen->load.event_count / (double)rate * 1e9);
    uint64_t now = cup_clock_mono_ns();
    if (now + PACE_SLEEP_NS_MIN > due) return CUP_OK;
    for (uint32_t i = 0; i < gen->out_count; i++) {
        enum cup_err err = cup_out_flush(&gen->outs[i], out_fault);
        if (err != CUP_OK) return err;
    }
    struct timespec until = {.tv_sec  = (time_t)(due / CUP_NS_PER_S),
                             .tv_nsec = (long)(due % CUP_NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
    return CUP_OK;
}

static bool is_over(const struct gen *gen)
{
    uint64_t rows = option(gen, CUP_GEN_ROWS)->count, bytes = option(gen, CUP_GEN_BYTES)->count;

    return (rows != 0 && gen->load.event_count >= rows) ||
           (bytes != 0 && bytes_written(gen) >= bytes);
}

/* An idempotent producer needs a second to begin, and one for each topic: nothing that is paced is
 * to wait for that. The first events are of all tables. */
static enum cup_err begin(struct gen *gen, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (gen->topics != NULL && option(gen, CUP_GEN_RATE)->count != 0) {
        while (err == CUP_OK && !is_over(gen) && gen->load.event_count < PACE_EVENTS)
            err = cup_load_step(&gen->load, out_fault);
        if (err == CUP_OK) err = cup_gen_topics_flush(gen->topics, out_fault);
    }
    gen->start_ns = cup_clock_mono_ns();
    return err;
}

static enum cup_err generate(struct gen *gen, struct cup_fault *out_fault)
{
    enum cup_err err = begin(gen, out_fault);

    while (err == CUP_OK && !is_over(gen)) {
        err = cup_load_step(&gen->load, out_fault);
        if (err == CUP_OK) err = pace(gen, out_fault);
    }
    return err;
}

static enum cup_err open_topics(struct gen *gen, struct cup_fault *out_fault)
{
    const struct cup_gen_topics_config config = {.brokers = option(gen, CUP_GEN_BROKERS)->text,
                                                 .prefix  = option(gen, CUP_GEN_TOPIC_PREFIX)->text,
                                                 .partition_count = (uint32_t)gen->partition_count,
                                                 .writer          = &gen->writer};
    if (gen->writer.style.dump || strcmp(option(gen, CUP_GEN_OUT)->text, "-") != 0)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "--brokers goes without --out and --form",
                             NULL);
    return cup_gen_topics_open(&config, &gen->topics, out_fault);
}

static enum cup_err open_outs(struct gen *gen, struct cup_fault *out_fault)
{
    const char *name      = option(gen, CUP_GEN_OUT)->text;
    bool        folder    = name[0] != '\0' && name[strlen(name) - 1] == '/';
    size_t      bytes_max = cup_event_bytes_max(&gen->writer);
    uint32_t    lanes     = CUP_BANK_COUNT * (uint32_t)gen->partition_count;
    gen->outs             = calloc(folder ? lanes : 1, sizeof(*gen->outs));
    gen->offsets          = calloc(lanes, sizeof(*gen->offsets));
    if (gen->outs == NULL || gen->offsets == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "outputs", NULL);
    gen->out_count = folder ? lanes : 1;
    if (!folder) return cup_out_open(&gen->outs[0], name, bytes_max, out_fault);

    if (mkdir(name, 0755) != 0 && errno != EEXIST)
        return cup_fault_set(out_fault, CUP_IO, "create folder", name);
    for (uint32_t i = 0; i < lanes; i++) {
        char path[PATH_MAX];
        int  length = snprintf(path, sizeof(path), "%sbank.%s-%u.ndjson", name,
                               cup_bank_name(i / (uint32_t)gen->partition_count),
                               i % (uint32_t)gen->partition_count);
        if (length >= (int)sizeof(path))
            return cup_fault_set(out_fault, CUP_BAD_CONFIG, "the name is too long", name);
        enum cup_err err = cup_out_open(&gen->outs[i], path, bytes_max, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

/* How much free text makes a value of a table as long as asked for. */
static void size_filler(struct gen *gen)
{
    uint64_t wanted = option(gen, CUP_GEN_RECORD_SIZE)->count;
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT && wanted > 0; t++) {
        size_t natural            = cup_event_value_bytes(&gen->writer, t);
        size_t missing            = wanted > natural ? wanted - natural : 0;
        gen->bank.filler_bytes[t] = (uint32_t)(missing + missing / 2); /* one in three is NULL */
    }
    gen->writer.bank = gen->bank;
}

static uint64_t snapshot_count(struct gen *gen)
{
    uint64_t rows = option(gen, CUP_GEN_ROWS)->count, bytes = option(gen, CUP_GEN_BYTES)->count;
    uint64_t sum = 0, schema = 0;
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++) {
        size_t value = cup_event_value_bytes(&gen->writer, t);
        if (gen->writer.style.schema) schema = gen->writer.schemas[t].bytes;
        sum += (value + schema) * option(gen, CUP_GEN_TABLES)->weights[t];
    }
    uint64_t fits = bytes / (sum / option(gen, CUP_GEN_TABLES)->weight_sum + 1);
    if (rows == 0 || (bytes > 0 && fits < rows)) rows = fits;
    return rows * option(gen, CUP_GEN_SNAPSHOT)->count / 100;
}

static enum cup_err prepare(struct gen *gen, struct cup_fault *out_fault)
{
    uint64_t               size  = option(gen, CUP_GEN_RECORD_SIZE)->count;
    struct cup_event_style style = {.schema          = option(gen, CUP_GEN_SCHEMA)->word == 0,
                                    .decimal_text    = option(gen, CUP_GEN_DECIMAL)->word == 1,
                                    .full_images     = option(gen, CUP_GEN_IDENTITY)->word == 1,
                                    .dump            = option(gen, CUP_GEN_FORM)->word == 1,
                                    .value_bytes_max = (uint32_t)size};
    gen->partition_count         = option(gen, CUP_GEN_PARTITIONS)->count;
    if (size > RECORD_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "--record-size is at most 8Mi", NULL);
    if (gen->partition_count < 1 || gen->partition_count > PARTITIONS_MAX)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "--partitions is 1 to 256", NULL);
    if (option(gen, CUP_GEN_SNAPSHOT)->count > 100)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "--snapshot is 0 to 100", NULL);

    cup_bank_prepare();
    gen->bank.seed   = option(gen, CUP_GEN_SEED)->count;
    enum cup_err err = cup_event_open(&gen->writer, &style, &gen->bank, out_fault);
    if (err != CUP_OK) return err;
    size_filler(gen);

    struct cup_load_settings settings = {.seed           = gen->bank.seed,
                                         .snapshot_count = snapshot_count(gen),
                                         .skew           = option(gen, CUP_GEN_SKEW)->real,
                                         .late_percent   = option(gen, CUP_GEN_LATE)->real};
    memcpy(settings.table_weights, option(gen, CUP_GEN_TABLES)->weights,
           sizeof(settings.table_weights));
    memcpy(settings.op_weights, option(gen, CUP_GEN_OP_MIX)->weights, sizeof(settings.op_weights));
    cup_load_init(&gen->load, &settings, (struct cup_load_sink){.put = put_event, .ctx = gen});
    return option(gen, CUP_GEN_BROKERS)->text[0] != '\0' ? open_topics(gen, out_fault)
                                                         : open_outs(gen, out_fault);
}

static enum cup_err finish(struct gen *gen, struct cup_fault *out_fault)
{
    enum cup_err err = gen->topics != NULL ? cup_gen_topics_flush(gen->topics, out_fault) : CUP_OK;
    for (uint32_t i = 0; i < gen->out_count; i++) {
        enum cup_err closed = cup_out_close(&gen->outs[i], err == CUP_OK ? out_fault : NULL);
        if (err == CUP_OK) err = closed;
    }
    const char *truth = option(gen, CUP_GEN_TRUTH)->text;
    if (err == CUP_OK && truth[0] != '\0')
        err = cup_truth_write(&gen->load, &gen->bank, truth, gen->tombstone_count, out_fault);
    return err;
}

static int report(const struct gen *gen, const struct cup_fault *fault)
{
    if (fault->err != CUP_OK) {
        fprintf(stderr, "cupel-gen: %s: %s%s%s%s%s\n", cup_err_text(fault->err), fault->what,
                fault->where[0] != '\0' ? ": " : "", fault->where, fault->os_errno != 0 ? ": " : "",
                fault->os_errno != 0 ? strerror(fault->os_errno) : "");
        return 1;
    }
    double seconds   = (double)(cup_clock_mono_ns() - gen->start_ns) / 1e9;
    double megabytes = (double)bytes_written(gen) / 1e6;
    fprintf(stderr, "cupel-gen: %llu events, %llu records, %.1f MB in %.2f s, %.0f MB/s\n",
            (unsigned long long)gen->load.event_count, (unsigned long long)gen->record_count,
            megabytes, seconds, megabytes / (seconds > 0 ? seconds : 1e-9));
    return 0;
}

int main(int argc, char **argv)
{
    struct cup_gen_options options;
    struct cup_fault       fault = {0};
    struct gen             gen   = {.options = &options};

    if (!cup_gen_parse(argc, argv, &options)) return 2;
    if (options.help) {
        cup_gen_help(stdout);
        return 0;
    }
    enum cup_err err = prepare(&gen, &fault);
    if (err == CUP_OK) err = generate(&gen, &fault);
    if (err == CUP_OK) err = finish(&gen, &fault);
    int status = report(&gen, &fault);
    cup_gen_topics_close(gen.topics);
    cup_load_free(&gen.load);
    cup_event_close(&gen.writer);
    free(gen.outs);
    free(gen.offsets);
    return err == CUP_OK ? status : 1;
}
