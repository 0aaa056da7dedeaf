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
    struct cup_cell      cell = cell_of(decode, member, member->column, row);
    struct cup_json_node own;

    if (decode->dialect->adapt != NULL) node = decode->dialect->adapt(decode, member, node, &own);
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

/* The previous value stays. */
static void put_unset(struct cup_decode *decode, const struct cup_member *member, uint32_t row)
{
    decode->unset[decode->unset_count++] = member->column;
    put_null(decode, member->column, row);
}

/* A null that only says that the value was not sent: {"phone":null,"phone_isMissing":true}. */
static bool is_missing(struct cup_decode *decode, const struct cup_json_node *node)
{
    uint8_t *name = decode->scratch + decode->scratch_used;

    memcpy(name, decode->buf + node->key_at, node->key_bytes);
    memcpy(name + node->key_bytes, CUP_MISSING_FLAG, sizeof CUP_MISSING_FLAG - 1);
    uint32_t flag = cup_json_member(decode->buf, &decode->doc, decode->image, (const char *)name,
                                    node->key_bytes + sizeof CUP_MISSING_FLAG - 1);
    return flag != 0 && decode->doc.nodes[flag].kind == CUP_JSON_TRUE;
}

/* A null that may stand for something else, or the other way round. */
static void note_null(struct cup_decode *decode, const struct cup_member *member,
                      const struct cup_json_node *node)
{
    bool is_null = node->kind == CUP_JSON_NULL;

    if (is_null && decode->may_be_unset && member->options & CUP_MEMBER_NULL_MAY_BE_UNSET)
        cup_odd_priv_note(decode, member->column, CUP_ODDITY_NULL_MAYBE_UNAVAILABLE);
    if (is_null || member->standard.bytes == 0) return;
    uint32_t quotes = node->kind == CUP_JSON_STRING;
    if (node->bytes + 2 * quotes != member->standard.bytes) return;
    if (memcmp(decode->buf + node->at - quotes, member->standard.at, member->standard.bytes) == 0)
        cup_odd_priv_note(decode, member->column, CUP_ODDITY_NULL_DEFAULT_POSSIBLE);
}

/* Worth a look: few texts begin like the placeholder that a broken producer prints. */
static inline bool may_leak(const struct cup_decode *decode, const struct cup_json_node *node)
{
    return node->kind == CUP_JSON_STRING && node->bytes > 0 && decode->buf[node->at] == 'j';
}

/* One member of an image. */
static inline uint32_t put_member(struct cup_decode *decode, const struct cup_member *member,
                                  const struct cup_json_node *node, uint32_t row)
{
    if (node->kind == CUP_JSON_NULL && decode->dialect->flagged && is_missing(decode, node)) {
        put_unset(decode, member, row);
        return OK;
    }
    if (node->kind == CUP_JSON_NULL && member->needed && decode->names_needed) {
        note_required(decode, member->column);
        return refuse(decode, CUP_OUTCOME_NULL_IN_REQUIRED, node, member);
    }
    if (member->options & (CUP_MEMBER_NULL_MAY_BE_UNSET | CUP_MEMBER_NULL_HAS_DEFAULT))
        note_null(decode, member, node);
    if (member->unavailable) {
        if (decode->may_be_unset && cup_values_priv_unavailable(decode, member, node)) {
            put_unset(decode, member, row);
            return OK;
        }
        if (may_leak(decode, node) && cup_values_priv_leak(decode, node))
            return refuse(decode, CUP_OUTCOME_UNAVAILABLE_LEAK, node, member);
    }
    uint32_t outcome = put_cell(decode, member, node, row);
    if (outcome == OK) return OK;
    if (!cup_values_priv_forgive(member, outcome)) return refuse(decode, outcome, node, member);
    put_null(decode, member->column, row);
    return OK;
}

/* A column that the image did not name. One that the source computes need not be there. */
static uint32_t put_missing_member(struct cup_decode *decode, const struct cup_member *member,
                                   uint32_t row)
{
    uint8_t lost = decode->shape->lost;
    bool    keep = decode->missing == CUP_MISSING_KEEP && member->key_index == CUP_NONE;

    if (keep || member->generated == CUP_GENERATED_UNSET) {
        put_unset(decode, member, row);
        return OK;
    }
    if (member->generated == CUP_GENERATED_NULL) {
        put_null(decode, member->column, row);
        return OK;
    }
    if (lost == CUP_LOST_ASK)
        return cup_route_priv_ask(
            decode, CUP_UNKNOWN_KIND_MISSING,
            (struct cup_span){(const uint8_t *)member->name, member->name_bytes});
    bool needed = member->needed && decode->names_needed;
    if (needed) note_required(decode, member->column);
    if (needed || decode->missing == CUP_MISSING_QUARANTINE || lost == CUP_LOST_REFUSE)
        return refuse(decode, CUP_OUTCOME_MISSING_FIELD, NULL, member);
    put_null(decode, member->column, row);
    return OK;
}

