// SPDX-License-Identifier: Apache-2.0
/* follow_priv: files that grow, are renamed, truncated and removed: which one to read next, and up
 * to where.
 *
 *   look (last file to first): size, last LF --> limit      read (first to last): position -->
 * limit
 *        ^------------------------------------------------------------'
 *
 * A file is looked at before those that stand before it in order: so what a writer put into an
 * earlier file before it went on to a later one is read before it. Bytes behind the last LF do not
 * exist yet: what is read is whole lines, and a file may be left at any time. A gzip's limit is
 * found by inflating it once; only whole members count.
 *
 * Holds     per file its names, a position, a few bytes before it; a descriptor for those that
 *           changed last (open_max of them).
 * Owner     the source.
 * Threads   one.
 * Fails     IO when a file cannot be read. That it cannot be opened is no fault: it is looked at
 *           again.
 * Bounds    open_max descriptors; memory for each file there is, not for those that were.
 * Tests     tests/dataplane/source/test_follow.c, tests/oracle/test_follow.py
 */
#ifndef CUP_DATAPLANE_SOURCE_FOLLOW_PRIV_H
#define CUP_DATAPLANE_SOURCE_FOLLOW_PRIV_H

#include "dataplane/source/reader_priv.h"
#include "dataplane/source/source.h"

#define CUP_FOLLOW_OPEN_MAX  256u
#define CUP_FOLLOW_OPEN_MIN  16u
#define CUP_FOLLOW_TAIL      64u         /* bytes before the position that are compared */
#define CUP_FOLLOW_LOOK_NS   50000000ull /* between two looks when nothing happens */
#define CUP_FOLLOW_BUSY_NS   10000000ull /* ... and when little does */
#define CUP_FOLLOW_BUSY      (64u << 10) /* a round that brought more is followed at once */
#define CUP_FOLLOW_GRACE_NS  (3ull * 1000000000u) /* a removed file may still be written to */
#define CUP_FOLLOW_AGAIN_MUL 20u /* a gzip that grows: rest so many times what inflating took */

struct cup_follow_file {
    struct cup_source_file what; /* its texts are this struct's */
    uint32_t               topic;
    int                    fd;       /* -1: none is held */
    uint64_t               position; /* handed out, uncompressed */
    uint64_t               limit;    /* may be handed out */
    uint64_t               looked;   /* stored bytes that were there when it was looked at last */
    uint64_t               active_ns, gone_ns, inflate_ns; /* grew; was removed; inflate after */
    uint32_t               tail_bytes;
    uint8_t                tail[CUP_FOLLOW_TAIL];
    bool                   look;      /* it may have changed: a descriptor may have to be opened */
    bool                   inflate;   /* gzip: the limit is to be found */
    bool                   truncated; /* shorter than it was, or other bytes: it ends here */
    bool                   ending;    /* removed: what is left is handed out, then it ends */
    bool                   ended;     /* its last batch is out */
};

struct cup_follow {
    struct cup_follow_file **files; /* by group, first path, generation */
    uint32_t                 count, cap, round, open_count, open_max;
    struct cup_follow_file  *reading;   /* NULL: none */
    struct cup_follow_file  *inflating; /* a gzip whose limit is being found */
    struct cup_reader        inflater;
    uint64_t                 lf_all, lf_members; /* behind the last LF: of all; in whole members */
    uint64_t                 began_ns, began_bytes; /* inflating; stored bytes then */
    uint64_t                 round_bytes, due_ns;   /* handed out in the round; the next look */
    uint64_t                 behind;                /* stored bytes not handed out, plain files */
    struct cup_source_end   *ends;                  /* files that ended, to be told */
    uint32_t                 end_count, end_cap;
};

void cup_follow_priv_open(struct cup_follow *follow, uint32_t worker_count);
void cup_follow_priv_close(struct cup_follow *follow);

CUP_MUST_CHECK enum cup_err cup_follow_priv_add(struct cup_follow            *follow,
                                                const struct cup_source_file *what, uint32_t topic,
                                                struct cup_fault *out_fault);

struct cup_follow_file *cup_follow_priv_find(const struct cup_follow *follow, uint32_t input);

/* cup_follow_priv_next picks the file to read now: follow->reading, its descriptor open, position
 * below limit; or one that ends with nothing left to read (ending or truncated). scratch holds
 * CUP_READER_CHUNK bytes; inflate and stored are set in follow->inflater when there are gzip files.
 *
 * Returns   CUP_OK; CUP_AGAIN: nothing now, ask again at follow->due_ns. */
CUP_MUST_CHECK enum cup_err cup_follow_priv_next(struct cup_follow *follow, uint8_t *scratch,
                                                 struct cup_fault *out_fault);

/* cup_follow_priv_leave: the file that was read is left at its position; an ended one is told and
 * forgotten, unless it is a damaged one that still lies there. */
void cup_follow_priv_leave(struct cup_follow *follow);

/* cup_follow_priv_took: its bytes up to `position` were handed out. */
void cup_follow_priv_took(struct cup_follow *follow, uint64_t position, bool ended);

#endif
