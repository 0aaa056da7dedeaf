// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/sim_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BLOB_BYTES_MIN 256u
#define SWEEP_MIN      1024u /* inodes made since the last sweep before another one pays */
#define DEAD_MIN       16u   /* entries that lead nowhere before a folder is packed */

void *cup_sim_priv_memory(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes);

    CUP_ASSERT(memory != NULL);
    return memory;
}

/* --- bytes --- */

static void drop_blob(struct cup_sim_blob *blob)
{
    if (blob != NULL && --blob->refs == 0) free(blob);
}

void cup_sim_priv_span_free(struct cup_sim_span *span)
{
    drop_blob(span->blob);
    *span = (struct cup_sim_span){0};
}

void cup_sim_priv_span_share(struct cup_sim_span *to, const struct cup_sim_span *from)
{
    struct cup_sim_blob *old = to->blob;

    *to = *from;
    if (to->blob != NULL) to->blob->refs++;
    drop_blob(old);
}

/* Makes room for `end` bytes of which only this span's holder may change those that it has. */
static void make_room(struct cup_sim_span *span, size_t at, size_t end)
{
    struct cup_sim_blob *blob    = span->blob;
    bool                 alone   = blob != NULL && blob->refs == 1;
    bool                 appends = blob != NULL && at >= span->bytes && span->bytes == blob->used;

    if ((alone || appends) && end <= blob->cap) return;
    size_t cap = end < BLOB_BYTES_MIN ? BLOB_BYTES_MIN : end;
    if (appends && cap < blob->cap * 2) cap = blob->cap * 2;
    struct cup_sim_blob *fresh = cup_sim_priv_memory(NULL, sizeof *fresh + cap);
    *fresh                     = (struct cup_sim_blob){.refs = 1, .used = span->bytes, .cap = cap};
    if (span->bytes > 0) memcpy(fresh->bytes, blob->bytes, span->bytes);
    drop_blob(blob);
    span->blob = fresh;
}

/* at beyond the end: zeros lie between. */
void cup_sim_priv_span_put(struct cup_sim_span *span, size_t at, const void *bytes, size_t count)
{
    size_t end = at + count;

    if (end == 0) return;
    make_room(span, at, end);
    struct cup_sim_blob *blob = span->blob;
    if (at > span->bytes) memset(blob->bytes + span->bytes, 0, at - span->bytes);
    if (count > 0) memcpy(blob->bytes + at, bytes, count);
    if (end > span->bytes) span->bytes = end;
    blob->used = blob->refs == 1 ? span->bytes : (end > blob->used ? end : blob->used);
}

/* --- inodes --- */

uint32_t cup_sim_priv_make(struct cup_disk_sim *sim, bool folder, unsigned mode)
{
    if (sim->free_slot == 0 && sim->slot_count > 2 * sim->live_slots + SWEEP_MIN)
        cup_sim_priv_sweep(sim);
    uint32_t number = sim->free_slot;
    if (number != 0) {
        sim->free_slot = sim->slots[number].links;
    } else {
        if (sim->slot_count == sim->slot_cap) {
            sim->slot_cap = sim->slot_cap == 0 ? 64 : sim->slot_cap * 2;
            sim->slots    = cup_sim_priv_memory(sim->slots, sim->slot_cap * sizeof *sim->slots);
        }
        number = sim->slot_count++;
    }
    struct cup_sim_inode *inode = cup_sim_priv_memory(NULL, sizeof *inode);
    *inode                      = (struct cup_sim_inode){.refs = 1, .folder = folder, .mode = mode};
    inode->modified_us          = cup_clock_wall_us();
    sim->slots[number]          = (struct cup_sim_slot){.inode = inode};
    sim->used_bytes += CUP_SIM_INODE_BYTES;
    return number;
}

static struct cup_sim_name *make_name(const char *text, uint32_t hash)
{
    size_t               bytes = strlen(text) + 1;
    struct cup_sim_name *name  = cup_sim_priv_memory(NULL, sizeof *name + bytes);

    *name = (struct cup_sim_name){.refs = 1, .hash = hash};
    memcpy(name->text, text, bytes);
    return name;
}

