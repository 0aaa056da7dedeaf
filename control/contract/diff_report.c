// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "control/contract/diff_priv.h"

static const struct {
    uint8_t     bit;
    const char *name;
} parties[] = {
    {CUP_DIFF_PRODUCERS, "producers"}, {CUP_DIFF_CONSUMERS, "consumers"}, {CUP_DIFF_LAKE, "lake"}};
#define PARTY_COUNT (sizeof(parties) / sizeof(parties[0]))

static void put_parties(struct cup_text *text, uint8_t breaks)
{
    const char *comma = "";

    for (size_t i = 0; i < PARTY_COUNT; i++) {
        if ((breaks & parties[i].bit) == 0) continue;
        cup_text_printf(text, "%s%s", comma, parties[i].name);
        comma = ", ";
    }
}

void cup_diff_put_help(struct cup_text *text)
{
    cup_text_puts(text, "\nkinds of changes, and for whom each breaks something\n");
    for (int i = 0; i < CUP_DIFF_COUNT; i++) {
        const struct cup_diff_row *row  = cup_diff_row((enum cup_diff_kind)i);
        struct cup_text            whom = {0};
        put_parties(&whom, row->breaks);
        cup_text_printf(text, "  %-22s %-27s %s\n", row->kind, whom.at == NULL ? "-" : whom.at,
                        row->text);
        cup_text_free(&whom);
    }
}

static void put_change(struct cup_text *text, const struct cup_diff_change *change)
{
    const struct cup_diff_row *row = cup_diff_row((enum cup_diff_kind)change->kind);

    cup_text_printf(text, "%s:%u:%u: %s", change->file, change->line, change->column,
                    row->breaks == 0 ? "compatible" : "breaking for ");
    put_parties(text, row->breaks);
    cup_text_puts(text, ": ");
    if (*change->table != '\0') cup_text_puts(text, change->table);
    if (*change->member != '\0') cup_text_printf(text, ".%s", change->member);
    if (*change->table != '\0') cup_text_puts(text, " ");
    cup_text_puts(text, row->kind);
    if (*change->what != '\0') cup_text_printf(text, " %s", change->what);
    if (*change->was != '\0' && *change->is != '\0')
        cup_text_printf(text, ": %s -> %s", change->was, change->is);
    else if (*change->was != '\0' || *change->is != '\0')
        cup_text_printf(text, ": %s%s", change->was, change->is);
    cup_text_printf(text, "\n    %s\n", row->text);
}

void cup_diff_put_text(struct cup_text *text, const struct cup_diff *diff)
{
    for (int breaking = 1; breaking >= 0; breaking--) {
        for (uint32_t i = 0; i < diff->count; i++) {
            uint8_t breaks = cup_diff_row((enum cup_diff_kind)diff->list[i].kind)->breaks;
            if ((breaks != 0) == (breaking == 1)) put_change(text, &diff->list[i]);
        }
    }
    cup_text_printf(text, "%u breaking, %u compatible changes\n", diff->breaking_count,
                    diff->count - diff->breaking_count);
}

static void put_member(struct cup_text *text, const char *front, const char *value)
{
    cup_text_puts(text, front);
    cup_text_json(text, value, strlen(value));
}

void cup_diff_put_json(struct cup_text *text, const struct cup_diff *diff)
{
    cup_text_printf(text, "{\"breaking\":%u,\"compatible\":%u,\"changes\":[", diff->breaking_count,
                    diff->count - diff->breaking_count);
    for (uint32_t i = 0; i < diff->count; i++) {
        const struct cup_diff_change *change = &diff->list[i];
        const struct cup_diff_row    *row    = cup_diff_row((enum cup_diff_kind)change->kind);
        const char                   *comma  = "";
        put_member(text, i == 0 ? "\n{\"kind\":" : ",\n{\"kind\":", row->kind);
        cup_text_puts(text, ",\"breaks\":[");
        for (size_t p = 0; p < PARTY_COUNT; p++) {
            if ((row->breaks & parties[p].bit) == 0) continue;
            cup_text_printf(text, "%s\"%s\"", comma, parties[p].name);
            comma = ",";
        }
        put_member(text, "],\"file\":", change->file);
        cup_text_printf(text, ",\"line\":%u,\"column\":%u", change->line, change->column);
        put_member(text, ",\"table\":", change->table);
        put_member(text, ",\"member\":", change->member);
        put_member(text, ",\"what\":", change->what);
        put_member(text, ",\"was\":", change->was);
        put_member(text, ",\"is\":", change->is);
        put_member(text, ",\"text\":", row->text);
        cup_text_puts(text, "}");
    }
    cup_text_puts(text, "]}\n");
}
