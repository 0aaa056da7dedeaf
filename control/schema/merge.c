// SPDX-License-Identifier: Apache-2.0
#include "control/schema/merge_priv.h"

#include <string.h>

#include "control/schema/names.h"

#define NONE        UINT32_MAX
#define VERSION_MAX 99u /* a column whose type changed a hundred times is no column any more */

/* One merge in progress. */
struct work {
    struct cup_keep        *keep;
    const struct cup_shape *shape;
    struct cup_merge       *merge;
    bool                   *used; /* per column: a member of this shape has it */
    struct cup_drift_policy policy;
};

/* Where a member may go. */
struct place {
    uint32_t    column; /* NONE: a new one */
    const char *name;   /* of the new column */
    uint32_t    version;
    uint32_t    first; /* the column of that name which does not fit; NONE */
};

struct cup_catalog_column *cup_merge_priv_add(struct cup_keep          *keep,
                                              struct cup_catalog_table *table)
{
    CUP_ASSERT(table->column_count < CUP_PLAN_COLUMNS_MAX);
    table->columns = cup_keep_grow(keep, table->columns, table->column_count, &table->column_cap,
                                   sizeof(*table->columns));
    return &table->columns[table->column_count++];
}

static uint32_t find_name(const struct cup_catalog_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (cup_names_equal(table->columns[i].name, name)) return i;
    }
    return NONE;
}

/* A contract may have renamed it. */
static const char *base_name(const struct work *work, const char *member)
{
    const struct cup_catalog_table *table = &work->merge->table;

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].declared && strcmp(table->columns[i].member, member) == 0)
            return table->columns[i].name;
    }
    return cup_names_column(work->keep, member);
}

/* name__2 may also be the name of another column of the source. */
static bool is_base_name(const struct work *work, const char *name)
{
    for (uint32_t i = 0; i < work->shape->member_count; i++) {
        if (cup_names_equal(base_name(work, work->shape->members[i].name), name)) return true;
    }
    return false;
}

static bool is_text_encoding(uint8_t encoding)
{
    if (strcmp(cup_encoding_row((enum cup_encoding)encoding)->connect_type, "string") == 0)
        return true;
    return encoding == CUP_ENCODING_DECIMAL_TEXT || encoding == CUP_ENCODING_BYTES_BASE64 ||
           encoding == CUP_ENCODING_BYTES_BASE64URL || encoding == CUP_ENCODING_BYTES_HEX;
}

/* Where the schema only says "string" or "decimal", the contract knows more. */
static struct cup_shape_type as_declared(const struct cup_catalog_column *column,
                                         const struct cup_shape_type     *wire)
{
    struct cup_shape_type is = *wire;

    if (!column->declared) return is;
    is.options |= column->is.options;
    if (wire->encoding == CUP_ENCODING_STRING && is_text_encoding(column->is.encoding)) {
        is             = column->is;
        is.unavailable = wire->unavailable;
        is.options |= wire->options;
        return is;
    }
    if (wire->encoding == CUP_ENCODING_BYTES_BASE64 &&
        column->is.encoding == CUP_ENCODING_TEXT_BASE64) {
        is.encoding = CUP_ENCODING_TEXT_BASE64;
        is.type     = CUP_TYPE_STRING;
    }
    bool as_bool = (column->is.options & (CUP_MEMBER_BOOL_NONZERO | CUP_MEMBER_BOOL_STRICT)) != 0;
    if (as_bool && wire->encoding >= CUP_ENCODING_INT8 && wire->encoding <= CUP_ENCODING_INT64) {
        is.encoding = CUP_ENCODING_BOOL;
        is.type     = CUP_TYPE_BOOL;
    }
    if (wire->encoding == CUP_ENCODING_INT64 && column->is.options & CUP_MEMBER_UNSIGNED) {
        is.type      = column->is.type; /* 64 bits without sign are a decimal(20,0) */
        is.precision = column->is.precision;
        is.scale     = column->is.scale;
    }
    if (wire->encoding == CUP_ENCODING_DECIMAL_BASE64 &&
        column->is.encoding == CUP_ENCODING_DECIMAL_NUMBER)
        is.encoding = CUP_ENCODING_DECIMAL_NUMBER;
    bool zone   = wire->type == CUP_TYPE_TIMESTAMP_NTZ && column->is.type == CUP_TYPE_TIMESTAMP;
    bool digits = wire->type == CUP_TYPE_DECIMAL && column->is.type == CUP_TYPE_STRING;
    if (zone || digits) {
        is.type      = column->is.type;
        is.precision = is.scale = 0;
    }
    return is;
}

