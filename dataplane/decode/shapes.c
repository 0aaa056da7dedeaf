// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define BUCKETS_MAX (1u << 20)
#define HASH_FACTOR 0x9e3779b97f4a7c15ull /* 2^64 divided by the golden ratio, odd */

uint64_t cup_shapes_priv_hash(const uint8_t *bytes, size_t count)
{
    uint64_t hash = count * HASH_FACTOR;

    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        hash = (hash ^ word) * HASH_FACTOR;
        hash ^= hash >> 29;
    }
    for (; count > 0; bytes++, count--)
        hash = (hash ^ *bytes) * HASH_FACTOR;
    return hash ^ hash >> 32;
}

/* By the name: the one that the order of the plan promises, or by its hash. */
static const struct cup_member *find_member(struct cup_decode          *decode,
                                            const struct cup_shape     *shape,
                                            const struct cup_json_node *node, uint32_t *expected)
{
    const uint8_t *key   = decode->buf + node->key_at;
    uint32_t       bytes = node->key_bytes;

    if (node->flags & CUP_JSON_KEY_ESCAPED) {
        uint8_t *plain = decode->scratch + decode->scratch_used;
        bytes          = cup_json_unescape(key, bytes, plain);
        key            = plain;
    }
    if (*expected < shape->member_count) {
        const struct cup_member *member = &shape->members[*expected];
        if (member->name_bytes == bytes && memcmp(member->name, key, bytes) == 0) {
            ++*expected;
            return member;
        }
    }
    uint32_t slot = (uint32_t)cup_shapes_priv_hash(key, bytes) & shape->slot_mask;
    for (; shape->slots[slot] != 0; slot = (slot + 1) & shape->slot_mask) {
        const struct cup_member *member = &shape->members[shape->slots[slot] - 1];
        if (member->name_bytes != bytes || memcmp(member->name, key, bytes) != 0) continue;
        *expected = shape->slots[slot];
        return member;
    }
    return NULL;
}

const struct cup_member *cup_shapes_priv_note(struct cup_decode          *decode,
                                              const struct cup_shape     *shape,
                                              const struct cup_json_node *node, uint32_t *expected)
{
    struct cup_key_note     *note   = &decode->notes[node->key_id % CUP_JSON_KEY_IDS];
    const struct cup_member *member = find_member(decode, shape, node, expected);

    if (member == NULL || node->key_id == 0) return member;
    if (note->key_id != node->key_id) (void)cup_envelope_priv_note(decode, node);
    note->shape  = shape->number;
    note->member = (uint32_t)(member - shape->members);
    return member;
}

static enum cup_err bad_plan(struct cup_fault *out_fault, const char *what, const char *where)
{
    return cup_fault_set(out_fault, CUP_BAD_PLAN, what, where);
}

/* --- tables --- */

static uint32_t count_children(const struct cup_plan_column *columns, uint32_t count)
{
    uint32_t children = 1; /* of _unset */

    for (uint32_t i = 0; i < count; i++)
        children += columns[i].type == CUP_TYPE_LIST ? 1 : columns[i].type == CUP_TYPE_MAP ? 2 : 0;
    return children;
}

static void fill_fields(const struct cup_plan *plan, struct cup_table *table)
{
    uint32_t element = 0;

    for (uint32_t i = 0; i < table->data_count; i++) {
        const struct cup_plan_column *column = &table->plan_columns[i];
        struct cup_field              field  = {.name      = cup_plan_text(plan, column->name),
                                                .type      = column->type,
                                                .precision = column->precision,
                                                .scale     = column->scale};
        if (column->type == CUP_TYPE_MAP) field = cup_map_field(field.name);
        table->masked |= column->mask != CUP_MASK_NONE;
        if (column->comment.bytes > 0) field.comment = cup_plan_text(plan, column->comment);
        if (column->type == CUP_TYPE_LIST) {
            table->elements[element] = (struct cup_field){.name      = "element",
                                                          .type      = column->element_type,
                                                          .precision = column->precision,
                                                          .scale     = column->scale};
            field.precision = field.scale = 0;
            field.child_count             = 1;
            field.children                = &table->elements[element++];
        }
        table->fields[i] = field;
    }
    memcpy(table->fields + table->data_count, cup_silver_fields(),
           CUP_SILVER_COUNT * sizeof *table->fields);
}

/* Points the columns of lists and maps to those of their elements, which stand behind the others.
 */
