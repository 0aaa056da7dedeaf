// SPDX-License-Identifier: Apache-2.0
/* Texts, and bytes that come as text. */
#include <string.h>

#include "dataplane/decode/values_priv.h"
#include "kernels/value/binary.h"
#include "kernels/value/utf8.h"
#include "kernels/value/uuid.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

/* --- text --- */

#define PIECE 16u /* bytes that one instruction moves on every machine */
_Static_assert(CUP_JSON_PADDING % PIECE == 0, "pieces end in the padding");

/* Copies up to CUP_JSON_PADDING bytes in pieces: both sides have that many bytes. */
static inline void copy_padded(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes; at += PIECE)
        memcpy(to + at, from + at, PIECE);
}

uint32_t cup_put_priv_string(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t *to;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = cup_cell_priv_room(cell, node->bytes, &to);
    if (outcome != OK) return outcome;
    if (node->flags & CUP_JSON_ESCAPED)
        return cup_cell_priv_end(
            cell, cup_json_unescape(cup_cell_priv_text(cell, node), node->bytes, to));
    const uint8_t *text = cup_cell_priv_text(cell, node);
    bool roomy = (uint64_t)(to - cell->column->text) + CUP_JSON_PADDING <= cell->column->text_cap;
    if (roomy && node->bytes <= CUP_JSON_PADDING)
        copy_padded(to, text, node->bytes);
    else
        memcpy(to, text, node->bytes);
    return cup_cell_priv_end(cell, node->bytes);
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
static bool is_uuid(const uint8_t text[CUP_UUID_NAMED_BYTES])
{
    const uint64_t byte   = 0xff;
    bool           good   = true;
    uint64_t       second = take_dashes(cup_bytes_priv_load8(text + 8), byte | byte << 40, &good);
    uint64_t third = take_dashes(cup_bytes_priv_load8(text + 16), byte << 16 | byte << 56, &good);

    return good && are_hex_digits(cup_bytes_priv_load8(text)) && are_hex_digits(second) &&
           are_hex_digits(third) && are_hex_digits(cup_bytes_priv_load8(text + 24)) &&
           are_hex_digits(cup_bytes_priv_load8(text + CUP_UUID_NAMED_BYTES - 8));
}

uint32_t cup_put_priv_uuid(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t *to;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    if (text.bytes != CUP_UUID_NAMED_BYTES || !is_uuid(text.at)) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = cup_cell_priv_room(cell, CUP_UUID_NAMED_BYTES, &to);
    if (outcome != OK) return outcome;
    bool binlog = cell->decode->envelope.kind == CUP_CONNECTOR_BINLOG;
    if (binlog && cell->decode->envelope.op != 'r' && text.at[0] == '0' && text.at[1] == '0')
        cup_odd_priv_note(cell->decode, cell->member->column, CUP_ODDITY_UUID_LEADING_ZERO);
    memcpy(to, text.at, CUP_UUID_NAMED_BYTES);
    return cup_cell_priv_end(cell, CUP_UUID_NAMED_BYTES);
}

/* A label with a comma comes as `c\,d` where the list of labels is separated by commas. */
uint32_t cup_put_priv_enum(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint32_t outcome = cup_put_priv_string(cell, node);

    if (outcome != OK || (cell->member->options & CUP_MEMBER_LABEL_COMMA) == 0) return outcome;
    uint8_t *text = cell->column->text;
    uint32_t made = cell->column->offsets[cell->row], end = cell->column->offsets[cell->row + 1];
    for (uint32_t at = made; at < end; at++) {
        if (text[at] == '\\' && at + 1 < end && text[at + 1] == ',') at++;
        text[made++] = text[at];
    }
    cell->column->offsets[cell->row + 1] = made;
    return OK;
}

/* The value's own text, a string with its quotes. */
uint32_t cup_put_priv_json_text(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint32_t       quotes = node->kind == CUP_JSON_STRING;
    const uint8_t *text   = cup_cell_priv_text(cell, node) - quotes;
    uint32_t       bytes  = node->bytes + 2 * quotes;
    uint8_t       *to;

    uint32_t outcome = cup_cell_priv_room(cell, bytes, &to);
    if (outcome != OK) return outcome;
    memcpy(to, text, bytes);
    return cup_cell_priv_end(cell, bytes);
}

/* --- bytes --- */

static uint32_t put_base64_of(const struct cup_cell *cell, const struct cup_json_node *node,
                              bool url)
{
    uint8_t *to;
    size_t   made;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = cup_cell_priv_room(cell, text.bytes / 4 * 3, &to);
    if (outcome != OK) return outcome;
    if (!cup_base64_decode(text.at, text.bytes, url, to, &made)) return CUP_OUTCOME_BASE64;
    return cup_cell_priv_end(cell, made);
}

uint32_t cup_put_priv_base64(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_base64_of(cell, node, false);
}

uint32_t cup_put_priv_base64url(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_base64_of(cell, node, true);
}

uint32_t cup_put_priv_hex(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t *to;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = cup_cell_priv_room(cell, text.bytes / 2, &to);
    if (outcome != OK) return outcome;
    if (!cup_hex_decode(text.at, text.bytes, to)) return CUP_OUTCOME_BASE64;
    return cup_cell_priv_end(cell, text.bytes / 2);
}

/* What the connector sends of a type that it does not know: its text, as bytes. */
uint32_t cup_put_priv_text_base64(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint32_t outcome = put_base64_of(cell, node, false);
    if (outcome != OK) return outcome;

    const uint32_t *offsets = cell->column->offsets + cell->row;
    bool valid = cup_utf8_valid(cell->column->text + offsets[0], offsets[1] - offsets[0]);
    return valid ? OK : CUP_OUTCOME_UTF8;
}

/* --- bits: "AQAB" is 01 00 01, lowest byte first: 10000000000000001 --- */

static bool bit_of(const uint8_t *bytes, size_t count, uint64_t bit)
{
    return bit / 8 < count && bytes[bit / 8] >> (bit % 8) & 1;
}

/* As many digits as the type has; a varying one begins with its highest bit that is set: zeros
 * before it are not sent. */
uint32_t cup_put_priv_bits(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint64_t width = (uint64_t)cell->member->wire_scale, used;
    size_t   count;
    uint8_t *to;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    uint64_t        room = text.bytes / 4 * 3, digits = room * 8 > width ? room * 8 : width;
    uint32_t        outcome = cup_cell_priv_room(cell, digits + room, &to);
    if (outcome != OK) return outcome;
    uint8_t *raw = to + digits;
    if (!cup_base64_decode(text.at, text.bytes, false, raw, &count)) return CUP_OUTCOME_BASE64;
    for (used = count * 8; used > 0 && !bit_of(raw, count, used - 1);)
        used--;
    if (width > 0 && (used > width || count > (width + 7) / 8)) return CUP_OUTCOME_BITS_WIDTH;
    if (width > 0) used = width;
    for (uint64_t i = 0; i < used; i++)
        to[i] = bit_of(raw, count, used - 1 - i) ? '1' : '0';
    return cup_cell_priv_end(cell, used);
}