static void drop_name(struct cup_sim_name *name)
{
    if (--name->refs == 0) free(name);
}

void cup_sim_priv_drop(struct cup_sim_inode *inode)
{
    if (inode == NULL || --inode->refs > 0) return;
    for (uint32_t i = 0; i < inode->entry_count; i++)
        drop_name(inode->entries[i].name);
    cup_sim_priv_span_free(&inode->seen);
    cup_sim_priv_span_free(&inode->durable);
    free(inode->growths);
    free(inode->entries);
    free(inode->buckets);
    free(inode->changes);
    free(inode);
}

static void *copy_list(const void *list, size_t bytes)
{
    void *copy = bytes == 0 ? NULL : cup_sim_priv_memory(NULL, bytes);

    if (bytes > 0) memcpy(copy, list, bytes);
    return copy;
}

struct cup_sim_inode *cup_sim_priv_own(struct cup_disk_sim *sim, uint32_t number)
{
    struct cup_sim_inode *old = sim->slots[number].inode;

    CUP_ASSERT(old != NULL);
    if (old->refs == 1) return old;
    struct cup_sim_inode *inode = cup_sim_priv_memory(NULL, sizeof *inode);
    *inode                      = *old;
    inode->refs                 = 1;
    if (inode->seen.blob != NULL) inode->seen.blob->refs++;
    if (inode->durable.blob != NULL) inode->durable.blob->refs++;
    for (uint32_t i = 0; i < inode->entry_count; i++)
        inode->entries[i].name->refs++;
    inode->growth_cap = inode->growth_count;
    inode->growths    = copy_list(old->growths, old->growth_count * sizeof *old->growths);
    inode->entry_cap  = inode->entry_count;
    inode->entries    = copy_list(old->entries, old->entry_count * sizeof *old->entries);
    inode->buckets    = copy_list(old->buckets, old->bucket_count * sizeof *old->buckets);
    inode->change_cap = inode->change_count;
    inode->changes    = copy_list(old->changes, old->change_count * sizeof *old->changes);
    old->refs--;
    sim->slots[number].inode = inode;
    return inode;
}

void cup_sim_priv_resize(struct cup_disk_sim *sim, uint32_t number, size_t at, const void *bytes,
                         size_t count)
{
    struct cup_sim_inode *inode  = cup_sim_priv_own(sim, number);
    size_t                before = inode->seen.bytes;

    if (bytes != NULL) {
        cup_sim_priv_span_put(&inode->seen, at, bytes, count);
    } else if (at <= before) {
        inode->seen.bytes = at;
    } else {
        cup_sim_priv_span_put(&inode->seen, at, NULL, 0);
    }
    sim->used_bytes    = sim->used_bytes + inode->seen.bytes - before;
    inode->modified_us = cup_clock_wall_us();
    if (inode->object) {
        cup_sim_priv_span_share(&inode->durable, &inode->seen);
        return;
    }
    if (inode->growth_count == inode->growth_cap) {
        inode->growth_cap = inode->growth_cap == 0 ? 4 : inode->growth_cap * 2;
        inode->growths =
            cup_sim_priv_memory(inode->growths, inode->growth_cap * sizeof *inode->growths);
    }
    inode->growths[inode->growth_count++] =
        (struct cup_sim_growth){.number = sim->number, .bytes = inode->seen.bytes};
}

/* --- folders --- */

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

static uint32_t find(const struct cup_sim_inode *folder, const char *name, uint32_t hash)
{
    if (folder->bucket_count == 0) return UINT32_MAX;
    for (uint32_t at = hash;; at++) {
        uint32_t entry = folder->buckets[at & (folder->bucket_count - 1)];
        if (entry == 0) return UINT32_MAX;
        const struct cup_sim_name *other = folder->entries[entry - 1].name;
        if (other->hash == hash && strcmp(other->text, name) == 0) return entry - 1;
    }
}

const struct cup_sim_entry *cup_sim_priv_entry(const struct cup_sim_inode *folder, const char *name)
{
    uint32_t at = find(folder, name, hash_of(name));

    return at == UINT32_MAX ? NULL : &folder->entries[at];
}

