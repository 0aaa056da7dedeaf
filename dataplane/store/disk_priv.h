// SPDX-License-Identifier: Apache-2.0
/* disk_priv: what the two real backends share. */
#ifndef CUP_DATAPLANE_STORE_DISK_PRIV_H
#define CUP_DATAPLANE_STORE_DISK_PRIV_H

#include "dataplane/store/disk.h"

/* One transfer: below what any kernel cuts a request to (2 GiB less a page). */
#define CUP_DISK_TRANSFER_BYTES_MAX (1u << 30)

struct cup_disk            *cup_disk_priv_posix(void); /* has no state, cannot fail */
CUP_MUST_CHECK enum cup_err cup_disk_priv_open_uring(struct cup_disk **out_disk,
                                                     struct cup_fault *out_fault);

/* cup_disk_priv_call does one operation by its system call. */
void cup_disk_priv_call(struct cup_disk_op *op);

/* cup_disk_priv_again: the operation was interrupted and may be given again. Never an fsync, and
 * nothing that changes a name: those may have been done. */
bool cup_disk_priv_again(const struct cup_disk_op *op);

int cup_disk_priv_list(struct cup_disk *disk, int fd, void (*each)(void *arg, const char *name),
                       void *arg);
int cup_disk_priv_info(struct cup_disk *disk, int fd, const char *name,
                       struct cup_disk_info *out_info);
int cup_disk_priv_lock(struct cup_disk *disk, int fd);
int cup_disk_priv_free_bytes(struct cup_disk *disk, int fd, uint64_t *out_bytes);

#endif
