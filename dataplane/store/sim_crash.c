// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/sim_priv.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR_BYTES 512u /* no more than this is ever written at once */

struct crash {
    struct cup_disk_sim    *sim;
    enum cup_disk_sim_model model;
    struct cup_rnd          rnd;
    uint64_t                cut; /* PREFIX: the last operation that is there */
};

/* --- what nothing leads to --- */

static void mark(struct cup_disk_sim *sim, uint32_t number, uint32_t *stack, uint32_t *depth)
{
    if (number == 0 || sim->slots[number].marked) return;
    sim->slots[number].marked = true;
    if (sim->slots[number].inode->folder) stack[(*depth)++] = number;
}

void cup_sim_priv_sweep(struct cup_disk_sim *sim)
{
    uint32_t *stack = cup_sim_priv_memory(NULL, sim->slot_count * sizeof *stack);
    uint32_t  depth = 0;

    for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++)
        if (i == CUP_SIM_ROOT || sim->slots[i].opens > 0) mark(sim, i, stack, &depth);
    while (depth > 0) {
        const struct cup_sim_inode *folder = sim->slots[stack[--depth]].inode;
        for (uint32_t i = 0; i < folder->entry_count; i++) {
            mark(sim, folder->entries[i].seen, stack, &depth);
            mark(sim, folder->entries[i].durable, stack, &depth);
        }
        for (uint32_t i = 0; i < folder->change_count; i++)
            mark(sim, folder->changes[i].inode, stack, &depth);
    }
    free(stack);
    sim->live_slots = 0;
    sim->free_slot  = 0;
    for (uint32_t i = sim->slot_count - 1; i >= CUP_SIM_ROOT; i--) {
        struct cup_sim_slot *slot = &sim->slots[i];
        sim->live_slots += slot->marked;
        if (!slot->marked) {
            cup_sim_priv_drop(slot->inode);
            *slot          = (struct cup_sim_slot){.links = sim->free_slot};
            sim->free_slot = i;
        }
        slot->marked = false;
    }
}

/* Links and bytes after a crash. What only the durable side knows takes no room that is counted. */
static void count_again(struct cup_disk_sim *sim)
{
    sim->used_bytes = 0;
    for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++)
        if (sim->slots[i].inode != NULL) sim->slots[i].links = 0;
    for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++) {
        const struct cup_sim_inode *inode = sim->slots[i].inode;
        for (uint32_t k = 0; inode != NULL && k < inode->entry_count; k++)
            if (inode->entries[k].seen != 0) sim->slots[inode->entries[k].seen].links++;
    }
    for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++) {
        const struct cup_sim_slot *slot = &sim->slots[i];
        if (slot->inode != NULL && (slot->links > 0 || i == CUP_SIM_ROOT))
            sim->used_bytes += CUP_SIM_INODE_BYTES + slot->inode->seen.bytes;
    }
}

/* --- folders --- */

static void settle_folder(struct crash *crash, struct cup_sim_inode *folder)
{
    static const uint32_t chances[] = {0, 50, 100}; /* of a hundred */
    uint32_t              chance    = chances[cup_rnd_below(&crash->rnd, 3)];

    for (uint32_t i = 0; i < folder->change_count; i++) {
        const struct cup_sim_change *change = &folder->changes[i];
        bool kept = crash->model == CUP_SIM_PREFIX ? change->number <= crash->cut
                                                   : cup_rnd_below(&crash->rnd, 100) < chance;
        if (kept) folder->entries[change->entry].durable = change->inode;
    }
    folder->change_count = 0;
    for (uint32_t i = 0; i < folder->entry_count; i++)
        folder->entries[i].seen = folder->entries[i].durable;
}

/* --- files --- */

/* The file as it was at the cut. Of bytes that were overwritten later, the later ones. */
static void keep_prefix(const struct crash *crash, const struct cup_sim_inode *file,
                        struct cup_sim_span *span)
{
    uint32_t kept = 0;

    while (kept < file->growth_count && file->growths[kept].number <= crash->cut)
        kept++;
    if (kept == 0) return;
    size_t bytes = file->growths[kept - 1].bytes;
    cup_sim_priv_span_share(span, &file->seen);
    if (bytes < span->bytes) span->bytes = bytes;
}

