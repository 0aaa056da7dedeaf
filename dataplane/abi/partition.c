// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/partition.h"

#include <inttypes.h>
#include <string.h>

#define NULL_BYTES  UINT16_MAX /* in place of a length: a null */
#define VALUE_BYTES 40u        /* the longest text of a value that is no text itself */

#define US_PER_S 1000000ll
#define US_PER_D (24 * 3600 * US_PER_S)

/* One value's text; at NULL: null. It lies in the column, or in `made`. */
struct value {
    const char *at;
    uint32_t    bytes;
    char        made[VALUE_BYTES];
};

/* Rounds towards the past. */
static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* The civil date of a day count: years of 400 from March 1st of year 0. */
static void print_day(int64_t days, char *out, size_t room)
{
    int64_t  shifted  = days + 719468;
    int64_t  era      = floor_div(shifted, 146097);
    uint32_t day      = (uint32_t)(shifted - era * 146097);
    uint32_t year     = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint32_t in_year  = day - (365 * year + year / 4 - year / 100);
    uint32_t month    = (5 * in_year + 2) / 153;
    uint32_t in_month = in_year - (153 * month + 2) / 5 + 1;
    int64_t  whole    = (int64_t)year + era * 400 + (month >= 10);

    snprintf(out, room, "%04" PRId64 "-%02" PRIu32 "-%02" PRIu32, whole,
             month < 10 ? month + 3 : month - 9, in_month);
}

static void print_moment(int64_t us, char *out, size_t room)
{
    char    day[VALUE_BYTES / 2];
    int64_t days = floor_div(us, US_PER_D), rest = us - days * US_PER_D, s = rest / US_PER_S;

    print_day(days, day, sizeof day);
    snprintf(out, room, "%.16sT%02u:%02u:%02u.%06uZ", day, (unsigned)(s / 3600),
             (unsigned)(s / 60 % 60), (unsigned)(s % 60), (unsigned)(rest % US_PER_S));
}

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
    case CUP_TYPE_DATE: print_day(column->i32[row], out->made, sizeof out->made); break;
    case CUP_TYPE_TIMESTAMP: print_moment(column->i64[row], out->made, sizeof out->made); break;
    default: snprintf(out->made, sizeof out->made, "%" PRId32, column->i32[row]); break;
    }
    out->bytes = (uint32_t)strlen(out->made);
}

/* The partition column in `place`, or the day of _ts. */
static void read_value(const struct cup_plan *plan, const struct cup_plan_table *table,
                       const struct cup_column *columns, uint32_t place, uint32_t row,
                       struct value *out)
{
    uint32_t index = cup_plan_partitions(plan, table)[place];

    if (index != CUP_PLAN_PARTITION_DATE) {
        print_value(&columns[index], cup_plan_columns(plan, table)[index].type, row, out);
        return;
    }
    const struct cup_column *ts = &columns[table->columns.count + CUP_SILVER_TS];
    *out                        = (struct value){0};
    if (cup_column_is_null(ts, row)) return;
    print_day(floor_div(ts->i64[row], US_PER_D), out->made, sizeof out->made);
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

enum cup_outcome cup_partition_key(const struct cup_plan *plan, const struct cup_plan_table *table,
                                   const struct cup_column *columns, uint32_t row,
                                   struct cup_partition_key *out_key)
{
    struct value value;
    uint32_t     path_bytes = 0;

    out_key->bytes = 0;
    for (uint32_t i = 0; i < table->partitions.count; i++) {
        const char *name = cup_partition_name(plan, table, i);
        out_key->bad     = i;
        read_value(plan, table, columns, i, row, &value);
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
