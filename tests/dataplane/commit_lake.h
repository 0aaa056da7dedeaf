// SPDX-License-Identifier: Apache-2.0
/* commit_lake: a small lake, its plan and its parts, made by hand for tests of the committer. */
#ifndef CUP_TESTS_DATAPLANE_COMMIT_LAKE_H
#define CUP_TESTS_DATAPLANE_COMMIT_LAKE_H

#include <unistd.h>

#include "dataplane/commit/commit_priv.h"
#include "tests/check.h"

#define INPUTS      2u
#define INPUT_BYTES 1500u /* of each input: more than the head that its identity covers */
#define INDEX       "dom/bronze/pipe/_index"
#define QUAR        "dom/quarantine/pipe"
#define LEDGER      "_cupel/dom/pipe/ledger"
#define SILVER      "dom/silver/db/t0"

static char             lake[64] = "/tmp/cupel-commit-XXXXXX";
static struct cup_disk *disk; /* for all stores of the test; NULL: the first one opens it */

/* --- plans --- */

struct blob {
    _Alignas(64) char bytes[1u << 16];
    uint32_t used;
};

static struct cup_plan_text put_text(struct blob *blob, const char *text)
{
    struct cup_plan_text out = {.offset = blob->used, .bytes = (uint32_t)strlen(text)};

    memcpy(blob->bytes + blob->used, text, out.bytes + 1ul);
    blob->used += out.bytes + 1;
    return out;
}

static inline void *put_list(struct blob *blob, size_t bytes, uint32_t count,
                             struct cup_plan_list *out)
{
    blob->used = (blob->used + 15) / 16 * 16;
    *out       = (struct cup_plan_list){.offset = blob->used, .count = count};
    blob->used += (uint32_t)(bytes * count);
    CHECK(blob->used < sizeof blob->bytes / 2);
    return blob->bytes + out->offset;
}

struct column {
    const char   *name;
    enum cup_type type;
};

/* A plan of two tables of the same columns, an input of each form of compression. */
static inline struct cup_plan *make_plan(const struct column *columns, uint32_t count)
{
    static struct blob blobs[4];
    static uint32_t    next;
    struct blob       *blob = &blobs[next++ % 4];
    struct cup_plan   *plan = (void *)blob->bytes;
    char               path[128];

    memset(blob, 0, sizeof *blob);
    blob->used                    = sizeof *plan;
    plan->generation              = next;
    plan->lake                    = put_text(blob, lake);
    plan->domain                  = put_text(blob, "dom");
    plan->pipeline                = put_text(blob, "pipe");
    plan->codec                   = 0;
    plan->shard_count             = 1;
    struct cup_plan_input *inputs = put_list(blob, sizeof *inputs, INPUTS, &plan->inputs);
    struct cup_plan_table *tables = put_list(blob, sizeof *tables, 2, &plan->tables);
    for (uint32_t i = 0; i < INPUTS; i++) {
        snprintf(path, sizeof path, "%s/in-%u", lake, i);
        inputs[i].path  = put_text(blob, path);
        inputs[i].topic = put_text(blob, path + strlen(lake) + 1);
        inputs[i].gzip  = i == 1;
    }
    for (uint32_t t = 0; t < 2; t++) {
        snprintf(path, sizeof path, "dom/silver/db/t%u", t);
        tables[t].path             = put_text(blob, path);
        tables[t].description      = put_text(blob, t == 0 ? "the \"first\"" : "");
        struct cup_plan_column *to = put_list(blob, sizeof *to, count, &tables[t].columns);
        for (uint32_t i = 0; i < count; i++) {
            to[i].name    = put_text(blob, columns[i].name);
            to[i].comment = put_text(blob, i == 0 ? "a comment" : "");
            to[i].type    = (uint8_t)columns[i].type;
        }
    }
    return plan;
}

static const struct column usual[] = {{"id", CUP_TYPE_LONG}, {"name", CUP_TYPE_STRING}};

static inline struct cup_plan *usual_plan(void)
{
    return make_plan(usual, 2);
}

/* --- the world --- */

