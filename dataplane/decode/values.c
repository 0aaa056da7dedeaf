// SPDX-License-Identifier: Apache-2.0
/* One function per encoding, in the order of encoding.def, and the table that says which column
 * types each can fill. A function writes one value behind the rows of its column, or refuses. */
#include <math.h>
#include <string.h>

#include "dataplane/decode/decode_priv.h"
#include "kernels/value/binary.h"
#include "kernels/value/decimal.h"
#include "kernels/value/integer.h"
#include "kernels/value/moment.h"
#include "kernels/value/real.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

#define UUID_TEXT_BYTES 36u
#define TIME_US_MAX     3020399999999ll /* 838:59:59.999999, the widest TIME of any source */

static inline const uint8_t *text_of(const struct cup_cell *cell, const struct cup_json_node *node)
{
    return cell->decode->buf + node->at;
}

static inline void set_valid(const struct cup_cell *cell)
{
    cup_bit_set(cell->column->validity, cell->row, true);
}

static uint32_t put_32(const struct cup_cell *cell, int32_t value)
{
    CUP_ASSERT(cell->column->vec == CUP_VEC_I32);
    cell->column->i32[cell->row] = value;
    set_valid(cell);
    return OK;
}

static uint32_t put_64(const struct cup_cell *cell, int64_t value)
{
    CUP_ASSERT(cell->column->vec == CUP_VEC_I64);
    cell->column->i64[cell->row] = value;
    set_valid(cell);
    return OK;
}

static uint32_t put_128(const struct cup_cell *cell, cup_i128 value)
{
    CUP_ASSERT(cell->column->vec == CUP_VEC_I128);
    cell->column->i128[cell->row] = value;
    set_valid(cell);
    return OK;
}

/* Room for up to `bytes` at the end of a text column; *out_at is where they go. */
static inline uint32_t room(const struct cup_cell *cell, uint64_t bytes, uint8_t **out_at)
{
    struct cup_column *column = cell->column;
    uint32_t           used   = column->offsets[cell->row];

    if (used + bytes > column->text_cap) {
        uint32_t outcome = cup_columns_priv_grow(cell, bytes);
        if (outcome != OK) return outcome;
    }
    *out_at = column->text + used;
    return OK;
}

/* What room() gave now holds `bytes`: they are the row's value. */
static inline uint32_t end_text(const struct cup_cell *cell, size_t bytes)
{
    struct cup_column *column = cell->column;

    column->offsets[cell->row + 1] = column->offsets[cell->row] + (uint32_t)bytes;
    CUP_ASSERT(column->offsets[cell->row + 1] <= column->text_cap);
    set_valid(cell);
    return OK;
}

struct cup_span cup_values_priv_text(struct cup_decode *decode, const struct cup_json_node *node)
{
    struct cup_span text = {.at = decode->buf + node->at, .bytes = node->bytes};

    CUP_ASSERT(node->kind == CUP_JSON_STRING);
    if (node->flags & CUP_JSON_ESCAPED) {
        uint8_t *plain = decode->scratch + decode->scratch_used;
        text.bytes     = cup_json_unescape(text.at, text.bytes, plain);
        text.at        = plain;
    }
    return text;
}

static inline uint32_t outcome_of(enum cup_fit fit, enum cup_outcome form, enum cup_outcome range)
{
    if (__builtin_expect(fit == CUP_FIT_OK, 1)) return CUP_OUTCOME_ACCEPTED;
    switch (fit) {
    case CUP_FIT_OK: break;
    case CUP_FIT_FORM: return form;
    case CUP_FIT_RANGE: return range;
    case CUP_FIT_SCALE: return CUP_OUTCOME_DECIMAL_SCALE;
    case CUP_FIT_PRECISION: return CUP_OUTCOME_TIME_PRECISION;
    }
    return form;
}

/* An integer of the wire, whatever column it is for. */
static uint32_t read_integer(const struct cup_cell *cell, const struct cup_json_node *node,
                             int64_t *out_value)
{
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    return outcome_of(cup_integer_parse(text_of(cell, node), node->bytes, out_value),
                      CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_INT_OVERFLOW);
}

/* --- BOOL, integers, floating point --- */

static uint32_t put_bool(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind != CUP_JSON_TRUE && node->kind != CUP_JSON_FALSE)
        return CUP_OUTCOME_TYPE_MISMATCH;
    cup_bit_set(cell->column->bits, cell->row, node->kind == CUP_JSON_TRUE);
    set_valid(cell);
    return OK;
}

