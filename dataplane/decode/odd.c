// SPDX-License-Identifier: Apache-2.0
/* Oddities: what was lost or changed before a record was sent. They are noted while a record is
 * decoded and counted when it is accepted: a refused record, or one that is decoded again, leaves
 * nothing. */
#include "dataplane/decode/decode_priv.h"

void cup_odd_priv_note(struct cup_decode *decode, uint32_t column, enum cup_oddity oddity)
{
    CUP_ASSERT(oddity < CUP_ODDITY_COUNT);
    if (decode->odd_count == CUP_ODD_NOTES) return; /* that one record is odd is known by then */
    decode->odd[decode->odd_count++] = (struct cup_odd_note){.column = column, .oddity = oddity};
}

void cup_odd_priv_count(struct cup_decode *decode)
{
    struct cup_table *table = decode->table;

    for (uint32_t i = 0; i < decode->odd_count; i++) {
        uint32_t column = decode->odd[i].column;
        if (column == CUP_NONE) column = table->data_count;
        table->oddities[column * CUP_ODDITY_COUNT + decode->odd[i].oddity]++;
    }
    decode->any_odd = true;
}

bool cup_decode_take_odd(struct cup_decode *decode, struct cup_decode_odd *at)
{
    if (!decode->any_odd) return false;
    for (; at->table < decode->plan->tables.count; at->table++, at->place = 0) {
        struct cup_table *table = &decode->tables[at->table];
        uint32_t          end   = (table->data_count + 1) * CUP_ODDITY_COUNT;
        for (; at->place < end; at->place++) {
            if (table->oddities[at->place] == 0) continue;
            at->count                  = table->oddities[at->place];
            table->oddities[at->place] = 0;
            at->oddity                 = at->place % CUP_ODDITY_COUNT;
            at->column                 = at->place / CUP_ODDITY_COUNT;
            if (at->column == table->data_count) at->column = CUP_NONE;
            return true;
        }
    }
    decode->any_odd = false;
    return false;
}
