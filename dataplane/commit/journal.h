// SPDX-License-Identifier: Apache-2.0
/* journal: what one shard has decided: framed, checksummed segments of JSON lines.
 *
 *   journal/00000007.cj   | BASE | INTENT | EPOCH | INTENT | EPOCH | ... | DONE |
 *
 *   frame (little endian)  0 magic "CJR1"   4 payload bytes   8 sequence   16 crc of previous frame
 *                         20 kind  22 flags  24 crc32c of bytes 0..23 and payload
 *                         28 payload, then zeros up to the next multiple of 4096
 *
 * A message longer than a frame may be goes on in the next frames (flag MORE on all but its last);
 * it counts when all of it is there. Every frame is synced before the next is written: a bad frame
 * with a good one behind it is damage, without one a write that power loss cut off. The first
 * message of a segment is BASE: the whole state. Each open starts a segment, so nothing is acted
 * upon that this process did not make durable itself. An INTENT names the files that are about to
 * get their final names for an epoch that is not decided: whoever finds it last removes them. An
 * INTENT says that the epoch before it is done; DONE is written once, when the writer closes in
 * good order.
 *
 * Payload lines, each an object whose first member t says what it is:
 *   base   epoch, open, generation_min   then inputs and tables, then the lines of an open epoch or
 * of an intent input  path, topic, identity (device, inode, head_bytes, head_crc32c, born_us),
 * size, end, ended, generation; born_us, generation and generation_min only when they are not 0
 *   table  folder, id, epoch, schema_crc32c   the last epoch that is known to be in it
 *   intent epoch                   then places and declares
 *   place  table, name             table: its folder, empty for an archive file
 *   declare folder, id, version, bytes; the bytes of a commit of metadata follow as they are
 *   epoch  epoch, epoch_id, generation, decided_us
 *   range  the members of input, and start, records
 *   file   zone, name, bytes, crc32c, rows
 *   commit folder, id, schema_crc32c, bytes; the commit's bytes follow as they are
 *   done   epoch, clean
 *
 * Holds     writer: the open segment. State: a position for each input that was read and is not
 *           gone, a line for each table ever committed to.
 * Owner     the committer; a tool reads with cup_journal_read.
 * Threads   one.
 * Fails     CORRUPT (at_offset: byte in the segment), IO, NO_SPACE, NO_MEMORY, FENCED (another
 *           process has begun a segment behind ours). NO_SPACE: nothing of the message is there,
 * the writer may go on. Any other failed append is final: the caller ends the process, the next
 * open starts a new segment. Bounds    CUP_FRAME_PAYLOAD_MAX, CUP_JOURNAL_LINE_BYTES_MAX; a segment
 * is closed when it has grown by CUP_JOURNAL_SEGMENT_BYTES; tables beyond CUP_JOURNAL_TABLES_MAX
 * are not remembered. Source    dataplane/commit/README.md Tests     tests/dataplane/test_journal.c
 */
#ifndef CUP_DATAPLANE_COMMIT_JOURNAL_H
#define CUP_DATAPLANE_COMMIT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "dataplane/commit/epoch.h"
#include "dataplane/source/source.h"
#include "dataplane/store/store.h"
#include "kernels/json/json.h"

#define CUP_FRAME_HEADER_BYTES     28u
#define CUP_FRAME_ALIGN            4096u /* a new frame never rewrites a block of a durable one */
#define CUP_FRAME_PAYLOAD_MAX      (16u << 20)
#define CUP_FRAME_MORE             1u           /* flag: the message goes on in the next frame */
#define CUP_JOURNAL_LINE_BYTES_MAX (128u << 10) /* two paths of PATH_MAX, all bytes escaped */
#define CUP_JOURNAL_SEGMENT_BYTES  (64u << 20)
#define CUP_JOURNAL_RESERVE_BYTES  (1u << 20) /* given up to record a decision on a full disk */
#define CUP_JOURNAL_GONE_MAX       4096u      /* inputs that are gone: more begin a segment */
#define CUP_JOURNAL_TABLES_MAX     (1u << 18) /* those of four plans that share none */
_Static_assert(CUP_JOURNAL_TABLES_MAX >= 4 * CUP_PLAN_TABLES_MAX, "a plan's tables must fit");

enum cup_frame_kind {
    CUP_FRAME_BASE   = 1,
    CUP_FRAME_EPOCH  = 2,
    CUP_FRAME_DONE   = 3,
    CUP_FRAME_INTENT = 4,
    CUP_FRAME_GAP    = 5,
};

struct cup_frame {
    uint16_t       kind, flags;
    uint32_t       previous_crc32c, crc32c;
    uint64_t       sequence;
    const uint8_t *payload;
    uint32_t       payload_bytes;
};

/* cup_frame_put appends the frame with its padding; returns its checksum (member crc32c is not
 * read). */
uint32_t cup_frame_put(struct cup_text *out, const struct cup_frame *frame);