static struct cup_decimal_type decimal_type(const struct cup_cell *cell)
{
    return (struct cup_decimal_type){.precision = cell->member->precision,
                                     .scale     = cell->member->scale};
}

/* Unsigned 64-bit columns are decimal(20,0): their integers are read as decimals, not as INT64. */
static uint32_t put_integer_as_decimal(const struct cup_cell      *cell,
                                       const struct cup_json_node *node)
{
    const uint8_t *text = text_of(cell, node);
    cup_i128       value;

    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    for (uint32_t i = 0; i < node->bytes; i++)
        if (text[i] == '.' || (text[i] | 0x20) == 'e') return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = outcome_of(cup_decimal_text(text, node->bytes, decimal_type(cell), &value),
                                  CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_INT_OVERFLOW);
    return outcome == OK ? put_128(cell, value) : outcome;
}

static uint32_t put_integer(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t value, most = INT32_MAX;

    if (cell->member->type == CUP_TYPE_DECIMAL) return put_integer_as_decimal(cell, node);
    uint32_t outcome = read_integer(cell, node, &value);
    if (outcome != OK) return outcome;
    if (cell->member->type == CUP_TYPE_LONG) return put_64(cell, value);
    if (cell->member->type == CUP_TYPE_BYTE) most = INT8_MAX;
    if (cell->member->type == CUP_TYPE_SHORT) most = INT16_MAX;
    if (value > most || value < -most - 1) return CUP_OUTCOME_INT_OVERFLOW;
    return put_32(cell, (int32_t)value);
}

/* Producers write what JSON cannot say as strings. */
static bool read_special(struct cup_span text, double *out_value)
{
    static const struct {
        const char *text;
        double      value;
    } specials[] = {{"NaN", (double)NAN}, {"Infinity", HUGE_VAL}, {"-Infinity", -HUGE_VAL}};

    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        if (strlen(specials[i].text) != text.bytes) continue;
        if (memcmp(specials[i].text, text.at, text.bytes) != 0) continue;
        *out_value = specials[i].value;
        return true;
    }
    return false;
}

static uint32_t put_real(const struct cup_cell *cell, double value)
{
    if (cell->column->vec == CUP_VEC_F32)
        cell->column->f32[cell->row] = (float)value;
    else
        cell->column->f64[cell->row] = value;
    set_valid(cell);
    return OK;
}

static uint32_t put_float(struct cup_cell *cell, const struct cup_json_node *node)
{
    double value;
    float  single;

    if (node->kind == CUP_JSON_STRING) {
        if (!read_special(cup_values_priv_text(cell->decode, node), &value))
            return CUP_OUTCOME_TYPE_MISMATCH;
        return put_real(cell, value);
    }
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = outcome_of(cup_real_parse_single(text_of(cell, node), node->bytes, &single),
                                  CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_NOT_FINITE);
    return outcome == OK ? put_real(cell, (double)single) : outcome;
}

static uint32_t put_double(struct cup_cell *cell, const struct cup_json_node *node)
{
    double value;

    if (node->kind == CUP_JSON_STRING) {
        if (!read_special(cup_values_priv_text(cell->decode, node), &value))
            return CUP_OUTCOME_TYPE_MISMATCH;
        return put_real(cell, value);
    }
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = outcome_of(cup_real_parse(text_of(cell, node), node->bytes, &value),
                                  CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_NOT_FINITE);
    return outcome == OK ? put_real(cell, value) : outcome;
}

/* --- text --- */

#define PIECE 16u /* bytes that one instruction moves on every machine */
_Static_assert(CUP_JSON_PADDING % PIECE == 0, "pieces end in the padding");

/* Copies up to CUP_JSON_PADDING bytes in pieces: both sides have that many bytes. */
static inline void copy_padded(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes; at += PIECE)
        memcpy(to + at, from + at, PIECE);
}

static uint32_t put_string(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t *to;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = room(cell, node->bytes, &to);
    if (outcome != OK) return outcome;
    if (node->flags & CUP_JSON_ESCAPED)
        return end_text(cell, cup_json_unescape(text_of(cell, node), node->bytes, to));
    const uint8_t *text = text_of(cell, node);
    bool roomy = (uint64_t)(to - cell->column->text) + CUP_JSON_PADDING <= cell->column->text_cap;
    if (roomy && node->bytes <= CUP_JSON_PADDING)
        copy_padded(to, text, node->bytes);
    else
        memcpy(to, text, node->bytes);
    return end_text(cell, node->bytes);
}

