// SPDX-License-Identifier: Apache-2.0
/* wire: what control and data plane say to each other over their socket, and the counters they
 * share.
 *
 *   control                                   data plane
 *      | -- PLAN (memfd) ------------------------> |  check, adopt at an epoch boundary
 *      | <------------------------- READY or REFUSED |
 *      | <-- UNKNOWN (schema text, source names) -- |  an input is parked
 *      | -- PLAN (generation + 1) ---------------> |  ... or REFUSE (that schema stays unknown)
 *      | <-- EPOCH (number, what it holds) -------- |  after APPLY
 *      | <-- STATUS (running, paused, retrying) --- |  the lake's disk is full or fails, or is well
 * again | -- STOP --------------------------------> |  finish the epoch and end | <-- ENDED or
 * FAULT ----------------------- |
 *
 * A message is a cup_wire_head and `bytes` bytes of payload over a SOCK_STREAM socket; a plan's
 * memfd travels with the head (SCM_RIGHTS).
 *
 * Owner     one thread on each side reads; one writes.
 * Fails     PEER_GONE, IO, BAD_DATA.
 * Tests     tests/dataplane/test_wire.c
 */
#ifndef CUP_DATAPLANE_ABI_WIRE_H
#define CUP_DATAPLANE_ABI_WIRE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "dataplane/abi/plan.h"

#define CUP_WIRE_MAGIC     0x57505543u /* "CUPW" */
#define CUP_WIRE_BYTES_MAX (64u << 20)
#define CUP_CONTROL_FD     3 /* the data plane finds its socket here */

enum cup_wire_kind {
    CUP_WIRE_PLAN = 1, /* -> empty payload, one descriptor */
    CUP_WIRE_STOP,     /* -> finish the open epoch, then ENDED */
    CUP_WIRE_REFUSE,   /* -> cup_wire_refuse: quarantine records of that unknown schema */
    CUP_WIRE_READY,    /* <- cup_wire_ready: the plan runs */
    CUP_WIRE_UNKNOWN,  /* <- cup_wire_unknown + texts */
    CUP_WIRE_EPOCH,    /* <- cup_wire_epoch + cup_wire_epoch_table[table_count] +
                         cup_wire_epoch_odd[odd_count] */
    CUP_WIRE_STATUS,   /* <- cup_wire_status, then the text of its fault's `what` */
    CUP_WIRE_BROKEN,   /* <- cup_wire_broken: a rule for the records of an epoch is broken */
    CUP_WIRE_ENDED,    /* <- empty: all inputs at their end, or stopped; all is durable */
    CUP_WIRE_FAULT,  /* <- struct cup_fault, then the text of its `what`; the shard has stopped, its
                        state intact */
    CUP_WIRE_INPUTS, /* -> cup_wire_input, each with its texts */
    CUP_WIRE_TAKEN,  /* <- empty: those of one INPUTS message are taken on */
    CUP_WIRE_NOTE,   /* <- text: what happened to an input, one line without LF */
    CUP_WIRE_LAG,    /* <- cup_wire_lag, each with its topic: all partitions, once a second */
};

/* How far a partition is read. Its topic follows, without NUL. Offsets are those of the next
 * record. Ages say for how long there has been something behind an offset, in ms: since the time of
 * the record before it, or since it was last seen at the partition's end, whichever is less; 0:
 * nothing is behind it, -1: nobody knows yet. */
struct cup_wire_lag {
    int64_t  consumed;  /* what a worker has taken on */
    int64_t  committed; /* what is in decided epochs */
    int64_t  visible;   /* what is in epochs that are in all tables */
    int64_t  high;      /* the end that a reader of committed records sees; -1: unknown */
    int64_t  consumed_ms, committed_ms, visible_ms;
    int32_t  partition;
    uint32_t topic_bytes;
};
_Static_assert(sizeof(struct cup_wire_lag) == 64, "on the wire");

