// SPDX-License-Identifier: Apache-2.0
/* reader: one input file as a sequence of uncompressed bytes.
 *
 *                     .-- file ends, plain or behind a verified member; limit --> END
 *   OPEN --read...--> +-- file ends inside a member, or before the limit ----> CUT
 *                     '-- not gzip, bad checksum, expands too far -------------> DAMAGED
 *
 * Inflating is done in steps that end at multiples of CUP_READER_CHUNK of the uncompressed
 * position, from input that is always read in full blocks. So a damaged file gives the same bytes
 * before its damage however it is read and wherever a run resumes.
 *
 * Holds     a file descriptor, one pool block of stored bytes for gzip.
 * Owner     the source.
 * Threads   one.
 * Fails     IO, BAD_CONFIG (not a regular file), INPUT_CHANGED (shorter than the start).
 * Tests     tests/dataplane/source/test_gzip.c, test_source.c
 */
#ifndef CUP_DATAPLANE_SOURCE_READER_PRIV_H
#define CUP_DATAPLANE_SOURCE_READER_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "kernels/isal/isal.h"

#define CUP_READER_CHUNK (32u << 10) /* the least room that a read asks for */

/* Uncompressed bytes may be this many times the stored ones, and so many more for tiny files: what
 * expands further is an attack on the disk, not change data (deflate's own limit is about 1030). */
#define CUP_READER_EXPANSION_MAX  200u
#define CUP_READER_EXPANSION_FREE (16u << 20)

enum cup_reader_state {
    CUP_READER_OPEN,
    CUP_READER_END,
    CUP_READER_CUT,
    CUP_READER_DAMAGED,
};

struct cup_reader {
    const char           *path;
    int                   fd;   /* -1: none */
    bool                  lent; /* the descriptor is somebody else's: it stays open */
    bool                  gzip;
    bool                  stored_end; /* the file gave its last byte */
    bool                  at_member_end;
    bool                  refused;  /* by the inflater */
    bool                  careful;  /* reading again, because it refused: */
    uint64_t              again_to; /* as before up to here, then byte by byte */
    enum cup_reader_state state;
    uint64_t              position;     /* uncompressed bytes read or skipped so far */
    uint64_t              position_max; /* gzip: where it has expanded too far */
    uint64_t              limit;        /* where reading ends; UINT64_MAX: at the file's end */
    uint64_t              member_end;   /* gzip: position behind the last verified member */
    struct cup_inflate   *inflate;
    uint8_t              *stored; /* CUP_BLOCK_BYTES */
    uint32_t              stored_at, stored_bytes;
};

/* cup_reader_priv_file opens a regular file for reading; out_fd < 0 never. */
CUP_MUST_CHECK enum cup_err cup_reader_priv_file(const char *path, int *out_fd, uint64_t *out_bytes,
                                                 struct cup_fault *out_fault);

/* cup_reader_priv_open opens path at its first byte; a plain file at byte `start`. inflate and
 * stored are set already (gzip only). */
CUP_MUST_CHECK enum cup_err cup_reader_priv_open(struct cup_reader *reader, const char *path,
                                                 bool gzip, uint64_t start,
                                                 struct cup_fault *out_fault);

/* cup_reader_priv_take is the same for a file that is open already and stays so: position and limit
 * are uncompressed. A file that ends before the limit is CUT. */
CUP_MUST_CHECK enum cup_err cup_reader_priv_take(struct cup_reader *reader, const char *path,
                                                 int fd, bool gzip, uint64_t start, uint64_t limit,
                                                 struct cup_fault *out_fault);
void                        cup_reader_priv_close(struct cup_reader *reader);

/* cup_reader_priv_read reads up to room bytes to dst; room >= CUP_READER_CHUNK for gzip. 0 bytes
 * when the state has left OPEN, and only then. */
CUP_MUST_CHECK enum cup_err cup_reader_priv_read(struct cup_reader *reader, uint8_t *dst,
                                                 uint32_t room, uint32_t *out_bytes,
                                                 struct cup_fault *out_fault);

#endif