static uint32_t put_missing(struct cup_decode *decode, uint32_t row)
{
    const struct cup_shape *shape   = decode->shape;
    uint32_t                outcome = OK;

    for (uint32_t i = 0; i < shape->member_count && outcome == OK; i++) {
        if (decode->seen[i] == decode->seen_stamp || shape->members[i].put == NULL) continue;
        outcome = put_missing_member(decode, &shape->members[i], row);
    }
    return outcome;
}

/* A column that no member of the shape fills is NULL, unless it has to be there. */
static uint32_t put_unmapped(struct cup_decode *decode, uint32_t row)
{
    const struct cup_shape *shape = decode->shape;

    for (uint32_t i = 0; i < shape->unmapped_count; i++) {
        const struct cup_plan_column *column = &decode->table->plan_columns[shape->unmapped[i]];
        bool generated = column->generated != CUP_GENERATED_NO && column->key_place == 0;
        if (!generated && decode->names_needed && (column->required || column->key_place > 0)) {
            struct cup_span name = cup_span_priv_of(decode->plan, column->name);
            note_required(decode, shape->unmapped[i]);
            return cup_decode_priv_refuse(decode, CUP_OUTCOME_MISSING_FIELD, NULL,
                                          decode->image_name, (const char *)name.at, name.bytes);
        }
        if (column->generated == CUP_GENERATED_UNSET)
            decode->unset[decode->unset_count++] = shape->unmapped[i];
        put_null(decode, shape->unmapped[i], row);
    }
    return OK;
}

/* Columns that got no value from the image. */
static inline uint32_t put_rest(struct cup_decode *decode, uint32_t row)
{
    if (decode->found_count != decode->shape->member_count) {
        uint32_t outcome = put_missing(decode, row);
        if (outcome != OK) return outcome;
    }
    return decode->shape->unmapped_count > 0 ? put_unmapped(decode, row) : OK;
}

static void begin_image(struct cup_decode *decode, const char *name, bool after)
{
    decode->missing      = CUP_MISSING_NULL;
    decode->found_count  = 0;
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

/* Notes that the image has the member of this place in the shape. */
static void note_found(struct cup_decode *decode, uint32_t place)
{
    uint32_t *seen = &decode->seen[place];

    decode->found_count += *seen != decode->seen_stamp;
    *seen = decode->seen_stamp;
}

static bool is_foreign(struct cup_decode *decode, const struct cup_json_node *node)
{
    return decode->dialect->foreign != NULL && decode->dialect->foreign(decode, node);
}

static void ignore_value(struct cup_decode *decode, uint32_t slot)
{
    decode->ignored[slot]++;
    decode->ignores = true;
}

/* A member that no field is for. */
static uint32_t judge_unknown(struct cup_decode *decode, const struct cup_json_node *node)
{
    struct cup_span name = {decode->buf + node->key_at, node->key_bytes};

    if (is_foreign(decode, node)) return OK;
    if (decode->shape->unknown == CUP_UNKNOWN_REFUSE) return refuse_drift(decode, node);
    if (decode->shape->unknown == CUP_UNKNOWN_IGNORE) {
        ignore_value(decode, decode->shape->slot);
        return OK;
    }
    if (node->flags & CUP_JSON_KEY_ESCAPED) {
        uint8_t *plain = decode->scratch + decode->scratch_used;
        name.bytes     = cup_json_unescape(name.at, name.bytes, plain);
        name.at        = plain;
    }
    return cup_route_priv_ask(decode, CUP_UNKNOWN_KIND_MEMBER, name);
}

/* Every column gets a value or NULL. What has no column is left out as the drift policy says. */
static uint32_t put_members(struct cup_decode *decode, uint32_t image, uint32_t row)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    const struct cup_shape     *shape = decode->shape;
    uint32_t                    at = image + 1, expected = 0;

    decode->image = image;
    for (uint32_t i = 0; i < nodes[image].child_count; i++, at = nodes[at].next) {
        const struct cup_member *member =
            cup_shapes_priv_member(decode, shape, &nodes[at], &expected);
        if (member == NULL) {
            uint32_t outcome = judge_unknown(decode, &nodes[at]);
            if (outcome != OK) return outcome;
            continue;
        }
        note_found(decode, expected - 1);
        if (member->put == NULL) {
            ignore_value(decode, member->slot);
            continue;
        }
        if (member->key_index != CUP_NONE) decode->key_nodes[member->key_index] = at;
        uint32_t outcome = put_member(decode, member, &nodes[at], row);
        if (outcome != OK) return outcome;
    }
    return put_rest(decode, row);
}

