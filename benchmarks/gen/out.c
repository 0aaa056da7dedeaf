// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum cup_err cup_out_open(struct cup_out *out, const char *name, size_t record_bytes_max,
                          struct cup_fault *out_fault)
{
    size_t name_bytes = strlen(name);
    if (name_bytes >= sizeof(out->name))
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "the name is too long", name);

    bool standard = strcmp(name, "-") == 0;
    int  fd = standard ? STDOUT_FILENO : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return cup_fault_set(out_fault, CUP_IO, "create", name);
    uint8_t *buffer = malloc(CUP_OUT_BYTES + record_bytes_max);
    if (buffer == NULL) {
        if (!standard) (void)close(fd); /* nothing was written */
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "output buffer", name);
    }
    *out = (struct cup_out){.fd = fd, .buffer = buffer, .record_bytes_max = record_bytes_max};
    memcpy(out->name, name, name_bytes + 1);
    return CUP_OK;
}

enum cup_err cup_out_flush(struct cup_out *out, struct cup_fault *out_fault)
{
    for (size_t at = 0; at < out->bytes;) {
        ssize_t count = write(out->fd, out->buffer + at, out->bytes - at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cup_fault_set(out_fault, CUP_IO, "write", out->name);
        at += (size_t)count;
    }
    out->bytes = 0;
    return CUP_OK;
}

enum cup_err cup_out_end(struct cup_out *out, const uint8_t *end, struct cup_fault *out_fault)
{
    size_t count = (size_t)(end - cup_out_begin(out));
    CUP_ASSERT(end >= cup_out_begin(out));
    CUP_ASSERT(count <= out->record_bytes_max);
    out->bytes += count;
    out->written += count;
    return out->bytes >= CUP_OUT_BYTES ? cup_out_flush(out, out_fault) : CUP_OK;
}

enum cup_err cup_out_close(struct cup_out *out, struct cup_fault *out_fault)
{
    if (out->buffer == NULL) return CUP_OK;
    enum cup_err err = cup_out_flush(out, out_fault);
    if (out->fd != STDOUT_FILENO && close(out->fd) != 0 && err == CUP_OK)
        err = cup_fault_set(out_fault, CUP_IO, "close", out->name);
    free(out->buffer);
    out->buffer = NULL;
    return err;
}