/* Some of the unsynced sectors, in any order; the size is one that the file may have had. */
static void tear_sectors(struct crash *crash, struct cup_sim_inode *file, struct cup_sim_span *span)
{
    static const uint8_t zeros[SECTOR_BYTES];
    size_t               bytes = file->seen.bytes;

    if (bytes > span->bytes) {
        size_t sectors = (bytes - span->bytes + SECTOR_BYTES - 1) / SECTOR_BYTES;
        size_t end = span->bytes + SECTOR_BYTES * cup_rnd_below(&crash->rnd, (uint32_t)sectors + 1);
        if (end < bytes) bytes = end;
    }
    for (size_t at = 0; at < bytes; at += SECTOR_BYTES) {
        size_t count  = bytes - at < SECTOR_BYTES ? bytes - at : SECTOR_BYTES;
        bool   within = at + count <= span->bytes;
        if (within && memcmp(span->blob->bytes + at, file->seen.blob->bytes + at, count) == 0)
            continue;
        /* a sector that held something holds that or the new bytes, never zeros */
        uint32_t choice = cup_rnd_below(&crash->rnd, at < file->durable.bytes ? 2 : 3);
        if (choice == 0)
            cup_sim_priv_span_put(span, at, file->seen.blob->bytes + at, count);
        else if (choice == 2)
            cup_sim_priv_span_put(span, at, zeros, count);
        else if (at + count > span->bytes) /* behind the old end there is nothing but zeros */
            cup_sim_priv_span_put(span, at + count, NULL, 0);
    }
}

/* What is left of the unsynced bytes of a file that was not synced, or whose sync failed. */
static void settle_file(struct crash *crash, struct cup_sim_inode *file)
{
    struct cup_sim_span span = {0};
    size_t              old = file->durable.bytes, new = file->seen.bytes, bytes = old;

    cup_sim_priv_span_share(&span, &file->durable);
    uint32_t choice = cup_rnd_below(&crash->rnd, 4);
    if (file->lost || (file->growth_count == 0 && new == old)) {
        /* the disk holds what it held */
    } else if (crash->model == CUP_SIM_PREFIX) {
        keep_prefix(crash, file, &span);
    } else if (crash->model == CUP_SIM_TORN) {
        tear_sectors(crash, file, &span);
    } else if (choice > 0) {
        if (choice < 3 && new > old)
            bytes = old + cup_rnd_below(&crash->rnd, (uint32_t)(new - old) + 1);
        cup_sim_priv_span_share(&span, &file->seen);
        if (choice < 3 && bytes < new) span.bytes = bytes;
        if (choice == 2) cup_sim_priv_span_put(&span, new, NULL, 0);
    }
    cup_sim_priv_span_share(&file->durable, &span);
    cup_sim_priv_span_share(&file->seen, &span);
    cup_sim_priv_span_free(&span);
    file->growth_count = 0;
    file->lost         = false;
}

/* The first change that is not durable yet; the cut lies behind it or just before it. */
static uint64_t first_pending(const struct cup_disk_sim *sim)
{
    uint64_t first = sim->number + 1;

    for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++) {
        const struct cup_sim_inode *inode = sim->slots[i].inode;
        if (inode == NULL) continue;
        if (inode->change_count > 0 && inode->changes[0].number < first)
            first = inode->changes[0].number;
        if (inode->growth_count > 0 && inode->growths[0].number < first)
            first = inode->growths[0].number;
    }
    return first;
}

static void end_process(struct cup_disk_sim *sim)
{
    for (uint32_t i = 0; i < sim->fd_count; i++)
        free(sim->fds[i].path);
    sim->fd_count = sim->open_count = 0;
    for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++) {
        sim->slots[i].opens   = 0;
        sim->slots[i].lock_fd = 0;
    }
    sim->ended = false;
}

void cup_disk_sim_crash(struct cup_disk *disk, enum cup_disk_sim_model model, uint64_t seed)
{
    struct cup_disk_sim *sim   = cup_sim_priv_of(disk);
    struct crash         crash = {.sim = sim, .model = model, .rnd = cup_rnd_seed(seed)};

    CUP_ASSERT(model < CUP_SIM_MODEL_COUNT);
    end_process(sim);
    if (model != CUP_SIM_DEATH) {
        uint64_t first = first_pending(sim);
        crash.cut      = first - 1 + cup_rnd_below(&crash.rnd, (uint32_t)(sim->number - first + 2));
        for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++) {
            const struct cup_sim_inode *inode = sim->slots[i].inode;
            if (inode == NULL) continue;
            bool clean =
                inode->folder ? inode->change_count == 0 : inode->growth_count == 0 && !inode->lost;
            if (clean) continue;
            if (inode->folder)
                settle_folder(&crash, cup_sim_priv_own(sim, i));
            else
                settle_file(&crash, cup_sim_priv_own(sim, i));
        }
    }
    cup_sim_priv_sweep(sim);
    count_again(sim);
}
