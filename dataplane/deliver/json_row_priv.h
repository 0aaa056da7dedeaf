// SPDX-License-Identifier: Apache-2.0
/* json_row_priv: what the files of json_row share.
 *
 *   json_row.c     which columns, in which order     json_value.c   one value
 *   json_schema.c  what Kafka Connect is told about them
 */
#ifndef CUP_DATAPLANE_DELIVER_JSON_ROW_PRIV_H
#define CUP_DATAPLANE_DELIVER_JSON_ROW_PRIV_H

#include "dataplane/deliver/json_row.h"

/* cup_json_row_priv_value appends a value that is not null. */
void cup_json_row_priv_value(struct cup_text *out, const struct cup_field *field,
                             const struct cup_column *column, uint32_t at,
                             enum cup_output_schema schema);

/* cup_json_row_priv_field appends a member of a struct's schema: {"type":...,"field":name}. */
void cup_json_row_priv_field(struct cup_text *out, const struct cup_field *field, bool optional);

/* cup_json_row_priv_quote appends a text with its quotes. */
void cup_json_row_priv_quote(struct cup_text *out, const char *text);

#endif
