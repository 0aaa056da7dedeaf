// SPDX-License-Identifier: Apache-2.0
/* Goal:   merged files get into their tables whole or not at all, whatever ends the process and
 *         whoever else writes; the log's end goes when it is old, and nothing that readers need.
 * Method: a table on a simulated disk, its manifest committed once; again; with inputs gone;
 * against a writer that takes the version; with the power gone at every operation under every
 * model. After each: the rows of live files are as many as before, live files are there with their
 *         sizes, the folder holds no other file than live and removed ones. */
#include "dataplane/commit/upkeep_priv.h"

#include "base/clock.h"
#include "dataplane/store/sim.h"
#include "tests/check.h"

#define LAKE    "/lake"
#define SHARD   "_cupel/dom/pipe/0"
#define SILVER  "dom/silver/db/t"
#define OTHER   "dom/silver/db/u"
#define ID      "6f1c0d1e-0000-4000-8000-000000000001"
#define INPUTS  6u
#define ROUNDS  6u /* of each model, with other entries lost */
#define MERGED  "part-0000000001-m-x.zstd.parquet"
#define MERGED2 "part-0000000004-m-y.zstd.parquet"

static const struct cup_field fields[] = {{.name = "id", .type = CUP_TYPE_LONG}};

static struct cup_store *open_store(struct cup_disk *disk)
{
    struct cup_store *store;
    struct cup_fault  fault;

    CHECK(cup_store_open(disk, LAKE, SHARD "/upkeep/staging", &store, &fault) == CUP_OK);
    return store;
}

static void put(struct cup_store *store, const char *folder, const char *leaf, const void *bytes,
                size_t count)
{
    char name[CUP_STORE_NAME_BYTES];

    snprintf(name, sizeof name, "%s/%s", folder, leaf);
    CHECK(cup_store_put_if_absent(store, name, bytes, count, NULL) == CUP_OK);
}