static void put_collision(const struct work *work, const char *member, uint32_t column)
{
    const struct cup_catalog_column *other = &work->merge->table.columns[column];

    cup_text_printf(work->merge->says,
                    "columns \"%s\" and \"%s\" have one name in the table (case does not count); "
                    "a contract can rename one of them\n",
                    *other->member == '\0' ? other->name : other->member, member);
}

/* What a number stands for where the type does not tell: "time" of a day, "" for a count. */
static const char *meaning_of(uint8_t encoding, size_t *out_bytes)
{
    const struct cup_encoding_row *row = cup_encoding_row((enum cup_encoding)encoding);

    *out_bytes = *row->semantic == '\0' ? 0 : strcspn(row->name, "_");
    return row->name;
}

/* Of a column that an earlier run wrote nobody knows it until a record has filled it. */
static bool same_meaning(const struct cup_catalog_column *column, const struct cup_shape_type *is)
{
    size_t a_bytes, b_bytes;

    if (*column->member == '\0' || column->is.type != CUP_TYPE_LONG || is->type != CUP_TYPE_LONG)
        return true;
    const char *a = meaning_of(column->is.encoding, &a_bytes);
    const char *b = meaning_of(is->encoding, &b_bytes);
    return a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0;
}

/* 0: no integer */
static uint32_t integer_rank(uint8_t type)
{
    switch (type) {
    case CUP_TYPE_BYTE: return 1;
    case CUP_TYPE_SHORT: return 2;
    case CUP_TYPE_INT: return 3;
    case CUP_TYPE_LONG: return 4;
    default: return 0;
    }
}

/* What has changed between a column and a type that does not fit it. */
static enum cup_change change_of(const struct cup_catalog_column *column,
                                 const struct cup_shape_type     *wire)
{
    const struct cup_shape_type *is = &column->is;

    if (!same_meaning(column, wire)) return CUP_CHANGE_UNITS;
    if (integer_rank(is->type) > 0 && integer_rank(wire->type) > 0) return CUP_CHANGE_WIDEN;
    if (is->type == CUP_TYPE_FLOAT && wire->type == CUP_TYPE_DOUBLE) return CUP_CHANGE_WIDEN;
    if (is->type != CUP_TYPE_DECIMAL || wire->type != CUP_TYPE_DECIMAL) return CUP_CHANGE_TYPES;
    return is->scale == wire->scale ? CUP_CHANGE_WIDEN : CUP_CHANGE_SCALE;
}

/* Whether values of the wire's type can be tried one by one in the column. */
static bool can_be_kept(const struct cup_shape_type *column, const struct cup_shape_type *wire)
{
    if (integer_rank(column->type) > 0) return integer_rank(wire->type) > 0;
    return column->type == CUP_TYPE_DECIMAL && wire->type == CUP_TYPE_DECIMAL;
}

/* Looks through name, name__2, name__3, ... for the best column. False: the names collide. */
static bool find_place(const struct work *work, const struct cup_shape_member *member,
                       struct place *out_place)
{
    const struct cup_catalog_table *table = &work->merge->table;
    const char                     *base  = base_name(work, member->name);
    struct place                    best  = {.column = NONE, .first = NONE};

    for (uint32_t version = 1; version <= VERSION_MAX; version++) {
        const char *name = version == 1 ? base : cup_names_version(work->keep, base, version);
        uint32_t    i    = find_name(table, name);
        if (version > 1 && is_base_name(work, name)) continue;
        if (i == NONE) {
            best.name    = best.name == NULL ? name : best.name;
            best.version = version;
            break;
        }
        if (version == 1 && (work->used[i] || strcmp(table->columns[i].name, name) != 0)) {
            put_collision(work, member->name, i);
            return false;
        }
        CUP_ASSERT(!work->used[i]); /* version 1 is refused, others are nobody's base */
        struct cup_shape_type is = as_declared(&table->columns[i], &member->is);
        if (best.first == NONE) best.first = i;
        if (!same_meaning(&table->columns[i], &is)) continue;
        if (cup_shape_same_type(&table->columns[i].is, &is)) {
            best.column = i;
            break;
        }
        if (best.column == NONE && cup_shape_fits(&table->columns[i].is, &is)) best.column = i;
    }
    if (best.column == NONE && best.name == NULL) return false;
    *out_place = best;
    return true;
}

