// SPDX-License-Identifier: Apache-2.0
/* Partitions of topics: which position each has, and where those begin that have none. */
#include <inttypes.h>
#include <stdlib.h>

#include "dataplane/commit/commit_priv.h"

#define TOPIC_BYTES_MAX 249u /* Kafka's limit */
#define NAME_BYTES      (TOPIC_BYTES_MAX + 16u)

/* The journal may know the topic's offsets of another cluster: they mean nothing here. */
static enum cup_err compare_cluster(const struct cup_position *position, uint64_t cluster_hash,
                                    struct cup_fault *out_fault)
{
    if (!position->recorded || position->identity.device == cluster_hash) return CUP_OK;
    return cup_fault_set(out_fault, CUP_INPUT_CHANGED,
                         "the partition was read from another cluster before, whose offsets mean "
                         "nothing here: set kafka.brokers to that cluster, or give the pipeline "
                         "another name to read this one from the start",
                         position->path);
}

enum cup_err cup_commit_consume(struct cup_commit *commit, uint32_t input,
                                const struct cup_commit_partition *partition,
                                struct cup_commit_reading *out_reading, struct cup_fault *out_fault)
{
    char name[NAME_BYTES];

    CUP_ASSERT(cup_plan_consumes(commit->plan));
    int bytes = snprintf(name, sizeof name, "%s/%" PRId32, partition->topic, partition->partition);
    if (bytes < 0 || (size_t)bytes >= sizeof name || !cup_position_consumed(name))
        return cup_fault_set(out_fault, CUP_BAD_DATA, "name of a topic", partition->topic);
    struct cup_position *position =
        cup_positions_add(&commit->state.positions, name, partition->topic);
    if (position == NULL || !cup_commit_priv_put_input(commit, input, position))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "partition", name);
    enum cup_err err = compare_cluster(position, partition->cluster_hash, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_is_ours(commit, position, out_fault);
    if (err != CUP_OK) return err;
    if (!position->recorded && !position->started)
        position->identity = (struct cup_input_identity){.device = partition->cluster_hash,
                                                         .inode  = CUP_ANCHOR_NONE};
    position->started |= position->recorded;
    position->checked = position->end;
    *out_reading      = cup_commit_reading(commit, input);
    return CUP_OK;
}

void cup_commit_begin(struct cup_commit *commit, uint32_t input, uint64_t start)
{
    CUP_ASSERT(input < commit->input_count && commit->inputs[input] != NULL);
    struct cup_position *position = commit->inputs[input];

    CUP_ASSERT(!position->recorded && !position->started);
    position->end = position->checked = start;
    position->started                 = true;
}

struct cup_commit_reading cup_commit_reading(const struct cup_commit *commit, uint32_t input)
{
    CUP_ASSERT(input < commit->input_count && commit->inputs[input] != NULL);
    const struct cup_position *position = commit->inputs[input];

    return (struct cup_commit_reading){.name   = position->path,
                                       .known  = position->started,
                                       .start  = position->end,
                                       .anchor = position->identity};
}

bool cup_commit_consumed(const struct cup_commit *commit)
{
    const struct cup_positions *positions = &commit->state.positions;

    for (uint32_t i = 0; i < positions->count; i++)
        if (positions->list[i]->recorded && cup_position_consumed(positions->list[i]->path))
            return true;
    return false;
}

/* Notes which inputs from `from` on have a range in the parts. */
static void note_ranges(const struct cup_epoch_part *parts, uint32_t part_count, uint32_t from,
                        bool *has_range)
{
    for (uint32_t p = 0; p < part_count; p++)
        for (uint32_t i = 0; i < parts[p].range_count; i++)
            if (parts[p].ranges[i].input >= from) has_range[parts[p].ranges[i].input - from] = true;
}

enum cup_err cup_commit_starts(const struct cup_commit *commit, uint32_t from,
                               const struct cup_epoch_part *parts, uint32_t part_count,
                               struct cup_epoch_part *out_part, struct cup_fault *out_fault)
{
    struct cup_epoch_part part  = {0};
    const size_t          count = commit->input_count - from + 1ul;

    CUP_ASSERT(from <= commit->input_count);
    bool *has_range = calloc(count, sizeof *has_range);
    part.ranges     = calloc(count, sizeof *part.ranges);
    if (part.ranges == NULL || has_range == NULL) {
        free(part.ranges);
        free(has_range);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "where partitions begin", NULL);
    }
    note_ranges(parts, part_count, from, has_range);
    for (uint32_t i = from; i < commit->input_count; i++) {
        const struct cup_position *position = commit->inputs[i];
        if (position == NULL || position->recorded || !position->started) continue;
        if (has_range[i - from]) continue;
        part.ranges[part.range_count++] =
            (struct cup_epoch_range){.input  = i,
                                     .start  = position->end,
                                     .end    = position->end,
                                     .anchor = {.inode = CUP_ANCHOR_NONE}};
    }
    free(has_range);
    *out_part = part;
    return CUP_OK;
}