static void fill_columns(struct cup_table *table)
{
    uint32_t child = table->column_count;

    for (uint32_t i = 0; i < table->column_count; i++) {
        struct cup_column *column = &table->columns[i];
        column->vec               = (uint8_t)cup_type_vec((enum cup_type)table->fields[i].type);
        if (column->vec != CUP_VEC_LIST) continue;
        column->child_count = (uint8_t)table->fields[i].child_count;
        column->children    = &table->columns[child];
        for (uint8_t c = 0; c < column->child_count; c++)
            table->columns[child++].vec =
                (uint8_t)cup_type_vec((enum cup_type)table->fields[i].children[c].type);
    }
    CUP_ASSERT(child == table->all_count);
}

/* Key places must be 1..n, each once; 0 is no key column. */
static bool fill_keys(struct cup_table *table)
{
    for (uint32_t i = 0; i < table->data_count; i++)
        table->key_count += table->plan_columns[i].key_place > 0;
    for (uint32_t i = 0; i < table->key_count; i++)
        table->keys[i] = CUP_NONE;
    for (uint32_t i = 0; i < table->data_count; i++) {
        uint32_t place = table->plan_columns[i].key_place;
        if (place == 0) continue;
        if (place > table->key_count || table->keys[place - 1] != CUP_NONE) return false;
        table->keys[place - 1] = i;
    }
    return true;
}

static enum cup_err open_table(struct cup_decode *decode, uint32_t index,
                               struct cup_fault *out_fault)
{
    struct cup_table *table = &decode->tables[index];

    table->plan          = &cup_plan_tables(decode->plan)[index];
    table->plan_columns  = cup_plan_columns(decode->plan, table->plan);
    table->data_count    = table->plan->columns.count;
    table->column_count  = table->data_count + CUP_SILVER_COUNT;
    uint32_t child_count = count_children(table->plan_columns, table->data_count);
    table->all_count     = table->column_count + child_count;
    table->bare_shape    = CUP_NONE;
    table->any_shape     = CUP_NONE;
    table->open_index    = CUP_NONE;
    table->fields        = calloc(table->column_count, sizeof *table->fields);
    table->elements      = calloc(child_count, sizeof *table->elements);
    table->columns       = calloc(table->all_count, sizeof *table->columns);
    table->runs          = calloc(table->all_count, sizeof *table->runs);
    table->keys          = calloc(table->data_count, sizeof *table->keys);
    table->oddities =
        calloc(((size_t)table->data_count + 1) * CUP_ODDITY_COUNT, sizeof *table->oddities);
    if (table->fields == NULL || table->elements == NULL || table->columns == NULL ||
        table->runs == NULL || table->keys == NULL || table->oddities == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "tables of decode", NULL);
    fill_fields(decode->plan, table);
    fill_columns(table);
    if (!fill_keys(table))
        return bad_plan(out_fault, "plan: key places",
                        cup_plan_text(decode->plan, table->plan->path));
    struct cup_span name   = cup_span_priv_of(decode->plan, table->plan->source_table);
    uint64_t        hash   = cup_shapes_priv_hash(name.at, name.bytes);
    uint32_t       *bucket = &decode->table_buckets[hash & decode->bucket_mask];
    table->next            = *bucket;
    *bucket                = index;
    return cup_columns_priv_plan(decode, table, out_fault);
}

/* --- shapes --- */

static enum cup_err fill_member(const struct cup_plan *plan, const struct cup_table *table,
                                const struct cup_plan_field *field, struct cup_member *element,
                                struct cup_member *member, struct cup_fault *out_fault)
{
    if (field->column == CUP_PLAN_IGNORED) {
        *member = (struct cup_member){.name       = cup_plan_text(plan, field->member),
                                      .name_bytes = field->member.bytes,
                                      .column     = CUP_NONE,
                                      .key_index  = CUP_NONE,
                                      .slot       = field->slot};
        return CUP_OK;
    }
    const struct cup_plan_column *column = &table->plan_columns[field->column];
    bool                          list   = column->type == CUP_TYPE_LIST;