#define ALL_BYTES(byte) (0x0101010101010101u * (uint64_t)(byte))
#define TOP_BITS        ALL_BYTES(0x80)

/* For bytes below 128: the top bit of those that lie in [first, last]. */
static inline uint64_t in_range(uint64_t word, uint8_t first, uint8_t last)
{
    return (word + ALL_BYTES(0x80 - first)) & ~(word + ALL_BYTES(0x7f - last));
}

/* True when all eight bytes are hexadecimal digits of either case. */
static inline bool are_hex_digits(uint64_t word)
{
    uint64_t low  = word & ~TOP_BITS; /* so that no sum carries into the next byte */
    uint64_t good = in_range(low, '0', '9') | in_range(low | ALL_BYTES(0x20), 'a', 'f');
    return (good & ~word & TOP_BITS) == TOP_BITS;
}

/* Puts a digit in place of the dashes at the places of `mask`, or something else that is refused
 * when there is another character. */
static inline uint64_t take_dashes(uint64_t word, uint64_t mask, bool *all_good)
{
    *all_good &= (word & mask) == (ALL_BYTES('-') & mask);
    return (word & ~mask) | (ALL_BYTES('0') & mask);
}

/* 8-4-4-4-12 digits:  01234567 | -9ab-def | 0-23-567..  in words of eight bytes. */
static bool is_uuid(const uint8_t text[UUID_TEXT_BYTES])
{
    const uint64_t byte   = 0xff;
    bool           good   = true;
    uint64_t       second = take_dashes(cup_bytes_priv_load8(text + 8), byte | byte << 40, &good);
    uint64_t third = take_dashes(cup_bytes_priv_load8(text + 16), byte << 16 | byte << 56, &good);

    return good && are_hex_digits(cup_bytes_priv_load8(text)) && are_hex_digits(second) &&
           are_hex_digits(third) && are_hex_digits(cup_bytes_priv_load8(text + 24)) &&
           are_hex_digits(cup_bytes_priv_load8(text + UUID_TEXT_BYTES - 8));
}

static uint32_t put_uuid(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t *to;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    if (text.bytes != UUID_TEXT_BYTES || !is_uuid(text.at)) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = room(cell, UUID_TEXT_BYTES, &to);
    if (outcome != OK) return outcome;
    memcpy(to, text.at, UUID_TEXT_BYTES);
    return end_text(cell, UUID_TEXT_BYTES);
}

/* --- bytes --- */

static uint32_t put_base64_of(const struct cup_cell *cell, const struct cup_json_node *node,
                              bool url)
{
    uint8_t *to;
    size_t   made;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = room(cell, text.bytes / 4 * 3, &to);
    if (outcome != OK) return outcome;
    if (!cup_base64_decode(text.at, text.bytes, url, to, &made)) return CUP_OUTCOME_BASE64;
    return end_text(cell, made);
}

static uint32_t put_base64(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_base64_of(cell, node, false);
}

static uint32_t put_base64url(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_base64_of(cell, node, true);
}

static uint32_t put_hex(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t *to;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = room(cell, text.bytes / 2, &to);
    if (outcome != OK) return outcome;
    if (!cup_hex_decode(text.at, text.bytes, to)) return CUP_OUTCOME_BASE64;
    return end_text(cell, text.bytes / 2);
}

/* --- decimals --- */

