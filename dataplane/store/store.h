// SPDX-License-Identifier: Apache-2.0
/* store: durable files below one lake folder; the one place that knows links, renames and fsync.
 *
 *   stage --> append... --> seal (fsync) --> place (link to its final name, fsync of folders)
 *                \--> discard
 *
 * A file is not visible under its final name before it is complete and durable. Names are relative
 * to the lake: no empty, "." or ".." parts (asserted: names are ours).
 *
 * Holds     a folder descriptor; per staged file a descriptor; the names of folders in use.
 * Owner     stage, append, seal, discard: any worker, each on its own files. The rest: the
 *           committer.
 * Threads   as said; all that workers share is an atomic counter of staged names.
 * Fails     IO, NO_SPACE, EXISTS, NOT_FOUND, LOCKED, NO_MEMORY. After a failed append or seal the
 *           file is poisoned: discard it; a failed fsync is never tried again.
 * Modes     files 0600 in folders 0700 below bronze, quarantine and _cupel; 0640 and 0750 in silver
 *           and gold (the name's second part decides; the first is the domain, 0750).
 * Tests     tests/dataplane/test_store.c
 */
#ifndef CUP_DATAPLANE_STORE_STORE_H
#define CUP_DATAPLANE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "dataplane/store/disk.h"

#define CUP_STORE_NAME_BYTES 1024u /* longest relative name with its NUL */

struct cup_store;
struct cup_store_file; /* a staged file */

/* cup_store_open opens (and makes, 0750) the lake folder and the staging folder below it; staging
 * must lie on the same file system (checked). Files left in staging are removed by cup_store_clean.
 * The disk must outlive the store. */
CUP_MUST_CHECK enum cup_err cup_store_open(struct cup_disk *disk, const char *lake,
                                           const char *staging, struct cup_store **out_store,
                                           struct cup_fault *out_fault);
void                        cup_store_close(struct cup_store *store);

CUP_MUST_CHECK enum cup_err cup_store_stage(struct cup_store       *store,
                                            struct cup_store_file **out_file,
                                            struct cup_fault       *out_fault);
