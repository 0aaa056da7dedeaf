// SPDX-License-Identifier: Apache-2.0
/* store_priv: what the files of the posix backend share.
 *
 *   posix.c         the store, reading, removing, the lock
 *   posix_folder.c  names to descriptors; which folders must be synced
 *   posix_file.c    staged files and what is made of them
 *   posix_log.c     journal segments
 */
#ifndef CUP_DATAPLANE_STORE_STORE_PRIV_H
#define CUP_DATAPLANE_STORE_STORE_PRIV_H

#include <stdatomic.h>

#include "base/rnd.h"
#include "dataplane/store/store.h"

/* A folder that this process has put something into. */
struct cup_store_folder {
    struct cup_store_folder *next;  /* in its hash bucket */
    bool                     dirty; /* names in it changed since its last fsync */
    char                     name[];
};

#define CUP_STORE_BUCKETS 4096u /* a power of two; a few thousand tables are usual */
_Static_assert((CUP_STORE_BUCKETS & (CUP_STORE_BUCKETS - 1)) == 0, "used as a mask");

struct cup_store {
    int                      lake_fd, staging_fd, lock_fd;  /* lock_fd -1: not locked */
    char                    *staging;                       /* name below the lake */
    char                     instance[CUP_UUID_TEXT_BYTES]; /* makes staged names unique */
    _Atomic uint64_t         staged_count;
    struct cup_store_folder *buckets[CUP_STORE_BUCKETS];
};

/* cup_store_priv_check asserts that name is legal: relative, no empty, "." or ".." part. */
void cup_store_priv_check(const char *name);

/* cup_store_priv_open_folder opens a folder below the lake ("" is the lake); symbolic links are not
 * followed. With make, missing ones are made, and all of the chain that this process uses for the
 * first time is noted as dirty: who made it may have died before it was durable. */
CUP_MUST_CHECK enum cup_err cup_store_priv_open_folder(struct cup_store *store, const char *name,
                                                       bool make, int *out_fd,
                                                       struct cup_fault *out_fault);

/* cup_store_priv_open_parent opens the folder of a file's name; *out_leaf points into name. */
CUP_MUST_CHECK enum cup_err cup_store_priv_open_parent(struct cup_store *store, const char *name,
                                                       bool make, int *out_fd,
                                                       const char      **out_leaf,
                                                       struct cup_fault *out_fault);

/* cup_store_priv_touch notes that the folder of the file `name` changed. */
CUP_MUST_CHECK enum cup_err cup_store_priv_touch(struct cup_store *store, const char *name,
                                                 struct cup_fault *out_fault);
void                        cup_store_priv_forget_folders(struct cup_store *store);

/* cup_store_priv_file_mode is 0640 in silver and gold, else 0600. */
unsigned cup_store_priv_file_mode(const char *name);

/* cup_store_priv_write writes all bytes at `at`, however short the single writes are. */
CUP_MUST_CHECK enum cup_err cup_store_priv_write(int fd, const void *bytes, size_t count,
                                                 uint64_t at, const char *name,
                                                 struct cup_fault *out_fault);

#endif
