// SPDX-License-Identifier: Apache-2.0
/* The rows that one change event makes, written behind the table's rows: they count when the whole
 * record is taken, so a refused record leaves nothing. */
#include <string.h>

#include "dataplane/abi/partition.h"
#include "dataplane/decode/decode_priv.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

static inline struct cup_cell cell_of(struct cup_decode *decode, const struct cup_member *member,
                                      uint32_t column, uint32_t row)
{
    struct cup_table *table = decode->table;

    return (struct cup_cell){.decode = decode,
                             .table  = table,
                             .member = member,
                             .column = &table->columns[column],
                             .runs   = &table->runs[column],
                             .row    = row};
}

static void put_null(struct cup_decode *decode, uint32_t column, uint32_t row)
{
    struct cup_cell cell = cell_of(decode, NULL, column, row);

    cup_values_priv_null(&cell);
}

static void put_nulls(struct cup_decode *decode, uint32_t row)
{
    for (uint32_t i = 0; i < decode->table->data_count; i++)
        put_null(decode, i, row);
}

static inline uint32_t put_cell(struct cup_decode *decode, const struct cup_member *member,
                                const struct cup_json_node *node, uint32_t row)
{
    struct cup_cell cell = cell_of(decode, member, member->column, row);

    if (node->kind != CUP_JSON_NULL) return member->put(&cell, node);
    cup_values_priv_null(&cell);
    return OK;
}

uint32_t cup_rows_priv_cell(struct cup_decode *decode, const struct cup_member *member,
                            const struct cup_json_node *node, uint32_t row)
{
    return put_cell(decode, member, node, row);
}

static uint32_t refuse(struct cup_decode *decode, uint32_t outcome,
                       const struct cup_json_node *node, const struct cup_member *member)
{
    if (outcome == CUP_STOPPED) return outcome;
    return cup_decode_priv_refuse(decode, (enum cup_outcome)outcome, node, decode->image_name,
                                  member->name, member->name_bytes);
}

static void note_required(struct cup_decode *decode, uint32_t column)
{
    decode->bad_rule =
        cup_rules_required(decode->plan, (uint32_t)(decode->table - decode->tables), column);
}

/* One member of an image. */
static inline uint32_t put_member(struct cup_decode *decode, const struct cup_member *member,
                                  const struct cup_json_node *node, uint32_t row)
{
    if (node->kind == CUP_JSON_NULL && member->needed && decode->names_needed) {
        note_required(decode, member->column);
        return refuse(decode, CUP_OUTCOME_NULL_IN_REQUIRED, node, member);
    }
    if (member->unavailable) {
        if (decode->may_be_unset && cup_values_priv_unavailable(decode, member, node)) {
            decode->unset[decode->unset_count++] = member->column;
            put_null(decode, member->column, row);
            return OK;
        }
        if (cup_values_priv_leak(decode, node))
            return refuse(decode, CUP_OUTCOME_UNAVAILABLE_LEAK, node, member);
    }
    uint32_t outcome = put_cell(decode, member, node, row);
    return outcome == OK ? OK : refuse(decode, outcome, node, member);
}

/* Columns that the image did not name. */
static uint32_t put_missing(struct cup_decode *decode, uint32_t row)
{
    const struct cup_shape *shape = decode->shape;

    for (uint32_t i = 0; i < shape->member_count; i++) {
        if (decode->seen[i] == decode->seen_stamp) continue;
        if (shape->members[i].needed && decode->names_needed) {
            note_required(decode, shape->members[i].column);
            return refuse(decode, CUP_OUTCOME_MISSING_FIELD, NULL, &shape->members[i]);
        }
        put_null(decode, shape->members[i].column, row);
    }
    return OK;
}

/* A column that no member of the shape fills is NULL, unless it has to be there. */
static uint32_t put_unmapped(struct cup_decode *decode, uint32_t row)
{
    const struct cup_shape *shape = decode->shape;

    for (uint32_t i = 0; i < shape->unmapped_count; i++) {
        const struct cup_plan_column *column = &decode->table->plan_columns[shape->unmapped[i]];
        if (decode->names_needed && (column->required || column->key_place > 0)) {
            struct cup_span name = cup_span_priv_of(decode->plan, column->name);
            note_required(decode, shape->unmapped[i]);
            return cup_decode_priv_refuse(decode, CUP_OUTCOME_MISSING_FIELD, NULL,
                                          decode->image_name, (const char *)name.at, name.bytes);
        }
        put_null(decode, shape->unmapped[i], row);
    }
    return OK;
}