    *member = (struct cup_member){
        .name       = cup_plan_text(plan, field->member),
        .name_bytes = field->member.bytes,
        .column     = field->column,
        .put =
            cup_values_priv_find((enum cup_encoding)field->encoding, (enum cup_type)column->type),
        .wire_scale  = field->scale,
        .key_index   = column->key_place > 0 ? column->key_place - 1u : CUP_NONE,
        .type        = list ? column->element_type : column->type,
        .precision   = column->precision,
        .scale       = column->scale,
        .encoding    = field->encoding,
        .options     = field->options,
        .standard    = cup_span_priv_of(plan, field->standard),
        .unavailable = field->unavailable,
        .needed      = column->required || column->key_place > 0,
        .generated   = column->generated,
    };
    if (list) {
        *element          = *member;
        element->encoding = field->element_encoding;
        element->put      = cup_values_priv_find((enum cup_encoding)field->element_encoding,
                                                 (enum cup_type)column->element_type);
        member->element   = element;
    }
    if (member->put == NULL || (list && element->put == NULL))
        return bad_plan(out_fault, "plan: encoding of another type", member->name);
    return CUP_OK;
}

static bool add_name(struct cup_shape *shape, uint32_t index)
{
    const struct cup_member *member = &shape->members[index];
    uint64_t hash = cup_shapes_priv_hash((const uint8_t *)member->name, member->name_bytes);
    uint32_t slot = (uint32_t)hash & shape->slot_mask;

    for (; shape->slots[slot] != 0; slot = (slot + 1) & shape->slot_mask) {
        const struct cup_member *other = &shape->members[shape->slots[slot] - 1];
        if (other->name_bytes == member->name_bytes &&
            memcmp(other->name, member->name, member->name_bytes) == 0)
            return false;
    }
    shape->slots[slot] = index + 1;
    return true;
}

static enum cup_err fill_members(struct cup_decode *decode, const struct cup_plan_schema *schema,
                                 struct cup_shape *shape, uint8_t *column_used,
                                 struct cup_fault *out_fault)
{
    const struct cup_table      *table  = &decode->tables[shape->table];
    const struct cup_plan_field *fields = cup_plan_fields(decode->plan, schema);

    for (uint32_t i = 0; i < shape->member_count; i++) {
        struct cup_member *member = &shape->members[i];
        enum cup_err       err =
            fill_member(decode->plan, table, &fields[i], &shape->elements[i], member, out_fault);
        if (err != CUP_OK) return err;
        if (!add_name(shape, i)) return bad_plan(out_fault, "plan: member twice", member->name);
        if (member->put == NULL) continue;
        if (column_used[member->column])
            return bad_plan(out_fault, "plan: two members for one column", member->name);
        column_used[member->column] = 1;
        if (member->key_index != CUP_NONE) shape->key_members[member->key_index] = i;
    }
    for (uint32_t i = 0; i < table->data_count; i++)
        if (!column_used[i]) shape->unmapped[shape->unmapped_count++] = i;
    return CUP_OK;
}

/* Texts in a plan have no padding behind them, which the parser needs. */
static enum cup_err count_tokens(struct cup_decode *decode, struct cup_shape *shape,
                                 struct cup_fault *out_fault)
{
    uint8_t *copy = calloc(1, (size_t)shape->text_bytes + CUP_JSON_PADDING);

    if (copy == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "schemas of decode", NULL);
    memcpy(copy, shape->text, shape->text_bytes);
    cup_json_count_tokens(decode->texts, copy, shape->text_bytes, &shape->token_count);
    free(copy);
    return CUP_OK;
}

static void add_known(struct cup_decode *decode, uint32_t index)
{
    const struct cup_shape *shape = &decode->shapes[index];

    if (decode->known_count == CUP_KNOWN_MAX) return;
    decode->known[decode->known_count] = (struct cup_json_known){
        .text = shape->text, .bytes = shape->text_bytes, .token_count = shape->token_count};
    decode->known_shape[decode->known_count++] = index;
}

static enum cup_err link_shape(struct cup_decode *decode, uint32_t index,
                               struct cup_fault *out_fault)
{
    struct cup_shape *shape = &decode->shapes[index];
    struct cup_table *table = &decode->tables[shape->table];

    table->any_shape = index;
    if (shape->text_bytes == 0) {
        if (table->bare_shape != CUP_NONE)
            return bad_plan(out_fault, "plan: two schemas without text",
                            cup_plan_text(decode->plan, table->plan->path));
        table->bare_shape = index;
        return CUP_OK;
    }
    enum cup_err err = count_tokens(decode, shape, out_fault);
    if (err != CUP_OK) return err;
    shape->text_hash = cup_shapes_priv_hash(shape->text, shape->text_bytes);
    uint32_t *bucket = &decode->shape_buckets[shape->text_hash & decode->bucket_mask];
    shape->next      = *bucket;
    *bucket          = index;
    add_known(decode, index);
    return CUP_OK;
}

