// SPDX-License-Identifier: Apache-2.0
/* sample_priv: what the files of sample share.
 *
 *   sample.c         files, lines, kinds of records
 *   sample_formats.c  row changes out of each format's records
 *   sample_rows.c    a row change into its table
 *   sample_values.c  one value into the counts of its column
 *   sample_schema.c  an embedded schema into the types of its table's columns
 */
#ifndef CUP_CONTROL_CONTRACT_SAMPLE_PRIV_H
#define CUP_CONTROL_CONTRACT_SAMPLE_PRIV_H

#include "control/contract/sample.h"

/* One row change, taken out of its format. NULL: not there. */
struct cup_sample_row {
    const char   *source, *db, *schema, *table, *connector;
    char          op; /* c u d r */
    const json_t *before, *after, *key;
    json_t       *value_schema; /* embedded */
    const json_t *key_schema;
    const char   *topic; /* of a record that does not name its table */
    bool          keyed; /* its form has a place for keys */
    bool          wide;  /* integers came as reals: one of the record's is beyond 64 bits */
};

/* cup_sample_priv_event reads a record of the sample's format and counts its rows. */
enum cup_sample_kind cup_sample_priv_event(struct cup_sample *sample, const json_t *event,
                                           struct cup_sample_row *row);

/* cup_sample_priv_row counts a row change for its table; SKIPPED when that has seen enough, OTHER
 * when there is no room. */
enum cup_sample_kind cup_sample_priv_row(struct cup_sample           *sample,
                                         const struct cup_sample_row *row);

/* cup_sample_priv_value counts a value; elements: of its arrays, NULL inside of arrays. */
void cup_sample_priv_value(struct cup_sample_values *values, struct cup_sample_values *elements,
                           const json_t *value, bool wide);

/* cup_sample_priv_schema gives the table the columns of an embedded schema. */
void cup_sample_priv_schema(struct cup_sample *sample, struct cup_sample_table *table,
                            const struct cup_sample_row *row);

/* cup_sample_priv_column finds or makes a column; hint: where it was in the last record. NULL: too
 * many. */
struct cup_sample_column *cup_sample_priv_column(struct cup_sample       *sample,
                                                 struct cup_sample_table *table, const char *name,
                                                 uint32_t hint);

#endif
