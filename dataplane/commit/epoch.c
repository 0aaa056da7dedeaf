// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/epoch.h"

#include <stdlib.h>

void cup_epoch_part_free(struct cup_epoch_part *part, struct cup_store *store)
{
    for (uint32_t i = 0; i < part->file_count; i++) {
        cup_store_discard(store, part->files[i].staged);
        cup_text_free(&part->files[i].stats);
        cup_text_free(&part->files[i].partition_json);
    }
    free(part->files);
    free(part->ranges);
    free(part->tallies);
    free(part->odds);
    *part = (struct cup_epoch_part){0};
}
