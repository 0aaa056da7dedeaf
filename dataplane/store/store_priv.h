// SPDX-License-Identifier: Apache-2.0
/* store_priv: what the files of the store share.
 *
 *   store.c    opening; reading, listing, removing
 *   folder.c   names to descriptors; which folders must be synced
 *   file.c     staged files until they are sealed
 *   place.c    what gives names: place, put, replace
 *   log.c      journal segments
 *   lock.c     the lock and who holds it
 */
#ifndef CUP_DATAPLANE_STORE_STORE_PRIV_H
#define CUP_DATAPLANE_STORE_STORE_PRIV_H

#include <stdatomic.h>

#include "base/rnd.h"
#include "dataplane/store/store.h"

#define CUP_STORE_PIECE       128u /* operations that are made up at a time; fits a stack */
#define CUP_STORE_STAGED_MODE 0600u

/* A folder that this process has put something into. */
struct cup_store_folder {
    struct cup_store_folder *next;   /* in its hash bucket */
    struct cup_store_folder *above;  /* NULL: this is the lake */
    int                      fd;     /* -1 unless held */
    bool                     dirty;  /* names in it changed since its last fsync; in store->dirty */
    bool                     wanted; /* by the sync that begins */
    int64_t                  lost;   /* < 0: a sync of it failed, with this */
    char                     name[];
};

#define CUP_STORE_BUCKETS 4096u /* a power of two; a few thousand tables are usual */
_Static_assert((CUP_STORE_BUCKETS & (CUP_STORE_BUCKETS - 1)) == 0, "used as a mask");

struct cup_store {
    struct cup_disk *disk;
    int              lake_fd, staging_fd, lock_fd;  /* lock_fd -1: not locked */
    char            *staging;                       /* name below the lake */
    char             instance[CUP_UUID_TEXT_BYTES]; /* makes staged names unique */
    _Atomic uint64_t staged_count;
    /* the rest is the committer's */
    struct cup_store_folder  *buckets[CUP_STORE_BUCKETS];
    struct cup_store_folder **dirty; /* room for all folders */
    uint32_t                  dirty_count, dirty_cap, folder_count;
    bool                      lost; /* one of the folders is: they are remembered */
    struct cup_store_folder  *held[CUP_STORE_PIECE];
    uint32_t                  held_count;
};

struct cup_store_file {
    struct cup_store *store;
    int               fd; /* -1: closed */
    bool              sealed;
    struct cup_fault  fault;  /* err not OK: poisoned, for this reason */
    const uint8_t    *lent;   /* the caller's bytes, instead of `buffer` */
    uint8_t          *buffer; /* NULL until the first small append */
    size_t            held;   /* bytes in buffer or lent, not yet written */
    uint64_t          written;
    uint32_t          crc32c;
    char              name[CUP_UUID_TEXT_BYTES + 21]; /* instance, '-', 20 digits, NUL */
};

/* --- store.c --- */

/* cup_store_priv_fail says what went wrong: result is a negative errno. */
enum cup_err cup_store_priv_fail(struct cup_fault *out_fault, enum cup_err err, int64_t result,
                                 const char *what, const char *where);

/* cup_store_priv_run does one operation and gives its result. */
int64_t cup_store_priv_run(struct cup_disk *disk, struct cup_disk_op op);
void    cup_store_priv_close(struct cup_disk *disk, int fd); /* of what was only read */

/* cup_store_priv_write writes all bytes at `at`, however short the single writes are; 0 or -errno.
 * *out_written: bytes written in any case. cup_store_priv_written gives what a write's result
 * means. */
int64_t cup_store_priv_write(struct cup_disk *disk, int fd, const void *bytes, size_t count,
                             uint64_t at, size_t *out_written);
int64_t cup_store_priv_written(int64_t result);

/* cup_store_priv_is_object: the name lies in the object store, not on the disk. */
bool cup_store_priv_is_object(const struct cup_store *store, const char *name);

/* --- folder.c --- */

/* cup_store_priv_check asserts that name is legal: relative, no empty, "." or ".." part. */
void cup_store_priv_check(const char *name);

/* cup_store_priv_file_mode is 0640 in silver and gold, else 0600. */
unsigned cup_store_priv_file_mode(const char *name);

/* cup_store_priv_open_path opens a folder of the whole disk; with make, missing ones are made and
 * their names made durable at once. A descriptor or -errno. */
int64_t cup_store_priv_open_path(struct cup_disk *disk, const char *path, bool make);

/* cup_store_priv_open_folder opens a folder below the lake ("" is the lake); symbolic links are not
 * followed. cup_store_priv_open_parent: the folder of a file's name; *out_leaf points into name. */
CUP_MUST_CHECK enum cup_err cup_store_priv_open_folder(struct cup_store *store, const char *name,
                                                       int *out_fd, struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_priv_open_parent(struct cup_store *store, const char *name,
                                                       int *out_fd, const char **out_leaf,
                                                       struct cup_fault *out_fault);

/* cup_store_priv_note_parent finds the folder of a file's name. Folders that this process uses for
 * the first time make the one above dirty: who made them may have died before it was durable. */
CUP_MUST_CHECK enum cup_err cup_store_priv_note_parent(struct cup_store *store, const char *name,
                                                       struct cup_store_folder **out_folder,
                                                       struct cup_fault         *out_fault);

/* cup_store_priv_hold_parent makes what is missing, notes it and keeps it open until
 * cup_store_priv_release, which closes all: at most CUP_STORE_PIECE. */
CUP_MUST_CHECK enum cup_err cup_store_priv_hold_parent(struct cup_store *store, const char *name,
                                                       struct cup_store_folder **out_folder,
                                                       struct cup_fault         *out_fault);
void                        cup_store_priv_release(struct cup_store *store);
const char                 *cup_store_priv_leaf(const char *name);

/* cup_store_priv_touch: names in the folder changed. */
void cup_store_priv_touch(struct cup_store *store, struct cup_store_folder *folder);

/* cup_store_priv_want asks for the sync of a folder and of what is dirty above it, which
 * cup_store_priv_sync_wanted then does; cup_store_priv_synced fails when a
 * sync in the chain failed, now or ever. */
void                        cup_store_priv_want(struct cup_store_folder *folder);
void                        cup_store_priv_sync_wanted(struct cup_store *store);
CUP_MUST_CHECK enum cup_err cup_store_priv_synced(const struct cup_store_folder *folder,
                                                  struct cup_fault              *out_fault);
void                        cup_store_priv_forget_folders(struct cup_store *store);

/* --- file.c --- */

/* cup_store_priv_stage makes count files at once, in the caller's memory; their faults say which
 * could not be made. cup_store_priv_seal: the same for sealing. cup_store_priv_drop removes the
 * staged names and closes; the memory stays the caller's. */
void cup_store_priv_stage(struct cup_store *store, struct cup_store_file *const *files,
                          uint32_t count);
void cup_store_priv_seal(struct cup_store_file *const *files, uint32_t count);
void cup_store_priv_drop(struct cup_store_file *const *files, uint32_t count);

#endif
