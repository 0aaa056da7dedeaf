// SPDX-License-Identifier: Apache-2.0
/* Goal:   a followed file is one input whatever it is called, and another one when its bytes are
 *         others; no two inputs have one name; what is gone is forgotten, what is not, is not.
 * Method: files made, renamed, truncated and removed between openings of a committer; its answers
 *         and the journal, read again, are compared with what was done. */
#include <sys/stat.h>

#include "dataplane/commit/commit_priv.h"
#include "tests/check.h"
#include "tests/dataplane/commit_lake.h"

static struct cup_store  *store;
static struct cup_commit *commit;

static void open_follow(void)
{
    struct cup_plan *plan = usual_plan();

    plan->inputs.count = 0;
    plan->until_end    = 0;
    commit             = open_commit(plan, &store);
}

static void close_follow(void)
{
    close_all(commit, store);
}

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static int  next;
    char       *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/in-%s", lake, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    write_path(path_of(name), text);
}

static enum cup_err find(uint32_t input, const char *name, bool beside,
                         struct cup_commit_place *out_place)
{
    const struct cup_commit_file file = {.path = path_of(name), .topic = name, .beside = beside};

    return cup_commit_follow(commit, input, &file, out_place, NULL);
}

static struct cup_commit_place must_find(uint32_t input, const char *name)
{
    struct cup_commit_place place;

    CHECK(find(input, name, false, &place) == CUP_OK);
    return place;
}

/* An epoch of one range without records. */
static void decide(uint32_t input, uint64_t start, uint64_t end)
{
    struct cup_commit_result result;
    struct cup_epoch_part    part = {.ranges = calloc(1, sizeof *part.ranges), .range_count = 1};

    part.ranges[0] = (struct cup_epoch_range){.input = input, .start = start, .end = end};
    CHECK(cup_commit_epoch(commit, &part, 1, &result, NULL) == CUP_OK && result.epoch > 0);
    CHECK(cup_commit_end(commit, input) == end);
}

static void check_place(struct cup_commit_place place, const char *name, uint32_t generation,
                        uint64_t start)
{
    CHECK(strcmp(place.name, name) == 0);
    CHECK(place.generation == generation && place.start == start);
    CHECK(strcmp(place.path + strlen(place.path) - strlen(name), name) == 0);
}

static void check_rename(void)
{
    struct cup_commit_place place;

    new_lake();
    open_follow();
    write_file("a", "one\ntwo\n");
    write_file("other", "x\n");
    check_place(must_find(0, "a"), "a", 0, 0);
    decide(0, 0, 4);
    CHECK(rename(path_of("a"), path_of("a.1")) == 0);
    write_file("a", "new\n");
    place = must_find(1, "a");
    check_place(place, "a~1", 1, 0);
    CHECK(place.rotated && !place.changed);
    CHECK(cup_position_base(place.name, 1) == 1 && cup_position_base("a~1", 0) == 3);
    decide(1, 0, 4);
    close_follow();
    open_follow(); /* indexes are others, and the order too */
    CHECK(find(0, "other", true, &place) == CUP_NOT_FOUND);
    CHECK(find(0, "none", false, &place) == CUP_NOT_FOUND);
    check_place(must_find(0, "a"), "a~1", 1, 4);
    CHECK(find(70, "a.1", true, &place) == CUP_OK);
    check_place(place, "a", 0, 4);
    decide(70, 4, 8);
    close_follow();
    open_follow();
    check_place(must_find(0, "a.1"), "a", 0, 8);
    close_follow();
}

