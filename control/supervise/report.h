// SPDX-License-Identifier: Apache-2.0
/* report: what a person sees of a run: one line while it goes on, a summary at its end.
 *
 * Holds     sums of what epochs brought; rates since the last line; the lag of partitions.
 * Owner     the command that runs.
 * Threads   one; reads counters that the data plane writes.
 * Tests     tests/control/test_report.c
 */
#ifndef CUP_CONTROL_SUPERVISE_REPORT_H
#define CUP_CONTROL_SUPERVISE_REPORT_H

#include "control/config/inputs.h"
#include "control/schema/catalog.h"
#include "control/schema/keep.h"
#include "control/supervise/lag.h"
#include "dataplane/abi/wire.h"

struct cup_report_table {
    const char *path;
    uint64_t    files, rows, bytes;
};

struct cup_report_odd {
    const char *path, *column;
    uint32_t    oddity; /* enum cup_oddity */
    uint64_t    count;
};

struct cup_report {
    struct cup_keep              *keep;
    const struct cup_stats       *stats;
    const struct cup_inputs_file *inputs;
    const struct cup_catalog     *catalog; /* NULL: names of ignored members are not known */
    uint32_t                      input_count;
    struct cup_report_table      *tables;
    uint32_t                      table_count, table_cap;
    uint64_t epoch_count, epoch_last, epoch_records, bronze_bytes, bronze_files, apply_ns_max;
    struct cup_wire_status status; /* last one told; zeroed: running */
    uint64_t               paused_since_ns, paused_ns, pause_count;
    bool                   consumes, publishes; /* topics: there are no files; there is output */
    struct cup_lag         lag;
    struct cup_report_odd *odds;
    uint32_t               odd_count, odd_cap;
    uint64_t               started_ns, last_ns, last_records, last_bytes;
};

void cup_report_begin(struct cup_report *report, struct cup_keep *keep,
                      const struct cup_stats *stats, const struct cup_inputs_file *inputs,
                      uint32_t input_count);

/* cup_report_epoch adds the payload of an EPOCH message; false when it has not the form. */
CUP_MUST_CHECK bool cup_report_epoch(struct cup_report *report, const struct cup_text *payload);

/* cup_report_broken says which rule for the records of an epoch is broken, and what follows; false:
 * the payload is no such message. */
bool cup_report_broken(const struct cup_text *payload, struct cup_text *says);

/* cup_report_status takes the payload of a STATUS message; appends one line to *says when the state
 * is new to a person. False when it has not the form. */
CUP_MUST_CHECK bool cup_report_status(struct cup_report *report, const struct cup_text *payload,
                                      const char *lake, struct cup_text *says);

/* cup_report_end gives back what is not in the keep. */
void cup_report_end(struct cup_report *report);

/* cup_report_fault appends what failed, without an LF. A fault's literal does not cross processes:
 * `what` is its text. */
void cup_report_fault(struct cup_text *text, const char *what, const struct cup_fault *fault);

/* cup_report_progress appends one line, without its LF: elapsed, records, rates since the last
 * call, position, quarantined, and why it is paused if it is. */
void cup_report_progress(struct cup_report *report, struct cup_text *line);

/* cup_report_summary appends the summary of the whole run. */
void cup_report_summary(const struct cup_report *report, struct cup_text *text);

/* cup_report_counter and cup_report_outcome sum over all workers. */
uint64_t cup_report_counter(const struct cup_report *report, enum cup_counter counter);
uint64_t cup_report_outcome(const struct cup_report *report, enum cup_outcome outcome);

#endif
