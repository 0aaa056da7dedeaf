// SPDX-License-Identifier: Apache-2.0
/* sim_priv: the inodes of the disk in memory.
 *
 *   sim.c         operations, judge, descriptors
 *   sim_inode.c   files, folders, copies
 *   sim_crash.c   what a crash leaves, and what nothing leads to any more
 *   sim_look.c    reading without operations, export
 *
 *   disk --> slots[number] --> inode (shared by copies) --> blob (shared by seen and durable)
 */
#ifndef CUP_DATAPLANE_STORE_SIM_PRIV_H
#define CUP_DATAPLANE_STORE_SIM_PRIV_H

#include "dataplane/store/sim.h"

#define CUP_SIM_ROOT        1u
#define CUP_SIM_INODE_BYTES 256u /* what a file or folder takes of the budget beside its bytes */
#define CUP_SIM_FD_FIRST    1000 /* a descriptor of another disk is noticed */

/* Bytes that only grow while they are shared; each sharer knows how many are its own. */
struct cup_sim_blob {
    uint32_t refs;
    size_t   used, cap;
    uint8_t  bytes[];
};
struct cup_sim_span {
    struct cup_sim_blob *blob; /* NULL: empty */
    size_t               bytes;
};

struct cup_sim_name {
    uint32_t refs, hash;
    char     text[];
};
struct cup_sim_entry {
    struct cup_sim_name *name;
    uint32_t             seen, durable; /* inode numbers; 0: no such entry */
};
struct cup_sim_change { /* not yet durable: entry `entry` became `inode` */
    uint64_t number;
    uint32_t entry, inode;
};
struct cup_sim_growth { /* not yet durable: the file was `bytes` long */
    uint64_t number;
    size_t   bytes;
};

struct cup_sim_inode {
    uint32_t refs; /* disks that share it */
    bool     folder, object, lost;
    unsigned mode;
    int64_t  modified_us;
    /* a file */
    struct cup_sim_span    seen, durable;
    struct cup_sim_growth *growths;
    /* a folder */
    struct cup_sim_entry  *entries;
    uint32_t              *buckets; /* entry + 1 by hash; open addressing */
    struct cup_sim_change *changes;
    uint32_t               entry_count, entry_cap, bucket_count, dead_count;
    uint32_t               change_count, change_cap, growth_count, growth_cap;
};

struct cup_sim_slot {
    struct cup_sim_inode *inode; /* NULL: free */
    uint32_t              links, opens;
    int                   lock_fd; /* 0: not locked */
    bool                  marked;
};

struct cup_sim_fd {
    uint32_t inode; /* 0: closed */
    bool     writes;
    char    *path;
};

struct cup_disk_sim {
    struct cup_disk        disk;
    struct cup_rnd         rnd;
    struct cup_sim_slot   *slots;
    struct cup_sim_fd     *fds;
    uint32_t               slot_count, slot_cap, free_slot, live_slots, fd_count, fd_cap;
    uint32_t               open_count;
    uint64_t               number, operations, used_bytes, bytes_max;
    bool                   ended, share;
    cup_disk_sim_judge_fn *judge;
    void                  *judge_arg;
};

static inline struct cup_disk_sim *cup_sim_priv_of(const struct cup_disk *disk)
{
    return (struct cup_disk_sim *)(uintptr_t)disk;
}

/* --- sim_inode.c --- */

void *cup_sim_priv_memory(void *old, size_t bytes); /* realloc that asserts */

void cup_sim_priv_span_put(struct cup_sim_span *span, size_t at, const void *bytes, size_t count);
void cup_sim_priv_span_share(struct cup_sim_span *to, const struct cup_sim_span *from);
void cup_sim_priv_span_free(struct cup_sim_span *span);

/* cup_sim_priv_make gives a new inode's number; cup_sim_priv_own makes it this disk's alone. */
uint32_t              cup_sim_priv_make(struct cup_disk_sim *sim, bool folder, unsigned mode);
struct cup_sim_inode *cup_sim_priv_own(struct cup_disk_sim *sim, uint32_t number);
void                  cup_sim_priv_drop(struct cup_sim_inode *inode);

/* cup_sim_priv_entry finds an entry that is seen or not; NULL. */
const struct cup_sim_entry *cup_sim_priv_entry(const struct cup_sim_inode *folder,
                                               const char                 *name);
/* cup_sim_priv_lead makes the name lead to an inode; 0: to nothing. */
void cup_sim_priv_lead(struct cup_disk_sim *sim, uint32_t folder, const char *name, uint32_t inode);
/* cup_sim_priv_settle makes all of an inode durable. */
void cup_sim_priv_settle(struct cup_disk_sim *sim, uint32_t number);
void cup_sim_priv_resize(struct cup_disk_sim *sim, uint32_t number, size_t at, const void *bytes,
                         size_t count);

/* --- sim_crash.c --- */

/* cup_sim_priv_sweep frees the inodes that nothing leads to. */
void cup_sim_priv_sweep(struct cup_disk_sim *sim);

/* --- sim_look.c --- */

/* cup_sim_priv_walk gives the inode that a path leads to; 0: none. */
uint32_t cup_sim_priv_walk(const struct cup_disk_sim *sim, uint32_t from, const char *path);

#endif