static uint32_t put_wire_decimal(const struct cup_cell *cell, struct cup_span text, int32_t scale)
{
    cup_i128 value;
    uint8_t *to;
    size_t   made;

    if (cell->member->type == CUP_TYPE_STRING) {
        uint32_t outcome = room(cell, cup_decimal_plain_max(text.bytes, scale), &to);
        if (outcome != OK) return outcome;
        outcome = outcome_of(cup_decimal_plain(text.at, text.bytes, scale, to, &made),
                             CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
        return outcome == OK ? end_text(cell, made) : outcome;
    }
    uint32_t outcome =
        outcome_of(cup_decimal_base64(text.at, text.bytes, scale, decimal_type(cell), &value),
                   CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
    return outcome == OK ? put_128(cell, value) : outcome;
}

static uint32_t put_decimal_base64(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    return put_wire_decimal(cell, cup_values_priv_text(cell->decode, node),
                            cell->member->wire_scale);
}

static uint32_t put_digits(const struct cup_cell *cell, struct cup_span text)
{
    cup_i128 value;
    uint8_t *to;
    size_t   made;

    if (cell->member->type == CUP_TYPE_STRING) {
        uint32_t outcome = room(cell, cup_decimal_expand_max(text.bytes), &to);
        if (outcome != OK) return outcome;
        outcome = outcome_of(cup_decimal_expand(text.at, text.bytes, to, &made),
                             CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
        return outcome == OK ? end_text(cell, made) : outcome;
    }
    uint32_t outcome = outcome_of(cup_decimal_text(text.at, text.bytes, decimal_type(cell), &value),
                                  CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
    return outcome == OK ? put_128(cell, value) : outcome;
}

/* Both spellings that producers have for what a decimal cannot hold. */
static bool is_not_finite(struct cup_span text)
{
    static const char *const names[] = {"NAN", "POSITIVE_INFINITY", "NEGATIVE_INFINITY",
                                        "NaN", "Infinity",          "-Infinity"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == text.bytes && memcmp(names[i], text.at, text.bytes) == 0)
            return true;
    return false;
}

static uint32_t put_decimal_text(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = put_digits(cell, text);
    if (outcome == CUP_OUTCOME_DECIMAL_ENCODING && is_not_finite(text))
        return CUP_OUTCOME_NOT_FINITE;
    return outcome;
}

static uint32_t put_decimal_number(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind == CUP_JSON_STRING)
        return is_not_finite(cup_values_priv_text(cell->decode, node)) ? CUP_OUTCOME_NOT_FINITE
                                                                       : CUP_OUTCOME_TYPE_MISMATCH;
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    return put_digits(cell, (struct cup_span){.at = text_of(cell, node), .bytes = node->bytes});
}

/* {"scale": n, "value": "base64"}: the members stand right behind the object. */
static uint32_t put_decimal_variable(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct cup_decode          *decode     = cell->decode;
    const struct cup_json_node *scale_node = NULL, *value_node = NULL;
    uint32_t                    at = (uint32_t)(node - decode->doc.nodes) + 1;
    int64_t                     scale;

    if (node->kind != CUP_JSON_OBJECT) return CUP_OUTCOME_TYPE_MISMATCH;
    for (uint32_t i = 0; i < node->child_count; i++, at = decode->doc.nodes[at].next) {
        const struct cup_json_node *member = &decode->doc.nodes[at];
        if (member->key_bytes != 5) return CUP_OUTCOME_DECIMAL_ENCODING;
        if (memcmp(decode->buf + member->key_at, "scale", 5) == 0) scale_node = member;
        if (memcmp(decode->buf + member->key_at, "value", 5) == 0) value_node = member;
    }
    if (scale_node == NULL || value_node == NULL || node->child_count != 2 ||
        value_node->kind != CUP_JSON_STRING || read_integer(cell, scale_node, &scale) != OK)
        return CUP_OUTCOME_DECIMAL_ENCODING;
    if (scale > CUP_DECIMAL_EXPONENT_MAX || scale < -CUP_DECIMAL_EXPONENT_MAX)
        return CUP_OUTCOME_DECIMAL_OVERFLOW;
    return put_wire_decimal(cell, cup_values_priv_text(decode, value_node), (int32_t)scale);
}

/* --- dates and times --- */

static uint32_t put_days(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t  days;
    uint32_t outcome = read_integer(cell, node, &days);

    if (outcome != OK) return outcome;
    if (days < CUP_MOMENT_DAYS_MIN || days > CUP_MOMENT_DAYS_MAX) return CUP_OUTCOME_TIME_RANGE;
    return put_32(cell, (int32_t)days);
}

static uint32_t put_date_iso(struct cup_cell *cell, const struct cup_json_node *node)
{
    int32_t days;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = outcome_of(cup_moment_date(text.at, text.bytes, &days),
                                         CUP_OUTCOME_TIME_SYNTAX, CUP_OUTCOME_TIME_RANGE);
    return outcome == OK ? put_32(cell, days) : outcome;
}

/* An integer of some unit as microseconds within [least, most]. per_us > 0: so many units make a
 * microsecond; else a unit is us_per microseconds. */
static uint32_t put_micros(struct cup_cell *cell, const struct cup_json_node *node, int64_t us_per,
                           int64_t per_us, int64_t least, int64_t most)
{
    int64_t  value;
    uint32_t outcome = read_integer(cell, node, &value);

    if (outcome != OK) return outcome;
    if (per_us > 1) {
        if (value % per_us != 0) return CUP_OUTCOME_TIME_PRECISION;
        value /= per_us;
    }
    if (value > most / us_per || value < least / us_per) return CUP_OUTCOME_TIME_RANGE;
    return put_64(cell, value * us_per);
}

static uint32_t put_time_ms(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_micros(cell, node, 1000, 1, -TIME_US_MAX, TIME_US_MAX);
}

static uint32_t put_time_us(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_micros(cell, node, 1, 1, -TIME_US_MAX, TIME_US_MAX);
}

static uint32_t put_time_ns(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_micros(cell, node, 1, 1000, -TIME_US_MAX, TIME_US_MAX);
}

static uint32_t put_timestamp_ms(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_micros(cell, node, 1000, 1, CUP_MOMENT_US_MIN, CUP_MOMENT_US_MAX);
}

static uint32_t put_timestamp_us(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_micros(cell, node, 1, 1, CUP_MOMENT_US_MIN, CUP_MOMENT_US_MAX);
}

static uint32_t put_timestamp_ns(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_micros(cell, node, 1, 1000, CUP_MOMENT_US_MIN, CUP_MOMENT_US_MAX);
}

static uint32_t put_timestamp_iso(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t us;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = outcome_of(cup_moment_local(text.at, text.bytes, &us),
                                         CUP_OUTCOME_TIME_SYNTAX, CUP_OUTCOME_TIME_RANGE);
    return outcome == OK ? put_64(cell, us) : outcome;
}

static uint32_t put_timestamp_zoned(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t us;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = outcome_of(cup_moment_instant(text.at, text.bytes, &us),
                                         CUP_OUTCOME_TIME_SYNTAX, CUP_OUTCOME_TIME_RANGE);
    return outcome == OK ? put_64(cell, us) : outcome;
}

/* --- lists --- */

static uint32_t put_list(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct cup_column          *list = cell->column;
    const struct cup_json_node *item = node + 1;
    struct cup_cell             one  = *cell;

    if (node->kind != CUP_JSON_ARRAY) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = cup_columns_priv_elements(cell, node->child_count);
    if (outcome != OK) return outcome;
    one.member = cell->member->element;
    one.column = list->children;
    one.runs   = &cell->table->runs[list->children - cell->table->columns];
    one.row    = list->offsets[cell->row];
    for (uint32_t i = 0; i < node->child_count; i++, one.row++) {
        outcome = OK;
        if (item->kind == CUP_JSON_NULL)
            cup_values_priv_null(&one);
        else
            outcome = one.member->put(&one, item);
        if (outcome != OK) return outcome;
        item = cell->decode->doc.nodes + item->next;
    }
    list->offsets[cell->row + 1] = one.row;
    set_valid(cell);
    return OK;
}

#define TYPE(id) (1u << CUP_TYPE_##id)
#define INTEGERS (TYPE(BYTE) | TYPE(SHORT) | TYPE(INT) | TYPE(LONG) | TYPE(DECIMAL))
#define DECIMALS (TYPE(DECIMAL) | TYPE(STRING))          /* STRING: exact digits */
#define LOCAL    (TYPE(TIMESTAMP_NTZ) | TYPE(TIMESTAMP)) /* TIMESTAMP: a contract says UTC */

static const struct {
    cup_value_fn *put;
    uint32_t      types; /* that its columns can have */
} encodings[CUP_ENCODING_COUNT] = {
    [CUP_ENCODING_BOOL]              = {put_bool, TYPE(BOOL)},
    [CUP_ENCODING_INT8]              = {put_integer, INTEGERS},
    [CUP_ENCODING_INT16]             = {put_integer, INTEGERS},
    [CUP_ENCODING_INT32]             = {put_integer, INTEGERS},
    [CUP_ENCODING_INT64]             = {put_integer, INTEGERS},
    [CUP_ENCODING_FLOAT]             = {put_float, TYPE(FLOAT) | TYPE(DOUBLE)},
    [CUP_ENCODING_DOUBLE]            = {put_double, TYPE(DOUBLE)},
    [CUP_ENCODING_STRING]            = {put_string, TYPE(STRING)},
    [CUP_ENCODING_JSON]              = {put_string, TYPE(STRING)},
    [CUP_ENCODING_UUID]              = {put_uuid, TYPE(STRING)},
    [CUP_ENCODING_ENUM]              = {put_string, TYPE(STRING)},
    [CUP_ENCODING_XML]               = {put_string, TYPE(STRING)},
    [CUP_ENCODING_BYTES_BASE64]      = {put_base64, TYPE(BINARY)},
    [CUP_ENCODING_BYTES_BASE64URL]   = {put_base64url, TYPE(BINARY)},
    [CUP_ENCODING_BYTES_HEX]         = {put_hex, TYPE(BINARY)},
    [CUP_ENCODING_DECIMAL_BASE64]    = {put_decimal_base64, DECIMALS},
    [CUP_ENCODING_DECIMAL_TEXT]      = {put_decimal_text, DECIMALS},
    [CUP_ENCODING_DECIMAL_NUMBER]    = {put_decimal_number, DECIMALS},
    [CUP_ENCODING_DECIMAL_VARIABLE]  = {put_decimal_variable, DECIMALS},
    [CUP_ENCODING_DATE_DAYS]         = {put_days, TYPE(DATE)},
    [CUP_ENCODING_DATE_CONNECT]      = {put_days, TYPE(DATE)},
    [CUP_ENCODING_DATE_ISO]          = {put_date_iso, TYPE(DATE)},
    [CUP_ENCODING_TIME_MS]           = {put_time_ms, TYPE(LONG)},
    [CUP_ENCODING_TIME_CONNECT]      = {put_time_ms, TYPE(LONG)},
    [CUP_ENCODING_TIME_US]           = {put_time_us, TYPE(LONG)},
    [CUP_ENCODING_TIME_NS]           = {put_time_ns, TYPE(LONG)},
    [CUP_ENCODING_TIMESTAMP_MS]      = {put_timestamp_ms, LOCAL},
    [CUP_ENCODING_TIMESTAMP_CONNECT] = {put_timestamp_ms, LOCAL},
    [CUP_ENCODING_TIMESTAMP_US]      = {put_timestamp_us, LOCAL},
    [CUP_ENCODING_TIMESTAMP_NS]      = {put_timestamp_ns, LOCAL},
    [CUP_ENCODING_TIMESTAMP_ISO]     = {put_timestamp_iso, LOCAL},
    [CUP_ENCODING_TIMESTAMP_ZONED]   = {put_timestamp_zoned, TYPE(TIMESTAMP)},
    [CUP_ENCODING_LIST]              = {put_list, TYPE(LIST)},
};

cup_value_fn *cup_values_priv_find(enum cup_encoding encoding, enum cup_type type)
{
    CUP_ASSERT(encoding < CUP_ENCODING_COUNT);
    CUP_ASSERT(type < CUP_TYPE_COUNT);
    return encodings[encoding].types >> type & 1 ? encodings[encoding].put : NULL;
}

static bool equal_var(const struct cup_column *column, uint32_t a, uint32_t b)
{
    uint32_t bytes = column->offsets[a + 1] - column->offsets[a];

    if (column->offsets[b + 1] - column->offsets[b] != bytes) return false;
    return memcmp(column->text + column->offsets[a], column->text + column->offsets[b], bytes) == 0;
}

bool cup_values_priv_equal(const struct cup_column *column, uint32_t a, uint32_t b)
{
    if (cup_column_is_null(column, a) || cup_column_is_null(column, b))
        return cup_column_is_null(column, a) == cup_column_is_null(column, b);
    switch ((enum cup_vec)column->vec) {
    case CUP_VEC_BITS: return cup_bit_get(column->bits, a) == cup_bit_get(column->bits, b);
    case CUP_VEC_I32: return column->i32[a] == column->i32[b];
    case CUP_VEC_I64: return column->i64[a] == column->i64[b];
    case CUP_VEC_I128: return column->i128[a] == column->i128[b];
    case CUP_VEC_F32: return memcmp(&column->f32[a], &column->f32[b], sizeof(float)) == 0;
    case CUP_VEC_F64: return memcmp(&column->f64[a], &column->f64[b], sizeof(double)) == 0;
    case CUP_VEC_VAR: return equal_var(column, a, b);
    case CUP_VEC_LIST:
    case CUP_VEC_NONE: return false; /* no source has a list in a key */
    }
    return false;
}
