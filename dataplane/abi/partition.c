// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/partition.h"

#include <inttypes.h>
#include <string.h>

#include "dataplane/abi/mask.h"
#include "kernels/token/token.h"
#include "kernels/value/civil.h"

#define NULL_BYTES  UINT16_MAX /* in place of a length: a null */
#define VALUE_BYTES 64u        /* the longest text of a value that is no text itself */
_Static_assert(VALUE_BYTES > CUP_CIVIL_TEXT_BYTES && VALUE_BYTES >= CUP_TOKEN_TEXT_MAX, "all fit");

/* One value's text; at NULL: null. It lies in the column, or in `made`. */
struct value {
    const char *at;
    uint32_t    bytes;
    char        made[VALUE_BYTES];
};

static void print_value(const struct cup_column *column, uint8_t type, uint32_t row,
                        struct value *out)
{
    *out = (struct value){0};
    if (cup_column_is_null(column, row)) return;
    out->at = out->made;
    switch (type) {
    case CUP_TYPE_STRING:
        out->at    = (const char *)column->text + column->offsets[row];
        out->bytes = column->offsets[row + 1] - column->offsets[row];
        return;
    case CUP_TYPE_BOOL:
        snprintf(out->made, sizeof out->made, cup_bit_get(column->bits, row) ? "true" : "false");
        break;
    case CUP_TYPE_LONG: snprintf(out->made, sizeof out->made, "%" PRId64, column->i64[row]); break;
    case CUP_TYPE_DATE: cup_civil_day_text(column->i32[row], out->made); break;
    case CUP_TYPE_TIMESTAMP:
        cup_civil_moment_text(column->i64[row], out->made);
        memcpy(out->made + strlen(out->made), "Z", 2);
        break;
    default: snprintf(out->made, sizeof out->made, "%" PRId32, column->i32[row]); break;
    }
    out->bytes = (uint32_t)strlen(out->made);
}

/* Of a value that is not masked yet only the length of its token is known: the longest. */
static void print_token(const struct cup_column *column, uint32_t row, struct value *out)
{
    *out = (struct value){0};
    if (cup_column_is_null(column, row)) return;
    memset(out->made, ':', 1);
    memset(out->made + 1, 'x', CUP_TOKEN_TEXT_MAX - 1);
    out->at    = out->made;
    out->bytes = CUP_TOKEN_TEXT_MAX;
}

/* The partition column in `place`, or the day of _ts. */
static void read_value(const struct cup_plan *plan, const struct cup_plan_table *table,
                       const struct cup_column *columns, uint32_t place, uint32_t row, bool raw,
                       struct value *out)
{
    uint32_t index = cup_plan_partitions(plan, table)[place];

    if (index != CUP_PLAN_PARTITION_DATE) {
        const struct cup_plan_column *column = &cup_plan_columns(plan, table)[index];
        enum cup_mask                 mask   = (enum cup_mask)column->mask;
        if (raw && mask != CUP_MASK_NONE)
            print_token(&columns[index], row, out);
        else
            print_value(&columns[index], cup_mask_type(mask, column->type), row, out);
        return;
    }
    const struct cup_column *ts = &columns[table->columns.count + CUP_SILVER_TS];
    *out                        = (struct value){0};
    if (cup_column_is_null(ts, row)) return;
    cup_civil_day_text(cup_civil_day(ts->i64[row]), out->made);
    out->at    = out->made;
    out->bytes = (uint32_t)strlen(out->made);
}

/* --- folders --- */

/* What Hive writes as %XX in the name of a folder. */
static bool is_escaped(unsigned char c)
{
    return c < 0x20 || c == 0x7f || strchr("\"#%'*/:=?\\{[]^", c) != NULL;
}

static uint32_t escaped_bytes(const char *text, uint32_t bytes)
{
    uint32_t sum = bytes;

    for (uint32_t i = 0; i < bytes; i++)
        sum += is_escaped((unsigned char)text[i]) ? 2u : 0u;
    return sum;
}

static char *put_escaped(char *to, const char *text, uint32_t bytes)
{
    static const char digits[] = "0123456789ABCDEF";

    for (uint32_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!is_escaped(c)) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return to;
}

/* --- keys --- */

/* Reads the next value of a key; at NULL: null. */
static const uint8_t *next_value(const uint8_t *key, struct value *out)
{
    uint16_t bytes;

    memcpy(&bytes, key, sizeof bytes);
    key += sizeof bytes;
    out->at    = bytes == NULL_BYTES ? NULL : (const char *)key;
    out->bytes = bytes == NULL_BYTES ? 0 : bytes;
    return key + out->bytes;
}