static void begin_image(struct cup_decode *decode, const char *name, bool after)
{
    decode->image_name   = name;
    decode->names_needed = after;
    decode->unset_count  = 0;
    if (++decode->seen_stamp == 0) { /* wrapped: old stamps would look new */
        memset(decode->seen, 0, CUP_PLAN_COLUMNS_MAX * sizeof *decode->seen);
        decode->seen_stamp = 1;
    }
    for (uint32_t i = 0; i < decode->table->key_count; i++)
        decode->key_nodes[i] = 0;
}

static uint32_t refuse_drift(struct cup_decode *decode, const struct cup_json_node *node)
{
    return cup_decode_priv_refuse(decode, CUP_OUTCOME_SCHEMA_DRIFT, node, decode->image_name,
                                  (const char *)decode->buf + node->key_at, node->key_bytes);
}

/* A whole image: every member must be known, every column gets a value or NULL. */
static uint32_t put_image(struct cup_decode *decode, uint32_t image, uint32_t row)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    const struct cup_shape     *shape = decode->shape;
    uint32_t                    at = image + 1, expected = 0;

    for (uint32_t i = 0; i < nodes[image].child_count; i++, at = nodes[at].next) {
        const struct cup_member *member =
            cup_shapes_priv_member(decode, shape, &nodes[at], &expected);
        if (member == NULL) return refuse_drift(decode, &nodes[at]);
        decode->seen[member - shape->members] = decode->seen_stamp;
        if (member->key_index != CUP_NONE) decode->key_nodes[member->key_index] = at;
        uint32_t outcome = put_member(decode, member, &nodes[at], row);
        if (outcome != OK) return outcome;
    }
    if (nodes[image].child_count != shape->member_count) {
        uint32_t outcome = put_missing(decode, row);
        if (outcome != OK) return outcome;
    }
    return shape->unmapped_count > 0 ? put_unmapped(decode, row) : OK;
}

/* Only the key of an image: the rest of it may be filler, and is not looked at. *out_whole is false
 * when it does not have the whole key. */
static uint32_t put_key(struct cup_decode *decode, uint32_t image, uint32_t row, bool *out_whole)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    at = image + 1, expected = 0, found = 0;

    put_nulls(decode, row);
    for (uint32_t i = 0; i < nodes[image].child_count; i++, at = nodes[at].next) {
        const struct cup_member *member =
            cup_shapes_priv_member(decode, decode->shape, &nodes[at], &expected);
        if (member == NULL) return refuse_drift(decode, &nodes[at]);
        if (member->key_index == CUP_NONE || nodes[at].kind == CUP_JSON_NULL) continue;
        decode->key_nodes[member->key_index] = at;
        uint32_t outcome                     = put_member(decode, member, &nodes[at], row);
        if (outcome != OK) return outcome;
        found++;
    }
    *out_whole = found == decode->table->key_count && found > 0;
    return OK;
}

/* The row as it was: whole with full images, else its key. */
static uint32_t put_before(struct cup_decode *decode, uint32_t row, bool *out_key_only)
{
    uint32_t before = decode->envelope.before;
    bool     whole  = false;

    begin_image(decode, "before.", false);
    decode->may_be_unset = false;
    *out_key_only        = decode->table->plan->images != CUP_IMAGES_FULL || before == 0;
    if (!*out_key_only) {
        uint32_t outcome = put_image(decode, before, row);
        return outcome == OK ? cup_key_priv_check(decode, row) : outcome;
    }
    if (before != 0) {
        uint32_t outcome = put_key(decode, before, row, &whole);
        if (outcome != OK) return outcome;
    }
    if (whole) return cup_key_priv_check(decode, row);
    put_nulls(decode, row);
    return cup_key_priv_take(decode, row);
}

/* Where a placeholder can stand: in an update, or in the create half of a key change, of a table
 * whose images are not full. */
static bool may_be_unset(const struct cup_decode *decode)
{
    const struct cup_envelope *envelope = &decode->envelope;
    bool                       full     = decode->table->plan->images == CUP_IMAGES_FULL;

    if (envelope->op == 'u') return !(full && envelope->before != 0);
    return envelope->op == 'c' && envelope->create_half && !full;
}

