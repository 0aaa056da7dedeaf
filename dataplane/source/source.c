// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/source.h"

#include <string.h>

#include "base/clock.h"
#include "dataplane/source/source_priv.h"

static uint32_t line_bytes_max(const struct cup_plan *plan, enum cup_input_form form)
{
    switch (form) {
    case CUP_INPUT_KAFKA: /* no lines */
    case CUP_INPUT_NDJSON: break;
    case CUP_INPUT_DUMP: return 2 * plan->record_bytes_max + CUP_DUMP_LINE_EXTRA;
    case CUP_INPUT_RETRY: return 3 * plan->record_bytes_max + CUP_RETRY_LINE_EXTRA;
    }
    return plan->record_bytes_max;
}
_Static_assert((2ull * CUP_RECORD_BYTES_MAX + CUP_DUMP_LINE_EXTRA) * 4 / 3 + CUP_BLOCK_BYTES <=
                   (uint64_t)CUP_POOL_RUN_MAX * CUP_BLOCK_BYTES,
               "the longest line of a dump fits a run, read and unescaped");
_Static_assert((2ull * CUP_RECORD_BYTES_MAX + CUP_DUMP_LINE_EXTRA) / 3 * 4 + 4 <
                   3ull * CUP_RECORD_BYTES_MAX + CUP_RETRY_LINE_EXTRA / 2,
               "the longest line of a dump fits a line of a retry, with room for the rest");
_Static_assert(3ull * CUP_RECORD_BYTES_MAX + CUP_RETRY_LINE_EXTRA + CUP_BLOCK_BYTES <=
                   (uint64_t)CUP_POOL_RUN_MAX * CUP_BLOCK_BYTES,
               "and that fits a run");

/* What a dump line may look like is not the operator's business: the limits of its values are. */
static const struct cup_json_limits line_limits = {
    .depth_max = 1024, .members_max = 65536, .key_bytes_max = 4096, .number_bytes_max = 65536};

/* What an input of this form needs, made when the first of them is met. */
static enum cup_err open_tools(struct cup_source *source, bool gzip, enum cup_input_form form,
                               struct cup_fault *out_fault)
{
    const struct cup_plan *plan  = source->plan;
    uint32_t               slice = line_bytes_max(plan, CUP_INPUT_DUMP) + 1;
    enum cup_err           err   = CUP_OK;

    if (gzip && source->inflate == NULL) err = cup_inflate_open(&source->inflate, out_fault);
    if (form == CUP_INPUT_RETRY) slice = line_bytes_max(plan, form) + 1;
    if (slice < CUP_BATCH_BYTES) slice = CUP_BATCH_BYTES;
    if (err == CUP_OK && form != CUP_INPUT_NDJSON && source->json == NULL)
        err = cup_json_open(cup_plan_text(plan, plan->kernels), slice, line_limits, &source->json,
                            out_fault);
    return err;
}

static enum cup_err prepare(struct cup_source *source, struct cup_fault *out_fault)
{
    const struct cup_plan_input *inputs = cup_plan_inputs(source->plan);

    bool consumes     = cup_plan_consumes(source->plan);
    source->following = source->plan->until_end == 0 && !consumes;
    if (source->following) cup_follow_priv_open(&source->follow, source->plan->worker_count);
    enum cup_err err =
        cup_topics_priv_open(&source->topics, source->pool, source->input_count, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < source->input_count; i++) {
        CUP_ASSERT(source->inputs[i] < source->plan->inputs.count);
        const struct cup_plan_input *input = &inputs[source->inputs[i]];
        err = open_tools(source, input->gzip, (enum cup_input_form)input->form, out_fault);
    }
    if (err == CUP_OK && consumes)
        err = cup_partitions_priv_open(source->plan, source->pool, &source->topics,
                                       &source->partitions, out_fault);
    return err;
}

enum cup_err cup_source_open(const struct cup_plan *plan, const uint32_t *inputs,
                             const uint64_t *starts, uint32_t input_count, struct cup_pool *pool,
                             struct cup_source **out_source, struct cup_fault *out_fault)
{
    CUP_ASSERT(plan != NULL && pool != NULL);
    CUP_ASSERT(input_count == 0 || (inputs != NULL && starts != NULL));
    CUP_ASSERT(input_count == 0 || plan->until_end != 0);

    struct cup_source *source = calloc(1, sizeof *source);
    if (source == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "source", NULL);
    source->plan         = plan;
    source->inputs       = inputs;
    source->starts       = starts;
    source->input_count  = input_count;
    source->pool         = pool;
    source->buffer.pool  = pool;
    source->reader.fd    = -1;
    source->pending.kind = CUP_PIECE_NEED_MORE;
    enum cup_err err     = prepare(source, out_fault);
    if (err != CUP_OK) {
        cup_source_close(source);
        return err;
    }
    *out_source = source;
    return CUP_OK;
}