/* The member of this name; NULL: the shape has none. */
static const struct cup_member *member_named(const struct cup_decode *decode, const char *name,
                                             uint32_t bytes)
{
    for (uint32_t i = 0; i < decode->shape->member_count; i++) {
        const struct cup_member *member = &decode->shape->members[i];
        if (member->name_bytes == bytes && memcmp(member->name, name, bytes) == 0) return member;
    }
    return NULL;
}

static uint32_t place_of(const struct cup_decode *decode, const struct cup_member *member)
{
    return (uint32_t)(member - decode->shape->members);
}

/* Members that are gone from the row. */
static void put_removed(struct cup_decode *decode, uint32_t row)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    list = decode->envelope.removed, at = list + 1;

    for (uint32_t i = 0; i < nodes[list].child_count; i++, at = nodes[at].next) {
        if (nodes[at].kind != CUP_JSON_STRING) continue;
        struct cup_span          name   = cup_values_priv_text(decode, &nodes[at]);
        const struct cup_member *member = member_named(decode, (const char *)name.at, name.bytes);
        if (member == NULL || member->put == NULL || member->key_index != CUP_NONE) continue;
        put_null(decode, member->column, row);
        note_found(decode, place_of(decode, member));
    }
}

/* What an image does not say itself: the key of a change that only says what has changed, and the
 * members that are gone. */
static uint32_t put_beside(struct cup_decode *decode, uint32_t row)
{
    if (decode->envelope.removed != 0) put_removed(decode, row);
    uint32_t outcome = cup_key_priv_take(decode, row);
    if (outcome == CUP_OUTCOME_DELETE_WITHOUT_KEY)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UPDATE_WITHOUT_KEY, NULL, "key", NULL, 0);
    for (uint32_t i = 0; outcome == OK && i < decode->table->key_count; i++)
        note_found(decode, decode->shape->key_members[i]);
    return outcome;
}

/* A member that takes the whole text of a document. */
static uint32_t put_text(struct cup_decode *decode, uint32_t image, uint32_t row)
{
    const struct cup_member *whole = member_named(decode, CUP_WHOLE_MEMBER, 1);

    if (whole == NULL || decode->envelope.missing == CUP_MISSING_KEEP) return OK;
    note_found(decode, place_of(decode, whole));
    return whole->put(&(struct cup_cell){.decode = decode,
                                         .table  = decode->table,
                                         .member = whole,
                                         .column = &decode->table->columns[whole->column],
                                         .runs   = &decode->table->runs[whole->column],
                                         .row    = row},
                      &decode->doc.nodes[image]);
}

static uint32_t put_document(struct cup_decode *decode, uint32_t image, uint32_t row)
{
    struct cup_nodes record;
    bool             partial = decode->names_needed && decode->envelope.missing == CUP_MISSING_KEEP;
    uint32_t         outcome = put_text(decode, image, row);

    if (outcome == OK && partial) outcome = put_beside(decode, row);
    if (outcome == OK && image == 0) return put_rest(decode, row); /* removed members only */
    if (outcome == OK) outcome = cup_documents_priv_enter(decode, image, &record);
    if (outcome != OK) return outcome;
    outcome = put_members(decode, 0, row);
    for (uint32_t i = 0; i < decode->table->key_count; i++)
        decode->key_nodes[i] = 0; /* they are no nodes of the record */
    cup_documents_priv_leave(decode, &record);
    return outcome;
}

static uint32_t put_image(struct cup_decode *decode, uint32_t image, uint32_t row)
{
    if (decode->dialect->documents) return put_document(decode, image, row);
    return put_members(decode, image, row);
}

/* Only the key of an image: the rest of it may be filler, and is not looked at. *out_whole is false
 * when it does not have the whole key. */
