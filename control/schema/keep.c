// SPDX-License-Identifier: Apache-2.0
#include "control/schema/keep.h"

#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT      16u
#define LIST_CAP_LEAST 8u

enum cup_err cup_keep_open(struct cup_keep *keep, struct cup_fault *out_fault)
{
    CUP_ASSERT(keep != NULL);
    void *at = mmap(NULL, CUP_KEEP_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return cup_fault_set(out_fault, CUP_NO_MEMORY, "reserve memory", NULL);
    *keep = (struct cup_keep){.at = at};
    return CUP_OK;
}

void cup_keep_close(struct cup_keep *keep)
{
    if (keep == NULL || keep->at == NULL) return;
    (void)munmap(keep->at, CUP_KEEP_BYTES); /* fails only for a range that was never mapped */
    *keep = (struct cup_keep){0};
}

bool cup_keep_room(const struct cup_keep *keep, size_t bytes)
{
    CUP_ASSERT(keep->at != NULL);
    return bytes <= CUP_KEEP_BYTES - keep->used;
}

void *cup_keep_bytes(struct cup_keep *keep, size_t bytes)
{
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    CUP_ASSERT(rounded >= bytes);
    CUP_ASSERT(cup_keep_room(keep, rounded));
    void *at = keep->at + keep->used;
    keep->used += rounded;
    return at;
}

const char *cup_keep_text(struct cup_keep *keep, const char *text, size_t bytes)
{
    char *copy = cup_keep_bytes(keep, bytes + 1);

    CUP_ASSERT(text != NULL || bytes == 0);
    if (bytes > 0) memcpy(copy, text, bytes);
    return copy; /* zeroed memory: the NUL is there */
}

const char *cup_keep_string(struct cup_keep *keep, const char *string)
{
    return cup_keep_text(keep, string, strlen(string));
}

void *cup_keep_grow(struct cup_keep *keep, void *list, uint32_t count, uint32_t *cap,
                    size_t element_bytes)
{
    CUP_ASSERT(count <= *cap);
    CUP_ASSERT(element_bytes > 0);
    if (count < *cap) return list;
    uint32_t more = *cap < LIST_CAP_LEAST ? LIST_CAP_LEAST : *cap * 2;
    void    *copy = cup_keep_bytes(keep, more * element_bytes);
    if (count > 0) memcpy(copy, list, count * element_bytes);
    *cap = more;
    return copy;
}
