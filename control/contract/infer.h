// SPDX-License-Identifier: Apache-2.0
/* infer: a sample of records -> contracts that `cupel run` takes as they are, and a pipeline.yaml
 * that names them.
 *
 *   files --sample--> tables, columns --guess--> contracts/<schema>.<table>.odcs.yaml
 *
 * Holds     nothing; texts are written to files or to the caller's text.
 * Threads   one.
 * Fails     BAD_CONFIG: no table was seen, a file of that name exists; IO. *says tells it.
 * Source    Open Data Contract Standard v3.1
 * Tests     tests/control/test_infer.c, tests/oracle/test_contract_tools.py
 */
#ifndef CUP_CONTROL_CONTRACT_INFER_H
#define CUP_CONTROL_CONTRACT_INFER_H

#include "control/contract/sample.h"

struct cup_infer {
    struct cup_keep *keep;
    const char     **patterns; /* files, as the command line names them */
    uint32_t         pattern_count;
    const char      *out;        /* folder of the pipeline; NULL: contracts into *out_text */
    const char      *source;     /* NULL: the connector's name in the records */
    enum cup_format  format;     /* CUP_FORMAT_COUNT: what the records show */
    uint64_t         record_max; /* of each table */
    const char      *input;      /* lines of pipeline.yaml; NULL: an `input` of the files */
    const char      *by;         /* who proposes it; NULL: cupel contract infer */
};

/* cup_infer_run reads the files and writes the contracts. *out_text gets them when there is no
 * folder; *says what was read, and what is left to a person. */
CUP_MUST_CHECK enum cup_err cup_infer_run(const struct cup_infer *infer, struct cup_text *out_text,
                                          struct cup_text *says);

/* cup_infer_put_string appends a text as YAML; quoted when it has to be. */
void cup_infer_put_string(struct cup_text *text, const char *string);

/* cup_infer_put_table appends the contract of one table. */
void cup_infer_put_table(struct cup_text *text, struct cup_sample_table *table,
                         enum cup_format format, const char *source);

#endif