/* What was seen of a file. Its path and topic follow, without NUL; GONE and SCANNED have none. */
enum cup_wire_input_kind {
    CUP_INPUT_FOUND,   /* it matches: new, or under another name, or grown */
    CUP_INPUT_BESIDE,  /* it lies beside one that matches: it counts only if it was read before */
    CUP_INPUT_GONE,    /* a file that was told has no name in the folders any more */
    CUP_INPUT_SCANNED, /* no file: all that there are were told */
    CUP_INPUT_KIND_COUNT
};
struct cup_wire_input {
    uint64_t device, inode;
    int64_t  born_us; /* 0: unknown */
    uint32_t kind;    /* enum cup_wire_input_kind */
    uint32_t group;
    uint32_t path_bytes, topic_bytes;
    uint8_t  form, gzip; /* as in cup_plan_input */
    uint8_t  pad[6];
};
_Static_assert(sizeof(struct cup_wire_input) == 48, "on the wire");
/* An INPUTS message is no longer than this and one row, so that sending it never waits for the data
 * plane: sockets hold more. */
#define CUP_WIRE_INPUTS_BYTES (48u << 10)

struct cup_wire_head {
    uint32_t magic;
    uint16_t kind, pad;
    uint32_t bytes; /* of payload */
    uint32_t pad2;
};
_Static_assert(sizeof(struct cup_wire_head) == 16, "on the wire");

/* Payload of REFUSE. */
struct cup_wire_refuse {
    uint64_t id;      /* of the UNKNOWN */
    uint32_t outcome; /* enum cup_outcome: UNKNOWN_TABLE, SCHEMA_DRIFT; DDL: SCHEMA_CHANGE */
    uint32_t pad;
};

struct cup_wire_ready {
    uint64_t generation, pool_bytes;
    uint32_t worker_count, pid;
    char     kernels[16]; /* level chosen */
    char     store[32];   /* backend chosen, and why if it is not the preferred one */
};

/* What a record has that the plan does not know. */
enum cup_unknown_kind {
    CUP_UNKNOWN_KIND_SCHEMA,  /* its schema text, or its table */
    CUP_UNKNOWN_KIND_MEMBER,  /* `what` is a member that no field is for (UNKNOWN_ASK) */
    CUP_UNKNOWN_KIND_MISSING, /* `what` is a member that it lacks (MISSING_ASK) */
    CUP_UNKNOWN_KIND_DDL,     /* `schema` is a DDL record, `what` its position as in _pos */
    CUP_UNKNOWN_KIND_KEY,     /* `what` is a column that its key has and the table's has not, or
                                 the other way round: without a contract nobody knows better */
    CUP_UNKNOWN_KIND_COUNT
};

/* Something unknown. Texts follow in this order, without NUL: source_name, source_db,
 * source_schema, source_table, connector, topic, what, schema (empty: the record has none),
 * key_schema (may be empty). */
struct cup_wire_unknown {
    uint64_t id;     /* to be given back in REFUSE */
    int64_t  offset; /* of the record in topic and partition */
    int32_t  partition;
    uint32_t worker;
    uint32_t kind; /* enum cup_unknown_kind */
    uint32_t text_bytes[9];
};
enum cup_wire_unknown_text {
    CUP_UNKNOWN_SOURCE_NAME,
    CUP_UNKNOWN_SOURCE_DB,
    CUP_UNKNOWN_SOURCE_SCHEMA,
    CUP_UNKNOWN_SOURCE_TABLE,
    CUP_UNKNOWN_CONNECTOR,
    CUP_UNKNOWN_TOPIC,
    CUP_UNKNOWN_WHAT,
    CUP_UNKNOWN_SCHEMA,
    CUP_UNKNOWN_KEY_SCHEMA,
    CUP_UNKNOWN_TEXT_COUNT
};

struct cup_wire_epoch {
    uint64_t epoch, generation, records;
    uint64_t apply_ns; /* from the last seal to the last commit */
    uint64_t bronze_bytes, bronze_files;
    uint32_t table_count, odd_count;
};
struct cup_wire_epoch_odd { /* so many records of a table were odd in a column; see oddity.def */
    uint64_t count;
    uint32_t oddity, pad;
    char     path[160];  /* below the lake */
    char     column[96]; /* "": the row as a whole */
};
struct cup_wire_epoch_table {
    uint32_t zone; /* enum cup_zone of dataplane/commit/epoch.h */
    uint32_t files;
    uint64_t rows, bytes;
    char     path[160]; /* below the lake */
};

/* How the shard stands when it does not just run.
 *
 *   RUNNING --an epoch fails--> RETRYING --workers read again--> RUNNING
 *      |\--the cluster is away--> CUT_OFF --it is back--> RUNNING
 *      \--no room at boot--> PAUSED <--no room-- / --room--> RUNNING
 *       \--a rule says pause--> WAITING --breaker.pause is over--> RUNNING
 */
