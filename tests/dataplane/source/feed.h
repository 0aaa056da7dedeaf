// SPDX-License-Identifier: Apache-2.0
/* feed: what the tests of the source share: files, a plan of inputs, and all that a source gives,
 * kept and checked against the promises of batch.h. */
#ifndef CUP_TESTS_DATAPLANE_SOURCE_FEED_H
#define CUP_TESTS_DATAPLANE_SOURCE_FEED_H

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include "base/text.h"
#include "dataplane/source/source.h"
#include "tests/check.h"

#define FEED_INPUTS 4u
#define FEED_BLOCKS 400u /* 25 MiB */

struct feed {
    struct {
        struct cup_plan       plan;
        struct cup_plan_input inputs[FEED_INPUTS];
        char                  text[4096];
    } blob;
    uint32_t        text_bytes;
    uint32_t        indexes[FEED_INPUTS];
    uint64_t        starts[FEED_INPUTS];
    struct cup_pool pool;
};

/* --- read(2) in the tested code goes through here (-Wl,--wrap=read) --- */

static struct cup_rnd feed_rnd;
static uint32_t       feed_cut_max;   /* 0: reads as asked */
static uint32_t       feed_fail_each; /* 0: never; n: each n-th read fails */
static int            feed_fail_with;
static uint64_t       feed_read_count;

ssize_t __real_read(int fd, void *buf, size_t bytes);
ssize_t __wrap_read(int fd, void *buf, size_t bytes);

ssize_t __wrap_read(int fd, void *buf, size_t bytes)
{
    size_t cut = feed_cut_max ? 1 + cup_rnd_below(&feed_rnd, feed_cut_max) : bytes;

    if (feed_fail_each != 0 && ++feed_read_count % feed_fail_each == 0) {
        errno = feed_fail_with;
        return -1;
    }
    return __real_read(fd, buf, cut < bytes ? cut : bytes);
}

/* --- files and the plan --- */

static char feed_folder[] = "/tmp/cup-source-XXXXXX";

static inline int feed_remove(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat, (void)kind, (void)ftw; /* asked for by nftw */
    return remove(path);
}

static inline void feed_clean(void)
{
    (void)nftw(feed_folder, feed_remove, 8, FTW_DEPTH | FTW_PHYS); /* what is left is in /tmp */
}

static inline const char *feed_path(const char *name)
{
    static char path[128];
    static bool made;

    if (!made) {
        CHECK(mkdtemp(feed_folder) != NULL);
        CHECK(atexit(feed_clean) == 0);
        made = true;
    }
    snprintf(path, sizeof path, "%s%s%s", feed_folder, name[0] ? "/" : "", name);
    return path;
}

static inline void feed_write(const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(feed_path(name), "wb");

    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, count, file) == count);
    CHECK(fclose(file) == 0);
}

static inline struct cup_plan_text feed_text(struct feed *feed, const char *text)
{
    size_t               bytes = strlen(text);
    struct cup_plan_text at    = {
           .offset = (uint32_t)offsetof(struct feed, blob.text) + feed->text_bytes,
           .bytes  = (uint32_t)bytes,
    };

    CHECK(feed->text_bytes + bytes + 1 <= sizeof feed->blob.text);
    memcpy(feed->blob.text + feed->text_bytes, text, bytes + 1);
    feed->text_bytes += (uint32_t)bytes + 1;
    return at;
}

static inline void feed_open(struct feed *feed, uint32_t record_bytes_max, uint32_t blocks)
{
    struct cup_fault fault;

    *feed                            = (struct feed){0};
    feed->blob.plan.record_bytes_max = record_bytes_max;
    feed->blob.plan.until_end        = 1;
    feed->blob.plan.kernels          = feed_text(feed, "auto");
    feed->blob.plan.inputs.offset    = (uint32_t)offsetof(struct feed, blob.inputs);
    CHECK(cup_pool_init(&feed->pool, (size_t)blocks * CUP_BLOCK_BYTES, &fault) == CUP_OK);
}

static inline void feed_close(struct feed *feed)
{
    CHECK(feed->pool.free_count == feed->pool.block_count);
    cup_pool_fini(&feed->pool);
}

