// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_group.h"

#include <stdlib.h>
#include <string.h>

uint64_t cup_group_epoch(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name  = slash == NULL ? path : slash + 1;
    uint64_t    epoch = 0;

    if (strncmp(name, "part-", 5) != 0) return 0;
    for (name += 5; *name >= '0' && *name <= '9'; name++)
        if (__builtin_mul_overflow(epoch, 10u, &epoch) ||
            __builtin_add_overflow(epoch, (uint64_t)(*name - '0'), &epoch))
            return 0;
    return *name == '-' ? epoch : 0;
}

/* By partition; inside one by the order of the rows. */
static int compare_files(const void *a, const void *b)
{
    const struct cup_delta_file *x  = *(const struct cup_delta_file *const *)a;
    const struct cup_delta_file *y  = *(const struct cup_delta_file *const *)b;
    uint64_t                     ex = cup_group_epoch(x->path), ey = cup_group_epoch(y->path);
    int                          order = strcmp(x->partition_json, y->partition_json);

    if (order != 0) return order;
    if (ex != ey) return ex < ey ? -1 : 1;
    if (x->modified_ms != y->modified_ms) return x->modified_ms < y->modified_ms ? -1 : 1;
    return strcmp(x->path, y->path);
}

static uint64_t sum_of(const struct cup_delta_file *const *files, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += files[i]->bytes;
    return sum;
}

/* A file that is larger than all others together is not worth writing again for them: without it,
 * each merge at least doubles what a byte lies in. Returns how many stay. */
static uint32_t leave_out_large(const struct cup_delta_file **files, uint32_t count)
{
    uint64_t sum = sum_of(files, count);

    while (count > 0) {
        uint32_t largest = 0;
        for (uint32_t i = 1; i < count; i++)
            if (files[i]->bytes > files[largest]->bytes) largest = i;
        if (files[largest]->bytes <= sum - files[largest]->bytes) break;
        sum -= files[largest]->bytes;
        count--;
        memmove(&files[largest], &files[largest + 1], (count - largest) * sizeof *files);
    }
    return count;
}

static void cut_groups(struct cup_groups *groups, uint64_t target_bytes,
                       const struct cup_delta_file **files, uint32_t count)
{
    for (uint32_t first = 0, end; first < count; first = end) {
        struct cup_group group = {.inputs = &files[first]};
        for (end = first;
             end < count && group.bytes < target_bytes && group.count < CUP_GROUP_FILES_MAX;
             end++) {
            group.bytes += files[end]->bytes;
            group.count++;
        }
        if (group.count < 2) continue;
        groups->list[groups->count++] = group;
        groups->file_count += group.count;
        groups->bytes += group.bytes;
    }
}

enum cup_err cup_groups_plan(const struct cup_delta_state *state, uint64_t target_bytes,
                             uint32_t files_min, struct cup_groups *out_groups,
                             struct cup_fault *out_fault)
{
    struct cup_groups             groups = {0};
    const struct cup_delta_file **small  = calloc(state->file_count + 1, sizeof *small);
    uint32_t                      count  = 0;

    CUP_ASSERT(files_min >= 2);
    groups.memory = small;
    groups.list   = calloc(state->file_count / 2 + 1, sizeof *groups.list);
    if (small == NULL || groups.list == NULL) {
        cup_groups_free(&groups);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "group files", NULL);
    }
    for (uint64_t i = 0; i < state->file_count; i++)
        if (state->files[i].bytes < target_bytes / 4 * 3) small[count++] = &state->files[i];
    if (count > 0) qsort(small, count, sizeof *small, compare_files);
    for (uint32_t first = 0, end; first < count; first = end) {
        const char *partition = small[first]->partition_json;
        for (end = first; end < count && strcmp(small[end]->partition_json, partition) == 0;)
            end++;
        uint32_t kept = leave_out_large(&small[first], end - first);
        if (kept >= files_min) cut_groups(&groups, target_bytes, &small[first], kept);
    }
    *out_groups = groups;
    return CUP_OK;
}

void cup_groups_free(struct cup_groups *groups)
{
    free(groups->list);
    free(groups->memory);
    *groups = (struct cup_groups){0};
}
