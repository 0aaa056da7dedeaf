// SPDX-License-Identifier: Apache-2.0
/* Goal:   a partition's position is that of its decided epochs, wherever it begins, and belongs to
 *         one cluster; where it begins is kept before a record of it is; gaps are counted.
 * Method: epochs of hand-made ranges between openings of a committer; its answers and the journal,
 *         read again, are compared with what was done. */
#include "dataplane/commit/commit_priv.h"
#include "tests/check.h"
#include "tests/dataplane/commit_lake.h"

#define CLUSTER 0xabcdu
#define OTHER   0x1234u

static struct cup_store  *store;
static struct cup_commit *commit;

static void open_topics(void)
{
    struct cup_plan *plan = usual_plan();

    plan->inputs.count = 0;
    plan->until_end    = 0;
    plan->topics.count = 1; /* the committer asks for no more than whether there are any */
    commit             = open_commit(plan, &store);
}

static void close_topics(void)
{
    close_all(commit, store);
}

static struct cup_commit_reading must_consume(uint32_t input, const char *topic, int32_t partition)
{
    const struct cup_commit_partition is = {topic, partition, CLUSTER};
    struct cup_commit_reading         reading;

    CHECK(cup_commit_consume(commit, input, &is, &reading, NULL) == CUP_OK);
    return reading;
}

static void begin(uint32_t input, const char *topic, int32_t partition, uint64_t start)
{
    struct cup_commit_reading reading = must_consume(input, topic, partition);

    CHECK(!reading.known && reading.anchor.inode == CUP_ANCHOR_NONE);
    cup_commit_begin(commit, input, start);
    reading = must_consume(input, topic, partition);
    CHECK(reading.known && reading.start == start);
}

static struct cup_epoch_range range_of(uint32_t input, uint64_t start, uint64_t end)
{
    return (struct cup_epoch_range){
        .input  = input,
        .start  = start,
        .end    = end,
        .anchor = {
            .device = 1, .inode = end - 1, .head_bytes = 7, .head_crc32c = 9, .born_us = -5}};
}

/* Decides the starts from input `from` on and then one range (none: NULL). */
static struct cup_commit_result decide(uint32_t from, const struct cup_epoch_range *range)
{
    struct cup_commit_result result;
    struct cup_epoch_part    parts[2] = {{0}, {.ranges = calloc(1, sizeof *range)}};

    if (range != NULL) parts[1].ranges[parts[1].range_count++] = *range;
    CHECK(cup_commit_starts(commit, from, &parts[1], 1, &parts[0], NULL) == CUP_OK);
    CHECK(cup_commit_epoch(commit, parts, 2, &result, NULL) == CUP_OK);
    return result;
}

static void check_reading(uint32_t input, const char *topic, int32_t partition, uint64_t start,
                          uint64_t anchor)
{
    const struct cup_commit_reading reading = must_consume(input, topic, partition);
    char                            name[64];

    snprintf(name, sizeof name, "%s/%d", topic, partition);
    CHECK(strcmp(reading.name, name) == 0);
    CHECK(reading.known && reading.start == start && reading.anchor.inode == anchor);
    CHECK(reading.anchor.device == CLUSTER); /* the position's, whatever a range says */
}

/* Where partitions begin is in the journal, also without a record. */
static void check_starts(void)
{
    new_lake();
    open_topics();
    CHECK(!cup_commit_consumed(commit));
    begin(0, "a", 0, 0);
    begin(1, "a", 1, 500);
    begin(2, "b", 0, 7);
    CHECK(!cup_commit_consumed(commit));
    close_topics();

    open_topics(); /* nothing was decided */
    CHECK(!cup_commit_consumed(commit));
    begin(0, "a", 0, 0);
    begin(1, "a", 1, 510);
    struct cup_epoch_range range = range_of(1, 510, 520);
    range.record_count = range.outcomes[CUP_OUTCOME_ACCEPTED] = 4; /* holes are legal */
    struct cup_commit_result result                           = decide(0, &range);
    CHECK(result.epoch == 1 && result.record_count == 4);
    CHECK(result.zones[CUP_ZONE_LEDGER].rows == 2); /* a start and a range */
    CHECK(cup_commit_consumed(commit));
    CHECK(decide(2, NULL).epoch == 0 && decide(0, NULL).epoch == 0); /* once only */
    begin(2, "b", 0, 30);                                            /* found while running */
    CHECK(decide(2, NULL).epoch == 2);
    close_topics();

    open_topics();
    CHECK(cup_commit_consumed(commit));
    check_reading(0, "b", 0, 30, CUP_ANCHOR_NONE);
    check_reading(4, "a", 1, 520, 519);
    check_reading(1, "a", 0, 0, CUP_ANCHOR_NONE);
    CHECK(!must_consume(2, "a", 2).known);
    close_topics();
}

/* An epoch without an anchor keeps the one before; lost offsets count as read. */
static void check_gaps(void)
{
    new_lake();
    open_topics();
    begin(0, "a", 0, 0);
    struct cup_epoch_range range = range_of(0, 0, 3);
    CHECK(decide(0, &range).epoch == 1);
    range              = range_of(0, 3, 10);
    range.lost_count   = 7;
    range.anchor.inode = CUP_ANCHOR_NONE;
    CHECK(decide(1, &range).epoch == 2);
    check_reading(0, "a", 0, 10, 2);
    close_topics();
    open_topics();
    check_reading(0, "a", 0, 10, 2);
    const struct cup_commit_reading reading = cup_commit_reading(commit, 0);
    CHECK(reading.anchor.head_bytes == 7 && reading.anchor.head_crc32c == 9);
    CHECK(reading.anchor.born_us == -5);
    close_topics();
}

static void check_cluster(void)
{
    const struct cup_commit_partition other = {"a", 0, OTHER};
    struct cup_commit_reading         reading;
    struct cup_fault                  fault;

    new_lake();
    open_topics();
    begin(0, "a", 0, 4);
    CHECK(decide(0, NULL).epoch == 1);
    CHECK(cup_commit_consume(commit, 1, &other, &reading, &fault) == CUP_INPUT_CHANGED);
    CHECK(strstr(fault.what, "kafka.brokers") != NULL && strcmp(fault.where, "a/0") == 0);
    check_reading(0, "a", 0, 4, CUP_ANCHOR_NONE);
    close_topics();
    open_topics();
    CHECK(cup_commit_consume(commit, 0, &other, &reading, &fault) == CUP_INPUT_CHANGED);
    close_topics();
}

/* A new plan, and a new segment's BASE, keep the positions. */
static void check_adopt(void)
{
    new_lake();
    open_topics();
    begin(0, "a", 0, 2);
    struct cup_epoch_range range = range_of(0, 2, 3);
    CHECK(decide(0, &range).epoch == 1);
    struct cup_plan *plan = usual_plan();
    plan->inputs.count    = 0;
    plan->topics.count    = 1;
    cup_commit_adopt(commit, plan);
    range = range_of(0, 3, 5);
    CHECK(decide(1, &range).epoch == 2);
    close_topics();
    for (int i = 0; i < 2; i++) {
        open_topics();
        check_reading(3, "a", 0, 5, 4);
        close_topics();
    }
}

int main(void)
{
    CHECK(mkdtemp(lake) != NULL);
    check_starts();
    check_gaps();
    check_cluster();
    check_adopt();
    run_shell("rm -rf dom _cupel in-*", "");
    CHECK(rmdir(lake) == 0);
    return 0;
}