static inline void feed_input(struct feed *feed, const char *name, enum cup_input_form form,
                              int gzip)
{
    uint32_t at = feed->blob.plan.inputs.count++;

    CHECK(at < FEED_INPUTS);
    feed->blob.inputs[at] = (struct cup_plan_input){
        .path  = feed_text(feed, feed_path(name)),
        .topic = feed_text(feed, name),
        .form  = (uint8_t)form,
        .gzip  = (uint8_t)gzip,
    };
    feed->indexes[at] = at;
}

/* --- what came --- */

struct got {
    char            topic[256];
    uint32_t        input;
    int32_t         partition;
    int64_t         offset, timestamp_ms;
    uint64_t        position, whole_bytes, piece_count;
    uint64_t        batch_end;
    uint8_t         value_kind, key_kind, flags; /* flags of the last piece */
    struct cup_text value, key, headers;
};

struct gotten {
    struct got *all;
    uint32_t    count, cap;
    uint64_t    blank_count, batch_count, ends_count, verbatim_count;
    uint64_t    end; /* of the last batch */
    uint64_t    no_memory_count, io_count;
};

static inline void gotten_free(struct gotten *gotten)
{
    for (uint32_t i = 0; i < gotten->count; i++) {
        cup_text_free(&gotten->all[i].value);
        cup_text_free(&gotten->all[i].key);
        cup_text_free(&gotten->all[i].headers);
    }
    free(gotten->all);
    *gotten = (struct gotten){0};
}

static inline struct got *gotten_add(struct gotten *gotten)
{
    if (gotten->count == gotten->cap) {
        gotten->cap = gotten->cap ? gotten->cap * 2 : 64;
        gotten->all = realloc(gotten->all, gotten->cap * sizeof *gotten->all);
        CHECK(gotten->all != NULL);
    }
    gotten->all[gotten->count] = (struct got){0};
    return &gotten->all[gotten->count++];
}

static inline void gotten_record(struct gotten *gotten, const struct cup_source *source,
                                 const struct cup_batch *batch, const struct cup_record *record)
{
    struct got *last  = gotten->count ? &gotten->all[gotten->count - 1] : NULL;
    bool        begun = last != NULL && last->flags & CUP_RECORD_PART;
    struct got *got   = begun ? last : gotten_add(gotten);

    CHECK(record->position < batch->end && (begun || record->position >= batch->start));
    if (begun) CHECK(got->position == record->position && got->offset == record->offset);
    if (begun) CHECK(strcmp(got->topic, cup_source_topic(source, record->topic)) == 0);
    snprintf(got->topic, sizeof got->topic, "%s", cup_source_topic(source, record->topic));
    got->input        = batch->input;
    got->partition    = record->partition;
    got->offset       = record->offset;
    got->timestamp_ms = record->timestamp_ms;
    got->position     = record->position;
    got->batch_end    = batch->end;
    got->value_kind   = record->value_kind;
    got->key_kind     = record->key_kind;
    got->flags        = record->flags;
    got->piece_count++;
    cup_text_put(&got->value, batch->region + record->value_at, record->value_bytes);
    cup_text_put(&got->key, batch->region + record->key_at, record->key_bytes);
    cup_text_put(&got->headers, batch->region + record->headers_at, record->headers_bytes);
    got->whole_bytes = record->whole_bytes;
    CHECK(got->whole_bytes == got->value.bytes);
}

static inline void check_kind(const struct cup_batch *batch, uint8_t kind, uint32_t at,
                              uint32_t bytes)
{
    CHECK(kind == (bytes                    ? CUP_VALUE_BYTES
                   : kind == CUP_VALUE_NULL ? CUP_VALUE_NULL
                                            : CUP_VALUE_EMPTY));
    if (bytes == 0) CHECK(at == 0);
    CHECK((uint64_t)at + bytes <= batch->region_bytes);
    if (bytes != 0) CHECK(at + bytes < batch->region_bytes && batch->region[at + bytes] == '\n');
}