static void check_other_bytes(void)
{
    struct cup_commit_place place;

    new_lake();
    open_follow();
    write_file("t", "one\ntwo\n");
    check_place(must_find(0, "t"), "t", 0, 0);
    decide(0, 0, 8);
    close_follow();
    write_file("t", "one\n"); /* the same file, shorter */
    open_follow();
    place = must_find(0, "t");
    check_place(place, "t~1", 1, 0);
    CHECK(place.changed);
    decide(0, 0, 4);
    close_follow();
    write_file("t", "two\nand more\n"); /* longer, but not the same */
    open_follow();
    check_place(must_find(0, "t"), "t~2", 2, 0);
    const struct cup_commit_file anew = {
        .path = path_of("t"), .topic = "t", .key = path_of("t"), .anew = true};
    CHECK(cup_commit_follow(commit, 1, &anew, &place, NULL) == CUP_OK);
    check_place(place, "t~3", 3, 0);
    close_follow();
}

/* Names of files that look like generations. */
static void check_names(void)
{
    new_lake();
    open_follow();
    write_file("n", "1\n");
    write_file("n~1", "2\n");
    check_place(must_find(0, "n~1"), "n~1", 0, 0);
    check_place(must_find(1, "n"), "n", 0, 0);
    decide(0, 0, 2);
    decide(1, 0, 2);
    CHECK(rename(path_of("n"), path_of("old")) == 0);
    write_file("n", "3\n");
    check_place(must_find(2, "n"), "n~2", 2, 0);
    close_follow();
}

static uint32_t count_positions(uint32_t *out_least)
{
    struct cup_journal_state state;
    char                     name[CUP_STORE_NAME_BYTES];

    CHECK(cup_commit_priv_join(commit->shard_folder, "journal", name, NULL) == CUP_OK);
    CHECK(cup_journal_read(store, name, &state, NULL) == CUP_OK);
    uint32_t count = state.positions.count;
    *out_least     = state.generation_min;
    cup_journal_state_free(&state);
    return count;
}

static void check_forgetting(void)
{
    char     name[32];
    uint32_t least, count = CUP_JOURNAL_GONE_MAX;

    new_lake();
    open_follow();
    for (uint32_t i = 0; i <= count; i++) { /* by hand: the journal has many */
        snprintf(name, sizeof name, "g%u", i);
        struct cup_position *position =
            cup_positions_add(&commit->state.positions, path_of(name), name);
        position->recorded = true;
        position->identity = (struct cup_input_identity){.device = 1, .inode = i + 1};
        position->end = position->checked = 10;
    }
    struct stat info;
    CHECK(stat(lake, &info) == 0);
    for (uint32_t i = 1; i <= count; i++) /* the first is on another device: not mounted now */
        commit->state.positions.list[i]->identity.device = info.st_dev;
    commit->state.positions.list[count]->generation = 0;
    write_file("here", "x\n");
    check_place(must_find(0, "here"), "here", 0, 0);
    write_file("back", "y\n");
    check_place(must_find(2, "back"), "back", 0, 0);
    decide(2, 0, 2);
    cup_commit_gone(commit, 2);
    cup_commit_scanned(commit);
    CHECK(!commit->state.positions.list[0]->gone && commit->state.positions.list[1]->gone);
    decide(0, 0, 2);
    CHECK(count_positions(&least) == 2 && least == 1);
    write_file("g5", "again\n");
    check_place(must_find(1, "g5"), "g5~1", 1, 0); /* no name twice */
    decide(1, 0, 6);
    cup_commit_gone(commit, 1);
    check_place(must_find(3, "back"), "back~1", 1, 0);
    decide(3, 0, 2);
    close_follow();
    open_follow();
    CHECK(count_positions(&least) == 4 && least == 1); /* forgotten only when there are many */
    write_file("g7", "again\n");
    check_place(must_find(2, "g7"), "g7~1", 1, 0);
    check_place(must_find(0, "here"), "here", 0, 2);
    check_place(must_find(1, "g5"), "g5~1", 1, 6);
    close_follow();
}

int main(void)
{
    CHECK(mkdtemp(lake) != NULL);
    check_rename();
    check_other_bytes();
    check_names();
    check_forgetting();
    run_shell("rm -rf dom _cupel in-*", "");
    CHECK(rmdir(lake) == 0);
    return 0;
}