const char *cup_partition_name(const struct cup_plan *plan, const struct cup_plan_table *table,
                               uint32_t place)
{
    CUP_ASSERT(place < table->partitions.count);
    uint32_t index = cup_plan_partitions(plan, table)[place];
    if (index == CUP_PLAN_PARTITION_DATE) return cup_date_field()->name;
    return cup_plan_text(plan, cup_plan_columns(plan, table)[index].name);
}

static bool is_no_name(const struct value *value)
{
    size_t null_bytes = sizeof CUP_PARTITION_NULL - 1;

    if (value->at == NULL) return false;
    if (value->bytes == 0) return true;
    return value->bytes == null_bytes && memcmp(value->at, CUP_PARTITION_NULL, null_bytes) == 0;
}

static enum cup_outcome make_key(const struct cup_plan *plan, const struct cup_plan_table *table,
                                 const struct cup_column *columns, uint32_t row, bool raw,
                                 struct cup_partition_key *out_key)
{
    struct value value;
    uint32_t     path_bytes = 0;

    out_key->bytes = 0;
    for (uint32_t i = 0; i < table->partitions.count; i++) {
        const char *name = cup_partition_name(plan, table, i);
        out_key->bad     = i;
        read_value(plan, table, columns, i, row, raw, &value);
        if (is_no_name(&value)) return CUP_OUTCOME_PARTITION_EMPTY;
        if (value.bytes > CUP_PARTITION_FOLDER_BYTES) return CUP_OUTCOME_PARTITION_TOO_LONG;
        uint32_t folder = escaped_bytes(name, (uint32_t)strlen(name)) + 1;
        folder += value.at == NULL ? (uint32_t)sizeof CUP_PARTITION_NULL - 1
                                   : escaped_bytes(value.at, value.bytes);
        path_bytes += folder + 1;
        if (folder > CUP_PARTITION_FOLDER_BYTES || path_bytes > CUP_PARTITION_PATH_BYTES)
            return CUP_OUTCOME_PARTITION_TOO_LONG;
        uint16_t bytes = value.at == NULL ? NULL_BYTES : (uint16_t)value.bytes;
        memcpy(out_key->at + out_key->bytes, &bytes, sizeof bytes);
        out_key->bytes += (uint32_t)sizeof bytes;
        if (value.bytes > 0) memcpy(out_key->at + out_key->bytes, value.at, value.bytes);
        out_key->bytes += value.bytes;
    }
    CUP_ASSERT(out_key->bytes <= CUP_PARTITION_KEY_BYTES);
    return CUP_OUTCOME_ACCEPTED;
}

enum cup_outcome cup_partition_key(const struct cup_plan *plan, const struct cup_plan_table *table,
                                   const struct cup_column *columns, uint32_t row,
                                   struct cup_partition_key *out_key)
{
    return make_key(plan, table, columns, row, false, out_key);
}

enum cup_outcome cup_partition_check(const struct cup_plan       *plan,
                                     const struct cup_plan_table *table,
                                     const struct cup_column *columns, uint32_t row,
                                     uint32_t *out_bad)
{
    struct cup_partition_key key;
    enum cup_outcome         outcome = make_key(plan, table, columns, row, true, &key);

    *out_bad = key.bad;
    return outcome;
}

void cup_partition_folder(const struct cup_plan *plan, const struct cup_plan_table *table,
                          const uint8_t *key, char out_path[CUP_PARTITION_PATH_BYTES])
{
    static const struct value null = {.at    = CUP_PARTITION_NULL,
                                      .bytes = sizeof CUP_PARTITION_NULL - 1};
    struct value              value;
    char                     *to = out_path;

    CUP_ASSERT(table->partitions.count > 0);
    for (uint32_t i = 0; i < table->partitions.count; i++) {
        const char *name = cup_partition_name(plan, table, i);
        key              = next_value(key, &value);
        if (i > 0) *to++ = '/';
        to    = put_escaped(to, name, (uint32_t)strlen(name));
        *to++ = '=';
        to    = value.at == NULL ? put_escaped(to, null.at, null.bytes)
                                 : put_escaped(to, value.at, value.bytes);
    }
    *to = '\0';
    CUP_ASSERT(to < out_path + CUP_PARTITION_PATH_BYTES);
}

void cup_partition_json(const struct cup_plan *plan, const struct cup_plan_table *table,
                        const uint8_t *key, struct cup_text *out)
{
    struct value value;

    CUP_ASSERT(table->partitions.count > 0);
    for (uint32_t i = 0; i < table->partitions.count; i++) {
        const char *name = cup_partition_name(plan, table, i);
        key              = next_value(key, &value);
        cup_text_puts(out, i == 0 ? "{" : ",");
        cup_text_json(out, name, strlen(name));
        cup_text_puts(out, ":");
        if (value.at == NULL)
            cup_text_puts(out, "null");
        else
            cup_text_json(out, value.at, value.bytes);
    }
    cup_text_puts(out, "}");
}