/* cup_store_stage_bytes stages a whole file. Keeps the bytes until it is sealed or discarded. */
CUP_MUST_CHECK enum cup_err cup_store_stage_bytes(struct cup_store *store, const void *bytes,
                                                  size_t count, struct cup_store_file **out_file,
                                                  struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_append(struct cup_store_file *file, const void *bytes,
                                             size_t count, struct cup_fault *out_fault);

struct cup_sealed {
    uint64_t bytes;
    uint32_t crc32c; /* of all bytes, computed while they were appended */
};
/* cup_store_write_all hands the system what files still hold, not durably; nothing is appended
 * behind it. A failure poisons, as in seal_all. */
CUP_MUST_CHECK enum cup_err cup_store_write_all(struct cup_store_file *const *files, uint32_t count,
                                                struct cup_fault *out_fault);

/* cup_store_sum is what was appended so far. */
struct cup_sealed cup_store_sum(const struct cup_store_file *file);

/* cup_store_seal makes the contents durable and closes the descriptor. */
CUP_MUST_CHECK enum cup_err cup_store_seal(struct cup_store_file *file,
                                           struct cup_sealed     *out_sealed,
                                           struct cup_fault      *out_fault);

/* cup_store_place gives a sealed file its final name (missing folders are made) and frees it;
 * on failure the caller still has it. EXISTS when the name is taken. Durable after cup_store_sync.
 */
CUP_MUST_CHECK enum cup_err cup_store_place(struct cup_store *store, struct cup_store_file *file,
                                            const char *name, struct cup_fault *out_fault);

/* The same for many at once: what the disk can do side by side, it does. seal_all fails if one
 * fails; all are then poisoned or sealed; one that was sealed before stays as it is. place_all:
 * those that got their names are NULL after it. */
CUP_MUST_CHECK enum cup_err cup_store_seal_all(struct cup_store_file *const *files, uint32_t count,
                                               struct cup_sealed *out_sealed,
                                               struct cup_fault  *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_place_all(struct cup_store       *store,
                                                struct cup_store_file **files,
                                                const char *const *names, uint32_t count,
                                                struct cup_fault *out_fault);

/* cup_store_publish is cup_store_place for a durable file that another process left at `from`
 * (below the lake): it gets the name as well; `from` stays. EXISTS; NOT_FOUND: no `from`. */
CUP_MUST_CHECK enum cup_err cup_store_publish(struct cup_store *store, const char *from,
                                              const char *name, struct cup_fault *out_fault);

/* cup_store_sync makes all placements and new folders since the last sync durable. */
CUP_MUST_CHECK enum cup_err cup_store_sync(struct cup_store *store, struct cup_fault *out_fault);

/* cup_store_sync_folder makes the names in one folder durable, and its own: what can be seen in it
 * need not have been, when another process put it there. NOT_FOUND. */
CUP_MUST_CHECK enum cup_err cup_store_sync_folder(struct cup_store *store, const char *folder,
                                                  struct cup_fault *out_fault);

/* cup_store_discard removes a staged file and frees it. NULL is accepted. */
void cup_store_discard(struct cup_store *store, struct cup_store_file *file);

/* cup_store_put_if_absent writes a whole file under a name that nobody has: durable, folder
 * included, when it returns. EXISTS when another was first. cup_store_replace overwrites (rename).
 */
CUP_MUST_CHECK enum cup_err cup_store_put_if_absent(struct cup_store *store, const char *name,
                                                    const void *bytes, size_t count,
                                                    struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_replace(struct cup_store *store, const char *name,
                                              const void *bytes, size_t count,
                                              struct cup_fault *out_fault);

/* Many puts at once, each with its own result. IO may mean that it was done all the same (an error
 * behind the link, a reply that was lost): who needs to know reads the name back. */
struct cup_store_put {
    const char             *name;
    const void             *bytes;
    size_t                  count;
    struct cup_store_file **sealed; /* NULL, or where there may be a sealed file with the bytes:
                                       if it gets the name there is none any more */
    enum cup_err     err;
    struct cup_fault fault; /* unless OK */
};
void cup_store_put_all(struct cup_store *store, struct cup_store_put *puts, uint32_t count);

/* cup_store_free_bytes: what unprivileged writers may still use. cup_store_info: NOT_FOUND. */
struct cup_store_info {
    uint64_t bytes;
    int64_t  modified_us;
    bool     folder;
};
CUP_MUST_CHECK enum cup_err cup_store_free_bytes(struct cup_store *store, uint64_t *out_bytes,
                                                 struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_info(struct cup_store *store, const char *name,
                                           struct cup_store_info *out_info,
                                           struct cup_fault      *out_fault);

/* cup_store_get appends the whole file to *out; NOT_FOUND. _part: bytes [at, at + count), fewer at
 * the end; any thread. cup_store_list calls each name in a
 * folder, in any order ("." and ".." left out); NOT_FOUND. cup_store_remove: a missing file is no
 * error. */
CUP_MUST_CHECK enum cup_err cup_store_get(struct cup_store *store, const char *name,
                                          struct cup_text *out, struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_get_part(struct cup_store *store, const char *name,
                                               uint64_t at, uint64_t count, struct cup_text *out,
                                               struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_list(struct cup_store *store, const char             *folder,
                                           void (*each)(void *arg, const char *name), void *arg,
                                           struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_remove(struct cup_store *store, const char *name,
                                             struct cup_fault *out_fault);

/* A scratch file: room on the lake's disk beside the staged files, without a name and never
 * durable; any worker, each its own. read: IO also when there are not so many bytes. */
CUP_MUST_CHECK enum cup_err cup_store_scratch_open(struct cup_store *store, int *out_fd,
                                                   struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_scratch_write(struct cup_store *store, int fd,
                                                    const void *bytes, size_t count, uint64_t at,
                                                    struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_store_scratch_read(struct cup_store *store, int fd, void *bytes,
                                                   size_t count, uint64_t at,
                                                   struct cup_fault *out_fault);
void                        cup_store_scratch_close(struct cup_store *store, int fd);

/* cup_store_clean removes everything in staging; the committer calls it at start, under its lock.
 */
CUP_MUST_CHECK enum cup_err cup_store_clean(struct cup_store *store, struct cup_fault *out_fault);

/* A journal segment: appended and synced in place, padded by its writer. Its name is durable when
 * cup_store_log_create returns. */
struct cup_store_log;
CUP_MUST_CHECK enum cup_err cup_store_log_create(struct cup_store *store, const char *name,
                                                 struct cup_store_log **out_log,
                                                 struct cup_fault      *out_fault); /* EXISTS */
/* cup_store_log_append writes and fdatasyncs. NO_SPACE: nothing was synced, and the same bytes may
 * be appended again when there is room. Any other failure is the end of the log: never retried. */
CUP_MUST_CHECK enum cup_err cup_store_log_append(struct cup_store_log *log, const void *bytes,
                                                 size_t count, struct cup_fault *out_fault);
void                        cup_store_log_close(struct cup_store_log *log);

/* cup_store_lock takes an exclusive lock on the file `name` (made if missing) for the life of the
 * store; LOCKED when another process has it. */
CUP_MUST_CHECK enum cup_err cup_store_lock(struct cup_store *store, const char *name,
                                           struct cup_fault *out_fault);

#endif