static uint32_t put_key_members(struct cup_decode *decode, uint32_t image, uint32_t row,
                                bool *out_whole)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    at = image + 1, expected = 0, found = 0;

    put_nulls(decode, row);
    for (uint32_t i = 0; i < nodes[image].child_count; i++, at = nodes[at].next) {
        const struct cup_member *member =
            cup_shapes_priv_member(decode, decode->shape, &nodes[at], &expected);
        if (member == NULL) {
            uint32_t outcome = judge_unknown(decode, &nodes[at]);
            if (outcome != OK) return outcome;
            continue;
        }
        if (member->key_index == CUP_NONE || nodes[at].kind == CUP_JSON_NULL) continue;
        decode->key_nodes[member->key_index] = at;
        uint32_t outcome                     = put_member(decode, member, &nodes[at], row);
        if (outcome != OK) return outcome;
        found++;
    }
    *out_whole = found == decode->table->key_count && found > 0;
    return OK;
}

static uint32_t put_key(struct cup_decode *decode, uint32_t image, uint32_t row, bool *out_whole)
{
    struct cup_nodes record;

    if (!decode->dialect->documents) return put_key_members(decode, image, row, out_whole);
    uint32_t outcome = cup_documents_priv_enter(decode, image, &record);
    if (outcome != OK) return outcome;
    outcome = put_key_members(decode, 0, row, out_whole);
    for (uint32_t i = 0; i < decode->table->key_count; i++)
        decode->key_nodes[i] = 0;
    cup_documents_priv_leave(decode, &record);
    return outcome;
}

/* Values of some columns over a row that is written: nothing else of it changes. */
static uint32_t put_over(struct cup_decode *decode, uint32_t image, uint32_t row)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    at = image + 1, expected = 0;

    for (uint32_t i = 0; i < nodes[image].child_count; i++, at = nodes[at].next) {
        const struct cup_member *member =
            cup_shapes_priv_member(decode, decode->shape, &nodes[at], &expected);
        if (member == NULL) return refuse_drift(decode, &nodes[at]);
        uint32_t outcome = put_member(decode, member, &nodes[at], row);
        if (outcome != OK) return outcome;
    }
    return OK;
}

/* The row as it was, where the record tells only what was different. */
static uint32_t put_overlaid(struct cup_decode *decode, uint32_t row)
{
    uint32_t outcome = put_image(decode, decode->envelope.after, row);

    decode->image_name = "old.";
    return outcome == OK ? put_over(decode, decode->envelope.prior, row) : outcome;
}

/* Are before images whole rows? */
static bool is_full(const struct cup_decode *decode)
{
    return decode->table->plan->images == CUP_IMAGES_FULL && !decode->table->weakened;
}

