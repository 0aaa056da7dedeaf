// SPDX-License-Identifier: Apache-2.0
/* drift: kinds of change, and what a pipeline or a table wants done about each.
 *
 *   pipeline.yaml drift.columns: ignore --\
 *   contract      driftColumns: halt ------+--> policy[COLUMNS] of a table
 *
 * Kinds are rows of change.def, policies rows of drift.def. A kind takes only the policies of its
 * row.
 *
 * Holds     nothing.
 * Threads   any.
 * Tests     tests/control/test_drift.c
 */
#ifndef CUP_CONTROL_SCHEMA_DRIFT_H
#define CUP_CONTROL_SCHEMA_DRIFT_H

#include <stdbool.h>
#include <stdint.h>

enum cup_drift {
#define CUP_DRIFT(id, name, text) CUP_DRIFT_##id,
#include "control/schema/drift.def"
#undef CUP_DRIFT
    CUP_DRIFT_COUNT
};

enum cup_change {
#define CUP_CHANGE(id, name, property, words, standard, text) CUP_CHANGE_##id,
#include "control/schema/change.def"
#undef CUP_CHANGE
    CUP_CHANGE_COUNT
};

struct cup_change_row {
    const char *name, *property, *words, *text;
    uint8_t     standard; /* enum cup_drift */
};

struct cup_drift_policy {
    uint8_t of[CUP_CHANGE_COUNT]; /* enum cup_drift */
};

const char                  *cup_drift_name(enum cup_drift drift);
const struct cup_change_row *cup_change_row(enum cup_change change);

/* cup_drift_default is the policy of change.def. */
struct cup_drift_policy cup_drift_default(void);

/* cup_drift_parse takes one of the words of the kind's row. False: it is none of them. */
bool cup_drift_parse(enum cup_change change, const char *word, uint8_t *out_drift);

/* cup_change_of_property finds the kind by its contract property; CUP_CHANGE_COUNT: none. */
enum cup_change cup_change_of_property(const char *property);

#endif
