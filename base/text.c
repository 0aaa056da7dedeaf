// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Makes room for `count` more bytes and the NUL. */
static bool reserve(struct cup_text *text, size_t count)
{
    if (text->failed) return false;
    if (count < text->cap - text->bytes) return true;
    size_t cap = text->cap < 256 ? 256 : text->cap;
    while (cap - text->bytes <= count && cap <= CUP_TEXT_BYTES_MAX)
        cap *= 2;
    char *at = cap > CUP_TEXT_BYTES_MAX ? NULL : realloc(text->at, cap);
    if (at == NULL) {
        text->failed = true;
        return false;
    }
    text->at  = at;
    text->cap = cap;
    return true;
}

void cup_text_put(struct cup_text *text, const void *bytes, size_t count)
{
    CUP_ASSERT(bytes != NULL || count == 0);
    if (!reserve(text, count)) return;
    if (count > 0) memcpy(text->at + text->bytes, bytes, count);
    text->bytes += count;
    text->at[text->bytes] = '\0';
}

void *cup_text_room(struct cup_text *text, size_t count)
{
    if (!reserve(text, count)) return NULL;
    char *room = text->at + text->bytes;
    text->bytes += count;
    text->at[text->bytes] = '\0';
    return room;
}

void cup_text_puts(struct cup_text *text, const char *string)
{
    cup_text_put(text, string, strlen(string));
}

void cup_text_printf(struct cup_text *text, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    int count = vsnprintf(NULL, 0, format, list);
    va_end(list);
    CUP_ASSERT(count >= 0);
    if (!reserve(text, (size_t)count)) return;
    va_start(list, format);
    vsnprintf(text->at + text->bytes, (size_t)count + 1, format, list);
    va_end(list);
    text->bytes += (size_t)count;
}

static void put_json_char(struct cup_text *text, uint8_t c)
{
    switch (c) {
    case '"': cup_text_put(text, "\\\"", 2); return;
    case '\\': cup_text_put(text, "\\\\", 2); return;
    case '\n': cup_text_put(text, "\\n", 2); return;
    case '\r': cup_text_put(text, "\\r", 2); return;
    case '\t': cup_text_put(text, "\\t", 2); return;
    default: break;
    }
    if (c < 0x20)
        cup_text_printf(text, "\\u%04x", c);
    else
        cup_text_put(text, &c, 1);
}

void cup_text_json(struct cup_text *text, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;

    cup_text_put(text, "\"", 1);
    for (size_t i = 0; i < count;) {
        size_t plain = i;
        while (plain < count && at[plain] >= 0x20 && at[plain] != '"' && at[plain] != '\\')
            plain++;
        cup_text_put(text, at + i, plain - i);
        if (plain < count) put_json_char(text, at[plain++]);
        i = plain;
    }
    cup_text_put(text, "\"", 1);
}

void cup_text_clear(struct cup_text *text)
{
    text->bytes  = 0;
    text->failed = false;
    if (text->at != NULL) text->at[0] = '\0';
}

void cup_text_free(struct cup_text *text)
{
    free(text->at);
    *text = (struct cup_text){0};
}
