// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

bool cup_commit_priv_advances(const struct cup_position    *position,
                              const struct cup_epoch_range *range)
{
    bool begins = cup_position_consumed(position->path) && !position->recorded;

    return begins || range->end > range->start || (range->ended && !position->ended);
}

struct cup_input_identity cup_commit_priv_identity(const struct cup_position    *position,
                                                   const struct cup_epoch_range *range)
{
    struct cup_input_identity identity = position->identity;

    if (!cup_position_consumed(position->path) || range->anchor.inode == CUP_ANCHOR_NONE)
        return identity;
    identity        = range->anchor;
    identity.device = position->identity.device;
    return identity;
}

/* A record has one outcome; all are told. */
static void check_range(const struct cup_epoch_range *range)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++)
        sum += range->outcomes[i];
    CUP_ASSERT(sum == range->record_count);
    CUP_ASSERT(range->end >= range->start);
    CUP_ASSERT(range->record_count <= range->end - range->start);
    CUP_ASSERT(range->lost_count <= range->end - range->start - range->record_count);
}

static void check_file(const struct cup_commit *commit, const struct cup_epoch_file *file)
{
    CUP_ASSERT(file->zone < CUP_ZONE_LEDGER);
    CUP_ASSERT(file->zone != CUP_ZONE_SILVER || file->table < commit->plan->tables.count);
    CUP_ASSERT(file->staged != NULL);
    CUP_ASSERT(memchr(file->name, '\0', sizeof file->name) != NULL);
}

/* An input may have several ranges, if they follow each other: the position is moved for the check
 * and put back. A violation is a bug that would lose or double records: it must not get further. */
void cup_commit_priv_check(struct cup_commit *commit, const struct cup_epoch_part *parts,
                           uint32_t part_count, bool *out_progress)
{
    bool progress = false;

    for (uint32_t p = 0; p < part_count; p++) {
        for (uint32_t i = 0; i < parts[p].range_count; i++) {
            const struct cup_epoch_range *range = &parts[p].ranges[i];
            CUP_ASSERT(range->input < commit->input_count);
            struct cup_position *position = commit->inputs[range->input];
            CUP_ASSERT(position != NULL);
            check_range(range);
            CUP_ASSERT(range->start == position->checked);
            position->checked = range->end;
            progress |= cup_commit_priv_advances(position, range);
        }
        for (uint32_t i = 0; i < parts[p].file_count; i++)
            check_file(commit, &parts[p].files[i]);
        progress |= parts[p].file_count > 0;
    }
    for (uint32_t p = 0; p < part_count; p++)
        for (uint32_t i = 0; i < parts[p].range_count; i++) {
            struct cup_position *position = commit->inputs[parts[p].ranges[i].input];
            position->checked             = position->end;
        }
    *out_progress = progress;
}