static void put_change(const struct work *work, const char *verb, const char *name,
                       const struct cup_shape_type *is)
{
    const struct cup_catalog_table *table = &work->merge->table;
    struct cup_text                *says  = work->merge->says;

    cup_text_printf(says, "table %s: %s %s ", table->path, verb, name);
    cup_shape_put_type(says, is);
    cup_text_puts(says, "\n");
}

/* The member gets no column: bronze has it, and the data plane counts it. */
static void ignore_member(struct work *work, const struct cup_shape_member *member,
                          const struct place *place)
{
    struct cup_merge *merge = work->merge;

    put_change(work, "ignored the new column", place->name, &member->is);
    merge->fields[merge->field_count++] =
        (struct cup_catalog_field){.member_column = CUP_PLAN_IGNORED, .member = member->name};
}

static void use_column(struct work *work, const struct cup_shape_member *member, uint32_t index)
{
    struct cup_merge          *merge  = work->merge;
    struct cup_catalog_column *column = &merge->table.columns[index];
    struct cup_catalog_field   field  = {.member_column = index,
                                         .member        = member->name,
                                         .standard      = member->standard,
                                         .is            = as_declared(column, &member->is)};

    work->used[index]                   = true;
    merge->fields[merge->field_count++] = field;
    if (*column->member != '\0') return;
    column->member      = member->name; /* an earlier run wrote it: now it is known what it holds */
    column->is.encoding = field.is.encoding;
}

/* The column stays as it is, and each value is tried. */
static bool keep_column(struct work *work, const struct cup_shape_member *member,
                        const struct place *place, enum cup_change change)
{
    const struct cup_catalog_table *table = &work->merge->table;

    if (work->policy.of[change] != CUP_DRIFT_IGNORE || work->used[place->first]) return false;
    if (!can_be_kept(&table->columns[place->first].is, &member->is)) return false;
    put_change(work, "what does not fit goes to quarantine:", table->columns[place->first].name,
               &member->is);
    use_column(work, member, place->first);
    return true;
}

static bool add_column(struct work *work, const struct cup_shape_member *member,
                       const struct place *place, bool is_new_table)
{
    struct cup_merge *merge  = work->merge;
    enum cup_change   change = place->first == NONE
                                   ? CUP_CHANGE_COLUMNS
                                   : change_of(&merge->table.columns[place->first], &member->is);

    if (!is_new_table) merge->counts[change]++;
    if (place->first != NONE && keep_column(work, member, place, change)) return true;
    if (change == CUP_CHANGE_COLUMNS && !is_new_table &&
        work->policy.of[change] == CUP_DRIFT_IGNORE) {
        ignore_member(work, member, place);
        return true;
    }
    if (merge->table.column_count == CUP_PLAN_COLUMNS_MAX) {
        cup_text_printf(merge->says, "table %s would have more than %u columns\n",
                        merge->table.path, CUP_PLAN_COLUMNS_MAX);
        return false;
    }
    uint32_t                   index  = merge->table.column_count;
    struct cup_catalog_column *column = cup_merge_priv_add(work->keep, &merge->table);
    *column           = (struct cup_catalog_column){.name = place->name, .member = member->name};
    column->comment   = member->comment;
    column->is        = member->is;
    work->used[index] = true;
    merge->fields[merge->field_count++] = (struct cup_catalog_field){.member_column = index,
                                                                     .member        = member->name,
                                                                     .standard = member->standard,
                                                                     .is       = member->is};
    if (!is_new_table) put_change(work, "new column", place->name, &member->is);
    return true;
}

/* A column beside a masked one would hold in the clear what the other hides. */
static bool is_masked(const struct work *work, const struct cup_shape_member *member)
{
    uint32_t base = find_name(&work->merge->table, base_name(work, member->name));

    if (base == NONE || work->merge->table.columns[base].mask.mask == CUP_MASK_NONE) return false;
    cup_text_printf(work->merge->says,
                    "table %s: %s is masked and comes with another type now; its contract must say "
                    "how to mask that\n",
                    work->merge->table.path, member->name);
    return true;
}