void cup_source_close(struct cup_source *source)
{
    if (source == NULL) return;
    cup_partitions_priv_close(source->partitions);
    if (source->following) cup_follow_priv_close(&source->follow);
    cup_reader_priv_close(&source->reader);
    cup_buffer_priv_release(&source->buffer);
    cup_pool_give(source->pool, source->long_region, source->long_blocks);
    cup_pool_give(source->pool, (uint8_t *)source->records, CUP_SOURCE_RECORD_BLOCKS);
    cup_pool_give(source->pool, source->region, CUP_SOURCE_REGION_BLOCKS);
    cup_pool_give(source->pool, source->side, CUP_SOURCE_REGION_BLOCKS);
    cup_pool_give(source->pool, source->reader.stored, 1);
    cup_topics_priv_close(&source->topics);
    cup_inflate_close(source->inflate);
    cup_json_close(source->json);
    free(source);
}

static bool borrow(struct cup_pool *pool, uint8_t **run, uint32_t blocks)
{
    if (*run == NULL) *run = cup_pool_take(pool, blocks);
    return *run != NULL;
}

/* What was borrowed stays borrowed when the rest is missing: the next call asks for less. */
static bool borrow_all(struct cup_source *source, bool gzip, bool dump)
{
    uint8_t *records = (uint8_t *)source->records;

    bool done       = borrow(source->pool, &records, CUP_SOURCE_RECORD_BLOCKS);
    source->records = (struct cup_record *)(void *)records;
    done            = done && cup_buffer_priv_borrow(&source->buffer);
    done = done && (!dump || borrow(source->pool, &source->region, CUP_SOURCE_REGION_BLOCKS));
    done = done && (!dump || borrow(source->pool, &source->side, CUP_SOURCE_REGION_BLOCKS));
    source->reader.inflate = source->inflate;
    return done && (!gzip || borrow(source->pool, &source->reader.stored, 1));
}

/* The reader stands at `start`, or at the beginning of a gzip. */
static void begin_input(struct cup_source *source, enum cup_input_form form, uint64_t start)
{
    uint32_t most = line_bytes_max(source->plan, form);

    cup_lines_init(&source->lines, most);
    cup_buffer_priv_reset(&source->buffer, start, most);
    source->is_dump       = form != CUP_INPUT_NDJSON;
    source->is_retry      = form == CUP_INPUT_RETRY;
    source->file_start    = start;
    source->skipping      = source->reader.gzip && start > 0;
    source->tear_reported = false;
    source->input_done    = false;
    source->input_open    = true;
    source->slice_end     = 0;
    source->blank_base    = 0;
}

static enum cup_err open_input(struct cup_source *source, struct cup_fault *out_fault)
{
    uint32_t                     index = source->inputs[source->at_input];
    const struct cup_plan_input *input = &cup_plan_inputs(source->plan)[index];
    const char                  *path  = cup_plan_text(source->plan, input->path);
    uint64_t                     start = source->starts[source->at_input];
    enum cup_input_form          form  = (enum cup_input_form)input->form;

    if (!borrow_all(source, input->gzip, form != CUP_INPUT_NDJSON))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "buffers of an input", path);
    enum cup_err err = cup_reader_priv_open(&source->reader, path, input->gzip, start, out_fault);
    if (err != CUP_OK) return err;
    begin_input(source, form, start);
    source->file_input     = index;
    source->file_partition = 0;
    source->file_name      = cup_plan_text(source->plan, input->topic);
    source->file_topic =
        cup_topics_priv_file(&source->topics, source->file_name, input->topic.bytes);
    source->ends = true;
    return CUP_OK;
}

/* The next file that has something to read. CUP_AGAIN: none has. */
static enum cup_err open_followed(struct cup_source *source, struct cup_fault *out_fault)
{
    struct cup_follow *follow = &source->follow;

    if (!borrow_all(source, source->inflate != NULL, source->json != NULL))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "buffers of an input", NULL);
    follow->inflater.inflate = source->inflate;
    follow->inflater.stored  = source->reader.stored;
    enum cup_err err         = cup_follow_priv_next(follow, source->buffer.base, out_fault);
    if (err != CUP_OK) return err;
    struct cup_follow_file       *file = follow->reading;
    const struct cup_source_file *what = &file->what;
    if (file->fd >= 0)
        err = cup_reader_priv_take(&source->reader, what->path, file->fd, what->gzip != 0,
                                   file->position, file->limit, out_fault);
    if (err != CUP_OK) return err;
    begin_input(source, (enum cup_input_form)what->form, file->position);
    source->skipping       = file->fd >= 0 && source->skipping;
    source->file_input     = what->input;
    source->file_partition = (int32_t)what->generation;
    source->file_name      = what->name;
    source->file_topic     = file->topic;
    source->ends           = file->ending || file->truncated;
    if (file->fd < 0 || file->truncated) source->reader.state = CUP_READER_END;
    return CUP_OK;
}

