// SPDX-License-Identifier: Apache-2.0
#include "lake/delta_priv.h"

#include <string.h>

/* What stays as it is: RFC 3986 unreserved, the separator, and `=` of partition folders. */
static bool is_plain(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    return c != '\0' && strchr("-._~/=", c) != NULL;
}

void cup_delta_priv_encode_path(struct cup_text *text, const char *path)
{
    CUP_ASSERT(path != NULL);
    while (*path != '\0') {
        size_t plain = 0;
        while (is_plain(path[plain]))
            plain++;
        cup_text_put(text, path, plain);
        path += plain;
        if (*path != '\0') cup_text_printf(text, "%%%02X", (unsigned char)*path++);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool cup_delta_priv_decode_path(char *path, size_t *bytes)
{
    size_t to = 0;

    for (size_t from = 0; from < *bytes; from++) {
        char c = path[from];
        if (c == '%') {
            if (*bytes - from < 3) return false;
            int high = hex_digit(path[from + 1]), low = hex_digit(path[from + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            from += 2;
        }
        if (c == '\0') return false; /* no file system has such a name */
        path[to++] = c;
    }
    CUP_ASSERT(to <= *bytes);
    *bytes = to;
    return to > 0;
}
