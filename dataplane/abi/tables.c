// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/tables.h"

#define FIELD(column, delta_type, text)                                                            \
    {                                                                                              \
        .name = (column), .comment = (text), .type = CUP_TYPE_##delta_type                         \
    }

static const struct cup_field index_fields[] = {
#define CUP_INDEX_COLUMN(id, name, type, text) FIELD(name, type, text),
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