static void close_input(struct cup_source *source)
{
    if (source->following) cup_follow_priv_leave(&source->follow);
    cup_reader_priv_close(&source->reader);
    source->input_open = false;
    source->at_input++;
}

/* Inflates up to the start and keeps what lies behind it. The position behind a tear is one more
 * than that of its last byte: a run that starts there has reported it. */
static enum cup_err skip_to_start(struct cup_source *source, struct cup_fault *out_fault)
{
    struct cup_buffer *buffer = &source->buffer;
    struct cup_reader *reader = &source->reader;
    uint64_t           start  = source->file_start;

    while (source->skipping) {
        uint32_t     got = 0;
        enum cup_err err =
            cup_reader_priv_read(reader, buffer->run, CUP_READER_CHUNK, &got, out_fault);
        if (err != CUP_OK) return err;
        bool torn = reader->state == CUP_READER_CUT || reader->state == CUP_READER_DAMAGED;
        if (reader->position >= start) {
            buffer->to       = got;
            buffer->from     = got - (size_t)(reader->position - start);
            buffer->at       = buffer->from;
            buffer->position = reader->position - got;
            source->skipping = false;
        } else if (got == 0 && torn && start == reader->position + 1) {
            source->tear_reported = true;
            source->skipping      = false;
        } else if (got == 0 && source->following) { /* truncated since it was looked into */
            reader->state    = CUP_READER_CUT;
            source->skipping = false;
        } else if (got == 0) {
            return cup_fault_set(out_fault, CUP_INPUT_CHANGED, "shorter than its position",
                                 reader->path);
        }
    }
    return CUP_OK;
}

static enum cup_err fill(struct cup_source *source, struct cup_fault *out_fault)
{
    struct cup_buffer *buffer = &source->buffer;
    struct cup_reader *reader = &source->reader;
    uint32_t           least  = reader->gzip ? CUP_READER_CHUNK : 1;

    source->slice_end = 0;
    if (!cup_buffer_priv_room(buffer))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "buffer of a long record", reader->path);
    size_t goal = cup_buffer_priv_goal(buffer), capacity = cup_buffer_priv_capacity(buffer);
    while (reader->state == CUP_READER_OPEN && buffer->to < goal &&
           capacity - buffer->to >= least) {
        uint32_t     got  = 0;
        uint32_t     room = reader->gzip ? CUP_READER_CHUNK : (uint32_t)(goal - buffer->to);
        enum cup_err err =
            cup_reader_priv_read(reader, buffer->run + buffer->to, room, &got, out_fault);
        if (err != CUP_OK) return err;
        buffer->to += got;
    }
    return CUP_OK;
}

/* The input gives no more bytes, and all whole lines are handed out. */
static enum cup_err last_batch(struct cup_source *source, struct cup_fault *out_fault)
{
    bool torn =
        source->reader.state == CUP_READER_DAMAGED || source->reader.state == CUP_READER_CUT;

    if (!torn && !source->ends) { /* the rest of the line may be written later */
        close_input(source);
        return CUP_AGAIN;
    }
    enum cup_err err = cup_source_priv_collect(source, true, out_fault);
    if (err != CUP_OK) return err;
    CUP_ASSERT(!source->lines.inside); /* what is left is no more than one piece */
    torn = torn && !source->tear_reported;
    if (torn) cup_source_priv_tear(source);
    cup_source_priv_finish(source);
    source->batch.end += torn; /* the tear has a position too */
    if (source->following && source->reader.state == CUP_READER_CUT && !source->ends)
        source->follow.reading->truncated = true; /* it was longer when it was looked at */
    source->batch.ends_input = source->input_done = true;
    return CUP_OK;
}

static bool is_used_up(const struct cup_source *source)
{
    return source->reader.state == CUP_READER_END && source->buffer.at == source->buffer.to &&
           source->pending.kind == CUP_PIECE_NEED_MORE && source->ends;
}

