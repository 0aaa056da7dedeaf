// SPDX-License-Identifier: Apache-2.0
/* tables: the columns of the tables that every pipeline keeps beside its data (tables.def). */
#ifndef CUP_DATAPLANE_ABI_TABLES_H
#define CUP_DATAPLANE_ABI_TABLES_H

#include "base/column.h"

enum cup_index_column {
#define CUP_INDEX_COLUMN(id, name, type, text) CUP_INDEX_##id,
#include "dataplane/abi/tables.def"
#undef CUP_INDEX_COLUMN
    CUP_INDEX_COUNT
};

enum cup_quarantine_column {
#define CUP_QUARANTINE_COLUMN(id, name, type, text) CUP_QUARANTINE_##id,
#include "dataplane/abi/tables.def"
#undef CUP_QUARANTINE_COLUMN
    CUP_QUARANTINE_COUNT
};

enum cup_ledger_column {
#define CUP_LEDGER_COLUMN(id, name, type, text) CUP_LEDGER_##id,
#include "dataplane/abi/tables.def"
#undef CUP_LEDGER_COLUMN
    CUP_LEDGER_COUNT
};

/* As many fields as the enum's COUNT says; static. */
const struct cup_field *cup_index_fields(void);
const struct cup_field *cup_quarantine_fields(void);
const struct cup_field *cup_ledger_fields(void);

#endif