static enum cup_err open_shape(struct cup_decode *decode, uint32_t index, uint8_t *column_used,
                               struct cup_fault *out_fault)
{
    const struct cup_plan_schema *schema = &cup_plan_schemas(decode->plan)[index];
    struct cup_shape             *shape  = &decode->shapes[index];
    const struct cup_table       *table  = &decode->tables[schema->table];
    uint32_t                      slots  = 4;

    while (slots < 2 * schema->fields.count)
        slots *= 2;
    shape->number       = index + 1;
    shape->table        = schema->table;
    shape->quarantine   = schema->quarantine;
    shape->unknown      = schema->unknown;
    shape->lost         = schema->lost;
    shape->slot         = schema->slot;
    shape->member_count = schema->fields.count;
    shape->slot_mask    = slots - 1;
    shape->text         = (const uint8_t *)cup_plan_text(decode->plan, schema->text);
    shape->text_bytes   = schema->text.bytes;
    shape->members      = calloc(shape->member_count + 1, sizeof *shape->members);
    shape->elements     = calloc(shape->member_count + 1, sizeof *shape->elements);
    shape->slots        = calloc(slots, sizeof *shape->slots);
    shape->unmapped     = calloc(table->data_count, sizeof *shape->unmapped);
    shape->key_members  = calloc(table->key_count + 1, sizeof *shape->key_members);
    if (shape->members == NULL || shape->elements == NULL || shape->slots == NULL ||
        shape->unmapped == NULL || shape->key_members == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "schemas of decode", NULL);
    for (uint32_t i = 0; i < table->key_count; i++)
        shape->key_members[i] = CUP_NONE;
    memset(column_used, 0, table->data_count);
    enum cup_err err = fill_members(decode, schema, shape, column_used, out_fault);
    return err == CUP_OK ? link_shape(decode, index, out_fault) : err;
}

enum cup_err cup_shapes_priv_open(struct cup_decode *decode, struct cup_fault *out_fault)
{
    uint8_t      column_used[CUP_PLAN_COLUMNS_MAX];
    uint32_t     tables = decode->plan->tables.count, shapes = decode->plan->schemas.count;
    uint32_t     buckets = 16;
    enum cup_err err     = CUP_OK;

    while (buckets < BUCKETS_MAX && (buckets < tables || buckets < shapes))
        buckets *= 2;
    decode->bucket_mask   = buckets - 1;
    decode->table_buckets = calloc(buckets, sizeof *decode->table_buckets);
    decode->shape_buckets = calloc(buckets, sizeof *decode->shape_buckets);
    decode->tables        = calloc(tables + 1, sizeof *decode->tables);
    decode->shapes        = calloc(shapes + 1, sizeof *decode->shapes);
    decode->open          = calloc(tables + 1, sizeof *decode->open);
    if (decode->table_buckets == NULL || decode->shape_buckets == NULL || decode->tables == NULL ||
        decode->shapes == NULL || decode->open == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "tables of decode", NULL);
    for (uint32_t i = 0; i < buckets; i++)
        decode->table_buckets[i] = decode->shape_buckets[i] = CUP_NONE;
    for (uint32_t i = tables;
         err == CUP_OK && i-- > 0;) /* backwards: chains start with the first */
        err = open_table(decode, i, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < shapes; i++)
        err = open_shape(decode, i, column_used, out_fault);
    return err;
}

void cup_shapes_priv_close(struct cup_decode *decode)
{
    for (uint32_t i = 0; decode->shapes != NULL && i < decode->plan->schemas.count; i++) {
        free(decode->shapes[i].members);
        free(decode->shapes[i].elements);
        free(decode->shapes[i].slots);
        free(decode->shapes[i].unmapped);
        free(decode->shapes[i].key_members);
    }
    for (uint32_t i = 0; decode->tables != NULL && i < decode->plan->tables.count; i++) {
        struct cup_table *table = &decode->tables[i];
        if (table->blocks != NULL) cup_columns_priv_close(decode, table);
        free(table->fields);
        free(table->elements);
        free(table->columns);
        free(table->runs);
        free(table->keys);
        free(table->oddities);
        free(table->blocks);
    }
    free(decode->table_buckets);
    free(decode->shape_buckets);
    free(decode->tables);
    free(decode->shapes);
    free(decode->open);
}