static bool place_member(struct work *work, const struct cup_shape_member *member,
                         bool is_new_table)
{
    struct place place;

    if (!find_place(work, member, &place)) return false;
    if (place.column == NONE && place.version > 1 && is_masked(work, member)) return false;
    if (place.column == NONE) return add_column(work, member, &place, is_new_table);
    use_column(work, member, place.column);
    return true;
}

/* name, or an earlier or later version of it, is filled by a member of the shape. */
static bool has_member(const struct work *work, const char *name)
{
    for (uint32_t i = 0; i < work->shape->member_count; i++) {
        const char *base  = base_name(work, work->shape->members[i].name);
        size_t      bytes = strlen(base);
        if (cup_names_equal(base, name)) return true;
        if (strncmp(name, base, bytes) != 0 || strncmp(name + bytes, "__", 2) != 0) continue;
        const char *digits = name + bytes + 2;
        if (*digits != '\0' && digits[strspn(digits, "0123456789")] == '\0') return true;
    }
    return false;
}

/* Columns that no member fills. The source need not send what it computes. */
static void count_missing(struct work *work, uint32_t column_count)
{
    struct cup_merge *merge = work->merge;

    for (uint32_t i = 0; i < column_count; i++) {
        const struct cup_catalog_column *column = &merge->table.columns[i];
        if (work->used[i] || column->generated != CUP_GENERATED_NO) continue;
        if (has_member(work, column->name)) continue;
        merge->counts[CUP_CHANGE_MISSING]++;
        cup_text_printf(merge->says, "table %s: column %s is not in these records: null\n",
                        merge->table.path, column->name);
    }
}

bool cup_merge_priv_shape(struct cup_keep *keep, const struct cup_catalog_table *table,
                          const struct cup_shape *shape, const struct cup_drift_policy *policy,
                          struct cup_text *says, struct cup_merge *out_merge)
{
    struct cup_merge merge = {.table = *table, .says = says};
    struct work      work  = {.keep = keep, .shape = shape, .merge = &merge, .policy = *policy};

    CUP_ASSERT(shape->member_count > 0);
    CUP_ASSERT(says != NULL);
    merge.table.column_cap = table->column_count + shape->member_count;
    merge.table.columns =
        cup_keep_bytes(keep, merge.table.column_cap * sizeof(*merge.table.columns));
    if (table->column_count > 0)
        memcpy(merge.table.columns, table->columns, table->column_count * sizeof(*table->columns));
    merge.fields = cup_keep_bytes(keep, shape->member_count * sizeof(*merge.fields));
    work.used    = cup_keep_bytes(keep, merge.table.column_cap * sizeof(*work.used));
    for (uint32_t i = 0; i < shape->member_count; i++) {
        if (!place_member(&work, &shape->members[i], table->column_count == 0)) return false;
    }
    count_missing(&work, table->column_count);
    *out_merge = merge;
    return true;
}

/* The column that holds a key member; NONE when the policy left it out. */
static uint32_t key_column(const struct cup_merge *merge, const char *key)
{
    for (uint32_t i = 0; i < merge->field_count; i++) {
        if (strcmp(merge->fields[i].member, key) == 0) return merge->fields[i].member_column;
    }
    return NONE;
}

bool cup_merge_priv_key(struct cup_merge *merge, const struct cup_shape *shape,
                        const char *connector, bool is_new)
{
    struct cup_catalog_table *table = &merge->table;
    bool full = strcmp(connector, "mysql") == 0 || strcmp(connector, "mariadb") == 0;

    if (is_new) table->images = CUP_IMAGES_FULL; /* without a key only whole rows can be named */
    if (shape->key_count == 0) return true;      /* a truncate has none either */
    if (table->key_count == 0) {
        for (uint32_t i = 0; i < shape->key_count; i++) {
            uint32_t column = key_column(merge, shape->keys[i]);
            if (column == NONE) return false;
            table->columns[column].key_place = i + 1;
        }
        table->key_count = shape->key_count;
        if (!table->contracted) table->images = full ? CUP_IMAGES_FULL : CUP_IMAGES_KEY_ONLY;
        return true;
    }
    if (table->key_count != shape->key_count) return false;
    for (uint32_t i = 0; i < shape->key_count; i++) {
        uint32_t column = key_column(merge, shape->keys[i]);
        if (column == NONE || table->columns[column].key_place == 0) return false;
    }
    return true;
}