/* cup_frame_get reads the frame at bytes[at..count); false when there is no valid one. All of its
 * padding must be there: without it, a write ran out of space and was given up. Lends the payload.
 */
bool cup_frame_get(const void *bytes, size_t count, size_t at, struct cup_frame *out_frame);

/* --- payload lines --- */

enum cup_journal_line_kind {
    CUP_LINE_BASE,
    CUP_LINE_INPUT,
    CUP_LINE_TABLE,
    CUP_LINE_INTENT,
    CUP_LINE_PLACE,
    CUP_LINE_EPOCH,
    CUP_LINE_RANGE,
    CUP_LINE_FILE,
    CUP_LINE_COMMIT,
    CUP_LINE_DONE,
    CUP_LINE_DECLARE,
    CUP_LINE_COUNT
};

/* Members that a kind of line does not have are zero. */
struct cup_journal_line {
    enum cup_journal_line_kind kind;
    bool                       open, clean, ended;
    uint32_t                   file_generation; /* INPUT, RANGE; BASE: generation_min */
    uint32_t                   crc32c;          /* FILE: of it; COMMIT, TABLE: of the schema */
    uint64_t                   epoch, generation, start, end, size, bytes, rows, records;
    uint64_t                   version; /* DECLARE: that the commit is to become */
    int64_t                    decided_us;
    struct cup_input_identity  identity;
    const char                *id;     /* EPOCH: epoch id; COMMIT, DECLARE, TABLE: table id */
    const char                *name;   /* INPUT, RANGE: path; FILE, PLACE: name; others: folder */
    const char                *topic;  /* INPUT, RANGE: topic; FILE: zone; PLACE: table's folder */
    const char                *commit; /* COMMIT, DECLARE: `bytes` bytes */
};

struct cup_journal_reader {
    struct cup_json *json;
    struct cup_text  scratch, texts; /* the line with padding; its texts, unescaped */
    const char      *payload;
    size_t           payload_bytes, at;
};

CUP_MUST_CHECK enum cup_err cup_journal_reader_open(struct cup_journal_reader *reader,
                                                    struct cup_fault          *out_fault);
void                        cup_journal_reader_close(struct cup_journal_reader *reader);
void cup_journal_reader_start(struct cup_journal_reader *reader, const void *payload, size_t bytes);

/* cup_journal_reader_next gives the next line: OK, END, or CORRUPT.
 * Lends     its texts until the next call, the commit as long as the payload. */
CUP_MUST_CHECK enum cup_err cup_journal_reader_next(struct cup_journal_reader *reader,
                                                    struct cup_journal_line   *out_line,
                                                    struct cup_fault          *out_fault);

/* cup_journal_put_line appends a line (COMMIT, DECLARE: with its bytes). */
void cup_journal_put_line(struct cup_text *payload, const struct cup_journal_line *line);

/* --- state --- */

/* An index of names. Lends them: they belong to what they name. */
struct cup_names {
    const char **list;
    uint32_t     count, cap;
    uint32_t    *buckets; /* index + 1 into list by hash; open addressing, at most half full */
    uint32_t     bucket_count;
};
#define CUP_NAMES_NONE UINT32_MAX

/* cup_names_find is the index of a name, or NONE. */
uint32_t cup_names_find(const struct cup_names *names, const char *name);
/* cup_names_add appends a name that is not there; false when memory is short. */
bool cup_names_add(struct cup_names *names, const char *name);
void cup_names_free(struct cup_names *names);

/* How far one input was read. `end` of a partition is an offset, `identity` its anchor, `size` 0.
 * Kept as long as there may be the file, because a file that is
 * forgotten is read again. Of files that have come and gone under one path, or were truncated, all
 * but the first have ~generation behind path and topic. */
struct cup_position {
    char                     *path, *topic;
    struct cup_input_identity identity;
    uint32_t                  generation;
    uint64_t                  end;       /* uncompressed bytes that are in decided epochs */
    uint64_t                  size;      /* of the file as stored, when its reading began */
    uint64_t                  checked;   /* end, or behind the ranges checked so far */
    bool                      ended;     /* read to its end, when it was `size` long */
    bool                      recorded;  /* in the journal; else only looked at */
    bool                      started;   /* identity compared since this process began */
    bool                      gone;      /* the file is no more: the next BASE is without it ... */
    bool                      forgotten; /* ... and it was */
};

/* cup_position_base is the length of a path or topic without its ~generation. */
size_t cup_position_base(const char *text, uint32_t generation);

/* cup_position_consumed: it is one of a partition; its path is no path, but topic/partition. */
static inline bool cup_position_consumed(const char *path)
{
    return path[0] != '/';
}

struct cup_positions {
    struct cup_position **list;
    uint32_t              count, cap;
    struct cup_names      paths;
};