static inline void gotten_batch(struct gotten *gotten, const struct cup_source *source,
                                const struct cup_batch *batch)
{
    uint64_t values_end = 0, sum = 0;

    CHECK(batch->record_count <= CUP_BATCH_RECORDS_MAX);
    CHECK(batch->region_bytes <= CUP_BATCH_BYTES || batch->record_count == 1);
    for (uint32_t i = 0; i < CUP_BATCH_PADDING; i++) /* readable: the sanitizer looks */
        sum += batch->region[batch->region_bytes + i];
    CHECK(sum <= 255 * CUP_BATCH_PADDING);
    for (uint32_t i = 0; i < batch->record_count; i++) {
        const struct cup_record *record = &batch->records[i];
        check_kind(batch, record->value_kind, record->value_at, record->value_bytes);
        check_kind(batch, record->key_kind, record->key_at, record->key_bytes);
        if (record->value_bytes) CHECK(record->value_at >= values_end);
        if (record->value_bytes) values_end = record->value_at + record->value_bytes + 1;
        if (batch->verbatim) CHECK(record->position - batch->start == record->value_at);
        gotten_record(gotten, source, batch, record);
    }
    for (uint32_t i = 0; i < batch->record_count; i++)
        if (batch->records[i].key_bytes) CHECK(batch->records[i].key_at >= values_end);
    if (batch->verbatim) CHECK(batch->end - batch->start == batch->region_bytes);
    gotten->blank_count += batch->blank_count;
    gotten->verbatim_count += batch->verbatim;
    gotten->ends_count += batch->ends_input;
    gotten->batch_count++;
}

/* Reads all inputs. A fault of the kind that may pass is counted; when `blocks` is not NULL it is a
 * run of the pool that is given back at the first NO_MEMORY. */
static inline struct gotten feed_run(struct feed *feed, uint8_t *blocks, uint32_t block_count)
{
    struct gotten      gotten = {0};
    struct cup_source *source = NULL;
    struct cup_batch   batch  = {0};
    struct cup_fault   fault  = {0};
    enum cup_err       err;
    uint64_t           end   = feed->starts[0];
    uint32_t           input = UINT32_MAX;

    CHECK(cup_source_open(&feed->blob.plan, feed->indexes, feed->starts,
                          feed->blob.plan.inputs.count, &feed->pool, &source, &fault) == CUP_OK);
    while ((err = cup_source_next(source, &batch, &fault)) != CUP_END) {
        if (err == CUP_IO && fault.os_errno == EIO && gotten.io_count++ < 100000) continue;
        if (err == CUP_NO_MEMORY && blocks != NULL) {
            CHECK(fault.what[0] != 0 && fault.where[0] != 0);
            gotten.no_memory_count++;
            cup_pool_give(&feed->pool, blocks, block_count);
            blocks = NULL;
            continue;
        }
        CHECK(err == CUP_OK);
        if (input != batch.input) end = feed->starts[batch.input];
        input = batch.input;
        CHECK(batch.start == end);
        CHECK(batch.end >= batch.start);
        end = batch.end;
        gotten_batch(&gotten, source, &batch);
    }
    CHECK(cup_source_next(source, &batch, &fault) == CUP_END);
    gotten.end = end;
    cup_source_close(source);
    cup_pool_give(&feed->pool, blocks, blocks ? block_count : 0);
    CHECK(feed->pool.free_count == feed->pool.block_count);
    return gotten;
}

static inline bool same_text(struct cup_text a, struct cup_text b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

/* Records a[from..] are all of b. */
static inline void check_tail(const struct gotten *a, uint32_t from, const struct gotten *b)
{
    CHECK(a->count - from == b->count);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct got *x = &a->all[from + i], *y = &b->all[i];
        CHECK(strcmp(x->topic, y->topic) == 0);
        CHECK(x->partition == y->partition && x->offset == y->offset);
        CHECK(x->timestamp_ms == y->timestamp_ms && x->position == y->position);
        CHECK(x->whole_bytes == y->whole_bytes && x->piece_count == y->piece_count);
        CHECK(x->value_kind == y->value_kind && x->key_kind == y->key_kind);
        CHECK(x->flags == y->flags && x->input == y->input);
        CHECK(same_text(x->value, y->value) && same_text(x->key, y->key));
        CHECK(same_text(x->headers, y->headers));
    }
}

static inline bool got_is(const struct got *got, const char *value)
{
    return got->value.bytes == strlen(value) &&
           (got->value.bytes == 0 || memcmp(got->value.at, value, got->value.bytes) == 0);
}

#endif