static void put_version(struct cup_store *store, const char *table, uint64_t version,
                        struct cup_text *text)
{
    char leaf[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(leaf, version);
    put(store, table, leaf, text->at, text->bytes);
    cup_text_clear(text);
}

static void put_create(struct cup_text *text, const char *configuration)
{
    struct cup_delta_metadata metadata = {
        .id = ID, .fields = fields, .field_count = 1, .configuration_json = configuration};

    cup_delta_put_protocol(text, fields, 1);
    cup_delta_put_metadata(text, &metadata);
}

/* A file of n bytes; without statistics: nobody knows how many rows. */
static void put_add_bare(struct cup_text *text, const char *path, uint64_t bytes)
{
    struct cup_delta_add add = {.path = path, .bytes = bytes, .modified_ms = 5};

    cup_delta_put_add(text, &add);
}

/* A file of n bytes and n rows. */
static void put_add(struct cup_text *text, const char *path, uint64_t bytes)
{
    char                 stats[64];
    struct cup_delta_add add = {
        .path = path, .bytes = bytes, .stats = stats, .data_change = true, .modified_ms = 5};

    snprintf(stats, sizeof stats, "{\"numRecords\":%llu}", (unsigned long long)bytes);
    cup_delta_put_add(text, &add);
}

static const char *input_name(uint32_t number)
{
    static char names[INPUTS + 1][64];

    snprintf(names[number], sizeof names[number], "part-%010u-0-a.zstd.parquet", number);
    return names[number];
}

/* INPUTS files of 10 + n rows, each its own version; from `first` on they are in the table. */
static void make_table(struct cup_store *store, const char *table)
{
    static const char bytes[64] = "x";
    struct cup_text   text      = {0};

    put_create(&text, NULL);
    put_version(store, table, 0, &text);
    for (uint32_t i = 1; i <= INPUTS; i++) {
        put(store, table, input_name(i), bytes, 10 + i);
        put_add(&text, input_name(i), 10 + i);
        put_version(store, table, i, &text);
    }
    cup_text_free(&text);
}

/* Inputs first..first+2 of the table become one staged file. */
static void put_merge(struct cup_store *store, struct cup_text *manifest, const char *table,
                      const char *path, uint32_t first, int row_error)
{
    static const char bytes[64] = "y";
    const char       *inputs[]  = {input_name(first), input_name(first + 1), input_name(first + 2)};
    char              staged[CUP_STORE_NAME_BYTES], stats[64];
    uint64_t          rows = 3 * (10 + first) + 3;

    snprintf(staged, sizeof staged, SHARD "/upkeep/ready/%s-%u", strrchr(table, '/') + 1, first);
    CHECK(cup_store_put_if_absent(store, staged, bytes, rows, NULL) == CUP_OK);
    snprintf(stats, sizeof stats, "{\"numRecords\":%llu}", (unsigned long long)rows);
    struct cup_upkeep_merge merge = {.table          = table,
                                     .table_id       = ID,
                                     .staged         = staged,
                                     .path           = path,
                                     .stats          = stats,
                                     .partition_json = "{}",
                                     .bytes          = rows,
                                     .row_count      = rows + (uint64_t)row_error,
                                     .inputs         = inputs,
                                     .input_count    = 3};
    cup_upkeep_put(manifest, &merge);
}

static void put_manifest(struct cup_store *store, const struct cup_text *manifest)
{
    CHECK(cup_store_replace(store, SHARD "/" CUP_UPKEEP_MANIFEST, manifest->at, manifest->bytes,
                            NULL) == CUP_OK);
}

static void look(struct cup_store *store, const char *folder, struct cup_commit_table *out_table)
{
    *out_table = (struct cup_commit_table){.store = store, .folder = folder};
    CHECK(cup_commit_priv_table_look(out_table, NULL) == CUP_OK && out_table->state != NULL);
}

static uint32_t commit_upkeep(struct cup_store *store)
{
    struct cup_fault fault = {0};
    uint32_t         count = 99;

    enum cup_err err = cup_upkeep_commit(store, SHARD, 0, &count, &fault);
    if (err != CUP_OK) fprintf(stderr, "%d %s %s\n", err, fault.what, fault.where);
    CHECK(err == CUP_OK);
    return count;
}

struct names {
    const struct cup_delta_state *state;
    uint32_t                      strangers, ready;
};

static void check_name(void *arg, const char *name)
{
    struct names *names = arg;
    bool          known = name[0] == '_' || cup_delta_find(names->state, name) != NULL;

    for (uint64_t i = 0; i < names->state->tombstone_count; i++)
        known |= strcmp(names->state->tombstones[i].path, name) == 0;
    names->strangers += !known;
}

static void count_name(void *arg, const char *name)
{
    (void)name;
    ((struct names *)arg)->ready++;
}

/* What must hold of a table at all times; strangers: files that are neither live nor removed. */
static void check_table(struct cup_store *store, const char *folder, bool strangers)
{
    struct cup_commit_table table;
    struct names            names = {0};
    uint64_t                rows  = 0;

    look(store, folder, &table);
    for (uint64_t i = 0; i < table.state->file_count; i++) {
        const struct cup_delta_file *file = &table.state->files[i];
        struct cup_store_info        info;
        char                         name[CUP_STORE_NAME_BYTES];
        snprintf(name, sizeof name, "%s/%s", folder, file->path);
        CHECK(cup_store_info(store, name, &info, NULL) == CUP_OK && info.bytes == file->bytes);
        rows += file->row_count;
    }
    CHECK(rows == 10 * INPUTS + INPUTS * (INPUTS + 1) / 2);
    names.state = table.state;
    CHECK(cup_store_list(store, folder, check_name, &names, NULL) == CUP_OK);
    CHECK(strangers || names.strangers == 0);
    cup_commit_priv_table_close(&table);
}

/* Nothing is left to do: no manifest, no staged file. */
static void check_done(struct cup_store *store)
{
    struct cup_store_info info;
    struct names          names = {0};

    CHECK(cup_store_info(store, SHARD "/" CUP_UPKEEP_MANIFEST, &info, NULL) == CUP_NOT_FOUND);
    CHECK(cup_store_list(store, SHARD "/upkeep/ready", count_name, &names, NULL) == CUP_OK);
    CHECK(names.ready == 0);
}

static struct cup_disk *new_disk(struct cup_store **out_store)
{
    struct cup_disk_sim_options options = {.seed = cup_test_seed};
    struct cup_disk            *disk    = cup_disk_sim_open(&options);