struct cup_position *cup_positions_find(const struct cup_positions *positions, const char *path);
/* cup_positions_add finds or makes; NULL when memory is short. Pointers stay valid. */
struct cup_position *cup_positions_add(struct cup_positions *positions, const char *path,
                                       const char *topic);
void                 cup_positions_free(struct cup_positions *positions);

/* What the journal knows of a table: that is how it is found that one was put back or replaced. */
struct cup_journal_table {
    char    *folder, *id;
    uint64_t epoch;         /* the last that was decided for it */
    uint64_t before;        /* the one before that; 0: none */
    uint32_t schema_crc32c; /* of the columns, durable before that epoch was decided; 0: unknown */
};

struct cup_journal_tables {
    struct cup_journal_table *list;
    uint32_t                  count, cap;
    struct cup_names          folders;
};

const struct cup_journal_table *cup_journal_tables_find(const struct cup_journal_tables *tables,
                                                        const char                      *folder);
/* cup_journal_tables_note notes an epoch that is decided for a table; false when memory is short.
 */
bool cup_journal_tables_note(struct cup_journal_tables *tables, const char *folder, const char *id,
                             uint32_t schema_crc32c, uint64_t epoch);
void cup_journal_tables_free(struct cup_journal_tables *tables);

struct cup_journal_state {
    uint64_t                  epoch;          /* last decided; 0: none */
    uint32_t                  generation_min; /* of inputs that are new: none forgotten had it */
    struct cup_positions      positions;
    struct cup_journal_tables tables;
    struct cup_text           open; /* payload of the decided epoch that is not DONE; else empty */
    struct cup_text           placing; /* payload of an INTENT that no epoch followed; else empty */
    uint64_t                  sequence; /* of the last frame; 0: none */
    uint32_t                  segment;  /* highest segment number; 0: none */
    bool                      exists;   /* there was a segment */
    bool                      clean;    /* the writer closed in good order after its last epoch */
};

/* cup_journal_read reads the newest state from the segments in `folder`, without a lock. No
 * segments: a state of zeros. */
CUP_MUST_CHECK enum cup_err cup_journal_read(struct cup_store *store, const char *folder,
                                             struct cup_journal_state *out_state,
                                             struct cup_fault         *out_fault);
void                        cup_journal_state_free(struct cup_journal_state *state);

/* cup_journal_applied is the epoch that the table's log must have reached: an open epoch need not
 * be in it. */
uint64_t cup_journal_applied(const struct cup_journal_state *state,
                             const struct cup_journal_table *table);

/* --- writing (under the shard's lock) --- */

struct cup_journal;

/* cup_journal_check_owner looks whether another process has begun a segment behind ours: FENCED. */
CUP_MUST_CHECK enum cup_err cup_journal_check_owner(struct cup_journal *journal,
                                                    struct cup_fault   *out_fault);

/* cup_journal_blame: what failed may have failed because another process has taken over: files are
 * gone, or tables are ahead. Returns FENCED, and says so; else err. */
CUP_MUST_CHECK enum cup_err cup_journal_blame(const struct cup_journal *journal, enum cup_err err,
                                              struct cup_fault *out_fault);

/* cup_journal_open begins a segment, reads the state from those before it, writes it as the new
 * one's BASE, removes the older ones and makes the reserve file. */
CUP_MUST_CHECK enum cup_err cup_journal_open(struct cup_store *store, const char *folder,
                                             struct cup_journal_state *out_state,
                                             struct cup_journal      **out_journal,
                                             struct cup_fault         *out_fault);

/* cup_journal_intend makes an INTENT durable, before the first of its files gets its name. */
CUP_MUST_CHECK enum cup_err cup_journal_intend(struct cup_journal *journal, const void *payload,
                                               size_t bytes, struct cup_fault *out_fault);

/* cup_journal_decide makes an epoch's payload durable. */
CUP_MUST_CHECK enum cup_err cup_journal_decide(struct cup_journal *journal, const void *payload,
                                               size_t bytes, struct cup_fault *out_fault);

/* cup_journal_turn starts a new segment from state when the open one has grown enough, or many
 * inputs are gone, which are then forgotten; and makes a reserve that was given up again; both only
 * if there is room. Called when the decided epoch is
 * applied. */
CUP_MUST_CHECK enum cup_err cup_journal_turn(struct cup_journal       *journal,
                                             struct cup_journal_state *state,
                                             struct cup_fault         *out_fault);

/* cup_journal_close: clean says that epoch is applied and that nothing undecided was left behind;
 * it is noted as DONE. NULL is accepted. */
void cup_journal_close(struct cup_journal *journal, bool clean, uint64_t epoch);

/* cup_journal_adopt makes `state` the journal, whatever it was, damaged ones included: a new
 * segment with it as BASE; then the old segments are renamed to *.old. The caller has the shard's
 * lock. */
CUP_MUST_CHECK enum cup_err cup_journal_adopt(struct cup_store *store, const char *folder,
                                              const struct cup_journal_state *state,
                                              struct cup_fault               *out_fault);

#endif
