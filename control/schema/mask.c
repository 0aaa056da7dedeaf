// SPDX-License-Identifier: Apache-2.0
#include "control/schema/mask.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void put_allowed(struct cup_text *why)
{
    cup_text_puts(why, "; allowed: ");
    for (int i = 0; i < CUP_MASK_COUNT; i++) {
        const struct cup_mask_row *row = cup_mask_row((enum cup_mask)i);
        cup_text_printf(why, "%s%s%s%s", i == 0 ? "" : ", ", row->name,
                        *row->follows == '\0' ? "" : " ", row->follows);
    }
}

static bool read_rest(const struct cup_mask_row *row, const char *rest,
                      struct cup_mask_choice *choice, struct cup_text *why)
{
    char *end;

    if (strcmp(row->follows, "TEXT") == 0) {
        choice->text = rest;
        if (*rest != '\0' && strlen(rest) <= CUP_MASK_CONSTANT_MAX) return true;
        cup_text_printf(why, "constant needs a text of 1 to %u bytes behind it: constant ***",
                        CUP_MASK_CONSTANT_MAX);
        return false;
    }
    unsigned long keep = isdigit((unsigned char)*rest) ? strtoul(rest, &end, 10) : 0;
    if (keep >= 1 && keep <= CUP_MASK_KEEP_MAX && *end == '\0') {
        choice->keep = (uint8_t)keep;
        return true;
    }
    cup_text_printf(why, "%s needs a number of 1 to %u behind it: %s 4", row->name,
                    CUP_MASK_KEEP_MAX, row->name);
    return false;
}

bool cup_mask_parse(const char *text, struct cup_mask_choice *out_choice, struct cup_text *why)
{
    size_t      name = strcspn(text, " ");
    const char *rest = text[name] == '\0' ? text + name : text + name + 1;

    for (int i = 0; i < CUP_MASK_COUNT; i++) {
        const struct cup_mask_row *row    = cup_mask_row((enum cup_mask)i);
        struct cup_mask_choice     choice = {.mask = (uint8_t)i};
        if (strlen(row->name) != name || memcmp(row->name, text, name) != 0) continue;
        if (*row->follows == '\0' && text[name] != '\0') break;
        if (*row->follows != '\0' && !read_rest(row, rest, &choice, why)) return false;
        *out_choice = choice;
        return true;
    }
    cup_text_printf(why, "\"%s\" is no mask", text);
    put_allowed(why);
    return false;
}

bool cup_mask_fits(const struct cup_mask_choice *choice, const struct cup_shape_type *is,
                   bool is_key, struct cup_text *why)
{
    const struct cup_mask_row *row = cup_mask_row((enum cup_mask)choice->mask);

    if (!cup_mask_serves((enum cup_mask)choice->mask, is->type)) {
        cup_text_printf(why, "%s cannot hide a column of type ", row->name);
        cup_shape_put_type(why, is);
        cup_text_printf(why, ": it serves %s", row->types);
        return false;
    }
    if (is_key && !row->of_key) {
        cup_text_printf(why,
                        "%s would make different keys equal; allowed for key columns: hmac, none",
                        row->name);
        return false;
    }
    return true;
}

struct cup_shape_type cup_mask_stored(const struct cup_mask_choice *choice,
                                      const struct cup_shape_type  *is)
{
    struct cup_shape_type stored = *is;

    stored.type = cup_mask_type((enum cup_mask)choice->mask, is->type);
    if (stored.type != is->type) stored.precision = stored.scale = stored.element_type = 0;
    return stored;
}