static inline void write_path(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static inline void write_input(uint32_t i, const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/in-%u", lake, i);
    write_path(path, text);
}

static inline void run_shell(const char *format, const char *tail)
{
    char command[512];

    snprintf(command, sizeof command, "cd %s && %s%s", lake, format, tail);
    CHECK(system(command) == 0);
}

static inline void new_lake(void)
{
    run_shell("rm -rf dom _cupel in-*", "");
    char text[INPUT_BYTES + 1] = {0};
    write_input(0, memset(text, '0', INPUT_BYTES));
    write_input(1, text);
}

static inline struct cup_store *open_store(const struct cup_plan *plan)
{
    struct cup_store *store;
    char              staging[CUP_STORE_NAME_BYTES];

    if (disk == NULL) CHECK(cup_disk_open(CUP_DISK_AUTO, &disk, NULL) == CUP_OK);
    cup_commit_staging(plan, staging);
    CHECK(cup_store_open(disk, lake, staging, &store, NULL) == CUP_OK);
    return store;
}

static inline enum cup_err try_open(const struct cup_plan *plan, struct cup_store **out_store,
                                    struct cup_commit **out_commit, struct cup_fault *out_fault)
{
    *out_store       = open_store(plan);
    enum cup_err err = cup_commit_open(*out_store, plan, out_commit, out_fault);
    if (err != CUP_OK) cup_store_close(*out_store);
    return err;
}

static inline struct cup_commit *open_commit(const struct cup_plan *plan,
                                             struct cup_store     **out_store)
{
    struct cup_commit *commit;
    struct cup_fault   fault;
    enum cup_err       err = try_open(plan, out_store, &commit, &fault);

    if (err != CUP_OK) fprintf(stderr, "%s: %s\n", fault.what, fault.where);
    CHECK(err == CUP_OK);
    return commit;
}

static inline void close_all(struct cup_commit *commit, struct cup_store *store)
{
    cup_commit_close(commit);
    cup_store_close(store);
}

static inline void refuse_open(const struct cup_plan *plan, enum cup_err expected, const char *what)
{
    struct cup_store  *store;
    struct cup_commit *commit;
    struct cup_fault   fault;

    CHECK(try_open(plan, &store, &commit, &fault) == expected);
    CHECK(strstr(fault.what, what) != NULL);
}

/* --- parts --- */

static inline void add_file(struct cup_epoch_part *part, struct cup_store *store,
                            enum cup_zone zone, uint32_t table, const char *format, uint64_t epoch,
                            uint64_t rows)
{
    static uint32_t        unique;
    struct cup_epoch_file *file = &part->files[part->file_count++];
    struct cup_sealed      sealed;

    file->zone  = zone;
    file->table = table;
    snprintf(file->name, sizeof file->name, "%s%010llu-0-%u-%u", format, (unsigned long long)epoch,
             (unsigned)getpid(), unique++);
    CHECK(cup_store_stage(store, &file->staged, NULL) == CUP_OK);
    CHECK(cup_store_append(file->staged, file->name, strlen(file->name), NULL) == CUP_OK);
    CHECK(cup_store_seal(file->staged, &sealed, NULL) == CUP_OK);
    file->bytes     = sealed.bytes;
    file->crc32c    = sealed.crc32c;
    file->row_count = rows;
    if (zone != CUP_ZONE_BRONZE)
        cup_text_printf(&file->stats, "{\"numRecords\":%llu}", (unsigned long long)rows);
}

/* An epoch of ten bytes and five records of input 0: three accepted, two quarantined. */
static inline struct cup_epoch_part make_part(struct cup_commit *commit, struct cup_store *store)
{
    struct cup_epoch_part part = {.files       = calloc(8, sizeof *part.files),
                                  .ranges      = calloc(2, sizeof *part.ranges),
                                  .range_count = 1};
    uint64_t              start, epoch = cup_commit_next_epoch(commit);
    bool                  ended;

    CHECK(cup_commit_start(commit, 0, &start, &ended, NULL) == CUP_OK);
    part.ranges[0] = (struct cup_epoch_range){.start = start, .end = start + 10, .record_count = 5};
    part.ranges[0].outcomes[CUP_OUTCOME_ACCEPTED]    = 3;
    part.ranges[0].outcomes[CUP_OUTCOME_JSON_SYNTAX] = 2;
    add_file(&part, store, CUP_ZONE_SILVER, 1, "dom/silver/db/t1/part-", epoch, 1);
    add_file(&part, store, CUP_ZONE_BRONZE, 0, "dom/bronze/pipe/date=2026-11-21/", epoch, 5);
    add_file(&part, store, CUP_ZONE_QUARANTINE, 0, QUAR "/part-", epoch, 2);
    add_file(&part, store, CUP_ZONE_SILVER, 0, SILVER "/part-", epoch, 1);
    add_file(&part, store, CUP_ZONE_INDEX, 0, INDEX "/part-", epoch, 5);
    add_file(&part, store, CUP_ZONE_SILVER, 0, SILVER "/part-", epoch, 1);
    return part;
}

static inline enum cup_err try_epoch(struct cup_commit *commit, struct cup_store *store,
                                     struct cup_commit_result *out_result,
                                     struct cup_fault         *out_fault)
{
    struct cup_epoch_part part = make_part(commit, store);
    enum cup_err          err  = cup_commit_epoch(commit, &part, 1, out_result, out_fault);

    CHECK(part.files == NULL && part.ranges == NULL && part.file_count == 0);
    return err;
}

static inline void do_epoch(struct cup_commit *commit, struct cup_store *store)
{
    struct cup_commit_result result;
    struct cup_fault         fault;
    uint64_t                 epoch = cup_commit_next_epoch(commit);
    enum cup_err             err   = try_epoch(commit, store, &result, &fault);

    if (err != CUP_OK) fprintf(stderr, "%s: %s\n", fault.what, fault.where);
    CHECK(err == CUP_OK && result.epoch == epoch && result.record_count == 5);
    CHECK(result.checkpoint_failed_count == 0 && cup_commit_next_epoch(commit) == epoch + 1);
    CHECK(result.zones[CUP_ZONE_SILVER].files == 3 && result.zones[CUP_ZONE_SILVER].rows == 3);
    CHECK(result.zones[CUP_ZONE_BRONZE].rows == 5 && result.zones[CUP_ZONE_LEDGER].files == 1);
    CHECK(result.zones[CUP_ZONE_LEDGER].rows == 7);
}

#endif