enum cup_wire_state {
    CUP_WIRE_RUNNING,
    CUP_WIRE_PAUSED, /* the lake's disk has no room: free_bytes < needed_bytes. Sent again and again
                      */
    CUP_WIRE_RETRYING, /* `fault` happened; what follows depends on `decided` */
    CUP_WIRE_WAITING,  /* a rule for the records of an epoch says pause: for wait_ns */
    CUP_WIRE_CUT_OFF,  /* the cluster that is read from is away or refuses: `fault`. What was read
                          is committed as ever */
    CUP_WIRE_STATE_COUNT
};

struct cup_wire_status {
    uint32_t state;   /* enum cup_wire_state */
    uint32_t decided; /* 1: `epoch` is decided and will be finished; 0: it was abandoned */
    uint64_t epoch;   /* 0: none */
    uint32_t tries,
        tries_max; /* RETRYING: so many in a row; the last ends the shard; 0: none does */
    uint64_t         free_bytes, needed_bytes; /* PAUSED */
    uint64_t         wait_ns;                  /* WAITING */
    struct cup_fault fault; /* RETRYING, PAUSED, CUT_OFF; its `what` follows as text */
};

/* A rule for the records of an epoch that is broken: measured is not within least..most. */
struct cup_wire_broken {
    uint64_t epoch, record_count; /* what was measured: records of the table, or of all */
    uint32_t kind, action;        /* enum cup_dataset, enum cup_action */
    double   measured, least, most;
    uint64_t wait_ns;    /* PAUSE; 0: the run is at its end anyway */
    char     rule[128];  /* its id; a longer one loses its end */
    char     table[160]; /* below the lake; "": all tables */
};

/* cup_wire_send writes one message; fd_to_pass < 0: none. cup_wire_receive reads one; the payload
 * is appended to *out_payload (cleared before); *out_fd is -1 or a descriptor the caller closes.
 * Both block. Returns CUP_PEER_GONE at end of stream. */
CUP_MUST_CHECK enum cup_err cup_wire_send(int socket, enum cup_wire_kind kind, const void *payload,
                                          size_t bytes, int fd_to_pass,
                                          struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_wire_receive(int socket, enum cup_wire_kind *out_kind,
                                             struct cup_text *out_payload, int *out_fd,
                                             struct cup_fault *out_fault);

/* --- shared counters: one page set per process, one writer per slot --- */

enum cup_counter {
#define CUP_COUNTER(id, name, unit, text) CUP_COUNTER_##id,
#include "dataplane/abi/counter.def"
#undef CUP_COUNTER
    CUP_COUNTER_COUNT
};
/* The counter of a reason why files were closed. */
#define CUP_COUNTER_OF_CLOSE(close) ((enum cup_counter)(CUP_COUNTER_FILES_CLOSED_SIZE + (close)))
_Static_assert(CUP_COUNTER_FILES_CLOSED_DRAIN - CUP_COUNTER_FILES_CLOSED_SIZE + 1 ==
                   CUP_CLOSE_COUNT,
               "a counter a reason, in one order");

const char *cup_counter_name(enum cup_counter counter);
const char *cup_counter_text(enum cup_counter counter);

#define CUP_STATS_MAGIC       0x53505543u /* "CUPS" */
#define CUP_STATS_WHERE_BYTES 256

struct cup_stats_worker {
    _Atomic uint64_t counters[CUP_COUNTER_COUNT];
    _Atomic uint64_t outcomes[CUP_OUTCOME_COUNT];
    _Atomic uint64_t ignored[CUP_PLAN_IGNORED_SLOTS]; /* values left out of silver, by slot */
    _Atomic uint64_t input, position;                 /* index in the plan's inputs; byte reached */
    uint8_t          pad[64];                         /* neighbours do not share a cache line */
};

struct cup_stats {
    uint32_t                magic, worker_count;
    _Atomic uint64_t        epoch;         /* last applied */
    _Atomic uint64_t        epoch_records; /* in it */
    struct cup_stats_worker workers[CUP_PLAN_WORKERS_MAX];
};
#define CUP_STATS_FD 4 /* memfd made by control, mapped by the data plane */

/* The owner adds; a reader loads. Relaxed: each counter is right by itself, no order between them.
 */
static inline void cup_stats_add(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

#endif
