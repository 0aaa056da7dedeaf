// SPDX-License-Identifier: Apache-2.0
/* json_row: rows of a silver table as JSON texts, a key and a value, plain or with a schema.
 *
 *   columns, row --> key    {"id":7}                                      null: no primary key
 *               \--> value  {"id":7,"name":"a","_op":"u","_ts":"2026-11-21T00:00:00.000000Z",...}
 *
 * Value: the data columns that the table has in the lake (dropped ones in no form), then generated
 * ones. A column that the source did not send is absent, and named in _unset; a generated one that
 * is null is absent.
 *
 * | type          | plain                      | with schema (Kafka Connect)                |
 * |---------------|----------------------------|--------------------------------------------|
 * | decimal       | text, exactly scale digits | Decimal: base64 of the unscaled integer    |
 * | date          | text 2026-11-21            | connect Date: days since 1970-01-01        |
 * | timestamp     | text ...T00:00:00.000000Z  | io.debezium.time.ZonedTimestamp: same text |
 * | timestamp_ntz | the same without Z         | io.debezium.time.MicroTimestamp            |
 * | binary        | base64                     | bytes: base64                              |
 * | float, double | digits that read back the same; texts NaN, Infinity, -Infinity          |
 * | array, map    | array; object of texts     | array; map                                 |
 *
 * Holds     the fixed parts of the texts, made at open.
 * Owner     one worker; one per table and plan generation.
 * Threads   one.
 * Fails     open: NO_MEMORY. Texts tell by `failed`.
 * Tests     tests/dataplane/deliver/test_json_row.c, tests/kafka/test_deliver.py
 */
#ifndef CUP_DATAPLANE_DELIVER_JSON_ROW_H
#define CUP_DATAPLANE_DELIVER_JSON_ROW_H

#include "base/column.h"
#include "base/text.h"
#include "dataplane/abi/plan.h"

struct cup_json_row;

/* cup_json_row_open prepares a table; fields are its data columns as they stand in the lake (behind
 * masks), then the generated ones, and must outlive it. */
CUP_MUST_CHECK enum cup_err
     cup_json_row_open(const struct cup_plan *plan, const struct cup_plan_table *table,
                       const struct cup_field *fields, enum cup_output_schema schema,
                       struct cup_json_row **out_row, struct cup_fault *out_fault);
void cup_json_row_close(struct cup_json_row *row); /* NULL is accepted */

bool cup_json_row_has_key(const struct cup_json_row *row);

/* cup_json_row_op is the row's operation, see _op; 0: none. */
char cup_json_row_op(const struct cup_json_row *row, const struct cup_column *columns, uint32_t at);

/* cup_json_row_key and _value append the texts of row `at`. Key: only if the table has one. */
void cup_json_row_key(const struct cup_json_row *row, const struct cup_column *columns, uint32_t at,
                      struct cup_text *out);
void cup_json_row_value(const struct cup_json_row *row, const struct cup_column *columns,
                        uint32_t at, struct cup_text *out);

#endif
