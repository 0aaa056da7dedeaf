// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/disk.h"

#include "dataplane/store/disk_priv.h"

enum cup_err cup_disk_open(enum cup_disk_choice choice, struct cup_disk **out_disk,
                           struct cup_fault *out_fault)
{
    CUP_ASSERT(choice < CUP_DISK_CHOICE_COUNT);
    if (choice != CUP_DISK_POSIX) {
        enum cup_err err = cup_disk_priv_open_uring(out_disk, out_fault);
        if (err != CUP_UNSUPPORTED || choice == CUP_DISK_URING) return err;
    }
    *out_disk = cup_disk_priv_posix();
    return CUP_OK;
}

void cup_disk_close(struct cup_disk *disk)
{
    if (disk != NULL) disk->ops->close(disk);
}

const char *cup_disk_name(const struct cup_disk *disk)
{
    CUP_ASSERT(disk != NULL);
    return disk->ops->name;
}
