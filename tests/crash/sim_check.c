// SPDX-License-Identifier: Apache-2.0
#include <ftw.h>
#include <inttypes.h>
#include <unistd.h>

#include "kernels/isal/isal.h"
#include "lake/delta.h"
#include "lake/tool/tool_commands.h"
#include "tests/check.h"
#include "tests/crash/sim_world.h"

#define NAME_BYTES    512u
#define BRONZE_FOLDER "dom/bronze/pipe/date=2026-11-21"
#define REMOVE_FDS    16 /* descriptors that removing a tree may hold */

/* --- readers --- */

void life_read(struct life *life)
{
    char        name[NAME_BYTES];
    const void *bytes;
    size_t      count;

    for (uint32_t table = 0; table < WORLD_TABLES; table++) {
        for (uint32_t version = 0; version < WORLD_VERSIONS; version++) {
            snprintf(name, sizeof name, WORLD_LAKE "/%s/_delta_log/%020u.json", world_tables[table],
                     version);
            if (!cup_disk_sim_read(life->disk, name, &bytes, &count)) break;
            uint32_t crc = cup_crc32c(0, bytes, count) | 1; /* 0 means never seen */
            if (life->seen[table][version] == 0) life->seen[table][version] = crc;
            if (life->seen[table][version] != crc)
                life_blame(life, "%s: version %u changed under a reader", world_tables[table],
                           version);
        }
    }
}

/* --- tables --- */

struct look {
    struct life *life;
    const char  *folder;
    uint32_t     zone, steps;
    uint32_t     found[WORLD_STEPS_MAX]; /* files of each step */
    uint32_t     names;                  /* data files in the folder */
};

static enum cup_err io_get(void *arg, const char *name, struct cup_text *out,
                           struct cup_fault *out_fault)
{
    const struct look *look = arg;
    char               path[NAME_BYTES];
    const void        *bytes;
    size_t             count;

    snprintf(path, sizeof path, WORLD_LAKE "/%s/%s", look->folder, name);
    if (!cup_disk_sim_read(look->life->disk, path, &bytes, &count))
        return cup_fault_set(out_fault, CUP_NOT_FOUND, "read", path);
    cup_text_put(out, bytes, count);
    return CUP_OK;
}

static enum cup_err io_list(void *arg, const char *folder, void (*each)(void *, const char *name),
                            void *each_arg, struct cup_fault *out_fault)
{
    const struct look *look = arg;
    char               path[NAME_BYTES];

    snprintf(path, sizeof path, WORLD_LAKE "/%s/%s", look->folder, folder);
    if (!cup_disk_sim_list(look->life->disk, path, each, each_arg))
        return cup_fault_set(out_fault, CUP_NOT_FOUND, "list", path);
    return CUP_OK;
}

/* A data file: its epoch is in its name, its bytes are those of the step. */
static void check_file(struct look *look, const char *name)
{
    char        path[NAME_BYTES], *end;
    const void *bytes;
    size_t      count;
    uint32_t epoch = (uint32_t)strtoul(name + (strncmp(name, "part-", 5) == 0 ? 5 : 0), &end, 10);

    if (strtoul(end + 1, NULL, 10) != look->life->world->shard) return; /* another life's */
    snprintf(path, sizeof path, WORLD_LAKE "/%s/%s", look->folder, name);
    if (epoch < 1 || epoch > look->steps) {
        life_blame(look->life, "%s: a file of epoch %u", path, epoch);
        return;
    }
    look->found[epoch - 1]++;
    if (!cup_disk_sim_read(look->life->disk, path, &bytes, &count)) {
        life_blame(look->life, "%s is gone", path);
        return;
    }
    const struct world_file *made = &look->life->world->files[epoch - 1][look->zone];
    if (look->zone == WORLD_LEDGER) return;
    if (made->bytes == NULL || made->count != count || memcmp(made->bytes, bytes, count) != 0)
        life_blame(look->life, "%s: the bytes are not those of the step", path);
}

static void count_name(void *arg, const char *name)
{
    ((struct look *)arg)->names += name[0] != '_';
}

static void check_bronze_name(void *arg, const char *name)
{
    check_file(arg, name);
}

static bool has_file(const struct world *world, uint32_t step, uint32_t zone)
{
    return zone == WORLD_LEDGER || world->files[step][zone].bytes != NULL;
}

