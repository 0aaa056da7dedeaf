// SPDX-License-Identifier: Apache-2.0
/* Goal:   shards of one pipeline have a journal each and the tables together; how many there are,
 *         and which input belongs to which, is never changed unnoticed.
 * Method: committers with plans of several shards on one lake of commit_lake.h; then plans that ask
 *         for another number, for another shard's input, and a note of the number that is damaged
 * or missing. */
#include "tests/dataplane/commit_lake.h"
#include "tests/dataplane/commit_look_priv.h"

static struct cup_plan *shard_plan(uint32_t shard, uint32_t shard_count)
{
    struct cup_plan *plan = usual_plan();

    plan->shard       = shard;
    plan->shard_count = shard_count;
    if (shard > 0) { /* another input */
        char *path = (char *)(uintptr_t)cup_plan_text(plan, cup_plan_inputs(plan)[0].path);
        path[strlen(path) - 1] = (char)('1' + shard);
    }
    return plan;
}

static void one_epoch(void)
{
    struct cup_store  *store;
    struct cup_commit *commit = open_commit(usual_plan(), &store);

    do_epoch(commit, store);
    close_all(commit, store);
}

static void check_number(void)
{
    struct cup_store  *store, *other_store;
    struct cup_commit *commit, *other;

    new_lake();
    run_shell("cp in-0 ", "in-2");
    commit = open_commit(shard_plan(1, 2), &store);
    refuse_open(shard_plan(0, 3), CUP_BAD_CONFIG, "another number of shards");
    refuse_open(usual_plan(), CUP_BAD_CONFIG, "another number of shards");
    other = open_commit(shard_plan(0, 2), &other_store);
    do_epoch(commit, store);
    do_epoch(other, other_store);
    close_all(other, other_store);
    close_all(commit, store);
    CHECK(count_text(get_version(SILVER, 1), "\"appId\":\"cupel/dom/pipe/1\"") == 1);
    CHECK(count_text(get_version(SILVER, 2), "\"appId\":\"cupel/dom/pipe/0\"") == 1);
    CHECK(count_text(get_version(LEDGER, 1), "-1-c-") == 1);
    CHECK(count_text(get_version(LEDGER, 2), "-0-c-") == 1);
    refuse_open(usual_plan(), CUP_BAD_CONFIG, "another number of shards");
    run_shell("echo 2x >", "_cupel/dom/pipe/shards");
    refuse_open(shard_plan(0, 2), CUP_CORRUPT, "a number of shards");
    /* a lake of one shard that was begun before the number was noted */
    new_lake();
    one_epoch();
    run_shell("rm ", "_cupel/dom/pipe/shards");
    refuse_open(shard_plan(1, 2), CUP_BAD_CONFIG, "another number of shards");
    one_epoch();
}

/* As if the entries of input had changed places. */
static void check_inputs(void)
{
    struct cup_store  *store;
    struct cup_commit *commit;
    struct cup_fault   fault;
    uint64_t           start;
    bool               ended;

    new_lake();
    run_shell("cp in-0 ", "in-2");
    commit = open_commit(shard_plan(1, 2), &store);
    do_epoch(commit, store);
    close_all(commit, store);
    struct cup_plan *swapped = shard_plan(1, 2);
    swapped->shard           = 0;
    commit                   = open_commit(swapped, &store);
    CHECK(cup_commit_start(commit, 0, &start, &ended, &fault) == CUP_INPUT_CHANGED);
    CHECK(strstr(fault.what, "another shard") != NULL &&
          strstr(fault.where, "shard 1 has ") != NULL);
    CHECK(cup_commit_start(commit, 1, &start, &ended, &fault) == CUP_OK);
    close_all(commit, store);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    CHECK(mkdtemp(lake) != NULL);
    check_number();
    check_inputs();
    new_lake();
    run_shell("rm -rf dom _cupel in-*; rmdir ", lake);
    return 0;
}