/* The row as it was: whole with full images, else its key. */
static uint32_t put_before(struct cup_decode *decode, uint32_t row, bool *out_key_only)
{
    uint32_t before = decode->envelope.before;
    bool     whole = false, none = before == 0 && !decode->envelope.rooted;

    begin_image(decode, "before.", false);
    decode->may_be_unset = false;
    if (decode->envelope.overlay && decode->envelope.prior != 0) {
        *out_key_only = false;
        return put_overlaid(decode, row);
    }
    *out_key_only = !is_full(decode) || none;
    if (!*out_key_only) {
        uint32_t outcome = put_image(decode, before, row);
        return outcome == OK ? cup_key_priv_check(decode, row) : outcome;
    }
    if (!none) {
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

    if (!decode->dialect->placeholders) return false;
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
    if (decode->envelope.op == 'u' || decode->envelope.prior != 0)
        decode->missing = decode->table->plan->missing != CUP_MISSING_FORMAT
                              ? decode->table->plan->missing
                              : decode->envelope.missing;
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

/* Does the record say that the row had another key before? Values are compared, not texts. */
static uint32_t find_old_key(struct cup_decode *decode, uint32_t row, bool *out_changed)
{
    const struct cup_envelope *envelope = &decode->envelope;
    const struct cup_shape    *shape    = decode->shape;

    *out_changed = false;
    for (uint32_t i = 0; i < decode->table->key_count; i++) {
        if (shape->key_members[i] == CUP_NONE) continue;
        const struct cup_member *member = &shape->members[shape->key_members[i]];
        uint32_t old = cup_json_member(decode->buf, &decode->doc, envelope->prior, member->name,
                                       member->name_bytes);
        uint32_t now = cup_json_member(decode->buf, &decode->doc, envelope->after, member->name,
                                       member->name_bytes);
        if (old == 0 || now == 0) continue;
        uint32_t outcome = put_cell(decode, member, &decode->doc.nodes[old], row);
        if (outcome != OK) return refuse(decode, outcome, &decode->doc.nodes[old], member);
        outcome = put_cell(decode, member, &decode->doc.nodes[now], row + 1);
        if (outcome != OK) return refuse(decode, outcome, &decode->doc.nodes[now], member);
        *out_changed |=
            !cup_values_priv_equal(&decode->table->columns[member->column], row, row + 1);
    }
    return OK;
}

/* A changed key: the old row goes, the new one comes and says where from. */
static uint32_t put_moved(struct cup_decode *decode, uint32_t row)
{
    struct cup_envelope *envelope = &decode->envelope;
    uint32_t             old[2]   = {envelope->after, envelope->prior};

    begin_image(decode, "old.", false);
    put_nulls(decode, row);
    for (uint32_t i = 0; i < 2; i++) { /* columns that are not in prior have not changed */
        for (uint32_t k = 0; k < decode->table->key_count; k++) {
            if (decode->shape->key_members[k] == CUP_NONE) continue;
            const struct cup_member *member =
                &decode->shape->members[decode->shape->key_members[k]];
            uint32_t node = cup_json_member(decode->buf, &decode->doc, old[i], member->name,
                                            member->name_bytes);
            if (node == 0) continue;
            uint32_t outcome = put_cell(decode, member, &decode->doc.nodes[node], row);
            if (outcome != OK) return refuse(decode, outcome, &decode->doc.nodes[node], member);
        }
    }
    uint32_t outcome = cup_silver_priv_put(decode, row, 'd', decode->sub, true);
    if (outcome != OK) return outcome;
    uint32_t scratch_used = decode->scratch_used;
    cup_silver_priv_make_old_key(decode, envelope->prior, envelope->after);
    envelope->op         = 'c';
    outcome              = put_after(decode, row + 1, decode->sub + 1);
    envelope->op         = 'u';
    envelope->old_key    = (struct cup_span){0};
    decode->scratch_used = scratch_used;
    return outcome;
}

/* An update of a whole-image table has its before image, unless the source changed that: from then
 * on most of a delete's image would be filler. Other formats have no before image in updates. */
static void note_identity(struct cup_decode *decode)
{
    bool envelope = decode->plan->format == CUP_FORMAT_DEBEZIUM ||
                    decode->plan->format == CUP_FORMAT_CLOUDEVENTS;

    if (!envelope || decode->envelope.before != 0) return;
    if (decode->table->plan->images != CUP_IMAGES_FULL || decode->table->key_count == 0) return;
    decode->table->weakened = true;
    cup_odd_priv_note(decode, CUP_NONE, CUP_ODDITY_IDENTITY_WEAKENED);
}

static uint32_t put_update(struct cup_decode *decode, uint32_t row, uint32_t *out_row_count)
{
    const struct cup_table *table   = decode->table;
    bool                    keyless = table->key_count == 0, key_only, moved = false;

    if (decode->envelope.prior != 0 && !keyless) {
        decode->image_name = "old.";
        uint32_t outcome   = find_old_key(decode, row, &moved);
        if (outcome != OK) return outcome;
    }
    if (moved) {
        *out_row_count = 2;
        return put_moved(decode, row);
    }
    if (keyless && !key_is_unknown(decode) &&
        (table->plan->images != CUP_IMAGES_FULL || decode->envelope.before == 0))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UPDATE_WITHOUT_KEY, NULL, "before", NULL,
                                      0);
    *out_row_count = 1;
    note_identity(decode);
    if ((!keyless && !table->plan->write_before) || decode->envelope.before == 0)
        return put_after(decode, row, decode->sub);
    uint32_t outcome = put_before(decode, row, &key_only);
    if (outcome == OK) outcome = cup_silver_priv_put(decode, row, 'b', decode->sub, key_only);
    *out_row_count = 2;
    return outcome == OK ? put_after(decode, row + 1, decode->sub + 1) : outcome;
}

static uint32_t put_delete(struct cup_decode *decode, uint32_t row)
{
    bool key_only;

    if (key_is_unknown(decode))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_DELETE_WITHOUT_KEY, NULL, "key", NULL, 0);
    uint32_t outcome = put_before(decode, row, &key_only);
    if (outcome != OK) return outcome;
    return cup_silver_priv_put(decode, row, 'd', decode->sub, key_only);
}