    *out_store = open_store(disk);
    make_table(*out_store, SILVER);
    make_table(*out_store, OTHER);
    return disk;
}

static void expect_files(struct cup_store *store, const char *folder, uint64_t version,
                         uint64_t files, uint64_t tombstones)
{
    struct cup_commit_table table;

    look(store, folder, &table);
    if (table.state->version != version || table.state->file_count != files)
        fprintf(stderr, "%s: version %llu, %llu files\n", folder,
                (unsigned long long)table.state->version,
                (unsigned long long)table.state->file_count);
    CHECK(table.state->version == version && table.state->file_count == files);
    CHECK(table.state->tombstone_count == tombstones);
    cup_commit_priv_table_close(&table);
}

/* --- without crashes --- */

static void check_commit(void)
{
    struct cup_store *store;
    struct cup_disk  *disk     = new_disk(&store);
    struct cup_text   manifest = {0}, json = {0};

    CHECK(commit_upkeep(store) == 0); /* there is nothing */
    put_merge(store, &manifest, SILVER, MERGED, 1, 0);
    put_merge(store, &manifest, SILVER, MERGED2, 4, 0);
    put_merge(store, &manifest, OTHER, MERGED, 2, 0);
    put_manifest(store, &manifest);
    CHECK(commit_upkeep(store) == 2);
    for (int again = 0; again < 2; again++) { /* a manifest that came back changes nothing */
        expect_files(store, SILVER, INPUTS + 1, 2, 6);
        expect_files(store, OTHER, INPUTS + 1, 4, 3);
        check_table(store, SILVER, false);
        check_table(store, OTHER, false);
        if (again == 0) check_done(store);
        put_manifest(store, &manifest);
        CHECK(commit_upkeep(store) == 0);
    }
    CHECK(cup_store_get(store, SILVER "/_delta_log/00000000000000000007.json", &json, NULL) ==
          CUP_OK);
    CHECK(strstr(json.at, "\"operation\":\"OPTIMIZE\"") != NULL &&
          strstr(json.at, "txn\"") == NULL);
    CHECK(strstr(json.at, "\"dataChange\":true") == NULL);
    cup_text_free(&json);
    cup_text_free(&manifest);
    cup_store_close(store);
    cup_disk_close(disk);
}

/* An input that is gone, another table's id, other rows, a staged file that is not there: the merge
 * is dropped with its file, the others go on. */
static void check_dropped(void)
{
    for (int kind = 0; kind < 5; kind++) {
        bool                  foreign = kind == 0 || kind == 4; /* another engine did something */
        struct cup_store     *store;
        struct cup_disk      *disk     = new_disk(&store);
        struct cup_text       manifest = {0}, text = {0};
        struct cup_delta_file gone = {.path           = (char *)(uintptr_t)input_name(2),
                                      .partition_json = (char *)(uintptr_t) "{}",
                                      .bytes          = 12};
        put_merge(store, &manifest, SILVER, MERGED, 1, kind == 1);
        put_merge(store, &manifest, SILVER, MERGED2, 4, 0);
        if (kind == 4) put_add_bare(&text, input_name(3), 13);
        if (foreign) {
            put_add(&text, "back.parquet", 12); /* its rows live on elsewhere */
            cup_delta_put_remove(&text, &gone, 7, true);
            put(store, SILVER, "back.parquet", "xxxxxxxxxxxx", 12);
            put_version(store, SILVER, INPUTS + 1, &text);
        }
        if (kind == 2) CHECK(cup_store_remove(store, SHARD "/upkeep/ready/t-1", NULL) == CUP_OK);
        if (kind == 3) memcpy(strstr(manifest.at, ID), "7f1c", 4);
        put_manifest(store, &manifest);
        CHECK(commit_upkeep(store) == 1);
        expect_files(store, SILVER, INPUTS + 1 + foreign, 4, foreign ? 4 : 3);
        if (kind != 4) check_table(store, SILVER, false);
        check_done(store);
        cup_text_free(&manifest);
        cup_text_free(&text);
        cup_store_close(store);
        cup_disk_close(disk);
    }
}

/* A merged file that was itself merged later is a tombstone: a manifest that comes back must leave
 * it to the readers of that version. A manifest that makes no sense goes away. */
static void check_late(void)
{
    struct cup_store     *store;
    struct cup_disk      *disk     = new_disk(&store);
    struct cup_text       manifest = {0}, text = {0};
    struct cup_store_info info;
    struct cup_delta_file merged = {
        .path = (char *)(uintptr_t)MERGED, .partition_json = (char *)(uintptr_t) "{}", .bytes = 36};

    put_merge(store, &manifest, SILVER, MERGED, 1, 0);
    put_manifest(store, &manifest);
    CHECK(commit_upkeep(store) == 1);
    put_add(&text, "later.parquet", 36);
    cup_delta_put_remove(&text, &merged, 8, false);
    put(store, SILVER, "later.parquet", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 36);
    put_version(store, SILVER, INPUTS + 2, &text);
    put_manifest(store, &manifest);
    CHECK(commit_upkeep(store) == 0);
    CHECK(cup_store_info(store, SILVER "/" MERGED, &info, NULL) == CUP_OK);
    check_table(store, SILVER, false);
    cup_text_clear(&manifest);
    cup_text_puts(&manifest, "{\"table\":\"" SILVER "\",\"inputs\":[]}\n");
    put_manifest(store, &manifest);
    CHECK(commit_upkeep(store) == 0);
    check_done(store);
    cup_text_free(&manifest);
    cup_text_free(&text);
    cup_store_close(store);
    cup_disk_close(disk);
}

/* --- a writer that is faster --- */

/* A disk that lets another writer in just before a version is taken. */
struct rival {
    struct cup_disk     disk;
    struct cup_disk_ops ops;
    struct cup_disk    *inner;
    bool                removes; /* it removes an input; else it only adds a file of no rows */
    uint32_t            left;    /* how often it comes */
    uint64_t            version;
};

static void rival_writes(struct rival *rival)
{
    struct cup_store     *store = open_store(rival->inner);
    struct cup_text       text  = {0};
    char                  name[64];
    struct cup_delta_file gone = {.path           = (char *)(uintptr_t)input_name(1),
                                  .partition_json = (char *)(uintptr_t) "{}",
                                  .bytes          = 11};

    rival->left--;
    snprintf(name, sizeof name, "rival-%u.parquet", rival->left);
    put(store, SILVER, name, "xxxxxxxxxxx", rival->removes ? 11 : 0);
    put_add(&text, name, rival->removes ? 11 : 0);
    if (rival->removes) cup_delta_put_remove(&text, &gone, 7, true);
    put_version(store, SILVER, rival->version++, &text);
    cup_text_free(&text);
    cup_store_close(store);
}

static void rival_run(struct cup_disk *disk, struct cup_disk_op *ops, uint32_t count)
{
    struct rival *rival = (struct rival *)disk;

    for (uint32_t i = 0; i < count; i++)
        if (ops[i].kind == CUP_DISK_LINK && strstr(ops[i].to_name, ".json") != NULL &&
            rival->left > 0)
            rival_writes(rival);
    rival->inner->ops->run(rival->inner, ops, count);
}

static int rival_list(struct cup_disk *disk, int fd, void (*each)(void *, const char *), void *arg)
{
    struct cup_disk *inner = ((struct rival *)disk)->inner;
    return inner->ops->list(inner, fd, each, arg);
}

static int rival_info(struct cup_disk *disk, int fd, const char *name, struct cup_disk_info *out)
{
    struct cup_disk *inner = ((struct rival *)disk)->inner;
    return inner->ops->info(inner, fd, name, out);
}

static void check_rival(bool removes)
{
    struct cup_store *store;
    struct cup_disk  *disk  = new_disk(&store);
    struct rival      rival = {
             .inner = disk, .removes = removes, .left = removes ? 1 : 3, .version = INPUTS + 1};
    struct cup_text manifest = {0};

    put_merge(store, &manifest, SILVER, MERGED, 1, 0);
    put_manifest(store, &manifest);
    cup_store_close(store);
    rival.ops      = *disk->ops;
    rival.ops.run  = rival_run;
    rival.ops.list = rival_list;
    rival.ops.info = rival_info;
    rival.disk.ops = &rival.ops;
    store          = open_store(&rival.disk);
    CHECK(commit_upkeep(store) == (removes ? 0 : 1));
    CHECK(rival.left == 0);
    cup_store_close(store);
    store = open_store(disk);
    check_table(store, SILVER, false);
    check_done(store);
    if (!removes) expect_files(store, SILVER, INPUTS + 4, 4 + 3, 3);
    cup_text_free(&manifest);
    cup_store_close(store);
    cup_disk_close(disk);
}

/* --- crashes --- */

struct ending {
    uint64_t at;
};

static struct cup_disk_sim_verdict judge(void *arg, const struct cup_disk_sim_event *event)
{
    const struct ending *ending = arg;
    return (struct cup_disk_sim_verdict){
        .effect = event->changes && event->number >= ending->at ? CUP_SIM_END : CUP_SIM_DO};
}

static void check_crashes(void)
{
    struct cup_store *store;
    struct cup_disk  *base     = new_disk(&store);
    struct cup_text   manifest = {0};
    uint32_t          crashes  = 0;

    put_merge(store, &manifest, SILVER, MERGED, 1, 0);
    put_merge(store, &manifest, SILVER, MERGED2, 4, 0);
    put_merge(store, &manifest, OTHER, MERGED, 2, 0);
    put_manifest(store, &manifest);
    cup_store_close(store);
    for (bool ended = true; ended; crashes++) {
        for (uint32_t round = 0; round < CUP_SIM_MODEL_COUNT * ROUNDS; round++) {
            struct cup_disk *disk   = cup_disk_sim_copy(base);
            struct ending    ending = {.at = cup_disk_sim_info(disk).number + 1 + crashes};
            uint32_t         count;
            cup_disk_sim_judge(disk, judge, &ending);
            if (cup_store_open(disk, LAKE, SHARD "/upkeep/staging", &store, NULL) == CUP_OK) {
                (void)!cup_upkeep_commit(store, SHARD, 0, &count, NULL);
                cup_store_close(store);
            }
            ended = cup_disk_sim_info(disk).ended;
            cup_disk_sim_judge(disk, NULL, NULL);
            cup_disk_sim_crash(disk, (enum cup_disk_sim_model)(round / ROUNDS),
                               cup_test_seed * 1000 + round);
            store = open_store(disk);
            check_table(store, SILVER, true);
            check_table(store, OTHER, true);
            (void)commit_upkeep(store);
            expect_files(store, SILVER, INPUTS + 1, 2, 6);
            expect_files(store, OTHER, INPUTS + 1, 4, 3);
            check_table(store, SILVER, false);
            check_table(store, OTHER, false);
            cup_store_close(store);
            cup_disk_close(disk);
        }
    }
    CHECK(crashes > 20);
    printf("%u places to crash, %d models\n", crashes, CUP_SIM_MODEL_COUNT);
    cup_text_free(&manifest);
    cup_disk_close(base);
}

/* --- the log's end --- */

/* A disk on which versions below `old_below` look a year old. */
struct aged {
    struct cup_disk     disk;
    struct cup_disk_ops ops;
    struct cup_disk    *inner;
    uint64_t            old_below;
    uint32_t            info_count;
};

static void aged_run(struct cup_disk *disk, struct cup_disk_op *ops, uint32_t count)
{
    struct cup_disk *inner = ((struct aged *)disk)->inner;
    inner->ops->run(inner, ops, count);
}

static int aged_list(struct cup_disk *disk, int fd, void (*each)(void *, const char *), void *arg)
{
    struct cup_disk *inner = ((struct aged *)disk)->inner;
    return inner->ops->list(inner, fd, each, arg);
}

static int aged_info(struct cup_disk *disk, int fd, const char *name, struct cup_disk_info *out)
{
    struct aged *aged = (struct aged *)disk;

    int result = aged->inner->ops->info(aged->inner, fd, name, out);
    aged->info_count++;
    out->modified_us = cup_clock_wall_us();
    if (strtoull(name, NULL, 10) < aged->old_below) out->modified_us -= 365 * 86400 * CUP_US_PER_S;
    return result;
}

struct found {
    uint64_t lowest, highest, json, checkpoints;
};

static void find(void *arg, const char *name)
{
    struct found *found   = arg;
    uint64_t      version = strtoull(name, NULL, 10);

    if (strstr(name, ".checkpoint.") != NULL) found->checkpoints++;
    if (strstr(name, ".json") == NULL) return;
    found->json++;
    if (version < found->lowest) found->lowest = version;
    if (version > found->highest) found->highest = version;
}

/* COMMITS versions with a checkpoint every ten; what is left of the log then? */
static struct found age(uint64_t commits, uint64_t old_below, uint64_t retention_us,
                        const char *configuration)
{
    struct cup_disk_sim_options options = {.seed = cup_test_seed};
    struct aged             aged  = {.inner = cup_disk_sim_open(&options), .old_below = old_below};
    struct found            found = {.lowest = UINT64_MAX};
    struct cup_text         text  = {0};
    struct cup_commit_table table, again;
    char                    path[32];

    aged.ops                = *aged.inner->ops;
    aged.ops.run            = aged_run;
    aged.ops.list           = aged_list;
    aged.ops.info           = aged_info;
    aged.disk.ops           = &aged.ops;
    struct cup_store *store = open_store(&aged.disk);
    put_create(&text, configuration);
    put_version(store, SILVER, 0, &text);
    look(store, SILVER, &table);
    for (uint64_t version = 1; version <= commits; version++) {
        snprintf(path, sizeof path, "%llu.parquet", (unsigned long long)version);
        put_add(&text, path, version);
        put_version(store, SILVER, version, &text);
        if (version % 10 != 0) continue;
        uint32_t before = aged.info_count;
        CHECK(cup_commit_priv_checkpoint(&table, retention_us, NULL) == CUP_OK);
        CHECK(aged.info_count - before < 64); /* not one a version */
    }
    CHECK(cup_store_list(store, SILVER "/_delta_log", find, &found, NULL) == CUP_OK);
    CHECK(found.highest == commits && found.json == commits - found.lowest + 1);
    look(store, SILVER, &again); /* what is left is a whole table */
    CHECK(again.state->file_count == commits && again.state->version == commits);
    cup_commit_priv_table_close(&again);
    cup_commit_priv_table_close(&table);
    cup_text_free(&text);
    cup_store_close(store);
    cup_disk_close(aged.inner);
    return found;
}

static void check_log(void)
{
    const uint64_t year = 400 * 86400ull * (uint64_t)CUP_US_PER_S;

    CHECK(age(95, 0, 0, NULL).lowest == 0);     /* nothing is old */
    CHECK(age(95, 1000, 0, NULL).lowest == 90); /* all is: the newest checkpoint stays */
    CHECK(age(95, 1000, 0, NULL).checkpoints == 1);
    CHECK(age(95, 57, 0, NULL).lowest == 50); /* the cut lies at a checkpoint */
    CHECK(age(95, 57, 0, NULL).checkpoints == 5);
    CHECK(age(95, 60, 0, NULL).lowest == 60);
    CHECK(age(95, 59, 0, NULL).lowest == 50);
    CHECK(age(9, 1000, 0, NULL).lowest == 0);     /* no checkpoint, no cut */
    CHECK(age(95, 1000, year, NULL).lowest == 0); /* the plan's retention */
    CHECK(age(95, 57, year, "{\"delta.logRetentionDuration\":\"interval 30 days\"}").lowest == 50);
    CHECK(age(95, 57, 0, "{\"delta.logRetentionDuration\":\"interval 400 days\"}").lowest == 0);
    CHECK(age(95, 57, 0, "{\"delta.enableExpiredLogCleanup\":\"false\"}").lowest == 0);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_commit();
    check_dropped();
    check_late();
    check_rival(false);
    check_rival(true);
    check_crashes();
    check_log();
    return 0;
}
