// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/tables.h"

#define FIELD(column, delta_type, text)                                                            \
    {                                                                                              \
        .name = (column), .comment = (text), .type = CUP_TYPE_##delta_type                         \
    }

/* Headers are personal data as keys and values are: they may not stand in a table's log. */
#define INDEX_FIELD(id, column, delta_type, text_of)                                               \
    {                                                                                              \
        .name = (column), .comment = (text_of), .type = CUP_TYPE_##delta_type,                     \
        .flags = CUP_INDEX_##id == CUP_INDEX_HEADERS ? CUP_FIELD_NO_BOUNDS : 0                     \
    }

static const struct cup_field index_fields[] = {
#define CUP_INDEX_COLUMN(id, name, type, text) INDEX_FIELD(id, name, type, text),
#include "dataplane/abi/tables.def"
#undef CUP_INDEX_COLUMN
};

static const struct cup_field quarantine_fields[] = {
#define CUP_QUARANTINE_COLUMN(id, name, type, text) FIELD(name, type, text),
#include "dataplane/abi/tables.def"
#undef CUP_QUARANTINE_COLUMN
};

static const struct cup_field ledger_fields[] = {
#define CUP_LEDGER_COLUMN(id, name, type, text) FIELD(name, type, text),
#include "dataplane/abi/tables.def"
#undef CUP_LEDGER_COLUMN
};

const struct cup_field *cup_index_fields(void)
{
    return index_fields;
}

const struct cup_field *cup_quarantine_fields(void)
{
    return quarantine_fields;
}

const struct cup_field *cup_ledger_fields(void)
{
    return ledger_fields;
}