/* Each step's file once, and nothing else; *out_last: number of the last epoch with one. */
static uint32_t check_found(struct look *look, uint32_t *out_last)
{
    uint32_t files = 0;

    *out_last = 0;
    for (uint32_t step = 0; step < look->steps; step++) {
        bool expected = has_file(look->life->world, step, look->zone);
        if (look->found[step] != expected)
            life_blame(look->life, "%s: %u files of epoch %u, not %u", look->folder,
                       look->found[step], step + 1, expected);
        files += expected;
        if (expected) *out_last = step + 1;
    }
    return files;
}

static void check_state(struct look *look, const struct cup_delta_state *state)
{
    const struct world *world = look->life->world;
    uint32_t            last, files;
    char                app[64];

    snprintf(app, sizeof app, "cupel/dom/pipe/%u", world->shard);
    for (uint64_t i = 0; state != NULL && i < state->file_count; i++)
        check_file(look, state->files[i].path);
    files = check_found(look, &last);
    if (state == NULL) return;
    if (world->shard_count == 1 && state->version != files) /* the first makes the table */
        life_blame(look->life, "%s: version %" PRIu64 " after %u epochs", look->folder,
                   state->version, files);
    if (cup_delta_txn_version(state, app) != last)
        life_blame(look->life, "%s: txn is %" PRIu64 ", not %u", look->folder,
                   cup_delta_txn_version(state, app), last);
}

static void check_table(struct life *life, uint32_t table, uint32_t steps)
{
    struct look look = {.life = life, .folder = world_tables[table], .zone = table, .steps = steps};
    struct cup_delta_io     io    = {.arg = &look, .get = io_get, .list = io_list};
    struct cup_delta_state *state = NULL;
    struct cup_fault        fault;
    char                    path[NAME_BYTES];
    enum cup_err            err = cup_delta_load(&io, &state, &fault);

    if (err != CUP_OK && err != CUP_NOT_FOUND) {
        life_blame(life, "%s: %s: %s", world_tables[table], fault.what, fault.where);
        return;
    }
    check_state(&look, state);
    snprintf(path, sizeof path, WORLD_LAKE "/%s", look.folder);
    (void)cup_disk_sim_list(life->disk, path, count_name, &look); /* no folder: no names */
    if (look.names != (state == NULL ? 0 : state->file_count) && !life->orphans_allowed)
        life_blame(life, "%s: %u data files, %" PRIu64 " are live", look.folder, look.names,
                   state == NULL ? 0 : state->file_count);
    cup_delta_state_free(state);
}

static void check_bronze(struct life *life, uint32_t steps)
{
    struct look look = {
        .life = life, .folder = BRONZE_FOLDER, .zone = WORLD_BRONZE, .steps = steps};
    uint32_t last;

    (void)cup_disk_sim_list(life->disk, WORLD_LAKE "/" BRONZE_FOLDER, check_bronze_name,
                            &look); /* no folder: no names */
    if (!life->orphans_allowed) (void)check_found(&look, &last);
}

void life_check(struct life *life, uint32_t steps)
{
    for (uint32_t table = 0; table < WORLD_TABLES; table++)
        check_table(life, table, steps);
    check_bronze(life, steps);
}

/* --- cupel-lake --- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void life_verify(struct life *life)
{
    char             folder[64], *text = NULL;
    size_t           bytes = 0;
    struct cup_fault fault;

    if (life->why[0] != '\0') return;
    snprintf(folder, sizeof folder, "/dev/shm/cupel-sim-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        snprintf(folder, sizeof folder, "/tmp/cupel-sim-XXXXXX");
        CHECK(mkdtemp(folder) != NULL);
    }
    CHECK(cup_disk_sim_export(life->disk, WORLD_LAKE, folder, &fault) == CUP_OK);
    FILE *out = open_memstream(&text, &bytes);
    CHECK(out != NULL);
    struct cup_verify_options options = {.lake = folder, .deep = true};
    enum cup_exit             code    = cup_verify_run(&options, out);
    CHECK(fclose(out) == 0);
    if (code != CUP_EXIT_OK) life_blame(life, "verify: %.200s", text);
    free(text);
    CHECK(nftw(folder, remove_one, REMOVE_FDS, FTW_DEPTH | FTW_PHYS) == 0);
}
