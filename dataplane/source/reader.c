// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/reader_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum cup_err cup_reader_priv_file(const char *path, int *out_fd, uint64_t *out_bytes,
                                  struct cup_fault *out_fault)
{
    struct stat stat;

    /* O_NONBLOCK: opening a FIFO must not wait for its writer; regular files ignore it */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return cup_fault_set(out_fault, CUP_IO, "open an input", path);
    if (fstat(fd, &stat) != 0) {
        enum cup_err err = cup_fault_set(out_fault, CUP_IO, "stat an input", path);
        close(fd);
        return err;
    }
    if (!S_ISREG(stat.st_mode)) {
        close(fd);
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "an input must be a regular file", path);
    }
    *out_fd    = fd;
    *out_bytes = (uint64_t)stat.st_size;
    return CUP_OK;
}

/* Takes over fd: the reader has it when this returns CUP_OK. */
static enum cup_err begin(struct cup_reader *reader, const char *path, int fd, uint64_t file_bytes,
                          bool gzip, uint64_t start, struct cup_fault *out_fault)
{
    CUP_ASSERT(reader->fd < 0);
    CUP_ASSERT(!gzip || (reader->inflate != NULL && reader->stored != NULL));
    if (!gzip && start > file_bytes)
        return cup_fault_set(out_fault, CUP_INPUT_CHANGED, "shorter than its position", path);
    if (lseek(fd, gzip ? 0 : (off_t)start, SEEK_SET) < 0)
        return cup_fault_set(out_fault, CUP_IO, "seek in an input", path);
    *reader = (struct cup_reader){
        .path         = path,
        .fd           = fd,
        .gzip         = gzip,
        .position     = gzip ? 0 : start,
        .position_max = file_bytes * CUP_READER_EXPANSION_MAX + CUP_READER_EXPANSION_FREE,
        .limit        = UINT64_MAX,
        .inflate      = reader->inflate,
        .stored       = reader->stored,
    };
    if (gzip) cup_inflate_reset(reader->inflate);
    return CUP_OK;
}

enum cup_err cup_reader_priv_open(struct cup_reader *reader, const char *path, bool gzip,
                                  uint64_t start, struct cup_fault *out_fault)
{
    uint64_t file_bytes = 0;
    int      fd         = -1;

    enum cup_err err = cup_reader_priv_file(path, &fd, &file_bytes, out_fault);
    if (err != CUP_OK) return err;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* advice: reading works without */
    err = begin(reader, path, fd, file_bytes, gzip, start, out_fault);
    if (err != CUP_OK) close(fd);
    return err;
}

enum cup_err cup_reader_priv_take(struct cup_reader *reader, const char *path, int fd, bool gzip,
                                  uint64_t start, uint64_t limit, struct cup_fault *out_fault)
{
    struct stat stat;

    if (fstat(fd, &stat) != 0) return cup_fault_set(out_fault, CUP_IO, "stat an input", path);
    uint64_t     bytes = (uint64_t)stat.st_size;
    bool         cut   = !gzip && start > bytes; /* it became shorter just now */
    enum cup_err err   = begin(reader, path, fd, bytes, gzip, cut ? bytes : start, out_fault);
    if (err != CUP_OK) return err;
    if (cut) reader->state = CUP_READER_CUT;
    if (cut) reader->position = start;
    reader->lent  = true;
    reader->limit = limit;
    return CUP_OK;
}

void cup_reader_priv_close(struct cup_reader *reader)
{
    if (reader->fd >= 0 && !reader->lent) close(reader->fd);
    reader->fd = -1;
}