/* Every row must have a folder to go to. */
static uint32_t check_partitions(struct cup_decode *decode, uint32_t row, uint32_t row_count)
{
    const struct cup_table *table = decode->table;
    uint32_t                bad;

    for (uint32_t i = row; i < row + row_count; i++) {
        enum cup_outcome outcome =
            cup_partition_check(decode->plan, table->plan, table->columns, i, &bad);
        if (outcome == CUP_OUTCOME_ACCEPTED) continue;
        const char *name = cup_partition_name(decode->plan, table->plan, bad);
        return cup_decode_priv_refuse(decode, outcome, NULL, "", name, (uint32_t)strlen(name));
    }
    return OK;
}

/* All rows that are older go: which are, on a topic of many partitions? */
static uint32_t put_truncate(struct cup_decode *decode, uint32_t row)
{
    if (decode->table->many && !decode->table->plan->truncate_applies)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_TRUNCATE_UNORDERED, NULL, "op", NULL, 0);
    decode->unset_count = 0;
    put_nulls(decode, row);
    return cup_silver_priv_put(decode, row, 't', decode->sub, false);
}

static uint32_t put_change(struct cup_decode *decode, uint32_t row, uint32_t *out_row_count)
{
    char op = decode->envelope.op;

    /* a row of a table without key takes no other's place */
    if (op == 'u' && decode->envelope.upsert && decode->table->key_count == 0)
        op = decode->envelope.op = 'c';
    *out_row_count = 1;
    switch (op) {
    case 'u': return put_update(decode, row, out_row_count);
    case 'd': return put_delete(decode, row);
    case 't': return put_truncate(decode, row);
    default: return put_after(decode, row, decode->sub);
    }
}

/* A record that holds many changes; all are of one operation. Old values stand in an array of their
 * own, in the same order. */
static uint32_t put_changes(struct cup_decode *decode, uint32_t row, uint32_t *out_row_count)
{
    struct cup_envelope        *envelope = &decode->envelope;
    const struct cup_json_node *nodes    = decode->doc.nodes;
    uint32_t                    at = envelope->rows + 1, old = envelope->old_rows + 1, made;
    bool                        paired = envelope->old_rows != 0;

    *out_row_count = 0;
    for (uint32_t i = 0; i < nodes[envelope->rows].child_count; i++, at = nodes[at].next) {
        if (nodes[at].kind != CUP_JSON_OBJECT)
            return cup_envelope_priv_mismatch(decode, at, "data");
        envelope->prior  = paired && nodes[old].kind == CUP_JSON_OBJECT ? old : 0;
        envelope->after  = at;
        envelope->before = envelope->op == 'd' || envelope->prior != 0 ? at : 0;
        if (paired) old = nodes[old].next;
        decode->sub      = (int32_t)*out_row_count;
        uint32_t outcome = put_change(decode, row + *out_row_count, &made);
        if (outcome != OK) return outcome;
        *out_row_count += made;
    }
    return OK;
}

static uint32_t put_event(struct cup_decode *decode, uint32_t *out_row_count)
{
    const struct cup_envelope *envelope = &decode->envelope;
    uint32_t                   changes = 1, row = decode->table->row_count;

    if (envelope->rows != 0) changes = decode->doc.nodes[envelope->rows].child_count;
    decode->sub = 0;
    /* of a file of values it is a generation of the file, not a partition */
    decode->table->many |= decode->record->partition > 0 && !decode->batch->no_keys;
    uint32_t outcome =
        cup_columns_priv_ready(decode, decode->table, envelope->op == 'u' ? 2 * changes : changes);
    if (outcome == CUP_OUTCOME_RECORD_TOO_LARGE)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_RECORD_TOO_LARGE, NULL, "data", NULL, 0);
    if (outcome != OK) return outcome;
    if (envelope->rows != 0) return put_changes(decode, row, out_row_count);
    return put_change(decode, row, out_row_count);
}

uint32_t cup_rows_priv_put(struct cup_decode *decode, uint32_t *out_row_count)
{
    uint32_t outcome = put_event(decode, out_row_count);

    if (outcome != OK || decode->table->plan->partitions.count == 0) return outcome;
    return check_partitions(decode, decode->table->row_count, *out_row_count);
}
