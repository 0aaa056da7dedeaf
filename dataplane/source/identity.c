// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/source/reader_priv.h"
#include "kernels/isal/isal.h"

static enum cup_err read_identity(int fd, const char *path, uint32_t head_bytes,
                                  struct cup_input_identity *out_identity,
                                  struct cup_fault          *out_fault)
{
    uint8_t      head[CUP_INPUT_HEAD_BYTES];
    uint32_t     have = 0;
    struct stat  stat;
    struct statx more = {0};

    if (fstat(fd, &stat) != 0) return cup_fault_set(out_fault, CUP_IO, "stat an input", path);
    /* without it the other marks must do */
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &more) != 0 || !(more.stx_mask & STATX_BTIME))
        more.stx_btime = (struct statx_timestamp){0};
    while (have < head_bytes) {
        ssize_t got = pread(fd, head + have, head_bytes - have, (off_t)have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cup_fault_set(out_fault, CUP_IO, "read an input", path);
        if (got == 0) break;
        have += (uint32_t)got;
    }
    *out_identity = (struct cup_input_identity){
        .device      = stat.st_dev,
        .inode       = stat.st_ino,
        .head_bytes  = have,
        .head_crc32c = cup_crc32c(0, head, have),
        .born_us     = more.stx_btime.tv_sec * 1000000 + more.stx_btime.tv_nsec / 1000,
    };
    return CUP_OK;
}

enum cup_err cup_input_identify(const char *path, uint32_t head_bytes,
                                struct cup_input_identity *out_identity,
                                struct cup_fault          *out_fault)
{
    uint64_t bytes = 0;
    int      fd    = -1;

    CUP_ASSERT(head_bytes <= CUP_INPUT_HEAD_BYTES);
    CUP_ASSERT(out_identity != NULL);

    enum cup_err err = cup_reader_priv_file(path, &fd, &bytes, out_fault);
    if (err != CUP_OK) return err;
    if (head_bytes == 0) head_bytes = CUP_INPUT_HEAD_BYTES;
    err = read_identity(fd, path, head_bytes, out_identity, out_fault);
    close(fd);
    return err;
}
