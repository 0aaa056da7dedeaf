// SPDX-License-Identifier: Apache-2.0
/* event: one change as Debezium's PostgreSQL connector writes it with Connect's JSON converter.
 *
 *   NDJSON   {"before":..,"after":..,"source":{..},"transaction":null,"op":"u","ts_ms":..}
 *   dump
 * {"topic":..,"partition":0,"offset":7,"timestamp":..,"key":"..","value":"..","headers":{..}}
 *
 * With schemas, value and key become {"schema":{..},"payload":..}. Facts: section 2 of the sheet on
 * CDC formats; the captures in tests/data show the same shapes.
 *
 * Holds     the texts that do not change: schemas, member names, headers; one scratch buffer.
 * Owner     the generator.
 * Threads   one.
 * Fails     open (NO_MEMORY).
 * Bounds    a record is at most cup_event_bytes_max.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_EVENT_H
#define CUP_BENCHMARKS_GEN_EVENT_H

#include "base/err.h"
#include "base/text.h"
#include "benchmarks/gen/bank.h"

#define CUP_EVENT_CONTEXT_COUNT 4u    /* headers that every record has */
#define CUP_EVENT_KEY_BYTES     2048u /* a key with its schema, twice over */

struct cup_event_style {
    bool     schema, decimal_text, full_images, dump;
    uint32_t value_bytes_max;
};

struct cup_event {
    enum cup_bank_table   table;
    char                  op;             /* c u d r */
    const struct cup_row *before, *after; /* NULL where the operation has none */
    const char           *snapshot;       /* marker: "false" for a streamed change */
    uint64_t              last_commit;    /* LSN of the commit before; 0 = null (snapshot) */
    uint64_t              lsn, tx;
    int64_t               commit_us, connector_us;
    /* records only, not NDJSON */
    uint64_t partition, offset;
    uint64_t new_key, old_key; /* halves of a key update: header; 0 = none */
    bool     tombstone;        /* the NULL value behind a delete */
};

struct cup_event_writer {
    struct cup_event_style style;
    struct cup_bank        bank;
    struct cup_text        schemas[CUP_BANK_COUNT];          /* as in a value; escaped for dumps */
    struct cup_text        key_schemas[CUP_BANK_COUNT];      /* not escaped */
    struct cup_text        context[CUP_EVENT_CONTEXT_COUNT]; /* values of these headers */
    struct cup_text        headers; /* those of every record, as in a dump */
    struct cup_text        members[CUP_BANK_COUNT][CUP_BANK_COLUMNS_MAX]; /* ,"name": */
    uint8_t               *scratch;
};

CUP_MUST_CHECK enum cup_err cup_event_open(struct cup_event_writer      *writer,
                                           const struct cup_event_style *style,
                                           const struct cup_bank        *bank,
                                           struct cup_fault             *out_fault);
void                        cup_event_close(struct cup_event_writer *writer);

/* cup_event_bytes_max bounds one record of this writer, with its LF. */
size_t cup_event_bytes_max(const struct cup_event_writer *writer);

/* cup_event_put writes the record and its LF; returns the new end. */
uint8_t *cup_event_put(struct cup_event_writer *writer, const struct cup_event *event, uint8_t *at);

/* cup_event_key writes the key of a row, at most CUP_EVENT_KEY_BYTES; returns its end. */
uint8_t *cup_event_key(const struct cup_event_writer *writer, enum cup_bank_table table,
                       uint64_t key, uint8_t *at);

/* cup_event_context_name is the name of header number `index` of every record. */
const char *cup_event_context_name(uint32_t index);

/* cup_event_value_bytes is the size of one value of a table without schema; for planning. */
size_t cup_event_value_bytes(struct cup_event_writer *writer, enum cup_bank_table table);

#endif
