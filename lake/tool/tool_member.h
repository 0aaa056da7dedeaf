// SPDX-License-Identifier: Apache-2.0
/* member: one inflated gzip member of a bronze file, its checksum verified before any byte is lent;
 * a sealed one is opened first.
 *
 * Holds     the bytes of the last member asked for, one open file.
 * Owner     replay.
 * Threads   one.
 * Fails     END: sealed under another key. NOT_FOUND, IO, CORRUPT (the file and the member's place
 * are in the fault), NO_MEMORY. Bounds    CUP_TEXT_BYTES_MAX a member: a member is longer than 1
 * MiB only by its last record. Tests     tests/lake/test_verify_replay.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_MEMBER_H
#define CUP_LAKE_TOOL_TOOL_MEMBER_H

#include "kernels/isal/isal.h"
#include "kernels/seal/seal.h"
#include "lake/tool/tool_lake.h"

struct cup_member {
    const char                *folder; /* of the pipeline's bronze */
    struct cup_inflate        *inflate;
    uint8_t                   *in, *out; /* buffers */
    const struct cup_seal_key *key; /* set before a load: the file is sealed; NULL: it is not */
    struct cup_lake_file       file;
    uint32_t                   file_name; /* number of the open file, UINT32_MAX: none */
    uint64_t                   member_at;
    bool                       loaded;
    struct cup_text            text;
};

CUP_MUST_CHECK enum cup_err cup_member_open(const char *folder, struct cup_member *out_member,
                                            struct cup_fault *out_fault);
void                        cup_member_close(struct cup_member *member);

/* The member's own end counts, whatever follows in the file. */
#define CUP_MEMBER_END_UNKNOWN (UINT64_MAX - 1)

/* cup_member_load makes member->text the member [at, end) of a file; end UINT64_MAX: the file's
 * end. file_name numbers the file, so that equal requests cost nothing. */
CUP_MUST_CHECK enum cup_err cup_member_load(struct cup_member *member, const char *file,
                                            uint32_t file_name, uint64_t at, uint64_t end,
                                            struct cup_fault *out_fault);

#endif
