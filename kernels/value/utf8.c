// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/utf8.h"

/* Bytes of the character that begins at bytes[0..count); 0: it is not legal. The second byte has
 * the bounds that exclude overlong forms, surrogates and what lies beyond U+10FFFF. */
static size_t character_bytes(const uint8_t *bytes, size_t count)
{
    uint8_t first = bytes[0], least = 0x80, most = 0xbf;
    size_t  need = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (need <= 1) return need;
    if (first > 0xf4 || need > count) return 0;
    if (first == 0xe0) least = 0xa0;
    if (first == 0xed) most = 0x9f;
    if (first == 0xf0) least = 0x90;
    if (first == 0xf4) most = 0x8f;
    if (bytes[1] < least || bytes[1] > most) return 0;
    for (size_t i = 2; i < need; i++)
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    return need;
}

bool cup_utf8_valid(const uint8_t *bytes, size_t count)
{
    for (size_t at = 0; at < count;) {
        size_t taken = character_bytes(bytes + at, count - at);
        if (taken == 0) return false;
        at += taken;
    }
    return true;
}