/* The contract's rules for a row that was put; the refusal names the value where it stands. */
static uint32_t check_rules(struct cup_decode *decode, uint32_t image, uint32_t row)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    index = (uint32_t)(decode->table - decode->tables), rule;
    uint32_t                    at = image + 1, expected = 0;

    enum cup_outcome outcome =
        cup_rules_check(decode->rules, index, decode->table->columns, row, &rule);
    if (outcome == CUP_OUTCOME_ACCEPTED) return OK;
    decode->bad_rule = rule;
    uint32_t column  = cup_plan_rules(decode->plan, decode->table->plan)[rule].column;
    for (uint32_t i = 0; i < nodes[image].child_count; i++, at = nodes[at].next) {
        const struct cup_member *member =
            cup_shapes_priv_member(decode, decode->shape, &nodes[at], &expected);
        if (member != NULL && member->column == column)
            return refuse(decode, outcome, &nodes[at], member);
    }
    return cup_decode_priv_refuse(decode, outcome, NULL, decode->image_name, NULL, 0);
}

static uint32_t put_after(struct cup_decode *decode, uint32_t row, int32_t sub)
{
    uint32_t outcome = OK;

    if (decode->envelope.op == 'c' && decode->record->headers_bytes > 0)
        outcome = cup_silver_priv_old_key(decode);
    begin_image(decode, "after.", true);
    decode->may_be_unset = may_be_unset(decode);
    if (outcome == OK) outcome = put_image(decode, decode->envelope.after, row);
    if (outcome == OK) outcome = cup_key_priv_check(decode, row);
    if (outcome == OK) outcome = check_rules(decode, decode->envelope.after, row);
    if (outcome != OK) return outcome;
    return cup_silver_priv_put(decode, row, decode->envelope.op, sub, false);
}

/* Without record keys nobody knows whether the table has a key: rows are taken as they come, but a
 * delete cannot be: with a key, most of its image would be filler. */
static bool key_is_unknown(const struct cup_decode *decode)
{
    const struct cup_table *table = decode->table;

    return table->key_count == 0 && !table->plan->contracted && decode->batch->no_keys;
}

static uint32_t put_update(struct cup_decode *decode, uint32_t row, uint32_t *out_row_count)
{
    const struct cup_table *table   = decode->table;
    bool                    keyless = table->key_count == 0, key_only;

    if (keyless && !key_is_unknown(decode) &&
        (table->plan->images != CUP_IMAGES_FULL || decode->envelope.before == 0))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UPDATE_WITHOUT_KEY, NULL, "before", NULL,
                                      0);
    *out_row_count = 1;
    if ((!keyless && !table->plan->write_before) || decode->envelope.before == 0)
        return put_after(decode, row, 0);
    uint32_t outcome = put_before(decode, row, &key_only);
    if (outcome == OK) outcome = cup_silver_priv_put(decode, row, 'b', 0, key_only);
    *out_row_count = 2;
    return outcome == OK ? put_after(decode, row + 1, 1) : outcome;
}

static uint32_t put_delete(struct cup_decode *decode, uint32_t row)
{
    bool key_only;

    if (key_is_unknown(decode))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_DELETE_WITHOUT_KEY, NULL, "key", NULL, 0);
    uint32_t outcome = put_before(decode, row, &key_only);
    if (outcome != OK) return outcome;
    return cup_silver_priv_put(decode, row, 'd', 0, key_only);
}

/* Every row must have a folder to go to. */
static uint32_t check_partitions(struct cup_decode *decode, uint32_t row, uint32_t row_count)
{
    const struct cup_table  *table = decode->table;
    struct cup_partition_key key;

    for (uint32_t i = row; i < row + row_count; i++) {
        enum cup_outcome outcome =
            cup_partition_key(decode->plan, table->plan, table->columns, i, &key);
        if (outcome == CUP_OUTCOME_ACCEPTED) continue;
        const char *name = cup_partition_name(decode->plan, table->plan, key.bad);
        return cup_decode_priv_refuse(decode, outcome, NULL, "", name, (uint32_t)strlen(name));
    }
    return OK;
}

static uint32_t put_event(struct cup_decode *decode, uint32_t *out_row_count)
{
    uint32_t row = decode->table->row_count;

    if (!cup_columns_priv_ready(decode, decode->table)) return CUP_STOPPED;
    *out_row_count = 1;
    switch (decode->envelope.op) {
    case 'u': return put_update(decode, row, out_row_count);
    case 'd': return put_delete(decode, row);
    case 't':
        decode->unset_count = 0;
        put_nulls(decode, row);
        return cup_silver_priv_put(decode, row, 't', 0, false);
    default: return put_after(decode, row, 0);
    }
}

uint32_t cup_rows_priv_put(struct cup_decode *decode, uint32_t *out_row_count)
{
    uint32_t outcome = put_event(decode, out_row_count);

    if (outcome != OK || decode->table->plan->partitions.count == 0) return outcome;
    return check_partitions(decode, decode->table->row_count, *out_row_count);
}