static enum cup_err read_some(const struct cup_reader *reader, uint8_t *dst, uint32_t room,
                              uint32_t *out_bytes, struct cup_fault *out_fault)
{
    ssize_t got;

    do {
        got = read(reader->fd, dst, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return cup_fault_set(out_fault, CUP_IO, "read an input", reader->path);
    *out_bytes = (uint32_t)got;
    return CUP_OK;
}

static enum cup_err refill(struct cup_reader *reader, struct cup_fault *out_fault)
{
    reader->stored_at = reader->stored_bytes = 0;
    while (reader->stored_bytes < CUP_BLOCK_BYTES && !reader->stored_end) {
        uint32_t     got = 0;
        enum cup_err err = read_some(reader, reader->stored + reader->stored_bytes,
                                     CUP_BLOCK_BYTES - reader->stored_bytes, &got, out_fault);
        if (err != CUP_OK) return err;
        reader->stored_bytes += got;
        reader->stored_end = got == 0;
    }
    return CUP_OK;
}

/* One call of the inflater and what it means for the state. */
static uint32_t inflate_some(struct cup_reader *reader, uint8_t *dst, uint32_t room)
{
    size_t   taken = 0, written = 0, ended = 0;
    uint32_t in = reader->stored_bytes - reader->stored_at;
    if (reader->careful && reader->position >= reader->again_to && in > 1) in = 1;
    enum cup_err err = cup_inflate_more(reader->inflate, reader->stored + reader->stored_at, in,
                                        dst, room, &taken, &written);

    CUP_ASSERT(taken <= in);
    CUP_ASSERT(written <= room);
    reader->stored_at += (uint32_t)taken;
    if (cup_inflate_ended(reader->inflate, &ended)) reader->member_end = reader->position + ended;
    reader->position += written;
    reader->at_member_end = err == CUP_END;
    bool stuck            = taken == 0 && written == 0 && err == CUP_OK;
    if (err != CUP_OK && err != CUP_END) {
        reader->state   = CUP_READER_DAMAGED;
        reader->refused = true;
    } else if (stuck) {
        reader->state = in == 0 ? CUP_READER_CUT : CUP_READER_DAMAGED;
    } else if (reader->position >= reader->position_max && err != CUP_END) {
        reader->state = CUP_READER_DAMAGED;
    }
    return (uint32_t)written;
}

static enum cup_err inflate_step(struct cup_reader *reader, uint8_t *dst, uint32_t *out_bytes,
                                 struct cup_fault *out_fault)
{
    uint32_t want = CUP_READER_CHUNK - (uint32_t)(reader->position % CUP_READER_CHUNK);
    uint32_t done = 0;

    if (reader->position < reader->again_to && want > reader->again_to - reader->position)
        want = (uint32_t)(reader->again_to - reader->position);
    while (done < want && reader->state == CUP_READER_OPEN) {
        if (reader->stored_at == reader->stored_bytes && !reader->stored_end) {
            enum cup_err err = refill(reader, out_fault);
            /* what was inflated is handed on first; the fault comes again at the next call */
            if (err != CUP_OK && done == 0) return err;
            if (err != CUP_OK) break;
        }
        bool drained = reader->stored_at == reader->stored_bytes && reader->stored_end;
        if (drained && reader->at_member_end) {
            reader->state = CUP_READER_END;
        } else {
            done += inflate_some(reader, dst + done, want - done);
        }
    }
    *out_bytes = done;
    return CUP_OK;
}

/* The inflater does not say how much it wrote in the call in which it met damage: so the file is
 * read again up to the chunk of that call, and that chunk byte by byte. */
static enum cup_err begin_again(struct cup_reader *reader, uint64_t position,
                                struct cup_fault *out_fault)
{
    reader->state    = CUP_READER_OPEN; /* if this fails, the next call comes here again */
    reader->position = position;
    if (lseek(reader->fd, 0, SEEK_SET) < 0)
        return cup_fault_set(out_fault, CUP_IO, "seek in an input", reader->path);
    cup_inflate_reset(reader->inflate);
    reader->stored_at = reader->stored_bytes = 0;
    reader->stored_end = reader->at_member_end = reader->refused = false;
    reader->position                                             = 0;
    reader->again_to                                             = position;
    reader->careful                                              = true;
    return CUP_OK;
}

static enum cup_err inflate_chunk(struct cup_reader *reader, uint8_t *dst, uint32_t *out_bytes,
                                  struct cup_fault *out_fault)
{
    uint64_t     position = reader->careful ? reader->again_to : reader->position;
    enum cup_err err      = CUP_OK;
    uint32_t     bytes    = 0;

    if (!reader->careful) {
        err = inflate_step(reader, dst, &bytes, out_fault);
        if (err == CUP_OK && reader->refused) err = begin_again(reader, position, out_fault);
    }
    while (err == CUP_OK && reader->careful && reader->state == CUP_READER_OPEN &&
           reader->position < reader->again_to) {
        err   = inflate_step(reader, dst, &bytes, out_fault);
        bytes = 0;
    }
    if (err == CUP_OK && reader->careful && reader->state == CUP_READER_OPEN)
        err = inflate_step(reader, dst, &bytes, out_fault);
    if (err == CUP_OK) *out_bytes = bytes;
    return err;
}

static enum cup_err read_plain(struct cup_reader *reader, uint8_t *dst, uint32_t room,
                               uint32_t *out_bytes, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (room > reader->limit - reader->position)
        room = (uint32_t)(reader->limit - reader->position);
    *out_bytes = 0;
    if (room > 0) err = read_some(reader, dst, room, out_bytes, out_fault);
    if (err != CUP_OK) return err;
    reader->position += *out_bytes;
    if (*out_bytes == 0)
        reader->state = room > 0 && reader->limit != UINT64_MAX ? CUP_READER_CUT : CUP_READER_END;
    return CUP_OK;
}

enum cup_err cup_reader_priv_read(struct cup_reader *reader, uint8_t *dst, uint32_t room,
                                  uint32_t *out_bytes, struct cup_fault *out_fault)
{
    CUP_ASSERT(reader->fd >= 0);
    CUP_ASSERT(room >= (reader->gzip ? CUP_READER_CHUNK : 1));

    if (reader->state != CUP_READER_OPEN) {
        *out_bytes = 0;
        return CUP_OK;
    }
    if (!reader->gzip) return read_plain(reader, dst, room, out_bytes, out_fault);
    enum cup_err err = inflate_chunk(reader, dst, out_bytes, out_fault);
    if (err != CUP_OK || reader->position < reader->limit) return err;
    *out_bytes -= (uint32_t)(reader->position - reader->limit);
    reader->position = reader->limit;
    reader->state    = CUP_READER_END;
    return CUP_OK;
}
