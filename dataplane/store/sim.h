// SPDX-License-Identifier: Apache-2.0
/* sim: a disk in memory that keeps no promise but fsync, for tests; deterministic from its seed.
 *
 *   batch --shuffled--> judge --> do it | fail | half of it | pretend | the power goes
 *                                   |
 *   what programs see ... SYNC ... what is durable --crash, by one model--> what programs see
 *
 * A file has bytes that are seen and bytes that are durable, a folder entries that are seen,
 * entries that are durable and the changes between them. SYNC makes the one the other, for exactly
 * the file or folder that it is given. Nothing else is promised.
 *
 * A failed SYNC of a file makes its pages look clean while the disk holds the old bytes: later
 * SYNCs of it succeed and do nothing. A failed SYNC of a folder changes nothing (file systems stop
 * when their journal fails; one that lied there would be beyond any protocol).
 *
 * Holds     inodes, descriptors; copies share inodes until one of them changes.
 * Owner     the test.
 * Threads   one.
 * Fails     only as the judge or the budget says; memory is asserted.
 * Bounds    CUP_DISK_SIM_PATH_BYTES
 * Source    open(2), link(2), fsync(2); measured behaviour: dataplane/store/README.md
 * Tests     tests/crash/test_sim_disk.c; used by tests/crash
 */
#ifndef CUP_DATAPLANE_STORE_SIM_H
#define CUP_DATAPLANE_STORE_SIM_H

#include "base/rnd.h"
#include "dataplane/store/disk.h"

#define CUP_DISK_SIM_PATH_BYTES 2048u /* from the root, with NUL */

struct cup_disk_sim_options {
    uint64_t seed;
    uint64_t bytes_max; /* room for files and folders; 0: as much as memory has */
    bool     objects;   /* all but what lies below a folder _cupel is an object store */
};

struct cup_disk *cup_disk_sim_open(const struct cup_disk_sim_options *options);

/* cup_disk_sim_copy gives a second disk as it is seen and durable now, without descriptors, judge
 * and locks. Cost: a pointer an inode. */
struct cup_disk *cup_disk_sim_copy(const struct cup_disk *disk);

/* --- faults --- */

/* Operations that may change something are numbered from 1 on; others carry the number of the last
 * one. Texts and bytes are lent for the call. */
struct cup_disk_sim_event {
    uint64_t           number;
    bool               changes;
    enum cup_disk_kind kind;
    const char        *path;    /* of the file or folder; SYNC, WRITE...: as it was opened */
    const char        *to_path; /* LINK, RENAME, PUT */
    const void        *bytes;   /* WRITE, PUT: what is written; SYNC: what is seen in the file */
    size_t             count;
    uint64_t           at; /* WRITE, CUT */
};

enum cup_disk_sim_effect {
    CUP_SIM_DO,    /* as asked */
    CUP_SIM_FAIL,  /* not done; result -error */
    CUP_SIM_LATE,  /* done; result -error */
    CUP_SIM_SHORT, /* READ, WRITE: `count` bytes at most, and it says so */
    CUP_SIM_LIE,   /* not done, or `count` bytes of a WRITE; it says that all was */
    CUP_SIM_LOSE,  /* SYNC: not done, the pages look clean, and it says that it was: a second try */
    CUP_SIM_DEAD,  /* whoever asks is gone: not done, -EIO; a descriptor is closed */
    CUP_SIM_END,   /* the power is gone: this and all later operations fail with EIO */
};

struct cup_disk_sim_verdict {
    enum cup_disk_sim_effect effect;
    int                      error; /* FAIL, LATE */
    size_t                   count; /* SHORT, LIE */
};

/* cup_disk_sim_judge has each operation judged before it is done; NULL: none. The judge may copy
 * the disk. */
typedef struct cup_disk_sim_verdict cup_disk_sim_judge_fn(void                            *arg,
                                                          const struct cup_disk_sim_event *event);
void cup_disk_sim_judge(struct cup_disk *disk, cup_disk_sim_judge_fn *judge, void *arg);

/* cup_disk_sim_roll judges by chance; rates are of a million. Not for SYNC of folders: interrupts
 * and short transfers. */
struct cup_disk_sim_rates {
    uint32_t end, short_transfer, interrupted, again, sync_error, link_error, link_late;
};
struct cup_disk_sim_verdict cup_disk_sim_roll(const struct cup_disk_sim_rates *rates,
                                              struct cup_rnd                  *rnd,
                                              const struct cup_disk_sim_event *event);

/* cup_disk_sim_room changes bytes_max. */
void cup_disk_sim_room(struct cup_disk *disk, uint64_t bytes_max);

/* cup_disk_sim_share lets locks be taken that another holds: two owners at once. */
void cup_disk_sim_share(struct cup_disk *disk, bool share);

/* --- crashes --- */

enum cup_disk_sim_model {
    CUP_SIM_PREFIX, /* what was done up to some moment is there, in order, and nothing later */
    CUP_SIM_SUBSET, /* any of the unsynced entries; of files nothing, a part, a part and zeros, all
                     */
    CUP_SIM_TORN,   /* the same, files by sectors of 512 bytes: new, old or zeros */
    CUP_SIM_DEATH,  /* the process only: everything seen is still seen, and not more durable */
    CUP_SIM_MODEL_COUNT
};

/* cup_disk_sim_crash ends every descriptor and lock and makes what was seen what the model leaves.
 * The disk works again. */
void cup_disk_sim_crash(struct cup_disk *disk, enum cup_disk_sim_model model, uint64_t seed);

/* --- looking, without operations --- */

struct cup_disk_sim_info {
    uint64_t number;      /* of the last operation that may have changed something */
    uint64_t operations;  /* all */
    uint64_t used_bytes;  /* as bytes_max counts */
    uint32_t descriptors; /* open */
    bool     ended;
};
struct cup_disk_sim_info cup_disk_sim_info(const struct cup_disk *disk);

/* cup_disk_sim_read lends the bytes seen in a file until the next operation; false: no file. */
bool cup_disk_sim_read(const struct cup_disk *disk, const char *path, const void **out_bytes,
                       size_t *out_count);

/* cup_disk_sim_list calls each name seen in a folder; false: no folder. */
bool cup_disk_sim_list(const struct cup_disk *disk, const char         *path,
                       void (*each)(void *arg, const char *name), void *arg);

/* cup_disk_sim_export writes what is seen below `path` into a real folder that exists. */
CUP_MUST_CHECK enum cup_err cup_disk_sim_export(const struct cup_disk *disk, const char *path,
                                                const char *folder, struct cup_fault *out_fault);

#endif