/* AGAIN: bytes were read, or the input was left; no batch yet. */
static enum cup_err next_batch(struct cup_source *source, struct cup_fault *out_fault)
{
    enum cup_err err = skip_to_start(source, out_fault);
    if (err != CUP_OK) return err;
    err = cup_source_priv_collect(source, false, out_fault);
    if (err != CUP_OK) return err;
    if (source->batch.record_count > 0 || source->buffer.at > source->buffer.from) {
        source->batch.ends_input = source->input_done = is_used_up(source);
        cup_source_priv_finish(source);
        return CUP_OK;
    }
    if (source->reader.state != CUP_READER_OPEN) return last_batch(source, out_fault);
    err = fill(source, out_fault);
    return err == CUP_OK ? CUP_AGAIN : err;
}

static enum cup_err open_next(struct cup_source *source, struct cup_fault *out_fault)
{
    if (source->following) return open_followed(source, out_fault);
    return source->at_input == source->input_count ? CUP_END : open_input(source, out_fault);
}

enum cup_err cup_source_next(struct cup_source *source, struct cup_batch *out_batch,
                             struct cup_fault *out_fault)
{
    enum cup_err err = CUP_AGAIN;

    CUP_ASSERT(source != NULL && out_batch != NULL);
    if (source->partitions != NULL)
        return cup_partitions_priv_next(source->partitions, out_batch, out_fault);
    cup_source_priv_begin(source);
    if (source->input_open && source->input_done) close_input(source);
    while (err == CUP_AGAIN) {
        if (!source->input_open) err = open_next(source, out_fault);
        if (!source->input_open) return err;
        err = next_batch(source, out_fault);
    }
    if (err != CUP_OK) return err;
    source->batch.retried = source->is_retry;
    if (!source->is_dump) source->batch.no_keys = 1; /* of retried records each has its own form */
    *out_batch = source->batch;
    if (source->following)
        cup_follow_priv_took(&source->follow, out_batch->end, out_batch->ends_input != 0);
    return CUP_OK;
}

/* --- following --- */

enum cup_err cup_source_follow(struct cup_source *source, const struct cup_source_file *file,
                               struct cup_fault *out_fault)
{
    uint32_t topic = 0;

    CUP_ASSERT(source->following);
    enum cup_err err =
        open_tools(source, file->gzip != 0, (enum cup_input_form)file->form, out_fault);
    if (err == CUP_OK)
        err = cup_topics_priv_followed(&source->topics, file->topic, &topic, out_fault);
    return err == CUP_OK ? cup_follow_priv_add(&source->follow, file, topic, out_fault) : err;
}

enum cup_err cup_source_moved(struct cup_source *source, uint32_t input, const char *path,
                              struct cup_fault *out_fault)
{
    struct cup_follow_file *file = cup_follow_priv_find(&source->follow, input);
    char                   *copy = file == NULL ? NULL : strdup(path);

    if (file == NULL) return CUP_OK;
    if (copy == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "path of an input", path);
    if (source->reader.path == file->what.path) source->reader.path = copy;
    free((void *)(uintptr_t)file->what.path);
    file->what.path = copy;
    file->gone_ns   = 0;
    file->look      = true;
    return CUP_OK;
}

void cup_source_grew(struct cup_source *source, uint32_t input)
{
    struct cup_follow_file *file = cup_follow_priv_find(&source->follow, input);

    if (file != NULL) file->look = true;
}

void cup_source_gone(struct cup_source *source, uint32_t input)
{
    struct cup_follow_file *file = cup_follow_priv_find(&source->follow, input);

    if (file != NULL && file->gone_ns == 0) file->gone_ns = cup_clock_mono_ns();
}

bool cup_source_take_end(struct cup_source *source, struct cup_source_end *out_end)
{
    struct cup_follow *follow = &source->follow;

    if (follow->end_count == 0) return false;
    *out_end = follow->ends[--follow->end_count];
    return true;
}

/* --- partitions --- */

enum cup_err cup_source_consume(struct cup_source                 *source,
                                const struct cup_source_partition *partition,
                                struct cup_fault                  *out_fault)
{
    CUP_ASSERT(source->partitions != NULL);
    return cup_partitions_priv_add(source->partitions, partition, out_fault);
}

uint32_t cup_source_lags(const struct cup_source *source, struct cup_source_lag *out_lags,
                         uint32_t cap)
{
    return source->partitions == NULL ? 0
                                      : cup_partitions_priv_lags(source->partitions, out_lags, cap);
}

uint64_t cup_source_anchors_gone(const struct cup_source *source)
{
    return source->partitions == NULL ? 0 : source->partitions->anchors_gone_count;
}

uint64_t cup_source_due(const struct cup_source *source)
{
    return source->follow.due_ns;
}

uint64_t cup_source_behind(const struct cup_source *source)
{
    return source->follow.behind;
}

const char *cup_source_topic(const struct cup_source *source, uint32_t topic)
{
    CUP_ASSERT(topic < source->topics.count);
    return source->topics.rows[topic].name;
}