static void index_entries(struct cup_sim_inode *folder)
{
    uint32_t count = 8;

    while (count < 4 * folder->entry_count)
        count *= 2;
    folder->buckets      = cup_sim_priv_memory(folder->buckets, count * sizeof *folder->buckets);
    folder->bucket_count = count;
    memset(folder->buckets, 0, count * sizeof *folder->buckets);
    for (uint32_t i = 0; i < folder->entry_count; i++) {
        uint32_t at = folder->entries[i].name->hash & (count - 1);
        while (folder->buckets[at] != 0)
            at = (at + 1) & (count - 1);
        folder->buckets[at] = i + 1;
    }
}

static uint32_t add(struct cup_sim_inode *folder, const char *name, uint32_t hash)
{
    if (folder->entry_count == folder->entry_cap) {
        folder->entry_cap = folder->entry_cap == 0 ? 4 : folder->entry_cap * 2;
        folder->entries =
            cup_sim_priv_memory(folder->entries, folder->entry_cap * sizeof *folder->entries);
    }
    uint32_t entry         = folder->entry_count++;
    folder->entries[entry] = (struct cup_sim_entry){.name = make_name(name, hash)};
    if (2 * folder->entry_count > folder->bucket_count) {
        index_entries(folder);
        return entry;
    }
    uint32_t at = hash & (folder->bucket_count - 1);
    while (folder->buckets[at] != 0)
        at = (at + 1) & (folder->bucket_count - 1);
    folder->buckets[at] = entry + 1;
    return entry;
}

/* Only without changes: they refer to entries. */
static void pack(struct cup_sim_inode *folder)
{
    uint32_t kept = 0;

    CUP_ASSERT(folder->change_count == 0);
    for (uint32_t i = 0; i < folder->entry_count; i++) {
        struct cup_sim_entry entry = folder->entries[i];
        if (entry.seen == 0 && entry.durable == 0)
            drop_name(entry.name);
        else
            folder->entries[kept++] = entry;
    }
    folder->entry_count = kept;
    folder->dead_count  = 0;
    index_entries(folder);
}

void cup_sim_priv_lead(struct cup_disk_sim *sim, uint32_t number, const char *name, uint32_t inode)
{
    struct cup_sim_inode *folder = cup_sim_priv_own(sim, number);
    uint32_t              hash = hash_of(name), at = find(folder, name, hash);

    if (at == UINT32_MAX) at = add(folder, name, hash);
    struct cup_sim_entry *entry = &folder->entries[at];
    if (entry->seen != 0) sim->slots[entry->seen].links--;
    if (inode != 0) sim->slots[inode].links++;
    entry->seen         = inode;
    folder->modified_us = cup_clock_wall_us();
    if (folder->object) {
        entry->durable = inode;
        folder->dead_count += inode == 0;
        if (folder->dead_count > DEAD_MIN && 2 * folder->dead_count > folder->entry_count)
            pack(folder);
        return;
    }
    if (folder->change_count == folder->change_cap) {
        folder->change_cap = folder->change_cap == 0 ? 4 : folder->change_cap * 2;
        folder->changes =
            cup_sim_priv_memory(folder->changes, folder->change_cap * sizeof *folder->changes);
    }
    folder->changes[folder->change_count++] =
        (struct cup_sim_change){.number = sim->number, .entry = at, .inode = inode};
}

void cup_sim_priv_settle(struct cup_disk_sim *sim, uint32_t number)
{
    struct cup_sim_inode *inode = cup_sim_priv_own(sim, number);

    if (inode->lost) return;
    if (!inode->folder) {
        cup_sim_priv_span_share(&inode->durable, &inode->seen);
        inode->growth_count = 0;
        return;
    }
    for (uint32_t i = 0; i < inode->change_count; i++) {
        struct cup_sim_entry *entry = &inode->entries[inode->changes[i].entry];
        entry->durable              = entry->seen;
        inode->dead_count += entry->seen == 0;
    }
    inode->change_count = 0;
    if (inode->dead_count > DEAD_MIN && 2 * inode->dead_count > inode->entry_count) pack(inode);
}
